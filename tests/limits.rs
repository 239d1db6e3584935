//! Each limit: so many are served, the next is told what the limit says, and a place that becomes
//! free is given away again.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::io;
use std::time::{Duration, Instant};

use rtsp_proto::headers::TransportSpec;
use rtsp_proto::{Method, Response};
use rustix::process::Signal;
use sim::{Camera, Clip, Options, Path, Synthetic};
use support::{Relay, RtspClient, wait_for, wait_until};

const SOON: Duration = Duration::from_secs(15);

fn camera() -> Camera {
    let spec = Synthetic { width: 640, height: 360, fps: 25, bitrate_kbps: 1000, gop: 25 };
    let path = |name| Path::new(name, Clip::synthetic(&spec));
    let paths = vec![path("door"), path("yard")];
    Camera::start(Options { paths, ..Options::default() }).unwrap()
}

fn relay(camera: &Camera, globals: &str, door: &str) -> Relay {
    Relay::start(&format!(
        "source_idle_timeout_s=0\n{globals}\n[stream]\nname=door\nrtsp_url={}\n{door}\n\
         [stream]\nname=yard\nrtsp_url={}",
        camera.url("door"),
        camera.url("yard"),
    ))
}

/// DESCRIBE and SETUP: the first answer that is no 200, or a client that can play.
fn ask(client: &mut RtspClient) -> io::Result<Response> {
    let uri = client.aggregate();
    let described = client.request(Method::Describe, &uri, &[])?;
    if !described.status.is_success() {
        return Ok(described);
    }
    let transport = TransportSpec::interleaved(0).encode(client.version);
    let uri = format!("{}/trackID=0", uri.trim_end_matches('/'));
    client.request(Method::Setup, &uri, &[("Transport", &transport)])
}

/// A client that the relay refuses, and its answer's status and Retry-After.
fn refused(relay: &Relay, stream: &str) -> (RtspClient, u16, Option<u32>) {
    let mut client = RtspClient::connect(&relay.url(stream)).unwrap();
    let answer = ask(&mut client).unwrap();
    let retry = answer.headers.get("Retry-After").map(|value| value.parse().unwrap());
    (client, answer.status.code(), retry)
}

/// The line of the status table that begins so.
fn status(relay: &Relay, begin: &str) -> String {
    let seen = relay.log().len();
    relay.process().signal(Signal::USR1);
    let line = wait_for(SOON, || {
        let lines = relay.log();
        lines[seen..].iter().find(|line| line.contains(begin)).cloned()
    });
    line.unwrap_or_else(|| panic!("no line of the status has {begin}"))
}

/// A stream that is watched, of which so many are served: those, still watching.
fn watch(relay: &Relay, stream: &str, count: usize) -> Vec<RtspClient> {
    let watched = (0..count).map(|_| RtspClient::watch(&relay.url(stream)).unwrap());
    let mut clients: Vec<_> = watched.collect();
    for client in &mut clients {
        assert!(client.read_frame(SOON).unwrap().is_some());
    }
    clients
}

/// Keys before and in the stream `door`, how many viewers of it fit, and how the limit is named.
const TABLE: &[(&str, &str, usize, &str)] = &[
    ("max_clients=3", "", 3, "max_clients=3"),
    ("max_clients_per_ip=2", "", 2, "max_clients_per_ip=2"),
    ("", "max_clients_per_stream=2", 2, "max_clients_per_stream=2"),
    ("max_clients_per_stream=1", "", 1, "max_clients_per_stream=1"),
];

#[test]
fn at_the_limit_the_next_viewer_is_told_when_to_come_again_and_then_gets_the_free_place() {
    let camera = camera();
    for &(globals, door, count, limit) in TABLE {
        let relay = relay(&camera, globals, door);
        let mut served = watch(&relay, "door", count);
        let (mut next, status, retry) = refused(&relay, "door");
        assert_eq!((status, retry), (503, Some(5)), "{limit}");
        let line = relay.wait_log("all places are taken", SOON).unwrap();
        assert!(line.contains("stream=door") && line.ends_with(limit), "{line}");
        let name = limit.split('=').next().unwrap();
        let table = self::status(&relay, "status refused");
        assert!(table.ends_with(&format!("refused {name}=1")), "{table}");
        let other_stream = RtspClient::watch(&relay.url("yard"));
        assert_eq!(other_stream.is_ok(), limit.contains("per_stream"), "{limit}");
        drop(other_stream);
        for client in &mut served {
            assert!(client.read_frame(SOON).unwrap().is_some(), "{limit}: they go on");
        }
        served.pop().unwrap().teardown().unwrap();
        assert_eq!(ask(&mut next).unwrap().status.code(), 200, "{limit}: the place is free");
    }
}

#[test]
fn no_more_cameras_are_pulled_than_may_be_and_those_that_are_can_have_more_viewers() {
    let camera = camera();
    let relay = relay(&camera, "max_camera_connections=1", "");
    let watching = watch(&relay, "door", 2);
    let (mut next, status, retry) = refused(&relay, "yard");
    assert_eq!((status, retry), (503, Some(5)));
    assert!(relay.wait_log("max_camera_connections=1", SOON).is_some());
    assert_eq!(camera.stats().connections_total, 1, "the second was not dialled");
    drop(watching);
    let served = wait_until(SOON, || ask(&mut next).unwrap().status.code() == 200);
    assert!(served, "the place is free when the first camera has been let go");
}

#[test]
fn a_viewer_that_does_not_fit_what_the_stream_may_send_is_told_so() {
    let camera = camera();
    // 1000 kbit/s and what packets add to them.
    let relay = relay(&camera, "", "max_egress_kbps=2600");
    // All at once, before anybody can know how much the stream is.
    let begun = Instant::now();
    let asking = (0..4).map(|_| {
        let mut client = RtspClient::connect(&relay.url("door")).unwrap();
        std::thread::spawn(move || {
            let status = ask(&mut client).unwrap().status.code();
            (client, status)
        })
    });
    let asking: Vec<_> = asking.collect();
    let answers: Vec<_> = asking.into_iter().map(|thread| thread.join().unwrap()).collect();
    let codes: Vec<_> = answers.iter().map(|(_, code)| *code).collect();
    let mut sorted = codes.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [200, 200, 453, 453], "after {:?}", begun.elapsed());
    let line = relay.wait_log("the stream sends all it may", SOON).unwrap();
    assert!(line.ends_with("max_egress_kbps=2600"), "{line}");
    let table = status(&relay, "status refused");
    assert!(table.ends_with("refused max_egress_kbps=2"), "{table}");
    let table = status(&relay, "status stream=door");
    let rate = table.split("bitrate_kbps=").nth(1).unwrap();
    let rate: u32 = rate.split(' ').next().unwrap().parse().unwrap();
    assert!((900..1300).contains(&rate), "{table}");
    // It is the stream that is full, not the relay.
    drop(watch(&relay, "yard", 3));
    let (mut served, mut refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|(_, code)| *code == 200);
    drop(served.pop());
    let (next, _) = &mut refused[0];
    let fits = wait_until(SOON, || ask(next).unwrap().status.code() == 200);
    assert!(fits, "after one has left there is room for one");
    assert_eq!(ask(&mut refused[1].0).unwrap().status.code(), 453);
}
