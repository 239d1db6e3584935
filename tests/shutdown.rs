//! Ending in good order.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::time::Duration;

use sim::{Camera, Options};
use support::{Relay, RtspClient};

const SOON: Duration = Duration::from_secs(10);

#[test]
fn sigterm_tells_twenty_viewers_and_the_camera_and_is_quick() {
    let camera = Camera::start(Options::default()).unwrap();
    let mut relay = Relay::start(&format!(
        "max_clients=20\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let mut viewers: Vec<_> =
        (0..20).map(|_| RtspClient::watch(&relay.url("door")).unwrap()).collect();
    let (status, took) = relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    for viewer in &mut viewers {
        viewer.read_to_end(SOON).unwrap();
    }
    let stats = camera.stats();
    assert_eq!((stats.teardowns, stats.sessions_open), (1, 0));
}

#[test]
fn sigterm_does_not_wait_for_a_camera_that_hangs_or_a_viewer_that_waits() {
    use rtsp_proto::Method;
    let camera = Camera::start(Options::default()).unwrap();
    camera.fault(sim::Fault::NoAnswer { method: Method::Describe }).unwrap();
    let mut relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    client.send(Method::Describe, &relay.url("door"), &[]).unwrap();
    assert!(relay.wait_log("connecting to the camera", SOON).is_some());
    let (status, took) = relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[test]
fn a_taken_port_is_told_with_exit_code_3() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let finished = support::Program::run(
        std::process::Command::new(env!("CARGO_BIN_EXE_rtsp-relay")).args([
            "--stream",
            "door=rtsp://127.0.0.1/x",
            "--set",
            "listen_address=127.0.0.1",
            "--set",
            &format!("listen_port={port}"),
        ]),
        SOON,
    );
    assert_eq!(finished.status.and_then(|status| status.code()), Some(3));
    let complaint = format!("cannot listen on 127.0.0.1:{port}");
    assert!(finished.stderr.contains(&complaint), "{}", finished.stderr);
}
