//! One camera connection for all viewers, only while somebody watches, and nothing left behind.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sim::{Camera, Fault, Options};
use support::{Program, Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// `source_idle_timeout_s` in these tests, and the second more that letting go may take.
const LINGER: Duration = Duration::from_secs(1);
const LET_GO: Duration = Duration::from_secs(2);

fn relay(camera: &Camera, more: &str) -> Relay {
    let url = camera.url("main");
    Relay::start(&format!(
        "max_clients=100\nsource_idle_timeout_s={}\n{more}\n[stream]\nname=door\nrtsp_url={url}",
        LINGER.as_secs()
    ))
}

fn watch(relay: &Relay) -> RtspClient {
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
    client
}

#[test]
fn fifty_viewers_are_one_connection_and_one_session_for_the_camera() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    assert_eq!(camera.stats().connections_total, 0, "nobody watches, nobody is dialled");
    let mut viewers: Vec<_> = (0..50).map(|_| watch(&relay)).collect();
    let stats = camera.stats();
    assert_eq!((stats.connections_total, stats.sessions_total, stats.plays), (1, 1, 1));
    for viewer in &mut viewers {
        assert!(viewer.read_frame(SOON).unwrap().is_some());
    }
    drop(viewers);
    assert!(wait_until(LINGER + SOON, || camera.stats().sessions_open == 0));
    assert_eq!(camera.stats().teardowns, 1);
}

#[test]
fn the_camera_is_let_go_however_the_last_viewer_leaves_and_comes_back_with_the_next() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    type Way = (&'static str, fn(&Relay, &Camera));
    let ways: [Way; 4] = [
        ("TEARDOWN", |relay, _| {
            let mut client = watch(relay);
            client.teardown().unwrap();
            // The connection stays open: it is the session that counted.
            std::mem::forget(client);
        }),
        ("a closed socket", |relay, _| drop(watch(relay))),
        ("a killed process", |relay, _| {
            let mut ffmpeg = Program::start(
                std::process::Command::new("ffmpeg")
                    .args(["-nostdin", "-loglevel", "info", "-rtsp_transport", "tcp", "-i"])
                    .arg(relay.url("door"))
                    .args(["-f", "null", "-"]),
            );
            assert!(relay.wait_log("agent=\"Lavf", SOON).is_some());
            ffmpeg.kill();
        }),
        ("leaving before PLAY", |relay, camera| {
            let mut client = RtspClient::connect(&relay.url("door")).unwrap();
            client.describe().unwrap();
            // Who is gone before the camera could be dialled causes no session at all.
            assert!(wait_until(SOON, || camera.stats().sessions_open == 1));
        }),
    ];
    for (round, (way, leave)) in (1..).zip(ways) {
        leave(&relay, &camera);
        let left = Instant::now();
        assert!(wait_until(LET_GO + SOON, || camera.stats().teardowns == round), "{way}");
        assert!(left.elapsed() <= LET_GO + LINGER, "{way}: {:?}", left.elapsed());
        let gone = |stats: sim::Stats| (stats.sessions_open, stats.connections_open) == (0, 0);
        assert!(wait_until(SOON, || gone(camera.stats())), "{way}: {:?}", camera.stats());
        assert_eq!(camera.stats().sessions_total, round, "{way}: each time one new session");
    }
}

#[test]
fn a_viewer_within_the_linger_finds_the_camera_still_connected() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    for _ in 0..5 {
        drop(watch(&relay));
    }
    let stats = camera.stats();
    assert_eq!((stats.connections_total, stats.teardowns), (1, 0));
}

#[test]
fn five_hundred_hasty_viewers_leave_nothing_behind_and_are_never_two_for_the_camera() {
    let camera = Camera::start(Options::default()).unwrap();
    // No linger at all: each gap between viewers is a new connection to the camera.
    let url = camera.url("main");
    let relay = Relay::start(&format!(
        "source_idle_timeout_s=0\nmax_clients=100\n[stream]\nname=door\nrtsp_url={url}"
    ));
    // The camera never answers more than one session, and says so.
    camera.fault(Fault::MaxSessions(1)).unwrap();
    drop(watch(&relay));
    let calm = || relay.threads() == 2 && camera.stats().sessions_open == 0;
    assert!(wait_until(SOON, calm));
    let fds = relay.fds();
    let failed = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (relay, failed) = (&relay, &failed);
            scope.spawn(move || {
                for round in 0..63 {
                    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
                    // They leave at any stage: at once, after DESCRIBE, while playing.
                    let outcome = match (thread + round) % 5 {
                        0 => Ok(()),
                        1 => client.describe().map(drop),
                        2 => client.describe().and_then(|_| {
                            let transport = rtsp_proto::headers::TransportSpec::interleaved(0);
                            client.setup(0, transport).map(drop)
                        }),
                        _ => RtspClient::watch(&relay.url("door"))
                            .and_then(|mut client| client.read_frame(SOON).map(drop)),
                    };
                    if let Err(error) = outcome {
                        eprintln!("{error}");
                        failed.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(failed.load(Ordering::SeqCst), 0);
    assert!(wait_until(SOON, calm), "{:?}", relay.process().thread_names());
    assert!(wait_until(SOON, || relay.fds() == fds), "{} fds, {fds} before", relay.fds());
    let stats = camera.stats();
    assert_eq!(stats.sessions_max, 1, "never two camera sessions at once");
    assert!(wait_until(SOON, || camera.stats().connections_open == 0));
    assert_eq!(stats.sessions_total, stats.teardowns, "each session was ended by TEARDOWN");
}

#[test]
fn places_and_cameras_are_limited_and_free_again() {
    let camera = Camera::start(Options::default()).unwrap();
    let (main, sub) = (camera.url("main"), camera.url("sub"));
    let relay = Relay::start(&format!(
        "max_clients=3\nmax_camera_connections=1\nsource_idle_timeout_s=0\n\
         [stream]\nname=main\nrtsp_url={main}\n[stream]\nname=sub\nrtsp_url={sub}"
    ));
    let watch = |stream: &str| RtspClient::watch(&relay.url(stream));
    let first = watch("main").unwrap();
    let refused = watch("sub").err().unwrap().to_string();
    assert!(refused.contains("503"), "{refused}");
    assert!(relay.wait_log("max_camera_connections=1", SOON).is_some());
    let _others = [watch("main").unwrap(), watch("main").unwrap()];
    let refused = watch("main").err().unwrap().to_string();
    assert!(refused.contains("503"), "{refused}");
    assert!(relay.wait_log("max_clients=3", SOON).is_some());
    drop(first);
    assert!(wait_until(SOON, || watch("main").is_ok()));
}

#[test]
fn with_nobody_watching_the_relay_sleeps() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    drop(watch(&relay));
    assert!(wait_until(SOON, || relay.threads() == 2 && camera.stats().sessions_open == 0));
    let switches = relay.process().voluntary_switches();
    let until = Instant::now() + Duration::from_secs(2);
    assert!(!wait_until(until - Instant::now(), || {
        relay.process().voluntary_switches() != switches
    }));
}
