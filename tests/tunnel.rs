//! RTSP through HTTP: a GET for what the viewer gets, a POST for what it says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine};
use rtsp_proto::headers::TransportSpec;
use rustix::process::Signal;
use serde_json::Value;
use sim::{Camera, Options};
use socket2::{Domain, Socket, Type};
use support::{Certificate, Finished, GstCamera, Program, Relay, RtspClient, project, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// Longer than any player takes when all is well.
const PATIENCE: Duration = Duration::from_secs(60);

const OPTIONS: &[u8] = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n";

fn relay_of(camera: &Camera, more: &str) -> Relay {
    Relay::start(&format!(
        "source_idle_timeout_s=0\n{more}\n[stream]\nname=door\nrtsp_url={}\n",
        camera.url("main")
    ))
}

/// One half of a tunnel, from an address of the loopback network.
fn half(relay: &Relay, from: [u8; 4], method: &str, cookie: &str) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((from, 0)).into()).unwrap();
    socket.connect(&SocketAddr::from(([127, 0, 0, 1], relay.port())).into()).unwrap();
    let mut stream = TcpStream::from(socket);
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let head = format!(
        "{method} /door HTTP/1.1\r\nx-sessioncookie: {cookie}\r\nContent-Length: 32767\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

/// Reads until `end` came.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.ends_with(end) {
        let mut byte = [0];
        assert_eq!(stream.read(&mut byte).unwrap(), 1, "it ends after {text:?}");
        text.push(char::from(byte[0]));
    }
    text
}

fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_viewer_watches_through_http_with_one_thread_and_lets_the_camera_go() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "");
    let idle = relay.threads();
    let mut client = RtspClient::through_http(&relay.url("door")).unwrap();
    client.describe().unwrap();
    // The address may be a proxy's: nothing is sent there but on its own connection.
    let refused = client.setup(0, TransportSpec::udp(40_000)).unwrap_err();
    assert!(refused.to_string().contains("461"), "{refused}");
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    support::expect_media(&mut client, 100);
    client.keep_alive().unwrap();
    assert!(relay.wait_log(" transport=http ", SOON).is_some());
    assert!(wait_until(SOON, || relay.threads() == idle + 2), "its own and the camera's");
    // Both connections count, as both take descriptors.
    relay.process().signal(Signal::USR1);
    assert!(relay.wait_log("status clients=2 viewers=1 ", SOON).is_some());
    // Gone without a word.
    drop(client);
    assert!(wait_until(SOON, || camera.stats().teardowns == 1));
    assert!(wait_until(SOON, || relay.threads() == idle));
    relay.process().signal(Signal::USR1);
    assert!(relay.wait_log("status clients=0 viewers=0 ", SOON).is_some());
}

#[test]
fn a_post_may_come_first_and_in_single_bytes() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "");
    let mut post = half(&relay, HERE, "POST", "early");
    let body = BASE64_STANDARD.encode(OPTIONS);
    for (at, byte) in body.bytes().enumerate() {
        post.write_all(&[byte]).unwrap();
        if at == body.len() / 2 {
            // The relay waits for the other half, with half a request in its hands.
            let waits = || relay.process().thread_names().iter().any(|name| name == "c1");
            assert!(wait_until(SOON, waits));
            let mut get = half(&relay, HERE, "GET", "early");
            let head = read_until(&mut get, "\r\n\r\n");
            assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
            assert!(head.contains("\r\nContent-Type: application/x-rtsp-tunnelled\r\n"), "{head}");
            std::thread::scope(|scope| {
                let answer = scope.spawn(|| read_until(&mut get, "\r\n\r\n"));
                for byte in body.bytes().skip(at + 1) {
                    post.write_all(&[byte]).unwrap();
                }
                let answer = answer.join().unwrap();
                assert!(answer.starts_with("RTSP/1.0 200 OK\r\nCSeq: 1\r\n"), "{answer}");
            });
            // The next request by another POST, with its lines broken, while this one is open.
            let mut second = half(&relay, HERE, "POST", "early");
            let (one, two) = body.split_at(10);
            second.write_all(format!("{one}\r\n{two}\r\n").as_bytes()).unwrap();
            let answer = read_until(&mut get, "\r\n\r\n");
            assert!(answer.starts_with("RTSP/1.0 200 OK"), "{answer}");
            return;
        }
    }
}

#[test]
fn a_cookie_is_good_for_one_address_only() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "");
    let mut get = half(&relay, HERE, "GET", "mine");
    read_until(&mut get, "\r\n\r\n");
    for method in ["GET", "POST"] {
        let answer = rest(&mut half(&relay, ELSEWHERE, method, "mine"));
        assert!(answer.starts_with("HTTP/1.0 403 Forbidden\r\n"), "{answer}");
    }
    let mut post = half(&relay, HERE, "POST", "mine");
    post.write_all(BASE64_STANDARD.encode(OPTIONS).as_bytes()).unwrap();
    assert!(read_until(&mut get, "\r\n\r\n").starts_with("RTSP/1.0 200 OK"));
    // And so it is with a POST that waits.
    let _waiting = half(&relay, HERE, "POST", "other");
    assert!(wait_until(SOON, || relay.process().thread_names().contains(&"c5".to_owned())));
    let mut stranger = half(&relay, ELSEWHERE, "GET", "other");
    let answer = rest(&mut stranger);
    assert!(answer.starts_with("HTTP/1.0 403 Forbidden\r\n"), "{answer}");
}

