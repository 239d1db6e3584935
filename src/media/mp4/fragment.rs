//! One fragment: `moof`, which says when, and `mdat`, which is it (ISO/IEC 14496-12 section 8.8).
//!
//! ```text
//! moof( mfhd traf( tfhd tfdt trun ) ) mdat
//! ```
//!
//! All lengths in front of the first sample are fixed, so what says when a picture is decoded and
//! shown can be changed in a copy of the first [`HEAD`] bytes, without a look at the rest.

use super::boxes::Boxes;

/// `moof` of a fragment with one sample.
pub const HEAD: usize = 104;
/// Where its fields are.
const DECODE_TIME: usize = 60;
const DURATION: usize = 88;
const OFFSET: usize = 100;

/// sample-duration, -size, -flags and -composition-time-offset are there, and data-offset.
const TRUN_FLAGS: u32 = 0xf01;
/// default-base-is-moof.
const TFHD_FLAGS: u32 = 0x2_0000;

/// A picture or a frame of sound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// In ticks.
    pub duration: u32,
    /// Bytes.
    pub size: u32,
    /// What a decoder can do with it.
    pub role: Role,
    /// From the time of decoding to the time of showing, in ticks; may be negative.
    pub offset: i32,
}

/// What a sample is to a decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// Decoding can begin here.
    #[default]
    Sync,
    /// It needs others.
    Reference,
    /// It needs others, and none needs it.
    Disposable,
}

impl Role {
    /// sample_depends_on, sample_is_depended_on, sample_is_non_sync_sample.
    fn flags(self) -> u32 {
        match self {
            Self::Sync => 0x0200_0000,
            Self::Reference => 0x0101_0000,
            Self::Disposable => 0x0181_0000,
        }
    }
}

/// Appends a fragment of one track, whose samples follow each other without a pause and whose
/// bytes are the parts of `data`.
pub fn append_fragment(
    bytes: &mut Vec<u8>,
    number: u32,
    track_id: u32,
    decode_time: u64,
    samples: &[Sample],
    data: &[&[u8]],
) {
    let mut boxes = Boxes(std::mem::take(bytes));
    let moof_len = HEAD + samples.len().saturating_sub(1) * 16;
    boxes.in_box(b"moof", |boxes| {
        boxes.in_full_box(b"mfhd", 0, 0, |boxes| boxes.u32(number));
        boxes.in_box(b"traf", |boxes| {
            boxes.in_full_box(b"tfhd", 0, TFHD_FLAGS, |boxes| boxes.u32(track_id));
            boxes.in_full_box(b"tfdt", 1, 0, |boxes| boxes.u64(decode_time));
            boxes.in_full_box(b"trun", 1, TRUN_FLAGS, |boxes| {
                boxes.u32(samples.len() as u32);
                boxes.u32(moof_len as u32 + 8);
                for sample in samples {
                    boxes.u32(sample.duration);
                    boxes.u32(sample.size);
                    boxes.u32(sample.role.flags());
                    boxes.u32(sample.offset as u32);
                }
            });
        });
    });
    boxes.in_box(b"mdat", |boxes| data.iter().for_each(|part| boxes.bytes(part)));
    *bytes = boxes.0;
}

/// When a picture is decoded and shown, as its fragment's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When it is decoded, in ticks.
    pub decode: u64,
    /// When it is shown, after that.
    pub offset: i32,
    /// For how long.
    pub duration: u32,
}

impl Times {
    /// Reads them from a fragment with one sample; `None` if it is too short.
    pub fn read(fragment: &[u8]) -> Option<Self> {
        let word =
            |at: usize| fragment.get(at..)?.first_chunk().map(|four| u32::from_be_bytes(*four));
        let decode = fragment.get(DECODE_TIME..)?.first_chunk()?;
        Some(Self {
            decode: u64::from_be_bytes(*decode),
            offset: word(OFFSET)? as i32,
            duration: word(DURATION)?,
        })
    }

    /// Writes them into the head of a fragment with one sample.
    pub fn write(&self, head: &mut [u8; HEAD]) {
        head[DECODE_TIME..DECODE_TIME + 8].copy_from_slice(&self.decode.to_be_bytes());
        head[DURATION..DURATION + 4].copy_from_slice(&self.duration.to_be_bytes());
        head[OFFSET..OFFSET + 4].copy_from_slice(&self.offset.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_where_they_are_looked_for() {
        let sample = Sample { duration: 3600, size: 3, role: Role::Reference, offset: -7 };
        let mut bytes = vec![0xee];
        append_fragment(&mut bytes, 5, 1, 1 << 40, &[sample], &[&[1], &[2, 3]]);
        let fragment = &bytes[1..];
        assert_eq!(fragment.len(), HEAD + 8 + 3);
        assert_eq!(fragment[..8], [0, 0, 0, HEAD as u8, b'm', b'o', b'o', b'f']);
        let times = Times::read(fragment).unwrap();
        assert_eq!(times, Times { decode: 1 << 40, offset: -7, duration: 3600 });
        let mut head: [u8; HEAD] = fragment[..HEAD].try_into().unwrap();
        let other = Times { decode: 9, offset: 2, duration: 1 };
        other.write(&mut head);
        assert_eq!(Times::read(&head), Some(other));
        assert_eq!(Times::read(&fragment[..HEAD - 1]), None);
    }
}
