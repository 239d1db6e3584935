//! What viewers and cameras go through when a camera fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

#[path = "../examples/camera/sim/mod.rs"]
mod sim;

mod support;

use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use sim::{Auth, Camera, Clip, Fault, Options, Path, Start};
use support::{OwnedFrame, Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);
const AT_ONCE: Duration = Duration::from_secs(1);

fn watch(relay: &Relay, stream: &str) -> RtspClient {
    let mut client = RtspClient::watch(&relay.url(stream)).unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
    client
}

fn says_bye(frames: &[OwnedFrame]) -> bool {
    frames.iter().filter(|frame| frame.channel % 2 == 1).any(|frame| {
        parse_compound(&frame.payload, &mut Oddities::new())
            .iter()
            .any(|packet| matches!(packet, RtcpPacket::Bye { .. }))
    })
}

/// Everything until the relay closes; how long that took.
fn last_words(client: &mut RtspClient, within: Duration) -> (Vec<OwnedFrame>, Duration) {
    let begun = Instant::now();
    let frames = client.read_to_end(within).unwrap();
    (frames, begun.elapsed())
}

#[test]
fn a_camera_that_dies_ends_its_viewers_at_once_with_bye_and_nobody_elses() {
    let dying = Camera::start(Options::default()).unwrap();
    let other = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!(
        "source_idle_timeout_s=1\n[stream]\nname=dying\nrtsp_url={}\n[stream]\nname=other\nrtsp_url={}",
        dying.url("main"),
        other.url("main")
    ));
    for fault in [Fault::Die, Fault::CloseAll, Fault::ByeAndClose] {
        let mut neighbour = watch(&relay, "other");
        let mut victims = [watch(&relay, "dying"), watch(&relay, "dying")];
        dying.fault(fault.clone()).unwrap();
        for victim in &mut victims {
            let (frames, took) = last_words(victim, SOON);
            assert!(says_bye(&frames), "{fault:?}");
            assert!(took < AT_ONCE, "{fault:?}: {took:?}");
        }
        let before = neighbour_sequence(&mut neighbour, 50);
        assert_eq!(before, 50, "{fault:?}: the other stream goes on without a gap");
    }
    assert!(relay.wait_log("camera offline", SOON).is_some());
    assert_eq!(other.stats().sessions_total, 1);
}

/// Reads RTP packets; how many followed each other without a gap.
fn neighbour_sequence(client: &mut RtspClient, count: usize) -> usize {
    let mut continuity = support::Continuity::default();
    let mut seen = 0;
    while seen < count {
        let frame = client.read_frame(SOON).unwrap().expect("the stream goes on");
        if frame.channel == 0 {
            continuity.push(&frame.payload).unwrap();
            seen += 1;
        }
    }
    seen
}

#[test]
fn a_camera_that_falls_silent_is_offline_after_source_timeout() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!(
        "source_timeout_s=2\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    for fault in [Fault::Stall(true), Fault::Mute(true)] {
        let mut viewer = watch(&relay, "door");
        camera.fault(fault).unwrap();
        let (frames, took) = last_words(&mut viewer, SOON);
        assert!(says_bye(&frames));
        assert!(
            (Duration::from_millis(1800)..Duration::from_millis(3200)).contains(&took),
            "{took:?}"
        );
        assert!(relay.wait_log("the camera sent no video for 2 s", SOON).is_some());
        camera.fault(Fault::Normal).unwrap();
        drop(viewer);
        assert!(wait_until(SOON, || RtspClient::watch(&relay.url("door")).is_ok()));
        drop(watch(&relay, "door"));
    }
}

#[test]
fn retries_grow_and_end_when_nobody_waits_any_more() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!(
        "retry_initial_ms=200\nretry_max_ms=1600\nsource_idle_timeout_s=0\n\
         [stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    // A viewer that asked for the stream and plays nothing is the one who waits.
    let mut waiting = RtspClient::connect(&relay.url("door")).unwrap();
    waiting.describe().unwrap();
    assert!(relay.wait_log("stream live", SOON).is_some());
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Die).unwrap();
    let offline = || relay.log().iter().filter(|line| line.contains("camera offline")).count();
    assert!(wait_until(Duration::from_secs(20), || offline() >= 6));
    let pauses: Vec<f64> = relay
        .log()
        .iter()
        .filter_map(|line| line.split_once("retry_in=")?.1.trim_end_matches('s').parse().ok())
        .take(6)
        .collect();
    for (pause, full) in pauses.iter().zip([0.2, 0.4, 0.8, 1.6, 1.6, 1.6]) {
        assert!((full / 2.0 - 0.05..=full + 0.05).contains(pause), "{pauses:?}");
    }
    drop(waiting);
    assert!(wait_until(SOON, || relay.threads() == 2), "the reader ends with the last who waits");
    let attempts = offline();
    assert!(!wait_until(Duration::from_secs(3), || offline() != attempts));
}

