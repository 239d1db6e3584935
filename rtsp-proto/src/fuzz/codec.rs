//! H.264 and H.265 payloads and parameter sets from any bytes.

use crate::{
    Oddities,
    codec::{Codec, MAX_SETS, ParameterSets, h264, h265},
};

/// Nothing panics; what a scan says about parameter sets holds; sets survive the way through
/// format parameters.
pub fn codec(data: &[u8]) {
    for codec in [Codec::H264, Codec::H265, Codec::Other] {
        let scan = codec.scan(data);
        assert!(scan.slice || !(scan.slice_start || scan.picture_start || scan.reference));
        assert!(scan.slice_start || !scan.picture_start);
        codec.parameter_sets(data, &mut |_, nal| {
            assert!(scan.parameter_sets);
            assert!(!nal.is_empty());
        });

        let mut broken = data.to_vec();
        codec.break_link(&mut broken);
        assert_eq!(codec.scan(&broken), scan);

        let mut sets = ParameterSets::new(codec);
        let changed = sets.update(data);
        assert!(scan.parameter_sets || !changed);
        assert_eq!(changed, !sets.payloads().is_empty());
        assert!(sets.payloads().len() <= 3 * MAX_SETS);
        let _ = (sets.resolution(), sets.frame_rate(), sets.codec_string(), sets.is_complete());

        let fmtp = sets.fmtp(&String::from_utf8_lossy(data));
        let again = ParameterSets::from_fmtp(codec, &fmtp, &mut Oddities::new());
        assert!(again.payloads().iter().all(|nal| sets.payloads().contains(nal)));
        assert_eq!(sets.fmtp(&fmtp), fmtp);
    }
    let _ = (h264::Sps::parse(data), h265::Sps::parse(data));
    let _ = h264::Sps::parse(&[&[0x67], data].concat());
    let _ = h265::Sps::parse(&[&[0x42, 1], data].concat());
}
