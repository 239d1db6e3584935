//! What a path shows: H.264 or H.265 access units, played in a loop.

use super::coding::{Coding, Role};
use super::sei::Stamp;
use std::io;

/// One picture: its NAL units without start codes.
#[derive(Clone, Debug)]
pub struct AccessUnit {
    /// In order of decoding.
    pub nal_units: Vec<Vec<u8>>,
    /// Decoding can begin here.
    pub key: bool,
    /// By how many pictures it is shown later than it is sent, or earlier. See [`Clip::reordered`].
    pub lag: i32,
}

/// A piece of video. The first picture is a key frame.
#[derive(Clone, Debug)]
pub struct Clip {
    /// How it is coded.
    pub coding: Coding,
    /// In order of decoding, which is the order of showing too unless it is [`Clip::reordered`].
    pub pictures: Vec<AccessUnit>,
    /// Pictures a second.
    pub fps: u32,
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

    /// Cuts an Annex B byte stream of H.264 (what `ffmpeg -f h264` writes) into pictures. Whatever
    /// stands before the first key frame is left out; an error if there is none.
    pub fn from_annexb(bytes: &[u8], fps: u32) -> io::Result<Self> {
        Self::cut(Coding::H264, bytes, fps)
    }

    /// The same of H.265 (`ffmpeg -f hevc`).
    pub fn from_h265(bytes: &[u8], fps: u32) -> io::Result<Self> {
        Self::cut(Coding::H265, bytes, fps)
    }

    fn cut(coding: Coding, bytes: &[u8], fps: u32) -> io::Result<Self> {
        let empty = || AccessUnit { nal_units: Vec::new(), key: false, lag: 0 };
        let mut pictures: Vec<AccessUnit> = Vec::new();
        let (mut current, mut has_slice) = (empty(), false);
        for nal in nal_units(bytes) {
            let role = coding.role(nal);
            let opens = match role {
                Role::Slice { first, .. } => first,
                Role::ParameterSet(_) | Role::Before => true,
                Role::Other => false,
            };
            if has_slice && opens {
                pictures.push(std::mem::replace(&mut current, empty()));
                has_slice = false;
            }
            if let Role::Slice { key, .. } = role {
                has_slice = true;
                current.key |= key;
            }
            current.nal_units.push(nal.to_vec());
        }
        if has_slice {
            pictures.push(current);
        }
        let first = pictures.iter().position(|picture| picture.key).unwrap_or(pictures.len());
        pictures.drain(..first);
        if pictures.is_empty() || fps == 0 {
            let name = coding.name();
            let text = format!("no {name} key frame in Annex B form in it, or no frame rate");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self { coding, pictures, fps })
    }

    /// Of H.264 with B-frames (`ffmpeg -bf 2 -x264-params b-pyramid=none`): pictures that no other
    /// refers to are shown before the one in front of them that others do.
    #[must_use]
    pub fn reordered(mut self) -> Self {
        let is_disposable = |picture: &AccessUnit| {
            let is_slice = |nal: &&Vec<u8>| matches!(self.coding.role(nal), Role::Slice { .. });
            let slice = picture.nal_units.iter().find(is_slice);
            // nal_ref_idc (ITU-T H.264, 7.4.1).
            slice.and_then(|nal| nal.first()).is_some_and(|header| header & 0x60 == 0)
        };
        let disposable: Vec<bool> = self.pictures.iter().map(is_disposable).collect();
        let mut reference = 0;
        for (at, disposable) in disposable.into_iter().enumerate() {
            if disposable {
                self.pictures[at].lag -= 1;
                self.pictures[reference].lag += 1;
            } else {
                reference = at;
            }
        }
        self
    }

    /// Puts an empty [`Stamp`] before the first slice of each picture, to be filled when sent.
    #[must_use]
    pub fn stamped(mut self) -> Self {
        for picture in &mut self.pictures {
            let is_slice = |nal: &Vec<u8>| matches!(self.coding.role(nal), Role::Slice { .. });
            let slice = picture.nal_units.iter().position(is_slice);
            let at = slice.unwrap_or(picture.nal_units.len());
            picture.nal_units.insert(at, Stamp::default().nal_unit(self.coding.sei_header()));
        }
        self
    }

    /// The first VPS (H.265), SPS and PPS, for the presentation.
    pub fn parameter_sets(&self) -> [Option<&[u8]>; 3] {
        [0, 1, 2].map(|which| {
            let all = self.pictures.iter().flat_map(|picture| &picture.nal_units);
            let wanted = |nal: &&Vec<u8>| self.coding.role(nal) == Role::ParameterSet(which);
            all.into_iter().find(wanted).map(Vec::as_slice)
        })
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
