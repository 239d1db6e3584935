//! NAL units as they lie in RTP payloads, common to H.264 and H.265.

use super::bits::Unescaped;

/// A NAL unit, or the part of one that is in this payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece<'a> {
    /// The NAL unit header; H.264 uses the first byte only.
    pub(crate) header: [u8; 2],
    /// What follows the header here; for a fragment after the first, its part of the payload.
    pub(crate) body: &'a [u8],
    /// The NAL unit begins in this payload.
    pub(crate) begins: bool,
    /// All of the NAL unit is here.
    pub(crate) whole: bool,
}

/// `00 00 01` or `00 00 00 01`.
pub(crate) fn starts_with_start_code(bytes: &[u8]) -> bool {
    matches!(bytes, [0, 0, 1, ..] | [0, 0, 0, 1, ..])
}

/// Splits bytes at Annex B start codes; without any, gives them whole. The zero bytes before a
/// start code and at the end belong to no NAL unit, and empty parts are left out.
pub(crate) fn split_at_start_codes(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        loop {
            let bytes = rest?;
            let (part, after) = match bytes.windows(3).position(|window| window == [0, 0, 1]) {
                Some(at) => (&bytes[..at], Some(&bytes[at + 3..])),
                None => (bytes, None),
            };
            rest = after;
            let part = without_trailing_zeros(part);
            if !part.is_empty() {
                return Some(part);
            }
        }
    })
}

/// A NAL unit never ends in a zero byte; cameras append them all the same (Dahua, GW Security).
pub(crate) fn without_trailing_zeros(bytes: &[u8]) -> &[u8] {
    let len = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &bytes[..len]
}

/// The NAL unit in front of the first start code, and what is from there on, if there is one: a
/// parameter set or SEI in a fragment may have the picture behind it.
pub(crate) fn split_first_unit(bytes: &[u8]) -> (&[u8], Option<&[u8]>) {
    match bytes.windows(3).position(|window| window == [0, 0, 1]) {
        Some(at) => (without_trailing_zeros(&bytes[..at]), Some(&bytes[at..])),
        None => (without_trailing_zeros(bytes), None),
    }
}

/// Splits the next NAL unit with a 16-bit size before it off an aggregation packet. One that is
/// longer than what is left is given as far as it is there, and as not whole.
pub(crate) fn sized<'a>(rest: &mut &'a [u8], between: usize) -> Option<(&'a [u8], bool)> {
    let (size, after) = rest.split_first_chunk()?;
    let size = usize::from(u16::from_be_bytes(*size));
    let unit = after.get(between..)?;
    let whole = size <= unit.len();
    let (unit, left) = unit.split_at(size.min(unit.len()));
    *rest = left;
    Some((unit, whole))
}

/// Payload type of the recovery point message, the same in H.264 and H.265 (annex D).
const RECOVERY_POINT: u32 = 6;

/// Whether an SEI NAL unit, without its header, holds a recovery point: decoding may begin here
/// although there is no IDR picture (intra refresh, open GOP).
pub(crate) fn has_recovery_point(body: &[u8]) -> bool {
    let mut bytes = Unescaped::new(body);
    // Type and size: a run of 255s, then the rest.
    fn number(bytes: &mut Unescaped<'_>) -> Option<u32> {
        let mut number = 0u32;
        loop {
            let byte = bytes.next()?;
            number = number.saturating_add(byte.into());
            if byte != 255 {
                return Some(number);
            }
        }
    }
    loop {
        let Some(kind) = number(&mut bytes) else { return false };
        let Some(size) = number(&mut bytes) else { return false };
        if kind == RECOVERY_POINT && size > 0 {
            return true;
        }
        for _ in 0..size {
            if bytes.next().is_none() {
                return false;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_codes_of_either_length_separate() {
        let split = |bytes: &'static [u8]| split_at_start_codes(bytes).collect::<Vec<_>>();
        assert_eq!(split(&[0, 0, 0, 1, 0x67, 1, 0, 0, 1, 0x68, 2]), [[0x67, 1], [0x68, 2]]);
        assert_eq!(split(&[0x67, 1, 0, 0, 0, 0, 1]), [[0x67, 1]]);
        assert_eq!(split(&[0x67, 1, 0, 0]), [[0x67, 1]]);
        assert!(split(&[]).is_empty());
        assert!(split(&[0, 0, 0, 1]).is_empty());
    }

    #[test]
    fn a_recovery_point_is_found_behind_other_messages() {
        // Buffering period of 2 bytes, then the recovery point.
        assert!(has_recovery_point(&[0, 2, 1, 1, 6, 1, 0xc0, 0x80]));
        assert!(has_recovery_point(&[5, 4, 0, 0, 3, 0, 9, 6, 1, 0xc0, 0x80]));
        assert!(!has_recovery_point(&[5, 3, 6, 1, 0, 0x80]));
        assert!(!has_recovery_point(&[255, 255, 255]));
        assert!(!has_recovery_point(&[]));
    }
}
