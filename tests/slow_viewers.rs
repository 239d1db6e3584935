//! A viewer that stops reading costs nobody but itself, and comes back with a whole picture.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::time::{Duration, Instant};

use rtsp_proto::codec::Codec;
use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Options, Path, Synthetic};
use support::{Continuity, Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);

fn camera() -> Camera {
    let spec = Synthetic { width: 1920, height: 1080, fps: 25, bitrate_kbps: 8000, gop: 25 };
    let paths = vec![Path::new("main", Clip::synthetic(&spec))];
    Camera::start(Options { paths, ..Options::default() }).unwrap()
}

#[test]
fn a_viewer_that_stops_reading_delays_nobody_and_resumes_with_a_key_frame() {
    let camera = camera();
    let relay = Relay::start(&format!(
        "write_timeout_s=60\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let mut stalled = RtspClient::watch(&relay.url("door")).unwrap();
    let mut others: Vec<_> =
        (0..4).map(|_| RtspClient::watch(&relay.url("door")).unwrap()).collect();
    assert!(stalled.read_frame(SOON).unwrap().is_some());
    // The kernel's buffers toward a viewer on the loopback take seconds to fill.
    let mut continuity = [const { None }; 4];
    let mut memory = 0;
    let until = Instant::now() + Duration::from_secs(12);
    let mut latest = Instant::now();
    let mut longest = Duration::ZERO;
    while Instant::now() < until {
        for (viewer, continuity) in others.iter_mut().zip(&mut continuity) {
            let frame = viewer.read_frame(SOON).unwrap().expect("they go on");
            if frame.channel == 0 {
                let continuity = continuity.get_or_insert_with(Continuity::default);
                continuity.push(&frame.payload).unwrap();
            }
        }
        longest = longest.max(latest.elapsed());
        latest = Instant::now();
        memory = memory.max(relay.rss_kib());
    }
    assert!(longest < Duration::from_millis(500), "no packet for {longest:?}");
    assert!(memory < 64 * 1024, "{memory} KiB");
    assert!(relay.wait_log("viewer too slow", SOON).is_none() || relay.log_contains("client=1 "));

    // It reads again: whatever was cut is cut at a picture's end, and it goes on at a key frame.
    let mut last: Option<(u16, u32, bool)> = None;
    let mut jumps = 0;
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        let Some(frame) = stalled.read_frame(SOON).unwrap() else { break };
        if frame.channel != 0 {
            continue;
        }
        let packet = RtpPacket::parse(&frame.payload).unwrap();
        let scan = Codec::H264.scan(packet.payload());
        if let Some((sequence, timestamp, marker)) = last {
            assert_eq!(packet.sequence(), sequence.wrapping_add(1), "no gap is shown");
            let step = packet.timestamp().wrapping_sub(timestamp);
            if step > 3600 * 2 {
                jumps += 1;
                assert!(marker, "the picture before the cut is whole");
                assert!(scan.parameter_sets || scan.random_access || scan.delimiter, "{scan:?}");
            }
        }
        last = Some((packet.sequence(), packet.timestamp(), packet.marker()));
    }
    assert!(jumps >= 1, "nothing was skipped: the test did not stall the viewer");
    assert!(relay.wait_log("viewer too slow, skipping to a key frame", SOON).is_some());
}

#[test]
fn a_viewer_that_takes_nothing_at_all_is_closed() {
    let camera = camera();
    let relay = Relay::start(&format!(
        "write_timeout_s=1\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let stalled = RtspClient::watch(&relay.url("door")).unwrap();
    assert!(relay.wait_log("it takes no data", Duration::from_secs(30)).is_some());
    assert!(wait_until(SOON, || relay.threads() <= 3));
    drop(stalled);
}
