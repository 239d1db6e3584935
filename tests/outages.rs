//! What viewers and cameras go through when a camera fails.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

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
fn sound_alone_is_no_life_of_a_stream_with_pictures() {
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::builtin()) };
    let paths = vec![path.with_audio()];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    let relay = Relay::start(&format!(
        "source_timeout_s=2\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let mut viewer = watch(&relay, "door");
    camera.fault(Fault::Blind(true)).unwrap();
    let (frames, took) = last_words(&mut viewer, SOON);
    assert!(says_bye(&frames));
    assert!((1800..3200).contains(&took.as_millis()), "{took:?}");
    let sound = frames.iter().filter(|frame| frame.channel == 2).count();
    assert!(sound > 20, "there was sound to the end: {sound}");
    assert!(relay.wait_log("the camera sent no video for 2 s", SOON).is_some());
}

#[test]
fn a_camera_that_has_forgotten_the_session_is_offline_and_the_status_says_why() {
    // The next sign of life is due within 5 s.
    let options = Options { session_timeout: Duration::from_secs(10), ..Options::default() };
    let camera = Camera::start(options).unwrap();
    let relay = Relay::start(&format!(
        "source_timeout_s=60\nretry_initial_ms=60000\nretry_max_ms=60000\n\
         on_offline=hold\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let _viewer = watch(&relay, "door");
    let method = rtsp_proto::Method::Options;
    camera.fault(Fault::Status { method, code: 454 }).unwrap();
    camera.fault(Fault::Mute(true)).unwrap();
    let reason = "the camera has forgotten the session (454 Session Not Found)";
    let offline = relay.wait_log("camera offline", SOON).expect("it is noticed");
    assert!(offline.contains(reason), "{offline}");
    relay.process().signal(rustix::process::Signal::USR1);
    let status = relay.wait_log("status stream=door", SOON).unwrap();
    assert!(status.contains("state=offline") && status.contains(reason), "{status}");
}

#[test]
fn whoever_waits_for_a_camera_that_dies_is_told_at_once() {
    use rtsp_proto::Method::{Describe, Play};
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!(
        "source_idle_timeout_s=0\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let dies = |asked: u64| {
        assert!(wait_until(SOON, || camera.stats().requests > asked), "the camera is asked");
        camera.fault(Fault::Refuse(true)).unwrap();
        camera.fault(Fault::Die).unwrap();
    };
    let unavailable = |client: &mut RtspClient, cseq: u32| {
        let begun = Instant::now();
        let answer = client.answer(cseq).unwrap();
        assert_eq!(answer.status.code(), 503);
        let seconds: u64 = answer.headers.get("Retry-After").unwrap().parse().unwrap();
        assert!(seconds >= 1);
        assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    };

    // For its description, when nothing is known of the camera.
    camera.fault(Fault::NoAnswer { method: Describe }).unwrap();
    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    let cseq = client.send(Describe, &relay.url("door"), &[]).unwrap();
    dies(1);
    unavailable(&mut client, cseq);
    drop(client);

    // For its pictures: the camera has answered everything but PLAY.
    camera.fault(Fault::Normal).unwrap();
    camera.fault(Fault::NoAnswer { method: Play }).unwrap();
    camera.fault(Fault::Mute(true)).unwrap();
    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    client.describe().unwrap();
    client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
    let before = camera.stats().plays;
    let cseq = client.send(Play, &client.aggregate(), &[]).unwrap();
    assert!(wait_until(SOON, || camera.stats().plays >= before.max(1)), "{:?}", camera.stats());
    dies(0);
    unavailable(&mut client, cseq);
    // The connection is still good: the session goes on when the camera is back.
    camera.fault(Fault::Normal).unwrap();
    assert!(wait_until(SOON, || client.play().is_ok()));
}

#[test]
fn a_viewer_over_udp_is_told_with_bye_and_then_closed() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let bind = || loop {
        let rtp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = rtp.local_addr().unwrap().port();
        if let (0, Ok(rtcp)) = (port % 2, std::net::UdpSocket::bind(("127.0.0.1", port | 1))) {
            return (port, rtp, rtcp);
        }
    };
    let (port, rtp, rtcp) = bind();
    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    client.describe().unwrap();
    client.setup(0, rtsp_proto::headers::TransportSpec::udp(port)).unwrap();
    client.play().unwrap();
    let mut buffer = [0; 65_536];
    rtp.set_read_timeout(Some(SOON)).unwrap();
    rtp.recv(&mut buffer).unwrap();
    camera.fault(Fault::Die).unwrap();
    let begun = Instant::now();
    let says_bye = |bytes: &[u8]| {
        let packets = parse_compound(bytes, &mut Oddities::new());
        packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. }))
    };
    rtcp.set_read_timeout(Some(AT_ONCE)).unwrap();
    let bye = std::iter::from_fn(|| rtcp.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()));
    assert!(bye.take(10).any(|packet| says_bye(&packet)), "no BYE");
    let frames = client.read_to_end(SOON).unwrap();
    assert!(frames.is_empty() && begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
}

#[test]
fn after_the_last_attempt_the_camera_is_left_alone_until_somebody_new_asks() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = Relay::start(&format!(
        "retry_initial_ms=50\nretry_max_ms=50\nretry_max_attempts=3\non_offline=hold\n\
         [stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let mut viewer = watch(&relay, "door");
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Die).unwrap();
    let given_up = relay.wait_log("retry_in=when asked", SOON);
    assert!(given_up.is_some(), "{:?}", relay.log());
    let attempts = || relay.log().iter().filter(|line| line.contains("camera offline")).count();
    assert_eq!(attempts(), 3);
    camera.fault(Fault::Refuse(false)).unwrap();
    let again = Duration::from_millis(1500);
    assert!(!wait_until(again, || attempts() > 3 || camera.stats().sessions_open > 0));
    // Who was there sees the last picture all the while; who comes brings the camera back.
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    let _new = watch(&relay, "door");
    assert!(wait_until(AT_ONCE, || camera.stats().sessions_open == 1));
    let lives = || relay.log().iter().filter(|line| line.contains("stream live")).count();
    assert!(wait_until(SOON, || lives() == 2), "the pauses begin anew for all");
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
