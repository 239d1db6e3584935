use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rtsp_proto::Oddities;
use rtsp_proto::codec::Codec;
use rtsp_proto::sdp::SessionDescription;

use super::message::bounds;
use super::{LiveView, Mux};
use crate::media::batch::Batch;
use crate::media::batcher::Batcher;
use crate::media::mp4::fragment::Times;
use crate::media::program::tests::Recorder;
use crate::media::{Hub, Presentation, Viewer};

const SDP: &str = "v=0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n\
    a=fmtp:96 sprop-parameter-sets=Z2QAKKzZQHgCJ+XARAAAAwAEAAADAMg8YMZY,aO+Pyw==\r\n\
    m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/2\r\n\
    a=fmtp:97 mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1190\r\n\
    m=audio 0 RTP/AVP 0\r\n";
const IDR: &[u8] = &[0x65, 0x88, 0x84, 0x21];
const P: &[u8] = &[0x41, 0x9a, 0x22, 0x11];

fn presentation(sdp: &str) -> Presentation {
    let mut oddities = Oddities::new();
    let sdp = SessionDescription::parse(sdp.as_bytes(), &mut oddities).unwrap();
    Presentation::new(&sdp, |_| true, &mut oddities)
}

fn mux() -> (Mux, Arc<Recorder>) {
    let now = Instant::now();
    let wall = Duration::from_secs(1_700_000_000);
    let mux = Mux::new(&presentation(SDP), 1 << 20, now, now, wall).unwrap();
    let keeper = Arc::new(Recorder::default());
    mux.hub().attach(Arc::clone(&keeper) as Arc<dyn Viewer>);
    (mux, keeper)
}

/// Packets as batches: track, sequence number, timestamp, marker, payload.
fn offer(mux: &Mux, packets: &[(u8, u16, u32, bool, &[u8])]) {
    let mut batchers = [Batcher::new(0, Codec::H264, true), Batcher::new(1, Codec::Other, false)];
    let mut give = |batch: Batch| mux.offer(&Arc::new(batch), None);
    for &(track, sequence, timestamp, marker, payload) in packets {
        let mut frame = vec![b'$', 2 * track];
        frame.extend_from_slice(&(12 + payload.len() as u16).to_be_bytes());
        rtsp_proto::rtp::write_header(&mut frame, marker, 96 + track, sequence, timestamp, 1);
        frame.extend_from_slice(payload);
        let batcher = &mut batchers[usize::from(track)];
        let scan = batcher.scan(payload);
        batcher.push(&frame, &scan, Instant::now(), &mut give);
    }
    batchers.iter_mut().for_each(|batcher| batcher.flush(&mut give));
}

/// The messages in a batch: the first byte, and what is in it.
fn messages(batch: &Batch) -> Vec<(u8, Vec<u8>)> {
    let (mut rest, mut found) = (&*batch.wire, Vec::new());
    while let Some((header, end)) = bounds(rest) {
        found.push((rest[0], rest[header..end].to_vec()));
        rest = &rest[end..];
    }
    assert!(rest.is_empty(), "nothing is behind the last message");
    found
}

fn boxes(mut bytes: &[u8]) -> Vec<[u8; 4]> {
    let mut kinds = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        kinds.push(*rest.first_chunk().unwrap());
        bytes = &bytes[u32::from_be_bytes(*length) as usize..];
    }
    assert!(bytes.is_empty());
    kinds
}

#[test]
fn the_segment_comes_before_the_first_picture_and_once() {
    let (mux, keeper) = mux();
    let unit = [0, 16, 0, 2 << 3, 1, 2];
    offer(
        &mux,
        &[
            (1, 1, 0, true, &unit),
            (0, 1, 0, true, P),
            (0, 2, 3600, true, IDR),
            (0, 3, 7200, true, P),
            (1, 2, 1024, true, &unit),
        ],
    );
    let got = keeper.0.lock().unwrap();
    let first = messages(&got[0]);
    assert_eq!((first[0].0, first[1].0), (0x81, 0x82), "text, then bytes");
    let media: serde_json::Value = serde_json::from_slice(&first[0].1).unwrap();
    assert_eq!(media["mime"], "video/mp4; codecs=\"avc1.640028,mp4a.40.2\"");
    assert_eq!((&media["width"], &media["height"]), (&1920.into(), &1080.into()));
    assert_eq!(media["left_out"][0], "audio PCMU: only one sound is played");
    assert_eq!(boxes(&first[1].1), [*b"ftyp", *b"moov"]);
    for batch in &got[1..] {
        let only = messages(batch);
        assert_eq!((only.len(), only[0].0), (1, 0x82));
        assert_eq!(boxes(&only[0].1), [*b"moof", *b"mdat"]);
    }
    let tracks: Vec<u8> = got[1..].iter().map(|batch| batch.track).collect();
    assert_eq!(tracks, [0, 0, 0, 1], "the sound before the first picture has no place");
}

