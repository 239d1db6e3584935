//! What a path shows: H.264 access units, played in a loop.

use super::sei::Stamp;
use std::io;

/// One picture: its NAL units without start codes.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// In order of decoding.
    pub nal_units: Vec<Vec<u8>>,
    /// Decoding can begin here.
    pub key: bool,
}

/// A piece of H.264 video. The first picture is a key frame.
#[derive(Clone, Debug)]
pub struct Clip {
    /// In order of decoding, which is the order of showing too.
    pub pictures: Vec<AccessUnit>,
    /// Pictures a second.
    pub fps: u32,
}

const SLICE: u8 = 1;
const IDR: u8 = 5;
const SEI: u8 = 6;
const SPS: u8 = 7;
const PPS: u8 = 8;
const DELIMITER: u8 = 9;

/// `nal_unit_type` of a NAL unit; 0 for an empty one.
pub fn kind(nal: &[u8]) -> u8 {
    nal.first().map_or(0, |header| header & 0x1f)
}

impl Clip {
    /// The embedded test pattern: 640x360, 25 pictures/s, a key frame every 2 s.
    pub fn builtin() -> Self {
        Self::embedded(include_bytes!("../../assets/clip.h264"))
    }

    /// The embedded colour bars: 320x180, 25 pictures/s, a key frame every second.
    pub fn sub() -> Self {
        Self::embedded(include_bytes!("../../assets/sub.h264"))
    }

    fn embedded(bytes: &[u8]) -> Self {
        Self::from_annexb(bytes, 25).expect("the embedded clips begin with a key frame")
    }

    /// Cuts an Annex B byte stream (what `ffmpeg -f h264` writes) into pictures. Whatever stands
    /// before the first key frame is left out; an error if there is none.
    pub fn from_annexb(bytes: &[u8], fps: u32) -> io::Result<Self> {
        let mut pictures: Vec<AccessUnit> = Vec::new();
        let mut current = AccessUnit { nal_units: Vec::new(), key: false };
        let mut has_slice = false;
        for nal in nal_units(bytes) {
            let kind = kind(nal);
            let slice = matches!(kind, SLICE..=IDR);
            // first_mb_in_slice is 0 exactly when the bit after the header is 1.
            let opens = if slice { nal.get(1).is_some_and(|b| b & 0x80 != 0) } else { true };
            if has_slice && opens && (slice || matches!(kind, SEI..=DELIMITER)) {
                pictures.push(std::mem::replace(
                    &mut current,
                    AccessUnit { nal_units: Vec::new(), key: false },
                ));
                has_slice = false;
            }
            has_slice |= slice;
            current.key |= kind == IDR;
            current.nal_units.push(nal.to_vec());
        }
        if has_slice {
            pictures.push(current);
        }
        let first = pictures.iter().position(|picture| picture.key).unwrap_or(pictures.len());
        pictures.drain(..first);
        if pictures.is_empty() || fps == 0 {
            let text = "no H.264 key frame in Annex B form in it, or no frame rate";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self { pictures, fps })
    }

    /// Puts an empty [`Stamp`] before the first slice of each picture, to be filled when sent.
    #[must_use]
    pub fn stamped(mut self) -> Self {
        for picture in &mut self.pictures {
            let slice = picture.nal_units.iter().position(|nal| matches!(kind(nal), SLICE..=IDR));
            let at = slice.unwrap_or(picture.nal_units.len());
            picture.nal_units.insert(at, Stamp::default().nal_unit());
        }
        self
    }

    /// The first SPS and PPS, for the presentation.
    pub fn parameter_sets(&self) -> Option<(&[u8], &[u8])> {
        let mut all = self.pictures.iter().flat_map(|picture| &picture.nal_units);
        let sps = all.clone().find(|nal| kind(nal) == SPS)?;
        let pps = all.find(|nal| kind(nal) == PPS)?;
        Some((sps, pps))
    }
}

/// The NAL units between the start codes, without the zero bytes that may follow each.
fn nal_units(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = after_start_code(bytes);
    std::iter::from_fn(move || {
        let from = rest?;
        rest = after_start_code(from);
        let end = rest.map_or(from.len(), |next| from.len() - next.len() - 3);
        let nal = &from[..end];
        let used = nal.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
        Some(&nal[..used])
    })
    .filter(|nal| !nal.is_empty())
}

fn after_start_code(bytes: &[u8]) -> Option<&[u8]> {
    let at = bytes.windows(3).position(|window| window == [0, 0, 1])?;
    Some(&bytes[at + 3..])
}