#[test]
fn half_a_tunnel_does_not_wait_for_ever() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "request_timeout_s=1");
    let idle = relay.threads();
    let begun = Instant::now();
    let mut halves: Vec<_> = (0..20)
        .map(|n| half(&relay, HERE, if n % 2 == 0 { "GET" } else { "POST" }, &format!("c{n}")))
        .collect();
    halves.push(TcpStream::connect(("127.0.0.1", relay.port())).unwrap());
    halves[20].write_all(b"GET /door HT").unwrap();
    halves[20].set_read_timeout(Some(SOON)).unwrap();
    for half in &mut halves {
        rest(half);
    }
    assert!(begun.elapsed() >= Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(wait_until(SOON, || relay.threads() == idle));
    for reason in ["its tunnel has no GET", "its tunnel has no POST", "its request does not end"] {
        assert!(relay.wait_log(reason, SOON).is_some(), "{reason}");
    }
}

#[test]
fn a_tunnel_lives_on_when_its_post_ends_and_dies_with_its_get() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "request_timeout_s=1");
    let idle = relay.threads();
    let mut client = RtspClient::through_http(&relay.url("door")).unwrap();
    client.describe().unwrap();
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    client.close_post();
    // Longer than a half may wait for its other half.
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        support::expect_media(&mut client, 10);
    }
    client.open_post().unwrap();
    client.keep_alive().unwrap();
    client.stream().shutdown(Shutdown::Both).unwrap();
    assert!(wait_until(SOON, || relay.threads() == idle), "with the POST still open");
}

#[test]
fn http_that_is_no_tunnel_is_answered_in_its_own_words() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_of(&camera, "");
    let answer = |request: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", relay.port())).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream.write_all(request).unwrap();
        rest(&mut stream)
    };
    let page = answer(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n");
    assert!(page.starts_with("HTTP/1.0 400 Bad Request\r\n"), "{page}");
    assert!(page.contains("\r\n\r\nthis is a port for RTSP"), "{page}");
    let long = format!("POST / HTTP/1.1\r\n{}", "x: y\r\n".repeat(2000));
    let page = answer(long.as_bytes());
    assert!(page.starts_with("HTTP/1.0 431 "), "{page}");

    let mut get = half(&relay, HERE, "GET", "bad");
    read_until(&mut get, "\r\n\r\n");
    let mut post = half(&relay, HERE, "POST", "bad");
    post.write_all(OPTIONS).unwrap();
    assert!(rest(&mut get).starts_with("RTSP/1.0 400 "));
    assert!(relay.wait_log("the body of a tunnel is base64", SOON).is_some());
    assert_eq!(camera.stats().connections_total, 0);
}

#[test]
fn strangers_are_not_let_in_by_a_tunnel() {
    let camera = Camera::start(Options::default()).unwrap();
    let login = "client_username=family\nclient_password=watch me";
    let relay = relay_of(&camera, login);
    let refused = RtspClient::through_http(&relay.url("door")).unwrap().describe().unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
    let url = relay.url("door").replace("rtsp://", "rtsp://family:watch%20me@");
    let mut client = RtspClient::through_http(&url).unwrap();
    client.describe().unwrap();
}

fn ffmpeg(url: &str, transport: &str) -> Command {
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-xerror"]);
    ffmpeg.args(["-rtsp_transport", transport, "-i", url, "-frames:v", "100", "-f", "null", "-"]);
    ffmpeg
}

fn gstreamer(url: &str) -> Command {
    let mut gstreamer = Command::new("/usr/bin/python3");
    gstreamer.arg(project("tests/players/gst_viewer.py")).arg(url);
    gstreamer.args(["--frames", "100", "--insecure", "--protocols", "http"]);
    gstreamer
}

fn live555(url: &str, how: &str) -> Command {
    let mut live555 = Command::new("/usr/bin/python3");
    live555.arg(project("tests/players/live555_client.py")).arg(url);
    live555.args(["--http", how, "--pictures", "100", "--keepalive", "1"]);
    live555.args(["--expect-key-frame", "--rtp-info", "require"]);
    live555
}

fn expect_right(finished: Finished, what: &str) {
    let finished = finished.expect_ok(what);
    let result: Value = serde_json::from_str(&finished.stdout).unwrap();
    assert_eq!(result["ok"], true, "{what}: {result}");
}

#[test]
fn players_watch_through_http_and_through_https() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let certificate = Certificate::new();
    let relay = Relay::with_tls(
        &certificate,
        &format!(
            "[stream]\nname=gate\nrtsp_url={}\nusername=admin\npassword=secret\n",
            camera.url("main")
        ),
    );
    let (plain, secret) = (relay.url("gate"), relay.tls_url("gate"));
    // ffmpeg takes the scheme for the protocol within the tunnel, which is plain RTSP in both cases.
    let over_tls = secret.replace("rtsps://", "rtsp://");
    let programs = [
        ("ffmpeg", ffmpeg(&plain, "http")),
        ("ffmpeg over TLS", ffmpeg(&over_tls, "https")),
        ("GStreamer", gstreamer(&plain)),
        ("GStreamer over TLS", gstreamer(&secret)),
        ("live555", live555(&plain, "tunnel")),
        ("live555 with a POST for each request", live555(&plain, "reopen")),
        ("live555 over TLS", live555(&secret, "tunnel")),
    ];
    let running = programs.map(|(name, mut command)| (name, Program::start(&mut command)));
    for (name, program) in running {
        let finished = program.finish(PATIENCE);
        match name.starts_with("ffmpeg") {
            true => assert_eq!(finished.expect_ok(name).stderr, "", "{name} complains"),
            false => expect_right(finished, name),
        }
    }
    assert_eq!(camera.count("session"), 1);
    let joined = |transport: &str| {
        let lines = relay.log();
        lines.iter().filter(|l| l.contains("viewer joined") && l.contains(transport)).count()
    };
    assert_eq!((joined(" transport=http "), joined(" transport=https ")), (4, 3));
}
