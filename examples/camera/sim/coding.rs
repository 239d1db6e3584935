//! What distinguishes the NAL units of H.264 and H.265, and how each goes into RTP (RFC 6184,
//! RFC 7798).

/// How a clip is coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Coding {
    /// ITU-T H.264
    #[default]
    H264,
    /// ITU-T H.265
    H265,
}

/// What a NAL unit is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Picture data.
    Slice {
        /// A decoder can begin with its picture.
        key: bool,
        /// It is the first of its picture.
        first: bool,
    },
    /// Which parameter set, in the order of the presentation: 0 VPS (H.265 alone), 1 SPS, 2 PPS.
    ParameterSet(usize),
    /// It stands before the slices of its picture.
    Before,
    /// Anything else.
    Other,
}

impl Coding {
    /// The name in `rtpmap`.
    pub fn name(self) -> &'static str {
        match self {
            Self::H264 => "H264",
            Self::H265 => "H265",
        }
    }

    /// `nal_unit_type`; 0 for an empty one.
    pub fn kind(self, nal: &[u8]) -> u8 {
        let header = nal.first().copied().unwrap_or(0);
        match self {
            Self::H264 => header & 0x1f,
            Self::H265 => header >> 1 & 0x3f,
        }
    }

    /// What a NAL unit is for.
    pub fn role(self, nal: &[u8]) -> Role {
        // first_mb_in_slice is 0 exactly when the bit after the header is 1; in H.265 the bit
        // there says so itself.
        let first = nal.get(self.header_len()).is_some_and(|byte| byte & 0x80 != 0);
        match (self, self.kind(nal)) {
            (Self::H264, kind @ 1..=5) => Role::Slice { key: kind == 5, first },
            (Self::H264, kind @ 7..=8) => Role::ParameterSet(usize::from(kind) - 6),
            (Self::H264, 6 | 9) => Role::Before,
            (Self::H265, kind @ 0..=31) => Role::Slice { key: (16..=21).contains(&kind), first },
            (Self::H265, kind @ 32..=34) => Role::ParameterSet(usize::from(kind) - 32),
            (Self::H265, 35 | 39) => Role::Before,
            _ => Role::Other,
        }
    }

    /// Bytes of a NAL unit header.
    pub fn header_len(self) -> usize {
        match self {
            Self::H264 => 1,
            Self::H265 => 2,
        }
    }

    /// The header of an SEI message that stands before the slices.
    pub fn sei_header(self) -> &'static [u8] {
        match self {
            Self::H264 => &[6],
            Self::H265 => &[39 << 1, 1],
        }
    }

    /// The header of a packet that holds several NAL units (STAP-A; AP): of the highest
    /// importance among them, and of the lowest layers.
    pub fn aggregate(self, nal_units: &[Vec<u8>]) -> Vec<u8> {
        match self {
            Self::H264 => {
                let importance = nal_units.iter().map(|nal| nal[0] & 0x60).max().unwrap_or(0);
                vec![importance | 24]
            }
            Self::H265 => {
                let layers = nal_units.iter().filter_map(|nal| nal.get(1)).min();
                vec![48 << 1, layers.copied().unwrap_or(1)]
            }
        }
    }

    /// What stands before a fragment of a NAL unit (FU-A; FU).
    pub fn fragment(self, nal: &[u8], start: bool, end: bool) -> Vec<u8> {
        let edges = u8::from(start) << 7 | u8::from(end) << 6;
        match self {
            Self::H264 => vec![nal[0] & 0x60 | 28, edges | self.kind(nal)],
            Self::H265 => vec![nal[0] & 0x81 | 49 << 1, nal[1], edges | self.kind(nal)],
        }
    }
}
