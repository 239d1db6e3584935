//! The sequence parameter set of H.264 (ITU-T H.264 section 7.3.2.1.1 and annex E).

use super::NalUnitType;
use crate::codec::bits::{BitReader, CodecError, reduced};
use crate::codec::vui;

/// Largest width or height that is believed, in samples.
const MAX_DIMENSION: u32 = 32_768;
const MACROBLOCK: u32 = 16;

/// What a sequence parameter set says about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// profile_idc: 66 Baseline, 77 Main, 100 High...
    pub profile_idc: u8,
    /// The byte of constraint flags after it.
    pub constraint: u8,
    /// level_idc: ten times the level.
    pub level_idc: u8,
    /// seq_parameter_set_id, 0 to 31.
    pub id: u8,
    /// 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    pub chroma_format_idc: u8,
    /// Bits a luma sample.
    pub bit_depth_luma: u8,
    /// Bits a chroma sample.
    pub bit_depth_chroma: u8,
    /// Width of the picture to show, in samples.
    pub width: u32,
    /// Height of the picture to show, in samples.
    pub height: u32,
    /// Coded as fields, or frame by frame the one or the other.
    pub interlaced: bool,
    /// Shape of a sample, width to height.
    pub sample_aspect_ratio: Option<(u32, u32)>,
    /// Frames a second, as a fraction in lowest terms.
    pub frame_rate: Option<(u32, u32)>,
    /// How many pictures may come before one that is shown earlier; `None` when not said.
    pub max_reorder: Option<u32>,
}

impl Sps {
    /// Reads a NAL unit, its header included. What follows the picture size may be broken:
    /// then what it would say is `None`.
    ///
    /// # Errors
    ///
    /// The NAL unit is no SPS, ends too early, or has a value that no stream can have.
    pub fn parse(nal: &[u8]) -> Result<Self, CodecError> {
        let (&header, body) = nal.split_first().ok_or(CodecError::Truncated { bit: 0 })?;
        let (expected, found) = (NalUnitType::SPS.number(), NalUnitType::of(header).number());
        if expected != found {
            return Err(CodecError::NalUnitType { expected, found });
        }
        let bits = &mut BitReader::new(body);
        let mut sps = Self {
            profile_idc: bits.byte()?,
            constraint: bits.byte()?,
            level_idc: bits.byte()?,
            id: bits.ue_max(31, "seq_parameter_set_id")? as u8,
            chroma_format_idc: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            width: 0,
            height: 0,
            interlaced: false,
            sample_aspect_ratio: None,
            frame_rate: None,
            max_reorder: None,
        };
        let mut separate_planes = false;
        if has_chroma_fields(sps.profile_idc) {
            sps.chroma_format_idc = bits.ue_max(3, "chroma_format_idc")? as u8;
            if sps.chroma_format_idc == 3 {
                separate_planes = bits.bit()?;
            }
            sps.bit_depth_luma = 8 + bits.ue_max(6, "bit_depth_luma_minus8")? as u8;
            sps.bit_depth_chroma = 8 + bits.ue_max(6, "bit_depth_chroma_minus8")? as u8;
            bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
            if bits.bit()? {
                scaling_lists(bits, if sps.chroma_format_idc == 3 { 12 } else { 8 })?;
            }
        }
        bits.ue_max(12, "log2_max_frame_num_minus4")?;
        order_count(bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        let width_mbs = bits.ue_max(MAX_DIMENSION / MACROBLOCK - 1, "pic_width_in_mbs_minus1")? + 1;
        let height_units =
            bits.ue_max(MAX_DIMENSION / MACROBLOCK - 1, "pic_height_in_map_units_minus1")? + 1;
        sps.interlaced = !bits.bit()?;
        if sps.interlaced {
            bits.skip(1)?; // mb_adaptive_frame_field_flag
        }
        let fields = if sps.interlaced { 2 } else { 1 };
        bits.skip(1)?; // direct_8x8_inference_flag
        let chroma = if separate_planes { 0 } else { sps.chroma_format_idc };
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 } else { 1 } * fields;
        let (left_right, top_bottom) =
            if bits.bit()? { (crop(bits, unit_x)?, crop(bits, unit_y)?) } else { (0, 0) };
        let size = |samples: u32, cropped: u64, field| {
            u64::from(samples)
                .checked_sub(cropped)
                .filter(|&size| size > 0)
                .map(|size| size as u32)
                .ok_or(CodecError::Value { field })
        };
        sps.width = size(width_mbs * MACROBLOCK, left_right, "frame_crop_right_offset")?;
        sps.height =
            size(height_units * MACROBLOCK * fields, top_bottom, "frame_crop_bottom_offset")?;
        if bits.bit() == Ok(true) {
            // As far as it can be read.
            let _ = sps.usability(bits);
        }
        Ok(sps)
    }

