//! What runs out, or fails inside, costs the one concerned and nobody else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;

use rtsp_proto::Method;
use rtsp_proto::headers::TransportSpec;
use sim::{Camera, Clip, Fault, Options, Path};
use support::{Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(20);

fn camera() -> Camera {
    let paths = vec![Path::new("door", Clip::sub()), Path::new("yard", Clip::sub())];
    Camera::start(Options { paths, ..Options::default() }).unwrap()
}

fn config(camera: &Camera, keys: &str) -> String {
    format!(
        "source_idle_timeout_s=0\nretry_initial_ms=100\n{keys}\n[stream]\nname=door\nrtsp_url={}\n\
         [stream]\nname=yard\nrtsp_url={}",
        camera.url("door"),
        camera.url("yard"),
    )
}

fn expect_frames(client: &mut RtspClient, count: usize) {
    for _ in 0..count {
        assert!(client.read_frame(SOON).unwrap().is_some(), "the viewer goes on");
    }
}

/// Whether a new viewer gets a picture, at last.
fn is_served(relay: &Relay, stream: &str) -> bool {
    wait_until(SOON, || {
        let client = RtspClient::watch(&relay.url(stream));
        client.is_ok_and(|mut client| matches!(client.read_frame(SOON), Ok(Some(_))))
    })
}

/// What a connection is told that asks for the OPTIONS; `None` while it is told nothing.
fn knock(port: u16) -> Option<(TcpStream, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let _refused_already = stream.write_all(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n");
    let mut buffer = [0; 512];
    let count = stream.read(&mut buffer).ok()?;
    Some((stream, String::from_utf8_lossy(&buffer[..count]).into_owned()))
}

#[test]
fn with_64_descriptors_it_serves_what_it_can_and_a_camera_still_comes_back() {
    let camera = camera();
    let relay = Relay::with_descriptors(64, &config(&camera, "max_clients=500\non_offline=hold"));
    let mut viewers: Vec<_> =
        (0..3).map(|_| RtspClient::watch(&relay.url("door")).unwrap()).collect();
    viewers.iter_mut().for_each(|viewer| expect_frames(viewer, 10));
    let connections: Vec<_> = (0..80).filter_map(|_| knock(relay.port())).collect();
    let served = connections.iter().filter(|(_, text)| text.starts_with("RTSP/1.0 200")).count();
    let refused = connections.iter().filter(|(_, text)| text.contains("503")).count();
    assert!(served >= 10, "{served} are served");
    assert!(refused >= 20, "{refused} are told to come again");
    assert!(relay.fds() < 64, "{} descriptors", relay.fds());
    // All that clients can take is taken; the camera dies and needs new ones.
    camera.fault(Fault::Die).unwrap();
    assert!(relay.wait_log("camera offline", SOON).is_some());
    let live = || relay.log().iter().filter(|line| line.contains("stream live")).count();
    assert!(wait_until(SOON, || live() >= 2), "the camera is back");
    viewers.iter_mut().for_each(|viewer| expect_frames(viewer, 100));
    drop(connections);
    assert!(is_served(&relay, "yard"), "when the crowd has gone there is room again");
}

#[test]
fn a_thread_that_is_not_to_be_had_is_an_answer_and_no_end() {
    let camera = camera();
    for thread in ["c2", "s:yard", "udp"] {
        let relay = Relay::with_env("RTSP_RELAY_NO_THREAD", thread.as_ref(), &config(&camera, ""));
        let mut viewer = RtspClient::watch(&relay.url("door")).unwrap();
        match thread {
            "c2" => {
                let (_stream, answer) = knock(relay.port()).unwrap();
                assert!(answer.starts_with("RTSP/1.0 503"), "{answer}");
                assert!(answer.contains("Retry-After: "), "{answer}");
                assert!(relay.wait_log("cannot be served", SOON).is_some());
            }
            "s:yard" => {
                let mut client = RtspClient::connect(&relay.url("yard")).unwrap();
                let uri = client.aggregate();
                let answer = client.request(Method::Describe, &uri, &[]).unwrap();
                assert_eq!(answer.status.code(), 503);
                assert!(answer.headers.get("Retry-After").is_some());
                assert!(relay.wait_log("out of resources", SOON).is_some());
            }
            _ => {
                let mut client = RtspClient::connect(&relay.url("door")).unwrap();
                client.describe().unwrap();
                let refused = client.setup(0, TransportSpec::udp(50_000)).unwrap_err();
                assert!(refused.to_string().contains("461"), "{refused}");
                client.setup(0, TransportSpec::interleaved(0)).unwrap();
            }
        }
        expect_frames(&mut viewer, 20);
        assert!(is_served(&relay, "yard"), "{thread}: the next one is served");
    }
}

/// Where a panic comes, and what the log says.
const PANICS: &[(&str, &str)] = &[
    ("accept:2", "a connection is not served"),
    ("udp:1", "some reports of UDP clients were not heard"),
    ("tick:2", "memory and processor are watched anew"),
];

#[test]
fn a_panic_where_all_viewers_depend_on_it_costs_one_connection_or_none() {
    let camera = camera();
    std::thread::scope(|scope| {
        for &(place, log) in PANICS {
            let camera = &camera;
            scope.spawn(move || expect_survival(camera, place, log));
        }
    });
}

fn expect_survival(camera: &Camera, place: &str, log: &str) {
    let keys = "max_clients=3";
    let relay = Relay::with_env("RTSP_RELAY_PANIC", place.as_ref(), &config(camera, keys));
    let mut viewer = RtspClient::watch(&relay.url("door")).unwrap();
    expect_frames(&mut viewer, 10);
    let victim = match place {
        "udp:1" => Some(reporting_viewer(&relay)),
        "accept:2" => RtspClient::watch(&relay.url("yard")).ok(),
        _ => None,
    };
    let line = relay.wait_log(log, SOON);
    let line = line.unwrap_or_else(|| panic!("{place}: nobody says '{log}'"));
    assert!(line.contains("ERROR") && line.contains("RTSP_RELAY_PANIC says so"), "{line}");
    assert_eq!(victim.is_some(), place == "udp:1", "{place}");
    expect_frames(&mut viewer, 30);
    drop(victim);
    // Of three places all but the viewer's are free.
    let free = || {
        let two = (0..2).map_while(|_| RtspClient::watch(&relay.url("yard")).ok());
        two.collect::<Vec<_>>().len() == 2
    };
    assert!(wait_until(SOON, free), "{place}: the places are free again");
    drop(viewer);
    // main and accept.
    let names = || relay.process().thread_names();
    assert!(wait_until(SOON, || relay.threads() == 2), "{place}: {:?}", names());
    assert!(is_served(&relay, "door"));
}

/// A viewer over UDP that has sent a report.
fn reporting_viewer(relay: &Relay) -> RtspClient {
    let mut client = RtspClient::connect(&relay.url("yard")).unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    client.describe().unwrap();
    let wanted = TransportSpec { client_port: Some((port, None)), ..TransportSpec::udp(port) };
    let answer = client.setup(0, wanted).unwrap();
    client.play().unwrap();
    let transport = answer.headers.get("Transport").unwrap();
    let ports = transport.split("server_port=").nth(1).unwrap();
    let rtcp = ports.split(';').next().unwrap().split('-').nth(1).unwrap();
    let to = ("127.0.0.1", rtcp.parse().unwrap());
    socket.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 1], to).unwrap();
    client
}
