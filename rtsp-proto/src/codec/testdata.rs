//! Parameter sets that real encoders wrote: x264 and x265, by `ffmpeg -f lavfi -i testsrc2`.

use base64::Engine;

pub(crate) const H264_1080P25_SPS: &str = "67640028acd940780227e5c044000003000400000300c83c60c658";
pub(crate) const H264_1080P25_PPS: &str = "68ef8fcb";
/// `-flags +ilme+ildct -x264opts tff=1`
pub(crate) const H264_1080I25_SPS: &str = "67640028acd94078044fde0220000003002000000643e2c5b2c0";
/// `-pix_fmt yuv422p10le -profile:v high422 -x264opts cqm=jvt`
pub(crate) const H264_1080P50_422_10_SPS: &str =
    "677a002ab6cd940780227e270110000003001000000640f1831960";
pub(crate) const H264_480P2997_SPS: &str = "6742c01ed900a03db01100000303e90000ea600f162e48";
pub(crate) const H264_720P30_SPS: &str = "674d401feca02802dd8088000003000800000301e078c18cb0";
pub(crate) const H264_720P30_PPS: &str = "68ebe3cb20";
pub(crate) const H264_768P15_SPS: &str = "67640020acd94056061e6f0110000003001000000301e0f1831960";

pub(crate) const H265_VPS: &str = "40010c01ffff016000000300900000030000030078959809";
pub(crate) const H265_1080P25_SPS: &str =
    "420101016000000300900000030000030078a003c08010e596566924caf0168080000003008000000c84";
pub(crate) const H265_PPS: &str = "4401c172b46240";
pub(crate) const H265_480P2997_SPS: &str =
    "42010101600000030090000003000003005aa0050201e165959a4932bc05a02000007d20000ea601";
/// `-pix_fmt yuv422p10le`
pub(crate) const H265_768P50_422_10_SPS: &str =
    "4201010408000003009d08000003000078b002ac80301d6d96564924e5780b4040000003004000000c82";
/// `-x265-params temporal-layers=1`
pub(crate) const H265_286P15_LAYERS_SPS: &str = "42010201600000030090000003000003003c0000a00b08048755965662b349265780b4040000030004000003003c20";

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

pub(crate) fn unbase64(text: &str) -> Vec<u8> {
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}
