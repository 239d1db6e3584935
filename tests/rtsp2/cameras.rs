//! RTSP 2.0 toward cameras: one that nobody here wrote, and one that only says that it speaks it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::sync::mpsc;

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::{Limits, Method, Request};

use super::*;
use deviations::{Part, check};
use recorder::Recorder;
use sim::Fault;
use support::{GstCamera, Program, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const FRAMES: usize = 50;

/// A relay whose stream `gate` comes from this URL.
fn relay_of(url: &str, more: &str) -> Relay {
    Relay::start(&format!(
        "source_idle_timeout_s=1\n[stream]\nname=gate\nrtsp_url={url}\n\
         username=admin\npassword=secret\n{more}"
    ))
}

/// How many pictures ffmpeg decodes of a stream before it stops, or complains.
fn decoded(url: &str) -> usize {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel error -xerror".split(' '));
    command.args(["-rtsp_transport", "tcp", "-i", url, "-map", "0:v", "-f", "framemd5"]);
    command.args(["-frames:v", &FRAMES.to_string(), "-"]);
    let finished = Program::run(&mut command, PATIENCE).expect_ok("ffmpeg");
    finished.stdout.lines().filter(|line| !line.starts_with('#')).count()
}

#[test]
fn a_camera_that_speaks_it_is_pulled_in_the_second_version_by_the_book() {
    let camera = GstCamera::start(&["--auth", "digest", "--audio"]);
    for transport in ["tcp", "udp"] {
        let recorder = Recorder::before(camera.port());
        let relay = relay_of(&recorder.url("main"), &format!("transport={transport}\n"));
        assert_eq!(decoded(&relay.url("gate")), FRAMES, "{transport}");
        // Nobody watches any more, so the session ends.
        let left = || {
            let all = recorder.exchanges(0);
            all.iter()
                .any(|(request, answer)| request.method == Method::Teardown && answer.is_some())
        };
        assert!(wait_until(SOON, left), "{transport}: no TEARDOWN");

        let exchanges = recorder.exchanges(0);
        let (first, rest) = exchanges.split_first().unwrap();
        assert_eq!((&first.0.method, first.0.version), (&Method::Options, Version::V1_0));
        assert!(first.0.headers.get("Supported").is_none(), "an ordinary camera would see it");
        let mut methods = Vec::new();
        for (request, answer) in rest {
            assert!(request.headers.get("User-Agent").is_some());
            let answer = answer.as_ref().unwrap();
            assert_eq!(answer.version, Version::V2_0, "{transport}: {answer:?}");
            methods.push((request.method.clone(), answer.status.code()));
        }
        let described = rest.iter().filter(|(request, _)| request.method == Method::Describe);
        for (request, _) in described {
            assert_eq!(request.headers.get("Supported"), Some("play.basic"));
        }
        methods.retain(|(method, _)| *method != Method::Options);
        let expected = [
            (Method::Describe, 401),
            (Method::Describe, 200),
            (Method::Setup, 200),
            (Method::Setup, 200),
            (Method::Play, 200),
            (Method::Teardown, 200),
        ];
        assert_eq!(methods, expected, "{transport}");
        check(Part::Puller, Part::GstServer, transport, rest);
    }
}

/// A camera that says the name of one that speaks RTSP 2.0 and then answers nothing but OPTIONS;
/// gives what else it is asked.
fn mute_camera() -> (String, mpsc::Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rtsp://127.0.0.1:{}/main", listener.local_addr().unwrap().port());
    let (asked, requests) = mpsc::channel();
    std::thread::spawn(move || {
        for mut relay in listener.incoming().flatten() {
            let mut decoder = Decoder::new(Peer::Client, Limits::CAMERA);
            let mut chunk = [0; 4096];
            while let Ok(count @ 1..) = relay.read(&mut chunk) {
                decoder.push(&chunk[..count]);
                while let Some(Event::Request(request)) = decoder.next().unwrap() {
                    if request.method == Method::Options {
                        let cseq = request.cseq().unwrap();
                        let answer = format!(
                            "RTSP/1.0 200 OK\r\nCSeq: {cseq}\r\nServer: GStreamer RTSP server\r\n\r\n"
                        );
                        relay.write_all(answer.as_bytes()).unwrap();
                    } else if asked.send(request).is_err() {
                        return;
                    }
                }
            }
        }
    });
    (url, requests)
}

#[test]
fn a_camera_that_brought_nothing_in_the_second_version_is_asked_in_the_first_from_then_on() {
    let (url, requests) = mute_camera();
    let relay = relay_of(&url, "source_start_timeout_s=1\nretry_initial_ms=100\n");
    let versions = [(); 3].map(|()| {
        let mut next = None;
        let asked = || {
            // A viewer that comes is a reason to try again.
            let refused = RtspClient::connect(&relay.url("gate")).unwrap().describe();
            assert!(refused.is_err(), "there is no stream");
            next = requests.try_recv().ok();
            next.is_some()
        };
        assert!(wait_until(SOON, asked), "the camera is not asked again");
        next.map(|request| (request.method, request.version))
    });
    let describe = |version| Some((Method::Describe, version));
    let expected = [Version::V2_0, Version::V1_0, Version::V1_0].map(describe);
    assert_eq!(versions, expected);
}

/// A camera that speaks both versions, what is said to it, and a relay whose stream `gate` it is.
fn bilingual_camera() -> (Camera, Recorder, Relay) {
    let paths = vec![Path::new("main", Clip::builtin())];
    let camera = Camera::start(Options { paths, rtsp2: true, ..Options::default() }).unwrap();
    let recorder = Recorder::before(camera.port());
    let timing = "source_start_timeout_s=2\nretry_initial_ms=100\nretry_max_ms=200\n";
    let relay = relay_of(&recorder.url("main"), timing);
    (camera, recorder, relay)
}

/// The versions in which DESCRIBE was asked on each connection so far.
fn versions(recorder: &Recorder) -> Vec<Vec<Version>> {
    let of = |connection| {
        let asked = recorder.exchanges(connection);
        let describes = asked.iter().filter(|(request, _)| request.method == Method::Describe);
        describes.map(|(request, _)| request.version).collect()
    };
    (0..recorder.connections()).map(of).collect()
}

/// A viewer sees the stream, if need be after some attempts.
fn watch_again(relay: &Relay) -> RtspClient {
    let mut viewer = None;
    let watches = || {
        viewer = RtspClient::watch(&relay.url("gate")).ok();
        viewer.is_some()
    };
    assert!(wait_until(PATIENCE, watches), "there is no stream");
    viewer.unwrap()
}

#[test]
fn what_fails_for_another_reason_leaves_the_camera_in_the_second_version() {
    let (camera, recorder, relay) = bilingual_camera();
    let refuse = |method, code| Fault::Status { method, code };
    for (fault, why) in [
        (refuse(Method::Describe, 404), "404"),
        (refuse(Method::Setup, 403), "403"),
        (refuse(Method::Play, 500), "500"),
    ] {
        camera.fault(fault).unwrap();
        assert!(RtspClient::watch(&relay.url("gate")).is_err(), "{why}");
        camera.fault(Fault::Normal).unwrap();
        // The session ends with its viewer, and the next fault meets a new one.
        drop(watch_again(&relay));
        let gone = || camera.stats().sessions_open == 0;
        assert!(wait_until(PATIENCE, gone), "{why}: the session goes on");
    }
    let versions = versions(&recorder);
    assert!(versions.len() >= 6, "{versions:?}");
    for asked in &versions {
        assert!(asked.iter().all(|version| *version == Version::V2_0), "{versions:?}");
    }
}

#[test]
fn a_camera_that_is_as_silent_in_the_first_version_is_asked_in_the_second_again() {
    let (camera, recorder, relay) = bilingual_camera();
    camera.fault(Fault::Mute(true)).unwrap();
    let doubted = || {
        assert!(RtspClient::watch(&relay.url("gate")).is_err(), "nothing is sent");
        let last = versions(&recorder).last().and_then(|asked| asked.first().copied());
        last == Some(Version::V1_0)
    };
    assert!(wait_until(PATIENCE, doubted), "1.0 is not tried: {:?}", versions(&recorder));
    camera.fault(Fault::Normal).unwrap();
    let back = || {
        drop(RtspClient::watch(&relay.url("gate")));
        let last = versions(&recorder).last().and_then(|asked| asked.first().copied());
        last == Some(Version::V2_0)
    };
    assert!(wait_until(PATIENCE, back), "2.0 is given up: {:?}", versions(&recorder));
    drop(watch_again(&relay));
}
