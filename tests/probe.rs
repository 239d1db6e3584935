//! What `rtsp-relay probe` tells whoever has a camera that does not work, or one that does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rtsp_relay::tls::certificate::Fingerprint;
use serde_json::Value;
use sim::{Auth, Camera, Clip, Fault, Options, Path};
use support::{Finished, GstCamera, Program, Relay, RtspClient, film, leave, wait_until};

const SOON: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(60);
/// The exit code when there is no picture.
const COULD_NOT: i32 = 3;
const USAGE: i32 = 2;

fn probe(args: &[&str]) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
    Program::run(command.arg("probe").args(args), PATIENCE)
}

/// What is said of a camera that works.
#[track_caller]
fn found(args: &[&str]) -> String {
    let finished = probe(args).expect_ok("probe");
    assert_eq!(finished.stderr, "", "nothing but the report");
    finished.stdout
}

/// What is said of one that does not.
#[track_caller]
fn failed(args: &[&str]) -> String {
    let finished = probe(args);
    let code = finished.status.and_then(|status| status.code());
    assert_eq!(code, Some(COULD_NOT), "{finished:?}");
    assert!(!finished.stdout.contains("[stream]"), "{}", finished.stdout);
    finished.stdout
}

/// The report names the step, the cause and the next step, in this order.
#[track_caller]
fn assert_says(report: &str, parts: &[&str]) {
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut rest = flat.as_str();
    for part in parts {
        rest = rest.split_once(part).unwrap_or_else(|| panic!("no {part:?} in\n{report}")).1;
    }
}

fn password_file(name: &str, password: &str) -> PathBuf {
    let path = leave(&format!("probe-{}-{name}.password", std::process::id()));
    fs::write(&path, format!("{password}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn with_login() -> Camera {
    let auth = Auth::Digest { sha256: false, qop: false };
    let password = "p@ss/wörd #1".to_owned();
    Camera::start(Options { auth, password, ..Options::default() }).unwrap()
}

#[test]
fn a_good_camera_is_described_and_its_section_works_when_pasted() {
    let paths = vec![Path::new("main", Clip::builtin()).with_audio()];
    let options = Options { auth: Auth::Both, paths, ..Options::default() };
    let camera = Camera::start(options).unwrap();
    let file = password_file("good", "lens-cap");
    let url = camera.url("main");
    let report = found(&[&url, "--username", "admin", "--password-file", file.to_str().unwrap()]);
    assert_says(
        &report,
        &[
            "Methods OPTIONS, DESCRIBE, SETUP, PLAY",
            "Login Digest MD5, accepted",
            "Video H264 640x360, 25.",
            "kbit/s, clock 90000 Hz, payload type 96",
            "Audio PCMU",
            "clock 8000 Hz",
            "Key frames every 2.0 s",
            "Transports TCP works UDP works",
            "Keepalive OPTIONS every 30 s",
        ],
    );
    let section = &report[report.find("[stream]").unwrap()..];
    let mut relay = Relay::start(section);
    let mut viewer = RtspClient::watch(&relay.url("main")).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    let _ = fs::remove_file(file);

    // The camera was left in good order each time.
    drop(viewer);
    assert!(relay.terminate().0.success());
    let stats = camera.stats();
    assert_eq!((stats.sessions_max, stats.sessions_open), (1, 0));
    assert_eq!(stats.teardowns, stats.sessions_total);
}

#[test]
fn a_password_in_the_url_is_never_shown() {
    let camera = with_login();
    let report = found(&[&camera.url_with_login("main"), "--transport", "tcp"]);
    let shown = camera.url("main");
    assert_says(&report, &["[stream]", &format!("rtsp_url={shown}"), "password=***"]);
    for secret in ["p@ss", "p%40ss", "wörd", "%C3%B6rd"] {
        assert!(!report.contains(secret), "{secret} in\n{report}");
    }
}

#[test]
fn a_camera_of_h265_is_described_like_any_other() {
    let clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let options = Options { paths: vec![Path::new("main", clip)], ..Options::default() };
    let camera = Camera::start(options).unwrap();
    let report = found(&[&camera.url("main")]);
    assert_says(
        &report,
        &["Video H265 320x180, 25.", "Key frames every 1.0 s", "TCP works UDP works", "[stream]"],
    );
}

#[test]
fn programs_get_the_same_as_json() {
    let camera = Camera::start(Options::default()).unwrap();
    let url = camera.url("sub");
    let report: Value =
        serde_json::from_str(&found(&[&url, "--json", "--transport", "tcp"])).unwrap();
    for (pointer, expected) in [
        ("/url", url.as_str().into()),
        ("/works", true.into()),
        ("/failure", Value::Null),
        ("/version", "RTSP/1.0".into()),
        ("/methods/0", "OPTIONS".into()),
        ("/login", Value::Null),
        ("/tracks/0/codec", "H264".into()),
        ("/tracks/0/clock_rate", 90_000.into()),
        ("/tracks/0/resolution", "320x180".into()),
        ("/transports/tcp/works", true.into()),
        ("/transports/udp", Value::Null),
        ("/keepalive/method", "OPTIONS".into()),
        ("/tolerated", Value::Array(Vec::new())),
        ("/stream", format!("[stream]\nname=sub\nrtsp_url={url}\n").into()),
    ] {
        assert_eq!(report.pointer(pointer), Some(&expected), "{pointer} of {report:#}");
    }
    for (name, least, most) in [("fps", 5.0, 30.0), ("gop_ms", 100.0, 10_000.0)] {
        let value = report[name].as_f64().unwrap();
        assert!((least..most).contains(&value), "{name}={value}");
    }
    assert!(report["bitrate_kbps"].as_u64().unwrap() > 0);

    let report = failed(&[&camera.url("nowhere"), "--json"]);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["works"], false);
    assert_eq!(report["failure"]["step"], "DESCRIBE");
    assert!(report["failure"]["advice"].as_array().is_some_and(|advice| !advice.is_empty()));
    assert_eq!(report["stream"], Value::Null);
}

#[test]
fn a_wrong_password_and_a_missing_one_are_told_apart() {
    let camera = with_login();
    let file = password_file("wrong", "hunter2");
    let args =
        [&camera.url("main"), "--username", "admin", "--password-file", file.to_str().unwrap()];
    let report = failed(&args);
    assert_says(
        &report,
        &[
            "Login Digest MD5, refused",
            "It failed at DESCRIBE:",
            "wrong user or password",
            "Check user and password.",
            "cameras lock the account",
        ],
    );
    assert!(!report.contains("hunter2"));
    assert_eq!(camera.stats().logins_failed, 1, "it was sent once");
    let _ = fs::remove_file(file);

    let report = failed(&[&camera.url("main")]);
    assert_says(
        &report,
        &["It failed at login:", "none is configured", "--username USER --password-file FILE"],
    );
}

#[test]
fn a_wrong_path_is_told_with_the_paths_of_well_known_makers() {
    let camera = Camera::start(Options::default()).unwrap();
    let report = failed(&[&camera.url("stream1")]);
    assert_says(
        &report,
        &["It failed at DESCRIBE:", "no stream of this name", "/stream1 here", "Hikvision"],
    );
}

#[test]
fn a_closed_port_is_told() {
    let port = support::free_port();
    let report = failed(&[&format!("rtsp://127.0.0.1:{port}/main")]);
    let nothing = format!("nothing listens on port {port}");
    assert_says(&report, &["It failed at connect:", "Connection refused", &nothing, "554"]);
}

#[test]
fn a_host_that_takes_connections_and_says_nothing_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let report = failed(&[&format!("rtsp://{address}/main")]);
    assert_says(
        &report,
        &["It failed at OPTIONS:", "did not answer in time", "is it the RTSP port?"],
    );
}

