//! The initialization segment: `ftyp` and `moov`, without a sample (ISO/IEC 14496-12 section 8).

use super::boxes::Boxes;
use super::entry::SampleEntry;

/// The matrix that leaves a picture as it is.
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
/// `und`, packed into three times five bits.
const NO_LANGUAGE: u16 = 0x55c4;
/// Flags of the samples that a fragment says nothing of: a decoder can begin with each.
const SYNC_SAMPLE: u32 = 0x0200_0000;

/// A track as the segment describes it. Its id is its place, from 1 on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackInit {
    /// Its codec.
    pub entry: SampleEntry,
    /// Ticks a second of its times.
    pub timescale: u32,
}

/// `ftyp` and `moov` of these tracks.
pub fn init_segment(tracks: &[TrackInit]) -> Vec<u8> {
    let mut boxes = Boxes::default();
    boxes.in_box(b"ftyp", |boxes| {
        boxes.bytes(b"iso6");
        boxes.u32(0);
        boxes.bytes(b"iso6isommp41");
    });
    boxes.in_box(b"moov", |boxes| {
        boxes.in_full_box(b"mvhd", 0, 0, |boxes| {
            boxes.zeros(8);
            boxes.u32(1000);
            boxes.u32(0); // no duration: what there is comes in fragments
            boxes.u32(0x1_0000); // rate and volume
            boxes.u16(0x100);
            boxes.zeros(10);
            UNITY.iter().for_each(|&number| boxes.u32(number));
            boxes.zeros(24);
            boxes.u32(tracks.len() as u32 + 1);
        });
        for (track, id) in tracks.iter().zip(1..) {
            boxes.in_box(b"trak", |boxes| self::track(boxes, track, id));
        }
        boxes.in_box(b"mvex", |boxes| {
            for (_, id) in tracks.iter().zip(1..) {
                boxes.in_full_box(b"trex", 0, 0, |boxes| {
                    boxes.u32(id);
                    boxes.u32(1); // the sample entry
                    boxes.u32(0);
                    boxes.u32(0);
                    boxes.u32(SYNC_SAMPLE);
                });
            }
        });
    });
    boxes.0
}

fn track(boxes: &mut Boxes, track: &TrackInit, id: u32) {
    let video = match &track.entry {
        SampleEntry::Video { width, height, aspect, .. } => Some((*width, *height, *aspect)),
        SampleEntry::Audio { .. } => None,
    };
    // Enabled, and part of the presentation.
    boxes.in_full_box(b"tkhd", 0, 3, |boxes| {
        boxes.zeros(8);
        boxes.u32(id);
        boxes.zeros(4 + 4 + 8);
        boxes.u16(0); // layer
        boxes.u16(0);
        boxes.u16(if video.is_some() { 0 } else { 0x100 }); // volume
        boxes.u16(0);
        UNITY.iter().for_each(|&number| boxes.u32(number));
        let (width, height) = match video {
            Some((width, height, (x, y))) => {
                let shown = (u64::from(width) << 16) * u64::from(x) / u64::from(y.max(1));
                (u32::try_from(shown).unwrap_or(u32::from(width) << 16), u32::from(height) << 16)
            }
            None => (0, 0),
        };
        boxes.u32(width);
        boxes.u32(height);
    });
    boxes.in_box(b"mdia", |boxes| {
        boxes.in_full_box(b"mdhd", 0, 0, |boxes| {
            boxes.zeros(8);
            boxes.u32(track.timescale);
            boxes.u32(0);
            boxes.u16(NO_LANGUAGE);
            boxes.u16(0);
        });
        boxes.in_full_box(b"hdlr", 0, 0, |boxes| {
            boxes.u32(0);
            boxes.bytes(if video.is_some() { b"vide" } else { b"soun" });
            boxes.zeros(12);
            boxes.bytes(if video.is_some() { b"video\0" } else { b"sound\0" });
        });
        boxes.in_box(b"minf", |boxes| {
            match video {
                Some(_) => boxes.in_full_box(b"vmhd", 0, 1, |boxes| boxes.zeros(8)),
                None => boxes.in_full_box(b"smhd", 0, 0, |boxes| boxes.zeros(4)),
            }
            boxes.in_box(b"dinf", |boxes| {
                boxes.in_full_box(b"dref", 0, 0, |boxes| {
                    boxes.u32(1);
                    boxes.in_full_box(b"url ", 0, 1, |_| {}); // in this very file
                });
            });
            boxes.in_box(b"stbl", |boxes| {
                boxes.in_full_box(b"stsd", 0, 0, |boxes| {
                    boxes.u32(1);
                    match &track.entry {
                        SampleEntry::Video { entry, .. } | SampleEntry::Audio { entry, .. } => {
                            boxes.bytes(entry);
                        }
                    }
                });
                for empty in [b"stts", b"stsc", b"stco"] {
                    boxes.in_full_box(empty, 0, 0, |boxes| boxes.u32(0));
                }
                boxes.in_full_box(b"stsz", 0, 0, |boxes| boxes.zeros(8));
            });
        });
    });
}
