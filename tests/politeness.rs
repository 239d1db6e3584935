//! Cameras with one session, which they are slow to forget: nobody who watches through the relay is
//! ever refused because of the relay's own last session.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::time::Duration;

use sim::{Camera, Clip, Fault, Options, Path, Start};
use support::{Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(20);
/// How long the camera remembers, in milliseconds. `make test` has no minutes to wait; with
/// POLITENESS_FORGET_MS=3000 in the environment it is as slow as some real ones.
const FORGET_MS: u64 = 200;
/// The least pause between two attempts, in times of that memory: the default is 500 ms, so a camera
/// that takes 3 s has six.
const PAUSES: u64 = 6;
/// Comings and goings.
const ROUNDS: usize = 100;

fn forget_ms() -> u64 {
    let told = std::env::var("POLITENESS_FORGET_MS").ok();
    told.map_or(FORGET_MS, |ms| ms.parse().expect("a number of milliseconds"))
}

fn one_session() -> Camera {
    // A picture at once: it is the sessions that matter here.
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::sub()) };
    let camera = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    camera.fault(Fault::MaxSessions(1)).unwrap();
    camera
}

fn relay_of(camera: &Camera) -> Relay {
    Relay::start(&format!(
        "source_idle_timeout_s=0\nretry_initial_ms={}\n\
         [stream]\nname=door\nrtsp_url={}",
        forget_ms() / PAUSES,
        camera.url("main")
    ))
}

/// A viewer that has its picture; it is the one who must never be refused.
#[track_caller]
fn watch(relay: &Relay, round: usize) -> RtspClient {
    let viewer = RtspClient::watch(&relay.url("door"));
    let mut viewer = viewer.unwrap_or_else(|error| {
        panic!("round {round}: a viewer is refused: {error}\n{}", relay.log().join("\n"))
    });
    assert!(viewer.read_frame(SOON).unwrap().is_some(), "round {round}: no frame");
    viewer
}

/// A viewer comes and goes.
fn come_and_go(relay: &Relay, round: usize) {
    let viewer = watch(relay, round);
    // Somebody else comes and stays a moment longer.
    let second = (round % 3 == 0).then(|| watch(relay, round));
    drop(viewer);
    drop(second);
}

#[test]
fn a_camera_that_forgets_with_teardown_never_has_to_refuse_a_session() {
    let camera = one_session();
    camera.fault(Fault::ForgetAfter { ms: forget_ms() }).unwrap();
    let relay = relay_of(&camera);
    for round in 0..ROUNDS {
        come_and_go(&relay, round);
    }
    assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    let stats = camera.stats();
    assert_eq!((stats.sessions_refused, stats.sessions_max), (0, 1), "{stats:?}");
    assert_eq!(stats.teardowns, stats.sessions_total, "each was ended in order");
}

#[test]
fn a_camera_that_is_slow_to_forget_is_given_the_time_it_takes() {
    let camera = one_session();
    camera.fault(Fault::ForgetTornDownAfter { ms: forget_ms() }).unwrap();
    let relay = relay_of(&camera);
    for round in 0..ROUNDS {
        come_and_go(&relay, round);
        assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    }
    let stats = camera.stats();
    // A viewer that comes in the moment of the TEARDOWN sees the pictures that are still there.
    let sessions = ROUNDS as u64 * 9 / 10..=ROUNDS as u64;
    assert!(sessions.contains(&stats.sessions_total) && stats.sessions_max == 1, "{stats:?}");
    assert_eq!(stats.sessions_refused, 1, "one refusal teaches it, for ever: {stats:?}");
}

#[test]
fn a_camera_that_drops_the_connection_is_given_the_time_too() {
    let camera = one_session();
    camera.fault(Fault::ForgetAfter { ms: forget_ms() }).unwrap();
    let relay = relay_of(&camera);
    for round in 0..ROUNDS / 5 {
        let mut viewer = watch(&relay, round);
        camera.fault(Fault::Die).unwrap();
        viewer.read_to_end(SOON).unwrap();
        assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    }
    let stats = camera.stats();
    assert_eq!(stats.sessions_max, 1);
    assert_eq!(stats.sessions_refused, 1, "one refusal teaches it, for ever: {stats:?}");
}