#[test]
fn a_dead_host_is_told() {
    // With the queue of connections full, the system drops what comes, as a host that is off does.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let queued = fill(&listener);
    let report = failed(&[&format!("rtsp://{address}/main")]);
    assert_says(
        &report,
        &["It failed at connect:", "no answer from 127.0.0.1", "Is the camera on", "firewall"],
    );
    drop(queued);
}

/// Takes the places of all connections that may wait to be accepted.
fn fill(listener: &TcpListener) -> Vec<std::net::TcpStream> {
    rustix::net::listen(listener, 0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    let short = Duration::from_millis(300);
    while let Ok(stream) = std::net::TcpStream::connect_timeout(&address, short) {
        queued.push(stream);
        assert!(queued.len() < 1000, "the queue of connections has an end");
    }
    queued
}

/// A server that answers whatever comes first with these bytes, and closes.
fn answering(bytes: &'static [u8]) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(bytes);
        }
    });
    port
}

#[test]
fn a_port_for_tls_that_is_spoken_to_in_plain_is_told() {
    // What TLS servers say to a plain request: the alert "decode error" or another.
    let port = answering(&[21, 3, 3, 0, 2, 2, 50]);
    let report = failed(&[&format!("rtsp://127.0.0.1:{port}/main")]);
    let rtsps = format!("try rtsps://127.0.0.1:{port}/main");
    assert_says(&report, &["It failed at TLS:", "the camera speaks TLS on this port", &rtsps]);
    // Or they just close.
    let port = answering(b"");
    let report = failed(&[&format!("rtsp://127.0.0.1:{port}/main")]);
    let rtsps = format!("try rtsps://127.0.0.1:{port}/main");
    assert_says(&report, &["closed the connection instead of answering OPTIONS", &rtsps]);
}

fn secure_camera(auth: Auth) -> (Camera, String, String) {
    let tls = Some(([127, 0, 0, 1], 0).into());
    let camera = Camera::start(Options { tls, auth, ..Options::default() }).unwrap();
    let pin = Fingerprint::of(camera.certificate().unwrap());
    let url = camera.tls_url("main").unwrap();
    (camera, url, format!("tls_fingerprint={pin}"))
}

