//! What a relay needs to know of H.264 and H.265: where a viewer can begin, where a picture
//! begins, and the parameter sets a decoder needs first.
//!
//! Nothing is depacketised and no slice is decoded. [`Codec::scan`] looks at the headers in one
//! RTP payload, for most packets one or two bytes; [`ParameterSets`] keeps the latest parameter
//! sets from the SDP and the stream.

mod bits;
pub mod h264;
pub mod h265;
mod nal;
mod parameter_sets;
mod sprop;
#[cfg(test)]
mod testdata;
mod vui;

pub use bits::CodecError;
pub(crate) use nal::Piece;
pub use parameter_sets::{MAX_SET_LEN, MAX_SETS, ParameterSets};

/// A video codec, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// `H264`
    H264,
    /// `H265`
    H265,
    /// Anything else: relayed as it is, with nothing known about its pictures.
    Other,
}

/// What is in one RTP payload, from its NAL unit headers alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// A slice of an IDR picture (H.265: IRAP) begins here, or there is an SEI message that says
    /// that decoding may begin at this picture (recovery point).
    pub random_access: bool,
    /// A VPS, SPS or PPS begins here.
    pub parameter_sets: bool,
    /// There is picture data, be it the middle of a slice.
    pub slice: bool,
    /// A slice begins here.
    pub slice_start: bool,
    /// The first slice of a picture begins here.
    pub picture_start: bool,
    /// The picture data is referred to by other pictures, as far as the header tells. In H.265
    /// with several temporal layers a picture of a lower layer may be referred to all the same.
    pub reference: bool,
    /// A slice of an IDR picture begins here: nothing behind it refers to anything in front of it.
    pub closed: bool,
    /// The picture data is of a picture that is shown before the key frame in front of it and refers
    /// to what was before that (H.265: RASL): a decoder that begins with the key frame cannot decode
    /// it. H.264 does not tell.
    pub leading: bool,
    /// There is a NAL unit that begins a new access unit if a slice came before: delimiter,
    /// parameter set, SEI.
    pub delimiter: bool,
}

/// Which parameter set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ParameterSetKind {
    /// Video parameter set, H.265 only.
    Vps,
    /// Sequence parameter set.
    Sps,
    /// Picture parameter set.
    Pps,
}

impl Codec {
    /// By the encoding name of an `rtpmap`, in any case.
    pub fn of(encoding: &str) -> Self {
        if encoding.eq_ignore_ascii_case("H264") {
            Self::H264
        } else if encoding.eq_ignore_ascii_case("H265") || encoding.eq_ignore_ascii_case("HEVC") {
            Self::H265
        } else {
            Self::Other
        }
    }

    /// Looks at the NAL unit headers in an RTP payload. Any bytes are harmless.
    pub fn scan(self, payload: &[u8]) -> Scan {
        let mut scan = Scan::default();
        match self {
            Self::H264 => h264::walk(payload, &mut |piece| h264::note(&piece, &mut scan)),
            Self::H265 => h265::walk(payload, &mut |piece| h265::note(&piece, &mut scan)),
            Self::Other => {}
        }
        scan
    }

    /// Tells a decoder that what it has decoded so far is not what the pictures around this key
    /// frame refer to: for where a stream is cut and goes on with another. Only H.265 needs to be
    /// told, and only of key frames that need not be the first of their stream: of CRA pictures,
    /// which become BLA pictures. Pictures that are shown before them must be left out.
    pub fn break_link(self, payload: &mut [u8]) {
        if self == Self::H265 {
            h265::break_link(payload);
        }
    }

    /// Shows every whole parameter set in an RTP payload, NAL unit header included. Zero bytes
    /// after it are taken off.
    pub fn parameter_sets(self, payload: &[u8], each: &mut dyn FnMut(ParameterSetKind, &[u8])) {
        let mut nal = Vec::new();
        self.whole_sets(payload, &mut |kind, header, body| {
            nal.clear();
            nal.extend_from_slice(header);
            nal.extend_from_slice(body);
            each(kind, &nal);
        });
    }

    /// The same, with header and body apart: the header of a fragment stands nowhere in it.
    fn whole_sets<'a>(
        self,
        payload: &'a [u8],
        each: &mut impl FnMut(ParameterSetKind, &[u8], &'a [u8]),
    ) {
        let mut show = |piece: Piece<'a>, header_len: usize| {
            if let (true, Some(kind)) = (piece.whole, self.kind(piece.header[0])) {
                let body = nal::without_trailing_zeros(piece.body);
                each(kind, &piece.header[..header_len], body);
            }
        };
        match self {
            Self::H264 => h264::walk(payload, &mut |piece| show(piece, 1)),
            Self::H265 => h265::walk(payload, &mut |piece| show(piece, h265::HEADER_LEN)),
            Self::Other => {}
        }
    }

    /// Which parameter set a NAL unit with this first byte is.
    fn kind(self, header: u8) -> Option<ParameterSetKind> {
        match self {
            Self::H264 => match h264::NalUnitType::of(header) {
                h264::NalUnitType::SPS => Some(ParameterSetKind::Sps),
                h264::NalUnitType::PPS => Some(ParameterSetKind::Pps),
                _ => None,
            },
            Self::H265 => match h265::NalUnitType::of(header) {
                h265::NalUnitType::VPS => Some(ParameterSetKind::Vps),
                h265::NalUnitType::SPS => Some(ParameterSetKind::Sps),
                h265::NalUnitType::PPS => Some(ParameterSetKind::Pps),
                _ => None,
            },
            Self::Other => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn encodings_are_known_in_any_case() {
        assert_eq!(Codec::of("h264"), Codec::H264);
        assert_eq!(Codec::of("H265"), Codec::H265);
        assert_eq!(Codec::of("hevc"), Codec::H265);
        assert_eq!(Codec::of("JPEG"), Codec::Other);
        assert_eq!(Codec::Other.scan(&[0x65, 0x88]), Scan::default());
    }

    proptest! {
        #[test]
        fn no_payload_leads_out_of_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            crate::fuzz::codec::codec(&bytes);
        }

        #[test]
        fn payloads_of_every_structure_are_harmless(
            kind in prop::sample::select(vec![0x67u8, 0x68, 0x78, 0x79, 0x7a, 0x7b, 0x7c, 0x7d,
                0x40, 0x42, 0x44, 0x60, 0x62, 0x64]),
            parts in proptest::collection::vec(
                prop_oneof![
                    Just(vec![0, 0, 0, 1]),
                    Just(vec![0, 3]),
                    Just(vec![0x80 | 7]),
                    Just(vec![0x67, 0x42]),
                    Just(vec![0x42, 1]),
                    proptest::collection::vec(any::<u8>(), 0..12),
                ],
                0..10
            )
        ) {
            crate::fuzz::codec::codec(&[vec![kind], parts.concat()].concat());
        }
    }
}
