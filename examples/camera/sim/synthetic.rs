//! Video of a chosen bit rate for benchmarks: a grey picture that any decoder shows at little cost.
//!
//! A key frame holds the smallest macroblocks there are, another picture skips all of them; the
//! rest up to the wanted size stands behind the end of the slice's data, where decoders ignore it.

use super::clip::{AccessUnit, Clip};
use super::coding::Coding;
use super::random::Random;

/// What to make.
#[derive(Clone, Copy, Debug)]
pub struct Synthetic {
    /// Pixels, a multiple of 2.
    pub width: u32,
    /// Pixels, a multiple of 2.
    pub height: u32,
    /// Pictures a second.
    pub fps: u32,
    /// Mean bit rate of the NAL units.
    pub bitrate_kbps: u32,
    /// Pictures from one key frame to the next.
    pub gop: u32,
}

impl Default for Synthetic {
    fn default() -> Self {
        Self { width: 1920, height: 1080, fps: 25, bitrate_kbps: 4000, gop: 50 }
    }
}

/// A key frame is this many times as large as another picture.
const KEY_RATIO: u64 = 7;

impl Clip {
    /// One group of pictures: SPS, PPS and an IDR slice, then slices whose sizes vary by a tenth.
    pub fn synthetic(spec: &Synthetic) -> Self {
        let (fps, gop) = (spec.fps.max(1), spec.gop.max(1));
        let total = u64::from(spec.bitrate_kbps) * 125 * u64::from(gop) / u64::from(fps);
        let mean = total / (u64::from(gop) - 1 + KEY_RATIO);
        let random = Random::new(u64::from(spec.bitrate_kbps));
        let macroblocks = spec.width.div_ceil(16).max(1) * spec.height.div_ceil(16).max(1);
        let picture = |index| {
            let key = index == 0;
            let (slice, size) = if key {
                (key_slice(macroblocks), mean * KEY_RATIO)
            } else {
                (skipped_slice(macroblocks, index), mean - mean / 10 + random.below(mean / 5 + 1))
            };
            // No zero byte, so nothing in it can look like a start code.
            let rest = size.saturating_sub(slice.len() as u64);
            let slice = slice.into_iter().chain((0..rest).map(|_| random.below(255) as u8 + 1));
            let mut nal_units = vec![slice.collect()];
            if key {
                nal_units.splice(..0, [sps(spec.width, spec.height), pps()]);
            }
            AccessUnit { nal_units, key, lag: 0 }
        };
        Self { coding: Coding::H264, pictures: (0..gop).map(picture).collect(), fps }
    }
}

/// An IDR slice (H.264, 7.3.3) of grey macroblocks without a residual.
fn key_slice(macroblocks: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0); // first_mb_in_slice
    bits.ue(7); // slice_type: all I
    bits.ue(0); // pic_parameter_set_id
    bits.put(0, 4); // frame_num
    bits.ue(0); // idr_pic_id
    bits.put(0, 2); // no_output_of_prior_pics_flag, long_term_reference_flag
    bits.ue(0); // slice_qp_delta
    for _ in 0..macroblocks {
        bits.ue(3); // mb_type: Intra 16x16, prediction from the mean, nothing coded
        bits.put(0b111, 3); // intra_chroma_pred_mode, mb_qp_delta, no DC coefficient
    }
    bits.nal_unit(&[0x65])
}

/// A slice (H.264, 7.3.3) that repeats the picture before it.
fn skipped_slice(macroblocks: u32, frame: u32) -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0); // first_mb_in_slice
    bits.ue(5); // slice_type: all P
    bits.ue(0); // pic_parameter_set_id
    bits.put(frame % 16, 4); // frame_num
    bits.put(0, 3); // no override of references, no reordering, sliding window
    bits.ue(0); // slice_qp_delta
    bits.ue(macroblocks); // mb_skip_run
    bits.nal_unit(&[0x41])
}

/// A sequence parameter set (H.264, 7.3.2.1.1): Main profile, level 4, one reference frame.
fn sps(width: u32, height: u32) -> Vec<u8> {
    let (across, down) = (width.div_ceil(16).max(1), height.div_ceil(16).max(1));
    let mut bits = Bits::default();
    bits.ue(0); // seq_parameter_set_id
    bits.ue(0); // log2_max_frame_num - 4
    bits.ue(2); // pic_order_cnt_type: output order is decoding order
    bits.ue(1); // max_num_ref_frames
    bits.put(0, 1); // gaps_in_frame_num_value_allowed_flag
    bits.ue(across - 1);
    bits.ue(down - 1);
    bits.put(0b11, 2); // frame_mbs_only_flag, direct_8x8_inference_flag
    let crop = ((across * 16 - width) / 2, (down * 16 - height) / 2);
    bits.put(u32::from(crop != (0, 0)), 1);
    if crop != (0, 0) {
        [0, crop.0, 0, crop.1].into_iter().for_each(|edge| bits.ue(edge));
    }
    bits.put(0, 1); // vui_parameters_present_flag
    bits.nal_unit(&[0x67, 77, 0, 40])
}

/// A picture parameter set (H.264, 7.3.2.2) of CAVLC, one slice group.
fn pps() -> Vec<u8> {
    let mut bits = Bits::default();
    bits.ue(0); // pic_parameter_set_id
    bits.ue(0); // seq_parameter_set_id
    bits.put(0, 2); // entropy_coding_mode_flag, bottom_field_pic_order_in_frame_present_flag
    bits.ue(0); // num_slice_groups_minus1
    bits.ue(0); // num_ref_idx_l0_default_active_minus1
    bits.ue(0); // num_ref_idx_l1_default_active_minus1
    bits.put(0, 3); // weighted_pred_flag, weighted_bipred_idc
    bits.ue(0); // pic_init_qp_minus26
    bits.ue(0); // pic_init_qs_minus26
    bits.ue(0); // chroma_qp_index_offset
    bits.put(0, 3); // deblocking control, constrained intra prediction, redundant pictures
    bits.nal_unit(&[0x68])
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn put(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// Exponential-Golomb code (H.264, 9.1).
    fn ue(&mut self, value: u32) {
        let length = (value + 1).ilog2();
        self.put(0, length);
        self.put(value + 1, length + 1);
    }

    /// Adds the stop bit. Nothing above makes two zero bytes in a row, so none are escaped.
    fn nal_unit(mut self, head: &[u8]) -> Vec<u8> {
        self.put(1, 1);
        let byte = |bits: &[bool]| {
            (0..8).fold(0, |all, i| all << 1 | u8::from(bits.get(i) == Some(&true)))
        };
        let mut nal = head.to_vec();
        nal.extend(self.0.chunks(8).map(byte));
        nal
    }
}
