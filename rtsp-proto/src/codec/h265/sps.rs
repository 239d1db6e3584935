//! The sequence parameter set of H.265 (ITU-T H.265 section 7.3.2.2 and annex E).

use super::{HEADER_LEN, NalUnitType, ProfileTierLevel, reference_sets};
use crate::codec::bits::{BitReader, CodecError, reduced};
use crate::codec::vui;

/// Largest width or height that is believed, in samples.
const MAX_DIMENSION: u32 = 32_768;

/// What a sequence parameter set says about a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sps {
    /// sps_max_sub_layers_minus1 plus 1: temporal layers.
    pub sub_layers: u8,
    /// sps_temporal_id_nesting_flag.
    pub temporal_id_nesting: bool,
    /// Profile, tier and level.
    pub profile: ProfileTierLevel,
    /// sps_seq_parameter_set_id, 0 to 15.
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
    /// How many pictures may come before one that is shown earlier.
    pub max_reorder: Option<u32>,
    /// Shape of a sample, width to height.
    pub sample_aspect_ratio: Option<(u32, u32)>,
    /// Pictures a second, as a fraction in lowest terms.
    pub frame_rate: Option<(u32, u32)>,
}

impl Sps {
    /// Reads a NAL unit, its header included. What follows the picture size and the bit depths
    /// may be broken: then what it would say is `None`.
    ///
    /// # Errors
    ///
    /// The NAL unit is no SPS, ends too early, or has a value that no stream can have.
    pub fn parse(nal: &[u8]) -> Result<Self, CodecError> {
        let (header, body) =
            nal.split_first_chunk::<HEADER_LEN>().ok_or(CodecError::Truncated { bit: 0 })?;
        let (expected, found) = (NalUnitType::SPS.number(), NalUnitType::of(header[0]).number());
        if expected != found {
            return Err(CodecError::NalUnitType { expected, found });
        }
        let bits = &mut BitReader::new(body);
        bits.skip(4)?; // sps_video_parameter_set_id
        let sub_layers_minus1 = bits.bits(3)?;
        if sub_layers_minus1 > 6 {
            return Err(CodecError::Value { field: "sps_max_sub_layers_minus1" });
        }
        let temporal_id_nesting = bits.bit()?;
        let profile = ProfileTierLevel::read(bits, sub_layers_minus1)?;
        let id = bits.ue_max(15, "sps_seq_parameter_set_id")? as u8;
        let chroma_format_idc = bits.ue_max(3, "chroma_format_idc")? as u8;
        let separate_planes = chroma_format_idc == 3 && bits.bit()?;
        let width = bits.ue_max(MAX_DIMENSION, "pic_width_in_luma_samples")?;
        let height = bits.ue_max(MAX_DIMENSION, "pic_height_in_luma_samples")?;
        let chroma = if separate_planes { 0 } else { chroma_format_idc };
        let unit_x = if matches!(chroma, 1 | 2) { 2 } else { 1 };
        let unit_y = if chroma == 1 { 2 } else { 1 };
        let (left_right, top_bottom) =
            if bits.bit()? { (crop(bits, unit_x)?, crop(bits, unit_y)?) } else { (0, 0) };
        let size = |samples: u32, cropped: u64, field| {
            u64::from(samples)
                .checked_sub(cropped)
                .filter(|&size| size > 0)
                .map(|size| size as u32)
                .ok_or(CodecError::Value { field })
        };
        let mut sps = Self {
            sub_layers: sub_layers_minus1 as u8 + 1,
            temporal_id_nesting,
            profile,
            id,
            chroma_format_idc,
            width: size(width, left_right, "conf_win_right_offset")?,
            height: size(height, top_bottom, "conf_win_bottom_offset")?,
            bit_depth_luma: 8 + bits.ue_max(8, "bit_depth_luma_minus8")? as u8,
            bit_depth_chroma: 8 + bits.ue_max(8, "bit_depth_chroma_minus8")? as u8,
            max_reorder: None,
            sample_aspect_ratio: None,
            frame_rate: None,
        };
        // As far as it can be read.
        let _ = sps.coding(bits, sub_layers_minus1);
        Ok(sps)
    }

    /// From log2_max_pic_order_cnt_lsb_minus4 to the flag before the VUI.
    fn coding(
        &mut self,
        bits: &mut BitReader<'_>,
        sub_layers_minus1: u32,
    ) -> Result<(), CodecError> {
        let order_count_bits = bits.ue_max(12, "log2_max_pic_order_cnt_lsb_minus4")? + 4;
        let each_layer = bits.bit()?;
        for _ in if each_layer { 0 } else { sub_layers_minus1 }..=sub_layers_minus1 {
            bits.ue()?; // sps_max_dec_pic_buffering_minus1
            // The last is that of the whole stream.
            self.max_reorder = Some(bits.ue_max(16, "sps_max_num_reorder_pics")?);
            bits.ue()?; // sps_max_latency_increase_plus1
        }
        for _ in 0..6 {
            bits.ue()?; // block sizes and depths
        }
        if bits.bit()? && bits.bit()? {
            scaling_lists(bits)?;
        }
        bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if bits.bit()? {
            bits.skip(8)?; // bit depths of PCM
            bits.ue()?;
            bits.ue()?;
            bits.skip(1)?; // pcm_loop_filter_disabled_flag
        }
        reference_sets::skip(bits)?;
        if bits.bit()? {
            for _ in 0..bits.ue_max(32, "num_long_term_ref_pics_sps")? {
                bits.skip(order_count_bits + 1)?;
            }
        }
        bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
        if bits.bit()? { self.usability(bits) } else { Ok(()) }
    }

