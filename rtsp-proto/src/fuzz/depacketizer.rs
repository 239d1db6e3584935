//! Samples from any payloads.

use crate::codec::Codec;
use crate::depacketizer::{Aac, AacConfig, AccessUnit, opus_duration};

/// Nothing panics; the lengths in front of NAL units add up; frames are parts of what came.
///
/// The first byte is the length of each payload in the rest, cut as often as it goes.
pub fn depacketizer(data: &[u8]) {
    let Some((&length, rest)) = data.split_first() else { return };
    let payloads: Vec<&[u8]> = rest.chunks(usize::from(length).max(1)).collect();
    for codec in [Codec::H264, Codec::H265, Codec::Other] {
        let mut unit = AccessUnit::new(codec);
        for (payload, count) in payloads.iter().zip(0u32..) {
            unit.push(payload);
            if count % 5 == 4 {
                unit.lose();
            }
            if count % 3 == 2 {
                let empty = unit.is_empty();
                let finished = unit.finish();
                assert_eq!(finished.is_none(), empty);
                check(finished);
            }
        }
        check(unit.finish());
        unit.clear();
        assert!(unit.is_empty() && unit.finish().is_none());
    }
    let _ = AacConfig::parse(rest).map(|config| config.duration(48_000));
    let _ = Aac::from_fmtp(&String::from_utf8_lossy(rest));
    for fmtp in [
        "config=1190;mode=AAC-hbr",
        "config=1190;mode=AAC-lbr",
        "config=1190;constantsize=7",
        "config=1190;indexlength=3;auxiliarydatasizelength=8",
        "config=1190;sizelength=16;ctsdeltalength=9;randomaccessindication=1",
    ] {
        let Ok(mut aac) = Aac::from_fmtp(fmtp) else { continue };
        let (mut given, mut taken) = (0, 0);
        for payload in &payloads {
            given += payload.len();
            aac.push(payload, &mut |frame| {
                assert!(!frame.is_empty());
                taken += frame.len();
            });
            assert!(taken <= given);
        }
    }
    for payload in payloads {
        assert!(opus_duration(payload).is_none_or(|duration| (1..=5760).contains(&duration)));
    }
}

fn check(finished: Option<(Vec<u8>, Vec<u8>)>) {
    let Some((data, sets)) = finished else { return };
    assert!(!data.is_empty());
    for bytes in [data, sets] {
        let mut rest = bytes.as_slice();
        while let Some((length, after)) = rest.split_first_chunk() {
            let length = u32::from_be_bytes(*length) as usize;
            assert!(length > 0);
            rest = &after[length..];
        }
        assert!(rest.is_empty());
    }
}
