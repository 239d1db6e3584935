//! Parameter sets in the format parameters of an SDP ([RFC 6184 section 8.1],
//! [RFC 7798 section 7.1]).
//!
//! [RFC 6184 section 8.1]: https://www.rfc-editor.org/rfc/rfc6184#section-8.1
//! [RFC 7798 section 7.1]: https://www.rfc-editor.org/rfc/rfc7798#section-7.1

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::STANDARD},
};

use super::{Codec, nal};

/// Cameras leave out the padding, or cut the text anywhere.
const TOLERANT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Longest text of one parameter set that is decoded.
const MAX_TEXT: usize = 8 * 1024;

/// The names of the parameters that hold parameter sets.
pub(super) fn names(codec: Codec) -> &'static [&'static str] {
    match codec {
        Codec::H264 => &["sprop-parameter-sets"],
        Codec::H265 => &["sprop-vps", "sprop-sps", "sprop-pps"],
        Codec::Other => &[],
    }
}

/// The NAL units in the value of one parameter: a list of base64 texts, each of them one NAL
/// unit, or several with start codes between. `None` stands for one that cannot be read.
pub(super) fn nal_units(value: &str) -> impl Iterator<Item = Option<Vec<u8>>> {
    value.split(',').map(str::trim).filter(|text| !text.is_empty()).flat_map(|text| {
        match decode(text) {
            Some(bytes) => nal::split_at_start_codes(&bytes)
                .map(|unit| Some(unit.to_vec()))
                .collect::<Vec<_>>(),
            None => vec![None],
        }
    })
}

fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > MAX_TEXT {
        return None;
    }
    let text = text.trim_end_matches('=');
    // A single character after whole groups is what is left of a cut: 6 bits, no byte.
    let whole = if text.len() % 4 == 1 { text.get(..text.len() - 1)? } else { text };
    TOLERANT.decode(whole).ok()
}

/// The value of one parameter.
pub(super) fn encode<'a>(nal_units: impl Iterator<Item = &'a [u8]>) -> String {
    nal_units.map(|unit| STANDARD.encode(unit)).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(value: &str) -> Vec<Option<Vec<u8>>> {
        nal_units(value).collect()
    }

    #[test]
    fn lists_read_back_as_they_were_written() {
        let sets = [&[0x67, 1, 2][..], &[0x68, 3]];
        let text = encode(sets.into_iter());
        assert_eq!(text, "ZwEC,aAM=");
        assert_eq!(units(&text), [Some(vec![0x67, 1, 2]), Some(vec![0x68, 3])]);
    }

    #[test]
    fn what_cameras_write_is_understood() {
        assert!(units("").is_empty());
        assert!(units(" , ").is_empty());
        // Without padding, cut in mid-group, with zero bytes, with a start code at the end.
        assert_eq!(units("aAM"), [Some(vec![0x68, 3])]);
        assert_eq!(units("aAMFB"), [Some(vec![0x68, 3, 5])]);
        assert_eq!(units("aO4xshsA"), [Some(vec![0x68, 0xee, 0x31, 0xb2, 0x1b])]);
        assert_eq!(units("aO48gAAAAAE="), [Some(vec![0x68, 0xee, 0x3c, 0x80])]);
        // Start codes in front and between.
        assert_eq!(units("AAAAAWcBAAAAAWgC"), [Some(vec![0x67, 1]), Some(vec![0x68, 2])]);
        assert_eq!(units("%%%,aAM="), [None, Some(vec![0x68, 3])]);
    }
}
