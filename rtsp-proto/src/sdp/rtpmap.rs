//! Which encoding a payload type stands for.

/// The value of an `rtpmap` attribute ([RFC 8866 section 6.6]), without the payload type.
///
/// [RFC 8866 section 6.6]: https://www.rfc-editor.org/rfc/rfc8866#section-6.6
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RtpMap {
    /// The name, upper and lower case as the camera wrote it.
    pub encoding: String,
    /// Ticks of the timestamps a second; never 0.
    pub clock_rate: u32,
    /// Audio channels, if said.
    pub channels: Option<u8>,
}

/// Clock rate of video, and of everything that does not say.
const DEFAULT_CLOCK_RATE: u32 = 90_000;

/// First of the payload types that mean nothing without an `rtpmap`.
pub(super) const FIRST_DYNAMIC: u8 = 96;

impl RtpMap {
    /// Reads `96 H264/90000` and whether it is right. `None` when it is not about `payload_type`
    /// or names no encoding.
    ///
    /// Tolerated: blanks around (H264DVR), before or instead of the slash (`META /0`), a clock
    /// rate that is missing, zero or no number.
    pub(super) fn parse(value: &str, payload_type: u8) -> Option<(Self, bool)> {
        let (number, rest) = value.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        if number.parse() != Ok(payload_type) {
            return None;
        }
        let mut parts = rest.split('/').map(str::trim);
        let encoding = parts.next().filter(|name| !name.is_empty())?.to_owned();
        let clock_rate = parts.next().and_then(|text| text.parse().ok()).filter(|&rate| rate > 0);
        let channels = parts.next().and_then(|text| text.parse().ok());
        let right = clock_rate.is_some() && !encoding.contains(|c: char| c.is_ascii_whitespace());
        let clock_rate = clock_rate.unwrap_or(DEFAULT_CLOCK_RATE);
        Some((Self { encoding, clock_rate, channels }, right))
    }

    /// What a payload type means without an `rtpmap` ([RFC 3551 section 6]).
    ///
    /// [RFC 3551 section 6]: https://www.rfc-editor.org/rfc/rfc3551#section-6
    pub(super) fn fixed(payload_type: u8) -> Option<Self> {
        let (encoding, clock_rate, channels) = match payload_type {
            0 => ("PCMU", 8_000, 1),
            3 => ("GSM", 8_000, 1),
            4 => ("G723", 8_000, 1),
            5 => ("DVI4", 8_000, 1),
            6 => ("DVI4", 16_000, 1),
            7 => ("LPC", 8_000, 1),
            8 => ("PCMA", 8_000, 1),
            9 => ("G722", 8_000, 1),
            10 => ("L16", 44_100, 2),
            11 => ("L16", 44_100, 1),
            12 => ("QCELP", 8_000, 1),
            13 => ("CN", 8_000, 1),
            14 => ("MPA", 90_000, 0),
            15 => ("G728", 8_000, 1),
            16 => ("DVI4", 11_025, 1),
            17 => ("DVI4", 22_050, 1),
            18 => ("G729", 8_000, 1),
            25 => ("CelB", 90_000, 0),
            26 => ("JPEG", 90_000, 0),
            28 => ("nv", 90_000, 0),
            31 => ("H261", 90_000, 0),
            32 => ("MPV", 90_000, 0),
            33 => ("MP2T", 90_000, 0),
            34 => ("H263", 90_000, 0),
            _ => return None,
        };
        let channels = Some(channels).filter(|&channels| channels > 0);
        Some(Self { encoding: encoding.to_owned(), clock_rate, channels })
    }

    /// What the format parameters give away when the camera forgot the `rtpmap`.
    pub(super) fn guessed(fmtp: &str) -> Option<Self> {
        super::parameters(fmtp).find_map(|(name, _)| {
            let encoding = match name.to_ascii_lowercase().as_str() {
                "sprop-parameter-sets" => "H264",
                "sprop-vps" | "sprop-sps" | "sprop-pps" => "H265",
                _ => return None,
            };
            let encoding = encoding.to_owned();
            Some(Self { encoding, clock_rate: DEFAULT_CLOCK_RATE, channels: None })
        })
    }
}
