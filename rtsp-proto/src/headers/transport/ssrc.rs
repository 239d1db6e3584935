//! The `ssrc` parameter.

use crate::headers::lexer;

/// Eight hexadecimal digits; of several between slashes (RTSP 2.0) the first.
pub(super) fn strict(text: &str) -> Option<u32> {
    let whole = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut all = text.split('/').map(str::trim);
    let first = all.next().filter(|first| whole(first))?;
    if all.all(whole) { u32::from_str_radix(first, 16).ok() } else { None }
}

/// What cameras write. Hikvision pads with blanks and drops leading zeros; others write a decimal
/// number, which shows when it has more digits than a hexadecimal one could; H264DVR writes 0 for
/// "not known".
pub(super) fn camera(text: &str) -> Option<u32> {
    let text = text.trim_matches('"').trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let hex = || u32::from_str_radix(digits, 16).ok();
    let number = if digits.len() <= 8 { hex() } else { lexer::number(digits).or_else(hex) };
    number.filter(|&ssrc| ssrc != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_source_is_known_however_the_camera_writes_it() {
        assert_eq!(strict("0d6d6627"), Some(0x0D6D_6627));
        assert_eq!(strict("0000000A/00000001"), Some(10));
        for text in ["", "1", "0x000001", "00000001/1", "+0000001"] {
            assert_eq!(strict(text), None, "{text}");
        }
        for (text, ssrc) in [
            (" d6d6627", Some(0x0D6D_6627)),
            ("1449463210", Some(1_449_463_210)),
            ("0x1a", Some(26)),
            ("\"1A\"", Some(26)),
            ("0000000001A", Some(26)),
            ("0", None),
            ("", None),
            ("xyz", None),
            ("99999999999", None),
        ] {
            assert_eq!(camera(text), ssrc, "{text}");
        }
    }
}