    /// The six hexadecimal digits of `profile-level-id` (RFC 6184 section 8.1) and of the codec
    /// string (RFC 6381 section 3.3).
    pub fn profile_level_id(&self) -> String {
        format!("{:02x}{:02x}{:02x}", self.profile_idc, self.constraint, self.level_idc)
    }

    /// vui_parameters(), annex E.1.1.
    fn usability(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.sample_aspect_ratio = vui::head(bits)?;
        if bits.bit()? {
            let units_in_tick = bits.bits(32)?;
            let time_scale = bits.bits(32)?;
            bits.skip(1)?; // fixed_frame_rate_flag
            // A tick is a field, so a frame takes two.
            self.frame_rate =
                units_in_tick.checked_mul(2).and_then(|units| reduced(time_scale, units));
        }
        let nal_hrd = bits.bit()?;
        if nal_hrd {
            hypothetical_decoder(bits)?;
        }
        let vcl_hrd = bits.bit()?;
        if vcl_hrd {
            hypothetical_decoder(bits)?;
        }
        if nal_hrd || vcl_hrd {
            bits.skip(1)?; // low_delay_hrd_flag
        }
        bits.skip(1)?; // pic_struct_present_flag
        if bits.bit()? {
            bits.skip(1)?; // motion_vectors_over_pic_boundaries_flag
            for _ in 0..4 {
                bits.ue()?; // max_bytes_per_pic_denom and the three after it
            }
            self.max_reorder = Some(bits.ue_max(16, "max_num_reorder_frames")?);
        }
        Ok(())
    }
}

/// The profiles whose parameter sets say something about chroma and scaling.
fn has_chroma_fields(profile_idc: u8) -> bool {
    matches!(profile_idc, 100 | 110 | 122 | 244 | 44 | 83 | 86 | 118 | 128 | 138 | 139 | 134 | 135)
}

/// Passes over scaling_list() for each list that is there (section 7.3.2.1.1.1).
fn scaling_lists(bits: &mut BitReader<'_>, count: usize) -> Result<(), CodecError> {
    for list in 0..count {
        if !bits.bit()? {
            continue;
        }
        let (mut last, mut next) = (8i32, 8i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.se()?).rem_euclid(256);
            }
            if next != 0 {
                last = next;
            }
        }
    }
    Ok(())
}