#[test]
fn a_picture_in_several_packets_is_one_sample_and_one_with_a_hole_is_none() {
    let (mux, keeper) = mux();
    offer(
        &mux,
        &[
            (0, 1, 0, false, &[0x7c, 0x85, 0x88, 1]),
            (0, 2, 0, true, &[0x7c, 0x45, 2]),
            (0, 3, 3600, false, &[0x7c, 0x81, 0x9a, 1]),
            (0, 5, 3600, true, &[0x7c, 0x41, 2]),
            (0, 6, 7200, true, P),
        ],
    );
    let got = keeper.0.lock().unwrap();
    let pictures: Vec<Vec<u8>> =
        got[1..].iter().map(|batch| messages(batch)[0].1.clone()).collect();
    assert_eq!(pictures[0][112..], [0, 0, 0, 4, 0x65, 0x88, 1, 2]);
    assert_eq!(pictures[1][112..], [0, 0, 0, 4, 0x41, 0x9a, 0x22, 0x11]);
    let [first, second] = [0, 1].map(|at| Times::read(&pictures[at]).unwrap().decode);
    assert_eq!((pictures.len(), second - first), (2, 7200));
}

#[test]
fn a_stream_of_which_nothing_can_be_played_says_so() {
    let now = Instant::now();
    let new = |sdp: &str| {
        Mux::new(&presentation(sdp), 0, now, now, Duration::ZERO).map(|_| ()).unwrap_err()
    };
    let head = "v=0\r\ns=-\r\nt=0 0\r\n";
    let jpeg = new(&format!("{head}m=video 0 RTP/AVP 26\r\nm=audio 0 RTP/AVP 0\r\n"));
    assert_eq!(
        jpeg,
        "nothing of the stream can be shown: video JPEG: browsers cannot play it, \
         audio PCMU: browsers cannot play it"
    );
}

#[test]
fn the_mux_is_there_as_long_as_somebody_has_a_pass() {
    let hub = Arc::new(Hub::new());
    hub.reset(3, 1 << 20);
    let view = LiveView::new(Arc::clone(&hub));
    let enter = || view.enter(&presentation(SDP), 1 << 20, Instant::now(), Duration::ZERO).unwrap();
    assert!(view.mux().is_none());
    let (first, second) = (enter(), enter());
    assert!(Arc::ptr_eq(first.mux(), second.mux()));
    assert_eq!(hub.viewers(), 1);
    drop(first);
    assert!(view.mux().is_some());
    // The stream ends: who comes then gets another one.
    hub.end(&Arc::from("it is over"));
    let third = enter();
    assert!(!Arc::ptr_eq(second.mux(), third.mux()) && second.mux().is_over());
    drop(second);
    assert_eq!(hub.viewers(), 1);
    drop(third);
    assert!(view.mux().is_none() && hub.viewers() == 0);
}

proptest! {
    #[test]
    fn any_packets_make_whole_messages_in_the_order_of_decoding(
        packets in proptest::collection::vec(
            (
                0u8..2,
                prop_oneof![4 => Just(1u16), 1 => 0u16..5],
                prop_oneof![4 => Just(3600u32), 1 => any::<u32>()],
                any::<bool>(),
                prop_oneof![
                    Just(IDR.to_vec()),
                    Just(P.to_vec()),
                    Just(vec![0x7c, 0x85, 0x88]),
                    Just(vec![0x7c, 0x45, 1]),
                    Just(vec![0, 16, 0, 16, 1, 2]),
                    proptest::collection::vec(any::<u8>(), 0..40),
                ],
            ),
            0..60,
        )
    ) {
        let (mux, keeper) = mux();
        let (mut sequence, mut timestamp) = (0u16, 0u32);
        let packets: Vec<_> = packets
            .iter()
            .map(|(track, step, ticks, marker, payload)| {
                sequence = sequence.wrapping_add(*step);
                timestamp = timestamp.wrapping_add(*ticks);
                (*track, sequence, timestamp, *marker, payload.as_slice())
            })
            .collect();
        offer(&mux, &packets);
        let mut last = [None; 2];
        for batch in keeper.0.lock().unwrap().iter() {
            for (first, payload) in messages(batch) {
                if first == 0x82 && boxes(&payload)[0] == *b"moof" {
                    let times = Times::read(&payload).unwrap();
                    let last = &mut last[usize::from(batch.track)];
                    prop_assert!(last.is_none_or(|last| times.decode > last));
                    *last = Some(times.decode);
                }
            }
        }
    }
}
