//! AAC in RTP ([RFC 3640]): `mpeg4-generic` with the modes `AAC-hbr`, `AAC-lbr` and their kin.
//!
//! ```text
//! +-----------------+-----------+------------+----------+----------
//! | AU-headers-length (16 bits) | AU-header… | auxiliary | frame…
//! +-----------------+-----------+------------+----------+----------
//! ```
//!
//! How long the fields of an AU-header are is in the SDP. Interleaving (an AU-Index other than 0)
//! is not expected: no camera sends it, and frames are taken in the order in which they come.
//!
//! [RFC 3640]: https://www.rfc-editor.org/rfc/rfc3640#section-3.2

use std::fmt;

use crate::sdp;

/// Bytes of one frame: 6144 bits for each of 8 channels (ISO/IEC 14496-3 section 4.5.3), and more.
const MAX_FRAME: usize = 16 * 1024;
/// Frames of one packet.
const MAX_FRAMES: usize = 64;
/// Rates by their index (ISO/IEC 14496-3 table 1.18); 15 means that the rate follows.
const RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8000,
    7350,
];

/// Why a track cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AacError {
    /// The SDP has no `config`, or one that is no AudioSpecificConfig.
    Config,
    /// A parameter of the SDP is out of its range.
    Parameter(&'static str),
}

impl fmt::Display for AacError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config => f.write_str("its SDP has no readable config"),
            Self::Parameter(name) => write!(f, "the SDP's {name} is out of range"),
        }
    }
}

impl std::error::Error for AacError {}

/// An AudioSpecificConfig (ISO/IEC 14496-3 section 1.6.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AacConfig {
    /// The bytes, for a decoder.
    pub bytes: Vec<u8>,
    /// What a codec string says: 2 AAC-LC, 5 SBR, 29 PS.
    pub object_type: u8,
    /// Samples a second that the core decodes.
    pub rate: u32,
    /// Channels; 0 when they are described elsewhere.
    pub channels: u8,
    /// Samples of the core in a frame: 1024 or 960.
    pub frame_len: u32,
}

impl AacConfig {
    /// Reads the bytes; `None` if they are no such thing.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bits = Bits::new(bytes);
        let object_type = object_type(&mut bits)?;
        let rate = rate(&mut bits)?;
        let channels = bits.take(4)? as u8;
        if object_type == 5 || object_type == 29 {
            // The rate after the extension, then the core's own type.
            self::rate(&mut bits)?;
            self::object_type(&mut bits)?;
        }
        let frame_len = if bits.take(1).unwrap_or(0) == 1 { 960 } else { 1024 };
        let bytes = bytes.to_vec();
        Some(Self { bytes, object_type, rate, channels, frame_len })
    }

    /// How long a frame plays, in ticks of a clock.
    pub fn duration(&self, clock_rate: u32) -> u32 {
        let ticks = u64::from(self.frame_len) * u64::from(clock_rate) / u64::from(self.rate.max(1));
        u32::try_from(ticks).unwrap_or(self.frame_len)
    }
}

fn object_type(bits: &mut Bits<'_>) -> Option<u8> {
    match bits.take(5)? {
        31 => Some(32 + bits.take(6)? as u8),
        other => Some(other as u8).filter(|&kind| kind > 0),
    }
}

fn rate(bits: &mut Bits<'_>) -> Option<u32> {
    match bits.take(4)? {
        15 => bits.take(24).filter(|&rate| rate > 0),
        index => RATES.get(index as usize).copied(),
    }
}

/// Gathers the frames of one track.
#[derive(Clone, Debug)]
pub struct Aac {
    config: AacConfig,
    /// Bits of the fields of an AU-header.
    size_len: u32,
    index_len: u32,
    index_delta_len: u32,
    /// Of what may stand behind them; the first two only behind a flag.
    cts_delta_len: u32,
    dts_delta_len: u32,
    random_access: bool,
    stream_state_len: u32,
    auxiliary_len: u32,
    constant_size: usize,
    /// A frame that comes in several packets: how long it will be, and what there is.
    fragment: Option<(usize, Vec<u8>)>,
}

