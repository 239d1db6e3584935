//! What a decoder is told before the first sample: one sample entry for each codec.
//!
//! Parameter sets of video are here and nowhere else (`avc1`, `hvc1`; ISO/IEC 14496-15 sections
//! 5.4 and 8.4): the names that every browser knows.

use rtsp_proto::codec::{Codec, ParameterSets};
use rtsp_proto::depacketizer::AacConfig;

use super::boxes::Boxes;

/// Samples a second of all Opus in MP4 ([Opus in ISOBMFF]).
///
/// [Opus in ISOBMFF]: https://opus-codec.org/docs/opus_in_isobmff.html
const OPUS_RATE: u32 = 48_000;
/// NAL unit types of H.265's parameter sets (ITU-T H.265 table 7-1).
const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;

/// The description of one track's codec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SampleEntry {
    /// H.264 or H.265.
    Video {
        /// A whole sample entry.
        entry: Vec<u8>,
        /// As in the `codecs` parameter of a media type ([RFC 6381]).
        ///
        /// [RFC 6381]: https://www.rfc-editor.org/rfc/rfc6381
        codec: String,
        /// In samples.
        width: u16,
        /// In samples.
        height: u16,
        /// Width and height of a sample.
        aspect: (u32, u32),
    },
    /// AAC or Opus.
    Audio {
        /// A whole sample entry.
        entry: Vec<u8>,
        /// As above.
        codec: String,
    },
}

impl SampleEntry {
    /// Of video with these parameter sets; `None` while they are not complete or cannot be read.
    pub fn video(codec: Codec, sets: &ParameterSets) -> Option<Self> {
        if !sets.is_complete() {
            return None;
        }
        let (kind, config, aspect) = match codec {
            Codec::H264 => (b"avc1", avc_config(sets)?, sets.h264_sps()?.sample_aspect_ratio),
            Codec::H265 => (b"hvc1", hevc_config(sets)?, sets.h265_sps()?.sample_aspect_ratio),
            Codec::Other => return None,
        };
        let (width, height) = sets.resolution()?;
        let (width, height) = (u16::try_from(width).ok()?, u16::try_from(height).ok()?);
        let aspect = aspect.filter(|&(x, y)| x > 0 && y > 0).unwrap_or((1, 1));
        let mut boxes = Boxes::default();
        boxes.in_box(kind, |boxes| {
            boxes.zeros(6);
            boxes.u16(1); // data_reference_index
            boxes.zeros(16);
            boxes.u16(width);
            boxes.u16(height);
            boxes.u32(0x0048_0000); // 72 dpi, as always
            boxes.u32(0x0048_0000);
            boxes.u32(0);
            boxes.u16(1); // pictures in a sample
            boxes.zeros(32); // no name
            boxes.u16(0x18); // no alpha
            boxes.u16(u16::MAX);
            boxes.bytes(&config);
            if aspect != (1, 1) {
                boxes.in_box(b"pasp", |boxes| {
                    boxes.u32(aspect.0);
                    boxes.u32(aspect.1);
                });
            }
        });
        let codec = sets.codec_string()?;
        Some(Self::Video { entry: boxes.0, codec, width, height, aspect })
    }

    /// Of AAC.
    pub fn aac(config: &AacConfig) -> Self {
        let channels = if config.channels == 0 { 2 } else { config.channels };
        let entry = audio(b"mp4a", channels, config.rate, |boxes| {
            boxes.in_full_box(b"esds", 0, 0, |boxes| {
                // ES_Descriptor, DecoderConfigDescriptor, DecoderSpecificInfo, SLConfigDescriptor.
                boxes.in_descriptor(3, |boxes| {
                    boxes.u16(0);
                    boxes.u8(0);
                    boxes.in_descriptor(4, |boxes| {
                        boxes.u8(0x40); // MPEG-4 audio
                        boxes.u8(0x15); // an audio stream
                        boxes.zeros(3 + 4 + 4); // buffer and bit rates are not known
                        boxes.in_descriptor(5, |boxes| boxes.bytes(&config.bytes));
                    });
                    boxes.in_descriptor(6, |boxes| boxes.u8(2));
                });
            });
        });
        Self::Audio { entry, codec: format!("mp4a.40.{}", config.object_type) }
    }