#[test]
fn a_camera_with_a_certificate_of_its_own_is_described_and_its_section_pins_it() {
    let (_camera, url, pin) = secure_camera(Auth::None);
    let report = found(&[&url]);
    let fingerprint = pin.split_once('=').unwrap().1;
    let warning = "compare the fingerprint (SHA-256) with the one that the camera's web page shows";
    let certificate = format!("Certificate not trusted, {fingerprint}");
    assert_says(&report, &[&certificate, "Video H264 640x360", warning, "[stream]", &pin]);
    let relay = Relay::start(&report[report.find("[stream]").unwrap()..]);
    let mut viewer = RtspClient::watch(&relay.url("main")).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    let json: Value = serde_json::from_str(&found(&[&url, "--json"])).unwrap();
    assert_eq!(json["tls_fingerprint"], fingerprint);
    assert!(json["stream"].as_str().unwrap().contains(&pin));
}

#[test]
fn no_login_goes_to_a_camera_whose_certificate_nobody_vouches_for() {
    let (camera, url, pin) = secure_camera(Auth::Basic);
    let file = password_file("unvouched", "lens-cap");
    let arguments = [&url, "--username", "admin", "--password-file", file.to_str().unwrap()];
    let finished = probe(&arguments);
    let code = finished.status.and_then(|status| status.code());
    assert_eq!(code, Some(COULD_NOT), "{finished:?}");
    let report = finished.stdout;
    let next = "Compare that fingerprint (SHA-256) with the one that the camera's web page shows";
    assert_says(&report, &["It failed at TLS:", "is not trusted", &pin, next, "[stream]", &pin]);
    assert_eq!(camera.stats().requests, 0, "nothing was asked of it");
    // Whoever has compared them pastes the section.
    let relay = Relay::start(&report[report.find("[stream]").unwrap()..]);
    let mut viewer = RtspClient::watch(&relay.url("main")).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    let _ = fs::remove_file(file);
}

#[test]
fn a_real_camera_with_tls_that_is_spoken_to_in_plain_is_told() {
    let camera = GstCamera::start(&["--tls"]);
    let report = failed(&[&camera.url("main")]);
    let rtsps = camera.url("main").replace("rtsp://", "try rtsps://");
    assert_says(&report, &["No picture.", &rtsps]);
}

#[test]
fn the_port_of_the_web_page_is_told() {
    let port = answering(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    let report = failed(&[&format!("rtsp://127.0.0.1:{port}/main")]);
    assert_says(&report, &["No picture.", "This port speaks HTTP", "554"]);
}

#[test]
fn a_camera_whose_one_session_is_taken_is_told() {
    let camera = Camera::start(Options::default()).unwrap();
    camera.fault(Fault::MaxSessions(1)).unwrap();
    let mut other = RtspClient::watch(&camera.url("main")).unwrap();
    assert!(other.read_frame(SOON).unwrap().is_some());
    let report = failed(&[&camera.url("main")]);
    assert_says(
        &report,
        &["It failed at SETUP:", "no free session (453", "Close other viewers", "wait a minute"],
    );
    drop(other);
    assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    // Its own session does not stand in its way, though the camera takes a while to forget one.
    camera.fault(Fault::ForgetAfter { ms: 1500 }).unwrap();
    let report = found(&[&camera.url("main")]);
    assert_says(&report, &["Transports TCP works UDP works"]);
    assert_eq!(camera.stats().sessions_max, 1);
}

#[test]
fn what_does_not_work_and_what_is_tolerated_is_in_the_report() {
    let camera = Camera::start(Options::default()).unwrap();
    camera.fault(Fault::NoTcp(true)).unwrap();
    camera.fault(Fault::Status { method: rtsp_proto::Method::Options, code: 501 }).unwrap();
    let report = found(&[&camera.url("main")]);
    assert_says(
        &report,
        &[
            "TCP does not work: the camera refuses RTP",
            "UDP works",
            "GET_PARAMETER",
            "transport=udp",
        ],
    );
    camera.fault(Fault::Normal).unwrap();
    camera.fault(Fault::NoAnswer { method: rtsp_proto::Method::Play }).unwrap();
    let report = found(&[&camera.url("main"), "--transport", "tcp"]);
    assert_says(&report, &["Tolerated media before the answer to PLAY (1)"]);
}

#[test]
fn wrong_usage_is_no_fault_of_the_camera() {
    for args in [
        &["http://127.0.0.1/"][..],
        &["rtsp://127.0.0.1/", "--username", "admin"],
        &["rtsp://admin:hunter2@127.0.0.1/", "--username", "a", "--password-file", "/dev/null"],
    ] {
        let finished = probe(args);
        assert_eq!(finished.status.and_then(|status| status.code()), Some(USAGE), "{finished:?}");
        assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
        assert!(!finished.stderr.contains("hunter2"));
    }
}