    /// vui_parameters() up to the timing, annex E.2.1.
    fn usability(&mut self, bits: &mut BitReader<'_>) -> Result<(), CodecError> {
        self.sample_aspect_ratio = vui::head(bits)?;
        bits.skip(3)?; // neutral_chroma_indication_flag, field_seq_flag, frame_field_info...
        if bits.bit()? {
            for _ in 0..4 {
                bits.ue()?; // default display window
            }
        }
        if bits.bit()? {
            let units_in_tick = bits.bits(32)?;
            let time_scale = bits.bits(32)?;
            self.frame_rate = reduced(time_scale, units_in_tick);
        }
        Ok(())
    }
}

/// Two offsets in samples, added.
fn crop(bits: &mut BitReader<'_>, unit: u32) -> Result<u64, CodecError> {
    Ok((u64::from(bits.ue()?) + u64::from(bits.ue()?)) * u64::from(unit))
}

/// Passes over scaling_list_data(), section 7.3.4.
fn scaling_lists(bits: &mut BitReader<'_>) -> Result<(), CodecError> {
    for size in 0..4u32 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.bit()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..64.min(1 << (4 + (size << 1))) {
                bits.se()?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{bits::BitWriter, testdata::*};

    fn sps(hex: &str) -> Sps {
        Sps::parse(&unhex(hex)).unwrap()
    }

    #[test]
    fn what_x265_encodes_is_read() {
        let main = Sps {
            sub_layers: 1,
            temporal_id_nesting: true,
            profile: ProfileTierLevel {
                profile_space: 0,
                high_tier: false,
                profile_idc: 1,
                compatibility: 0x6000_0000,
                constraints: [0x90, 0, 0, 0, 0, 0],
                level_idc: 120,
            },
            id: 0,
            chroma_format_idc: 1,
            bit_depth_luma: 8,
            bit_depth_chroma: 8,
            width: 1920,
            height: 1080,
            max_reorder: Some(2),
            sample_aspect_ratio: Some((1, 1)),
            frame_rate: Some((25, 1)),
        };
        assert_eq!(sps(H265_1080P25_SPS), main);
        let small = sps(H265_480P2997_SPS);
        assert_eq!((small.width, small.height), (640, 480));
        assert_eq!(small.frame_rate, Some((30_000, 1_001)));
        // 4:2:2, 10 bit, a width that has to be cropped.
        let wide = sps(H265_768P50_422_10_SPS);
        assert_eq!((wide.width, wide.height, wide.chroma_format_idc), (1366, 768, 2));
        assert_eq!((wide.bit_depth_luma, wide.bit_depth_chroma), (10, 10));
        assert_eq!(wide.frame_rate, Some((50, 1)));
        assert_eq!(wide.profile.codec_string(), "4.10.L120.9D.8");
        // Two temporal layers.
        let layers = sps(H265_286P15_LAYERS_SPS);
        assert_eq!((layers.width, layers.height, layers.sub_layers), (350, 286, 2));
        assert_eq!(layers.frame_rate, Some((15, 1)));
    }

    #[test]
    fn what_cameras_send_is_read() {
        // TP-Link.
        let sps = Sps::parse(&unbase64("QgEBAWAAAAMAAAMAAAMAAAMAlqABQCAFof4qtO6JLuaAgA27oADN/mAE"))
            .unwrap();
        assert_eq!((sps.width, sps.height, sps.profile.level_idc), (2560, 1440, 150));
        assert_eq!(sps.frame_rate, Some((15, 1)));
    }

    #[test]
    fn scaling_lists_do_not_hide_the_frame_rate() {
        let mut bits = BitWriter::new();
        bits.bits(4, 0).bits(3, 0).bits(1, 1);
        bits.bits(8, 1).bits(32, 0x6000_0000).bits(32, 0).bits(16, 0).bits(8, 93);
        bits.ue(0).ue(1).ue(320).ue(192).bits(1, 0).ue(0).ue(0);
        bits.ue(4).bits(1, 1).ue(1).ue(0).ue(0);
        bits.bits(6, 0x3f); // six times ue(0)
        bits.bits(2, 3);
        for size in 0..4 {
            for list in 0..if size == 3 { 2 } else { 6 } {
                if list == 1 {
                    bits.bits(1, 0).ue(1);
                    continue;
                }
                bits.bits(1, 1);
                if size > 1 {
                    bits.se(-3);
                }
                for i in 0..if size == 0 { 16 } else { 64 } {
                    bits.se(i % 5 - 2);
                }
            }
        }
        // No PCM, no reference sets, no long-term pictures; VUI with timing alone.
        bits.bits(2, 0).bits(1, 0).ue(0).bits(1, 0).bits(2, 0).bits(1, 1);
        bits.bits(4, 0).bits(3, 0).bits(1, 0).bits(1, 1).bits(32, 1_001).bits(32, 60_000);
        let sps = Sps::parse(&bits.nal(&[0x42, 1])).unwrap();
        assert_eq!(sps.frame_rate, Some((60_000, 1_001)));
    }

    #[test]
    fn a_broken_end_costs_the_frame_rate_only() {
        let whole = unhex(H265_1080P25_SPS);
        for len in 0..whole.len() {
            match Sps::parse(&whole[..len]) {
                Ok(sps) => assert_eq!((sps.width, sps.height), (1920, 1080), "{len}"),
                Err(CodecError::Truncated { .. }) => assert!(len < 25, "{len}"),
                Err(error) => panic!("{error}"),
            }
        }
    }
}
