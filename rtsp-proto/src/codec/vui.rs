//! What the usability information of H.264 (annex E.1.1) and H.265 (annex E.2.1) has in common.

use super::bits::{BitReader, CodecError, reduced};

/// aspect_ratio_idc that is followed by a ratio of its own.
const EXTENDED_SAR: u8 = 255;

/// The head of vui_parameters(), from the aspect ratio to the place of chroma samples; gives the
/// shape of a sample, width to height.
pub(super) fn head(bits: &mut BitReader<'_>) -> Result<Option<(u32, u32)>, CodecError> {
    let mut shape = None;
    if bits.bit()? {
        shape = match bits.byte()? {
            EXTENDED_SAR => reduced(bits.bits(16)?, bits.bits(16)?),
            index => aspect_ratio(index),
        };
    }
    if bits.bit()? {
        bits.skip(1)?; // overscan_appropriate_flag
    }
    if bits.bit()? {
        bits.skip(4)?; // video_format, video_full_range_flag
        if bits.bit()? {
            bits.skip(24)?; // colour_primaries and the two after it
        }
    }
    if bits.bit()? {
        bits.ue()?; // chroma_sample_loc_type_top_field
        bits.ue()?;
    }
    Ok(shape)
}

/// The sample shapes that have a number (H.264 table E-1, the same as H.265's).
fn aspect_ratio(index: u8) -> Option<(u32, u32)> {
    const RATIOS: [(u32, u32); 16] = [
        (1, 1),
        (12, 11),
        (10, 11),
        (16, 11),
        (40, 33),
        (24, 11),
        (20, 11),
        (32, 11),
        (80, 33),
        (18, 11),
        (15, 11),
        (64, 33),
        (160, 99),
        (4, 3),
        (3, 2),
        (2, 1),
    ];
    RATIOS.get(usize::from(index).checked_sub(1)?).copied()
}
