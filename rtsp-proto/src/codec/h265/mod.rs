//! H.265: NAL units in RTP ([RFC 7798]) and the sequence parameter set (ITU-T H.265).
//!
//! [RFC 7798]: https://www.rfc-editor.org/rfc/rfc7798

mod payload;
mod profile;
mod reference_sets;
mod sps;

pub(crate) use payload::{break_link, walk};
pub use profile::ProfileTierLevel;
pub use sps::Sps;

use super::{Scan, nal::Piece};

/// Bytes of a NAL unit header.
pub(crate) const HEADER_LEN: usize = 2;

/// What a NAL unit is (ITU-T H.265 table 7-1, [RFC 7798 section 4.4]).
///
/// [RFC 7798 section 4.4]: https://www.rfc-editor.org/rfc/rfc7798#section-4.4
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct NalUnitType(u8);

#[allow(missing_docs, reason = "the names are the standard's own")]
impl NalUnitType {
    pub const RASL_N: Self = Self(8);
    pub const RASL_R: Self = Self(9);
    pub const BLA_W_LP: Self = Self(16);
    pub const BLA_N_LP: Self = Self(18);
    pub const IDR_W_RADL: Self = Self(19);
    pub const IDR_N_LP: Self = Self(20);
    pub const CRA: Self = Self(21);
    pub const VPS: Self = Self(32);
    pub const SPS: Self = Self(33);
    pub const PPS: Self = Self(34);
    pub const PREFIX_SEI: Self = Self(39);
    pub const AGGREGATION: Self = Self(48);
    pub const FRAGMENTATION: Self = Self(49);
    pub const PACI: Self = Self(50);

    /// The type in the first byte of a NAL unit.
    pub fn of(header: u8) -> Self {
        Self(header >> 1 & 0x3f)
    }

    /// The number, 0 to 63.
    pub fn number(self) -> u8 {
        self.0
    }

    /// Coded picture data.
    pub fn is_slice(self) -> bool {
        self.0 < 32
    }

    /// A picture that decoding can begin with: IDR, CRA, BLA.
    pub fn is_random_access(self) -> bool {
        (Self::BLA_W_LP..=Self::CRA).contains(&self)
    }

    /// A picture that others of its temporal layer do not refer to.
    fn is_sub_layer_non_reference(self) -> bool {
        self.0 <= 14 && self.0 % 2 == 0
    }

    /// Begins a new access unit when it comes after a slice (H.265 section 7.4.2.4.4).
    fn delimits(self) -> bool {
        matches!(self.0, 32..=35 | 39 | 41..=44 | 48..=55)
    }
}

/// nuh_layer_id: 0 for all that a decoder without extensions shows.
pub(crate) fn layer(header: [u8; 2]) -> u8 {
    (header[0] & 1) << 5 | header[1] >> 3
}

/// Adds what one piece tells.
pub(super) fn note(piece: &Piece<'_>, scan: &mut Scan) {
    let kind = NalUnitType::of(piece.header[0]);
    if kind.is_slice() {
        scan.slice = true;
        scan.slice_start |= piece.begins;
        scan.reference |= !kind.is_sub_layer_non_reference();
        scan.random_access |= piece.begins && kind.is_random_access();
        scan.closed |=
            piece.begins && matches!(kind, NalUnitType::IDR_W_RADL | NalUnitType::IDR_N_LP);
        scan.leading |= matches!(kind, NalUnitType::RASL_N | NalUnitType::RASL_R);
        // first_slice_segment_in_pic_flag comes first.
        scan.picture_start |= piece.begins
            && layer(piece.header) == 0
            && piece.body.first().is_some_and(|byte| byte & 0x80 != 0);
    } else if piece.begins {
        scan.delimiter |= kind.delimits();
        scan.parameter_sets |= (NalUnitType::VPS..=NalUnitType::PPS).contains(&kind);
        scan.random_access |=
            kind == NalUnitType::PREFIX_SEI && super::nal::has_recovery_point(piece.body);
    }
}
