//! Passing over the short-term reference picture sets of an SPS (ITU-T H.265 section 7.3.7).
//!
//! They stand before the frame rate, and the length of each depends on what the one before it
//! means, so they have to be worked out.

use crate::codec::bits::{BitReader, CodecError};

const MAX_SETS: u32 = 64;
const MAX_PICTURES: u32 = 16;

/// Distances in picture order of the pictures before (negative, nearest first) and after.
#[derive(Clone, Debug, Default)]
struct Set {
    before: Vec<i32>,
    after: Vec<i32>,
}

/// Reads all of them, and forgets them.
pub(super) fn skip(bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    let count = bits.ue_max(MAX_SETS, "num_short_term_ref_pic_sets")?;
    let mut last = Set::default();
    for index in 0..count {
        last = if index > 0 && bits.bit()? { predicted(bits, &last)? } else { explicit(bits)? };
    }
    Ok(())
}

fn explicit(bits: &mut BitReader<'_>) -> Result<Set, CodecError> {
    let before = bits.ue_max(MAX_PICTURES, "num_negative_pics")?;
    let after = bits.ue_max(MAX_PICTURES, "num_positive_pics")?;
    let mut side = |count, sign| {
        let mut at = 0i32;
        (0..count)
            .map(|_| {
                let step = bits.ue_max(0x7fff, "delta_poc_minus1")? as i32 + 1;
                bits.skip(1)?; // used_by_curr_pic_flag
                at += sign * step;
                Ok::<i32, CodecError>(at)
            })
            .collect::<Result<Vec<_>, _>>()
    };
    Ok(Set { before: side(before, -1)?, after: side(after, 1)? })
}

/// A set told as the difference to the one before it (equations 7-61 and 7-62).
fn predicted(bits: &mut BitReader<'_>, last: &Set) -> Result<Set, CodecError> {
    let negative = bits.bit()?;
    let step = bits.ue_max(0x7fff, "abs_delta_rps_minus1")? as i32 + 1;
    let delta = if negative { -step } else { step };
    // One flag for each picture of the last set and one for the picture it belonged to.
    let count = last.before.len() + last.after.len() + 1;
    let mut kept = Vec::with_capacity(count);
    for _ in 0..count {
        let used = bits.bit()?;
        kept.push(used || bits.bit()?);
    }
    let shifted = last.before.iter().chain(&last.after).chain(&[0]).map(|poc| poc + delta);
    let pictures: Vec<i32> =
        shifted.zip(kept).filter_map(|(poc, kept)| kept.then_some(poc)).collect();
    let mut set = Set {
        before: pictures.iter().copied().filter(|&poc| poc < 0).collect(),
        after: pictures.into_iter().filter(|&poc| poc > 0).collect(),
    };
    if set.before.len().max(set.after.len()) > MAX_PICTURES as usize {
        return Err(CodecError::Value { field: "short_term_ref_pic_set" });
    }
    set.before.sort_unstable_by(|a, b| b.cmp(a));
    set.after.sort_unstable();
    Ok(set)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::bits::BitWriter;

    #[test]
    fn predicted_sets_are_as_long_as_they_should_be() {
        let mut bits = BitWriter::new();
        bits.ue(3);
        // -1, -3 and +2.
        bits.ue(2).ue(1).ue(0).bits(1, 1).ue(1).bits(1, 1).ue(1).bits(1, 1);
        // Shifted by -2: -3, -5, 0 (falls out) and -2; four flags.
        bits.bits(1, 1).bits(1, 1).ue(1).bits(4, 0b1111);
        // Shifted by 1: three pictures and itself, of which one is dropped.
        bits.bits(1, 1).bits(1, 0).ue(0).bits(2, 0b11).bits(2, 0b00).bits(1, 1);
        bits.bits(8, 0xa5);
        let nal = bits.nal(&[]);
        let mut reader = BitReader::new(&nal);
        skip(&mut reader).unwrap();
        assert_eq!(reader.bits(8), Ok(0xa5));
    }
}