impl Aac {
    /// By the parameters of the SDP (`a=fmtp` after the payload type).
    ///
    /// # Errors
    /// What the SDP lacks.
    pub fn from_fmtp(fmtp: &str) -> Result<Self, AacError> {
        let find = |name: &str| {
            let mut all = sdp::parameters(fmtp);
            all.find(|(known, _)| known.eq_ignore_ascii_case(name)).and_then(|(_, value)| value)
        };
        let number = |name: &'static str, most: u32| match find(name) {
            None => Ok(0),
            Some(text) => text.parse().ok().filter(|&n| n <= most).ok_or(AacError::Parameter(name)),
        };
        let config = find("config").and_then(unhex).ok_or(AacError::Config)?;
        let is = |mode: &str| find("mode").is_some_and(|found| found.eq_ignore_ascii_case(mode));
        let mut aac = Self {
            config: AacConfig::parse(&config).ok_or(AacError::Config)?,
            size_len: number("sizelength", 32)?,
            index_len: number("indexlength", 32)?,
            index_delta_len: number("indexdeltalength", 32)?,
            cts_delta_len: number("ctsdeltalength", 32)?,
            dts_delta_len: number("dtsdeltalength", 32)?,
            random_access: number("randomaccessindication", 1)? == 1,
            stream_state_len: number("streamstateindication", 32)?,
            auxiliary_len: number("auxiliarydatasizelength", 32)?,
            constant_size: number("constantsize", MAX_FRAME as u32)? as usize,
            fragment: None,
        };
        if find("sizelength").is_none() && aac.constant_size == 0 {
            // The mode says it as well (RFC 3640 sections 3.3.5 and 3.3.6).
            let (size, index) = match () {
                () if is("AAC-hbr") => (13, 3),
                () if is("AAC-lbr") => (6, 2),
                () => (0, 0),
            };
            (aac.size_len, aac.index_len, aac.index_delta_len) = (size, index, index);
        }
        Ok(aac)
    }

    /// What a decoder has to know.
    pub fn config(&self) -> &AacConfig {
        &self.config
    }

    /// Packets are missing at this place.
    pub fn lose(&mut self) {
        self.fragment = None;
    }

    /// Takes the payload of the next packet; shows each whole frame.
    pub fn push(&mut self, payload: &[u8], each: &mut dyn FnMut(&[u8])) {
        let Some((sizes, mut data)) = self.headers(payload) else { return self.lose() };
        for size in sizes {
            if let Some((whole, mut bytes)) = self.fragment.take() {
                // Each fragment says how long the whole is.
                if size == whole {
                    bytes.extend_from_slice(data.get(..whole - bytes.len()).unwrap_or(data));
                    match bytes.len() == whole {
                        true => each(&bytes),
                        false => self.fragment = Some((whole, bytes)),
                    }
                    return;
                }
            }
            match data.split_at_checked(size) {
                Some((frame, rest)) => {
                    if !frame.is_empty() {
                        each(frame);
                    }
                    data = rest;
                }
                None => {
                    self.fragment = Some((size, data.to_vec()));
                    return;
                }
            }
        }
    }

    /// The sizes of the frames in a payload, and where they begin.
    fn headers<'a>(&self, payload: &'a [u8]) -> Option<(Vec<usize>, &'a [u8])> {
        let header_bits = self.size_len
            + self.index_len
            + self.cts_delta_len
            + self.dts_delta_len
            + u32::from(self.random_access)
            + self.stream_state_len;
        let (mut sizes, mut data) = (Vec::new(), payload);
        if header_bits > 0 {
            let (length, rest) = payload.split_first_chunk()?;
            let length = usize::from(u16::from_be_bytes(*length));
            let (headers, rest) = rest.split_at_checked(length.div_ceil(8))?;
            data = rest;
            let mut bits = Bits::new(headers);
            bits.limit(length);
            while let Some(size) = self.header(&mut bits, sizes.is_empty()) {
                if sizes.len() == MAX_FRAMES || size > MAX_FRAME {
                    return None;
                }
                sizes.push(size);
            }
        }
        if self.auxiliary_len > 0 {
            let mut bits = Bits::new(data);
            let auxiliary = bits.take(self.auxiliary_len)? as usize;
            data = data.get((self.auxiliary_len as usize + auxiliary).div_ceil(8)..)?;
        }
        if self.size_len == 0 {
            sizes = match self.constant_size {
                0 => vec![data.len()],
                size => vec![size; (data.len() / size).min(MAX_FRAMES)],
            };
        }
        Some((sizes, data))
    }

    fn header(&self, bits: &mut Bits<'_>, first: bool) -> Option<usize> {
        let size = bits.take(self.size_len)? as usize;
        bits.take(if first { self.index_len } else { self.index_delta_len })?;
        for optional in [self.cts_delta_len, self.dts_delta_len] {
            if optional > 0 && bits.take(1)? == 1 {
                bits.take(optional)?;
            }
        }
        bits.take(self.random_access.into())?;
        bits.take(self.stream_state_len)?;
        Some(size).filter(|_| !bits.stands_still())
    }
}

/// Bits as they are, from the highest of each byte on.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

