//! H.264: NAL units in RTP ([RFC 6184]) and the sequence parameter set (ITU-T H.264).
//!
//! [RFC 6184]: https://www.rfc-editor.org/rfc/rfc6184

mod payload;
mod sps;

pub(crate) use payload::walk;
pub use sps::Sps;

use super::{Scan, nal::Piece};

/// What a NAL unit is (ITU-T H.264 table 7-1, [RFC 6184 section 5.2]).
///
/// [RFC 6184 section 5.2]: https://www.rfc-editor.org/rfc/rfc6184#section-5.2
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NalUnitType(u8);

#[allow(missing_docs, reason = "the names are the standard's own")]
impl NalUnitType {
    pub const SLICE: Self = Self(1);
    pub const PARTITION_A: Self = Self(2);
    pub const PARTITION_C: Self = Self(4);
    pub const IDR_SLICE: Self = Self(5);
    pub const SEI: Self = Self(6);
    pub const SPS: Self = Self(7);
    pub const PPS: Self = Self(8);
    pub const ACCESS_UNIT_DELIMITER: Self = Self(9);
    pub const STAP_A: Self = Self(24);
    pub const STAP_B: Self = Self(25);
    pub const MTAP16: Self = Self(26);
    pub const MTAP24: Self = Self(27);
    pub const FU_A: Self = Self(28);
    pub const FU_B: Self = Self(29);

    /// The type in the first byte of a NAL unit.
    pub fn of(header: u8) -> Self {
        Self(header & 0x1f)
    }

    /// The number, 0 to 31.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Coded picture data of the base view.
    pub fn is_slice(self) -> bool {
        (Self::SLICE..=Self::IDR_SLICE).contains(&self)
    }

    /// Has a slice header, which says whether it is the first of its picture.
    fn has_slice_header(self) -> bool {
        matches!(self, Self::SLICE | Self::PARTITION_A | Self::IDR_SLICE)
    }

    /// Begins a new access unit when it comes after a slice (H.264 section 7.4.1.2.3).
    fn delimits(self) -> bool {
        matches!(self.0, 6..=9 | 14..=18)
    }
}

/// Adds what one piece tells.
pub(super) fn note(piece: &Piece<'_>, scan: &mut Scan) {
    let kind = NalUnitType::of(piece.header[0]);
    if kind.is_slice() {
        scan.slice = true;
        scan.slice_start |= piece.begins;
        scan.reference |= piece.header[0] & 0x60 != 0;
        scan.random_access |= piece.begins && kind == NalUnitType::IDR_SLICE;
        scan.closed |= piece.begins && kind == NalUnitType::IDR_SLICE;
        // first_mb_in_slice, ue(v), comes first: 0 is a single 1 bit.
        scan.picture_start |= piece.begins
            && kind.has_slice_header()
            && piece.body.first().is_some_and(|byte| byte & 0x80 != 0);
    } else if piece.begins {
        scan.delimiter |= kind.delimits();
        scan.parameter_sets |= matches!(kind, NalUnitType::SPS | NalUnitType::PPS);
        scan.random_access |=
            kind == NalUnitType::SEI && super::nal::has_recovery_point(piece.body);
    }
}