fn order_count(bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    match bits.ue_max(2, "pic_order_cnt_type")? {
        0 => {
            bits.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")?;
        }
        1 => {
            bits.skip(1)?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue_max(255, "num_ref_frames_in_pic_order_cnt_cycle")? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Two offsets in samples, added.
fn crop(bits: &mut BitReader<'_>, unit: u32) -> Result<u64, CodecError> {
    Ok((u64::from(bits.ue()?) + u64::from(bits.ue()?)) * u64::from(unit))
}

/// Passes over hrd_parameters(), annex E.1.2.
fn hypothetical_decoder(bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    let count = bits.ue_max(31, "cpb_cnt_minus1")? + 1;
    bits.skip(8)?; // bit_rate_scale, cpb_size_scale
    for _ in 0..count {
        bits.ue()?; // bit_rate_value_minus1
        bits.ue()?; // cpb_size_value_minus1
        bits.skip(1)?; // cbr_flag
    }
    bits.skip(20) // four lengths of 5 bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{bits::BitWriter, testdata::*};

    fn sps(hex: &str) -> Sps {
        Sps::parse(&unhex(hex)).unwrap()
    }

    #[test]
    fn what_x264_encodes_is_read() {
        let high = Sps {
            profile_idc: 100,
            constraint: 0,
            level_idc: 40,
            id: 0,
            chroma_format_idc: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            width: 1920,
            height: 1080,
            interlaced: false,
            sample_aspect_ratio: Some((1, 1)),
            frame_rate: Some((25, 1)),
            max_reorder: Some(2),
        };
        assert_eq!(sps(H264_1080P25_SPS), high);
        assert_eq!(sps(H264_1080I25_SPS), Sps { interlaced: true, ..high.clone() });
        assert_eq!(
            sps(H264_1080P50_422_10_SPS),
            Sps {
                profile_idc: 122,
                level_idc: 42,
                chroma_format_idc: 2,
                bit_depth_luma: 10,
                bit_depth_chroma: 10,
                frame_rate: Some((50, 1)),
                ..high.clone()
            }
        );
        assert_eq!(
            sps(H264_768P15_SPS),
            Sps {
                level_idc: 32,
                width: 1366,
                height: 768,
                frame_rate: Some((15, 1)),
                ..high.clone()
            }
        );
        assert_eq!(
            sps(H264_720P30_SPS),
            Sps {
                profile_idc: 77,
                constraint: 0x40,
                level_idc: 31,
                width: 1280,
                height: 720,
                frame_rate: Some((30, 1)),
                ..high.clone()
            }
        );
        assert_eq!(
            sps(H264_480P2997_SPS),
            Sps {
                profile_idc: 66,
                constraint: 0xc0,
                level_idc: 30,
                width: 640,
                height: 480,
                frame_rate: Some((30_000, 1_001)),
                max_reorder: Some(0),
                ..high
            }
        );
    }

    #[test]
    fn what_cameras_send_is_read() {
        let size = |base64: &str| {
            let sps = Sps::parse(&unbase64(base64)).unwrap();
            (sps.width, sps.height)
        };
        // Ubiquiti, Hikvision, Dahua, VStarcam, H264DVR, Anpviz.
        assert_eq!(size("Z01AKo2NQDwBE/LgLcBAQFAAAD6AABX5CdoIhGo="), (1920, 1080));
        assert_eq!(size("Z00AKZpkA8ARPyzUBAQFAAADA+gAAOpgBA=="), (1920, 1080));
        assert_eq!(size("Z2QAHqwsaoLA9puCgIKgAAADACAAAAMD0IAA"), (704, 480));
        assert_eq!(size("Z00AKp2oHgCJ+WbgICAoAAADAAgAAAMAfCA="), (1920, 1080));
        assert_eq!(size("Z0IAKZY1QPAET8s3AQEBQAAAAwBAAAAHoQ=="), (1920, 1080));
        assert_eq!(size("Z01AH5WgLASabAQ="), (704, 576));
    }

    /// High profile up to and without the scaling matrix flag.
    fn high(bits: &mut BitWriter) -> &mut BitWriter {
        bits.bits(24, 0x64_00_28).ue(0).ue(1).ue(0).ue(0).bits(1, 0)
    }

    /// From log2_max_frame_num on: 20 by 10 macroblocks, nothing cropped, no VUI.
    fn small(bits: &mut BitWriter) -> Vec<u8> {
        bits.ue(0).ue(2).ue(1).bits(1, 0).ue(19).ue(9).bits(1, 1).bits(1, 1).bits(2, 0);
        bits.nal(&[0x67])
    }

    #[test]
    fn scaling_lists_do_not_shift_the_size() {
        let mut bits = BitWriter::new();
        high(&mut bits).bits(1, 1);
        for list in 0..8 {
            match list {
                // Absent; the default, by a delta that leads to zero; 16 or 64 real steps.
                0 | 6 => {
                    bits.bits(1, 0);
                }
                1 => {
                    bits.bits(1, 1).se(-8);
                }
                _ => {
                    bits.bits(1, 1);
                    for i in 0..if list < 6 { 16 } else { 64 } {
                        bits.se(1 + i % 3);
                    }
                }
            }
        }
        let sps = Sps::parse(&small(&mut bits)).unwrap();
        assert_eq!((sps.width, sps.height, sps.frame_rate), (320, 160, None));
    }

    #[test]
    fn a_vui_that_breaks_off_costs_the_frame_rate_only() {
        let whole = unhex(H264_1080P25_SPS);
        for len in 0..whole.len() {
            match Sps::parse(&whole[..len]) {
                Ok(sps) => assert_eq!((sps.width, sps.height), (1920, 1080), "{len}"),
                Err(CodecError::Truncated { .. }) => assert!(len < 14, "{len}"),
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[test]
    fn cropping_by_more_than_there_is_is_refused() {
        let mut bits = BitWriter::new();
        high(&mut bits).bits(1, 0).ue(0).ue(2).ue(1).bits(1, 0).ue(19).ue(9).bits(2, 3);
        bits.bits(1, 1).ue(0).ue(160).ue(0).ue(0);
        let error = Sps::parse(&bits.nal(&[0x67])).unwrap_err();
        assert_eq!(error.to_string(), "frame_crop_right_offset has an impossible value");
        let error = Sps::parse(&[0x68, 0xce]).unwrap_err();
        assert_eq!(error.to_string(), "NAL unit type 8 instead of 7");
    }
}