impl<'a> Bits<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: 8 * bytes.len() }
    }

    fn limit(&mut self, bits: usize) {
        self.end = self.end.min(bits);
    }

    /// Nothing has been taken: a header without bits would never end.
    fn stands_still(&self) -> bool {
        self.at == 0
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        if self.at + count as usize > self.end {
            return None;
        }
        let mut number = 0u64;
        for _ in 0..count {
            let bit = self.bytes.get(self.at / 8)? >> (7 - self.at % 8) & 1;
            number = number << 1 | u64::from(bit);
            self.at += 1;
        }
        u32::try_from(number).ok()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let text = text.trim_matches('"');
    if text.len() % 2 != 0 || !text.is_ascii() {
        return None;
    }
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    (0..text.len()).step_by(2).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HBR: &str = "streamtype=5; profile-level-id=1; mode=AAC-hbr; sizelength=13; \
        indexlength=3; indexdeltalength=3; config=1190";

    fn frames(aac: &mut Aac, payload: &[u8]) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        aac.push(payload, &mut |frame| frames.push(frame.to_vec()));
        frames
    }

    #[test]
    fn the_config_says_what_a_decoder_must_know() {
        let lc = Aac::from_fmtp(HBR).unwrap().config;
        assert_eq!((lc.object_type, lc.rate, lc.channels, lc.frame_len), (2, 48_000, 2, 1024));
        assert_eq!(lc.duration(48_000), 1024);
        // HE-AAC, signalled: the clock is that of the result, the frames are those of the core.
        let he = AacConfig::parse(&[0x2b, 0x11, 0x88, 0x00]).unwrap();
        assert_eq!((he.object_type, he.rate, he.channels), (5, 24_000, 2));
        assert_eq!(he.duration(48_000), 2048);
        for (fmtp, error) in [
            ("mode=AAC-hbr", AacError::Config),
            ("config=1", AacError::Config),
            ("config=zz", AacError::Config),
            ("config=00", AacError::Config),
            ("config=1190;sizelength=33", AacError::Parameter("sizelength")),
            ("config=1190;sizelength=x", AacError::Parameter("sizelength")),
        ] {
            assert_eq!(Aac::from_fmtp(fmtp).unwrap_err(), error, "{fmtp}");
        }
    }

    #[test]
    fn one_packet_may_hold_several_frames() {
        let mut aac = Aac::from_fmtp(HBR).unwrap();
        let payload = [0, 32, 0, 3 << 3, 0, 2 << 3, 1, 2, 3, 4, 5];
        assert_eq!(frames(&mut aac, &payload), [&[1, 2, 3][..], &[4, 5]]);
        // Without what the mode says already.
        let mut aac = Aac::from_fmtp("mode=aac-HBR;config=1190").unwrap();
        assert_eq!(frames(&mut aac, &payload).len(), 2);
    }

    #[test]
    fn a_frame_in_several_packets_comes_whole_or_not_at_all() {
        let mut aac = Aac::from_fmtp(HBR).unwrap();
        let part = |bytes: &[u8]| [&[0, 16, 0, 5 << 3][..], bytes].concat();
        assert!(frames(&mut aac, &part(&[1, 2])).is_empty());
        assert!(frames(&mut aac, &part(&[3])).is_empty());
        assert_eq!(frames(&mut aac, &part(&[4, 5])), [[1, 2, 3, 4, 5]]);
        assert!(frames(&mut aac, &part(&[1, 2])).is_empty());
        aac.lose();
        assert!(frames(&mut aac, &part(&[4, 5])).is_empty(), "its begin is missing");
    }

    #[test]
    fn fields_of_other_lengths_are_passed_over() {
        let mut aac = Aac::from_fmtp(
            "mode=generic;config=1190;sizeLength=8;indexLength=0;indexDeltaLength=0;\
             CTSDeltaLength=7;randomAccessIndication=1;auxiliaryDataSizeLength=8",
        )
        .unwrap();
        // Size 2, a CTS delta of 7 bits, random access; one auxiliary byte.
        let payload = [0, 17, 2, 0x81, 0x80, 8, 0xee, 1, 2];
        assert_eq!(frames(&mut aac, &payload), [[1, 2]]);
        let mut constant = Aac::from_fmtp("config=1190;constantsize=2").unwrap();
        assert_eq!(frames(&mut constant, &[1, 2, 3, 4]), [[1, 2], [3, 4]]);
        let mut whole = Aac::from_fmtp("config=1190").unwrap();
        assert_eq!(frames(&mut whole, &[1, 2, 3]), [[1, 2, 3]]);
    }
}
