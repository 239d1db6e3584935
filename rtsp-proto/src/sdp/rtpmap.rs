//! What a payload type means.

/// The value of `a=rtpmap` behind the payload type ([RFC 8866 section 6.6]).
///
/// [RFC 8866 section 6.6]: https://www.rfc-editor.org/rfc/rfc8866#section-6.6
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The encoding's name as sent, such as `H264`; compare without case.
    pub encoding: String,
    /// Ticks of the RTP timestamp per second; never 0.
    pub clock_rate: u32,
    /// Of audio; `None` when it is not told.
    pub channels: Option<u8>,
}

/// The static payload types that are still met ([RFC 3551] tables 4 and 5).
///
/// [RFC 3551]: https://www.rfc-editor.org/rfc/rfc3551#section-6
const STATIC: [(u8, &str, u32); 15] = [
    (0, "PCMU", 8000),
    (3, "GSM", 8000),
    (4, "G723", 8000),
    (5, "DVI4", 8000),
    (8, "PCMA", 8000),
    (9, "G722", 8000),
    (10, "L16", 44_100),
    (11, "L16", 44_100),
    (14, "MPA", 90_000),
    (15, "G728", 8000),
    (18, "G729", 8000),
    (26, "JPEG", 90_000),
    (31, "H261", 90_000),
    (32, "MPV", 90_000),
    (33, "MP2T", 90_000),
];

impl RtpMap {
    /// Reads `ENCODING/CLOCK[/CHANNELS]`; `None` without a name or a clock that can tick.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut parts = value.trim().split('/').map(str::trim);
        let encoding = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let clock_rate = parts.next()?.parse().ok().filter(|rate| *rate > 0)?;
        let channels = parts.next().and_then(|channels| channels.parse().ok());
        Some(Self { encoding, clock_rate, channels })
    }

    /// What RFC 3551 says of a payload type that has no `a=rtpmap`.
    pub(super) fn of_static(payload_type: u8) -> Option<Self> {
        let (_, encoding, clock_rate) =
            STATIC.iter().find(|(number, ..)| *number == payload_type)?;
        Some(Self { encoding: (*encoding).into(), clock_rate: *clock_rate, channels: None })
    }
}