    /// Of Opus.
    pub fn opus(channels: u8) -> Self {
        let entry = audio(b"Opus", channels, OPUS_RATE, |boxes| {
            boxes.in_box(b"dOps", |boxes| {
                boxes.u8(0);
                boxes.u8(channels);
                boxes.u16(0); // nothing of a stream that is joined in its middle is to be skipped
                boxes.u32(OPUS_RATE);
                boxes.u16(0);
                boxes.u8(0); // mono or stereo
            });
        });
        Self::Audio { entry, codec: "opus".to_owned() }
    }

    /// As in the `codecs` parameter of a media type.
    pub fn codec(&self) -> &str {
        match self {
            Self::Video { codec, .. } | Self::Audio { codec, .. } => codec,
        }
    }
}

fn audio(kind: &[u8; 4], channels: u8, rate: u32, config: impl FnOnce(&mut Boxes)) -> Vec<u8> {
    let mut boxes = Boxes::default();
    boxes.in_box(kind, |boxes| {
        boxes.zeros(6);
        boxes.u16(1); // data_reference_index
        boxes.zeros(8);
        boxes.u16(channels.into());
        boxes.u16(16); // bits a sample, as always
        boxes.zeros(4);
        // 16.16, and 0 for what does not fit in.
        boxes.u32(u16::try_from(rate).map_or(0, |rate| u32::from(rate) << 16));
        config(boxes);
    });
    boxes.0
}

/// `avcC` (ISO/IEC 14496-15 section 5.3.3.1).
fn avc_config(sets: &ParameterSets) -> Option<Vec<u8>> {
    let sps = sets.h264_sps()?;
    let mut boxes = Boxes::default();
    boxes.in_box(b"avcC", |boxes| {
        boxes.bytes(&[1, sps.profile_idc, sps.constraint, sps.level_idc]);
        boxes.u8(0xfc | 3); // lengths of four bytes
        list(boxes, 0xe0, sets.sps().take(31));
        list(boxes, 0, sets.pps().take(255));
        if matches!(sps.profile_idc, 100 | 110 | 122 | 144) {
            boxes.u8(0xfc | sps.chroma_format_idc);
            boxes.u8(0xf8 | sps.bit_depth_luma.saturating_sub(8));
            boxes.u8(0xf8 | sps.bit_depth_chroma.saturating_sub(8));
            boxes.u8(0);
        }
    });
    Some(boxes.0)
}

fn list<'a>(boxes: &mut Boxes, count_bits: u8, sets: impl Iterator<Item = &'a [u8]>) {
    let sets: Vec<_> = sets.collect();
    boxes.u8(count_bits | sets.len() as u8);
    for set in sets {
        boxes.u16(set.len() as u16);
        boxes.bytes(set);
    }
}

/// `hvcC` (ISO/IEC 14496-15 section 8.3.3.1).
fn hevc_config(sets: &ParameterSets) -> Option<Vec<u8>> {
    let sps = sets.h265_sps()?;
    let profile = sps.profile;
    let mut boxes = Boxes::default();
    boxes.in_box(b"hvcC", |boxes| {
        boxes.u8(1);
        let tier = u8::from(profile.high_tier);
        boxes.u8(profile.profile_space << 6 | tier << 5 | profile.profile_idc);
        boxes.u32(profile.compatibility);
        boxes.bytes(&profile.constraints);
        boxes.u8(profile.level_idc);
        boxes.u16(0xf000); // min_spatial_segmentation_idc: unknown
        boxes.u8(0xfc); // parallelismType: unknown
        boxes.u8(0xfc | sps.chroma_format_idc);
        boxes.u8(0xf8 | sps.bit_depth_luma.saturating_sub(8));
        boxes.u8(0xf8 | sps.bit_depth_chroma.saturating_sub(8));
        boxes.u16(0); // avgFrameRate: unknown
        let nesting = u8::from(sps.temporal_id_nesting);
        boxes.u8((sps.sub_layers & 7) << 3 | nesting << 2 | 3); // lengths of four bytes
        let arrays: [(u8, Vec<&[u8]>); 3] =
            [(VPS, sets.vps().collect()), (SPS, sets.sps().collect()), (PPS, sets.pps().collect())];
        boxes.u8(arrays.len() as u8);
        for (kind, units) in arrays {
            boxes.u8(0x80 | kind); // all of them are here
            boxes.u16(units.len() as u16);
            for unit in units {
                boxes.u16(unit.len() as u16);
                boxes.bytes(unit);
            }
        }
    });
    Some(boxes.0)
}