#[test]
fn a_new_viewer_reaches_a_camera_that_is_back_without_waiting_for_the_pause() {
    // Like most cameras, this one begins with a key frame.
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::builtin()) };
    let camera = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    camera.fault(Fault::Refuse(true)).unwrap();
    let relay = Relay::start(&format!(
        "retry_initial_ms=100\nretry_max_ms=600000\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    for _ in 0..5 {
        let refused = RtspClient::watch(&relay.url("door")).err().unwrap().to_string();
        assert!(refused.contains("503"), "{refused}");
    }
    camera.fault(Fault::Refuse(false)).unwrap();
    let begun = Instant::now();
    RtspClient::watch(&relay.url("door")).unwrap();
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn a_refusal_reaches_the_waiting_client_at_once_with_the_right_status() {
    use rtsp_proto::Method::{Describe, Setup};
    for (fault, want) in [
        (Fault::Refuse(true), "503"),
        (Fault::Status { method: Describe, code: 404 }, "503"),
        (Fault::Status { method: Setup, code: 453 }, "503"),
        (Fault::Status { method: Describe, code: 401 }, "502"),
        (Fault::NoAnswer { method: Describe }, "504"),
    ] {
        let camera = Camera::start(Options::default()).unwrap();
        let relay = Relay::start(&format!(
            "source_start_timeout_s=2\n[stream]\nname=door\nrtsp_url={}",
            camera.url("main")
        ));
        camera.fault(fault.clone()).unwrap();
        let begun = Instant::now();
        let mut client = RtspClient::connect(&relay.url("door")).unwrap();
        let cseq = client.send(Describe, &relay.url("door"), &[]).unwrap();
        let mut answer = client.answer(cseq).unwrap();
        // A camera that refuses SETUP has already said what it shows.
        if answer.status.is_success() {
            let url = format!("{}/trackID=0", relay.url("door"));
            let transport = [("Transport", "RTP/AVP/TCP;unicast;interleaved=0-1")];
            let cseq = client.send(Setup, &url, &transport).unwrap();
            answer = client.answer(cseq).unwrap();
            if answer.status.is_success() {
                let session = answer.headers.get("Session").unwrap().to_owned();
                let session = session.split(';').next().unwrap().to_owned();
                let headers = [("Session", session.as_str())];
                let cseq = client.send(rtsp_proto::Method::Play, &relay.url("door"), &headers);
                answer = client.answer(cseq.unwrap()).unwrap();
            }
        }
        assert_eq!(answer.status.code().to_string(), want, "{fault:?}");
        assert!(answer.headers.get("Retry-After").is_some(), "{fault:?}");
        let limit = if want == "504" { Duration::from_secs(4) } else { AT_ONCE };
        assert!(begun.elapsed() < limit, "{fault:?}: {:?}", begun.elapsed());
    }
}

#[test]
fn a_wrong_password_is_not_hammered_whoever_asks() {
    let options = Options {
        auth: Auth::Digest { sha256: false, qop: true },
        password: "right".into(),
        ..Options::default()
    };
    let camera = Camera::start(options).unwrap();
    let relay = Relay::start(&format!(
        "retry_initial_ms=2000\n[stream]\nname=door\nrtsp_url={}\nusername=admin\npassword=wrong",
        camera.url("main")
    ));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        let refused = RtspClient::watch(&relay.url("door")).err().unwrap().to_string();
        assert!(refused.contains("502"), "{refused}");
    }
    // Pauses of at least 1 s and 2 s (half of 2 s and of 4 s): three logins fit at the most.
    let logins = camera.stats().logins_failed;
    assert!((1..=3).contains(&logins), "{logins} logins");
    assert!(relay.log().iter().all(|line| !line.contains("wrong") || !line.contains("=wrong")));
}
