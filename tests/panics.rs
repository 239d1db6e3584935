//! A bug in one thread ends what that thread does, and nothing else.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::time::Duration;

use sim::{Camera, Clip, Fault, Options, Path, Start};
use support::{Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// A camera is let go at once, and tried again soon.
const HASTE: &str = "source_idle_timeout_s=0\nretry_initial_ms=50\nretry_max_ms=100\n";

fn relay(panic: &str, more: &str, cameras: &[(&str, &Camera)]) -> Relay {
    let section = |(name, camera): &(&str, &Camera)| {
        format!("[stream]\nname={name}\nrtsp_url={}\n", camera.url("main"))
    };
    let streams: String = cameras.iter().map(section).collect();
    Relay::with_env("RTSP_RELAY_PANIC", panic.as_ref(), &format!("{HASTE}{more}\n{streams}"))
}

fn watch(relay: &Relay, stream: &str) -> RtspClient {
    let mut client = RtspClient::watch(&relay.url(stream)).unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
    client
}

/// It gets pictures for a while.
fn goes_on(client: &mut RtspClient) {
    for _ in 0..50 {
        assert!(client.read_frame(SOON).unwrap().is_some());
    }
}

fn expect_told(relay: &Relay, what: &str) {
    let line = relay.wait_log("internal failure", SOON).expect("the log says what happened");
    assert!(line.contains(what) && line.contains("RTSP_RELAY_PANIC says so"), "{line}");
}

#[test]
fn a_source_that_panics_ends_its_viewers_and_no_others_and_is_there_for_the_next() {
    // A picture at once: both viewers play long before the count is reached.
    let camera = || {
        let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::sub()) };
        Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap()
    };
    let (first, second) = (camera(), camera());
    let limit = "max_camera_connections=2\non_offline=hold";
    let relay = relay("source:200", limit, &[("one", &first), ("two", &second)]);
    // Whichever passes for the 200th time is hit.
    let mut viewers = [watch(&relay, "one"), watch(&relay, "two")];
    expect_told(&relay, "the stream ends");
    let hit = relay.wait_log("internal failure", SOON).unwrap().contains("stream=two");
    let (hit, other) = if hit { (1, 0) } else { (0, 1) };
    viewers[hit].read_to_end(SOON).unwrap();
    goes_on(&mut viewers[other]);
    // Its place is free, and the camera is not left with the session of the one that failed.
    let name = ["one", "two"][hit];
    let camera = [&first, &second][hit];
    goes_on(&mut watch(&relay, name));
    assert!(wait_until(SOON, || camera.stats().sessions_open <= 1), "{:?}", camera.stats());
    goes_on(&mut viewers[other]);
}

#[test]
fn a_client_that_panics_is_gone_and_its_place_is_free() {
    let camera = Camera::start(Options::default()).unwrap();
    // DESCRIBE, SETUP and PLAY of each, then one keepalive.
    let relay = relay("client:7", "max_clients=2", &[("door", &camera)]);
    let mut other = watch(&relay, "door");
    let mut hit = watch(&relay, "door");
    let _closed = hit.keep_alive();
    expect_told(&relay, "the client's connection ends");
    hit.read_to_end(SOON).unwrap();
    goes_on(&mut other);
    goes_on(&mut watch(&relay, "door"));
    drop(other);
    let calm = || relay.threads() == 2 && camera.stats().sessions_open == 0;
    assert!(wait_until(SOON, calm), "{:?}", relay.process().thread_names());
    assert_eq!(camera.stats().sessions_total, 1);
}

#[test]
fn a_stand_in_that_panics_ends_those_whom_it_served_and_nothing_is_left_behind() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay("stand-in:2", "on_offline=hold", &[("door", &camera)]);
    let mut viewer = watch(&relay, "door");
    goes_on(&mut viewer);
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Die).unwrap();
    expect_told(&relay, "nobody stands in");
    viewer.read_to_end(SOON).unwrap();
    drop(viewer);
    assert!(wait_until(SOON, || relay.threads() == 2), "{:?}", relay.process().thread_names());
    camera.fault(Fault::Refuse(false)).unwrap();
    goes_on(&mut watch(&relay, "door"));
}
