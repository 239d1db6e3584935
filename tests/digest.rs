//! Digest logins beside programs that others wrote, in both roles; `docs/security.md` has the table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::process::Command;
use std::thread::scope;
use std::time::Duration;

use serde_json::Value;
use sim::{Camera, Options};
use support::{Finished, Program, Relay, RtspClient, free_port, project, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);
const PYTHON: &str = "/usr/bin/python3";
const USER: &str = "eve";
const PASSWORD: &str = "open-sesame";
/// Hard to quote and to encode.
const CAMERA_USER: &str = "ad\"min";
const CAMERA_PASSWORD: &str = "p:ä@\\'%";

fn peer(arguments: &[&str]) -> Command {
    let mut command = Command::new(PYTHON);
    command.arg(project("tests/players/digest_peer.py")).args(arguments);
    command
}

fn events(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

struct House {
    _camera: Camera,
    relay: Relay,
    http: u16,
}

impl House {
    fn new(methods: &str) -> Self {
        let camera = Camera::start(Options::default()).unwrap();
        let http = free_port();
        let relay = Relay::start(&format!(
            "http_port={http}\nauth_methods={methods}\nclient_username={USER}\nclient_password={PASSWORD}\n\
             [stream]\nname=door\nrtsp_url={}\n",
            camera.url("main")
        ));
        Self { _camera: camera, relay, http }
    }

    fn url(&self, password: &str) -> String {
        format!("rtsp://{USER}:{password}@127.0.0.1:{}/door", self.relay.port())
    }
}

/// What must come back for each case of the peer: the status, and whether the challenge says that
/// only the nonce was wrong.
const CASES: &[(&str, u64, bool)] = &[
    ("right", 200, false),
    ("rfc 2069, without qop", 200, false),
    ("hash in capitals", 200, false),
    ("unknown parameters", 200, false),
    ("parameters in another order and quoted otherwise", 200, false),
    ("nc of a later request", 200, false),
    ("algorithm left out", 200, false),
    ("wrong password", 401, false),
    ("wrong response", 401, false),
    ("empty response", 401, false),
    ("no response", 401, false),
    ("unknown user", 401, false),
    ("another realm", 401, false),
    ("a nonce of its own", 401, true),
    ("a uri of something else", 401, false),
    ("another method", 401, false),
    ("qop without cnonce", 401, false),
    ("qop without nc", 401, false),
    ("nc that is no number", 401, false),
    ("auth-int, which was not offered", 401, false),
    ("userhash, which was not offered", 401, false),
    ("an unknown qop", 401, false),
    ("a parameter twice", 401, false),
    ("algorithm that was not offered", 401, false),
    ("session algorithm that was not offered", 401, false),
    ("nc 00000001 in a row", 200, false),
    ("nc 00000002 in a row", 200, false),
    ("nc 00000002 in a row", 401, true),
    ("nc 00000001 in a row", 401, true),
    ("nc 00000003 in a row", 200, false),
];

#[test]
fn the_server_holds_to_the_rfc_over_rtsp_and_http() {
    for (methods, algorithm) in [("digest", "MD5"), ("digest-sha256", "SHA-256")] {
        let house = House::new(methods);
        // DESCRIBE is answered at once from here on.
        let _watcher = RtspClient::watch(&house.url(PASSWORD)).unwrap();
        let (rtsp, http) = (house.relay.port().to_string(), house.http.to_string());
        for way in [
            &["--port", &rtsp, "--path", "/door"][..],
            &["--port", &http, "--path", "/metrics", "--http"],
        ] {
            let mut command = peer(&["client", "--user", USER, "--password", PASSWORD]);
            command.args(["--algorithm", algorithm]).args(way);
            let finished = Program::run(&mut command, PATIENCE).expect_ok("the peer");
            let came: Vec<_> = events(&finished.stdout)
                .iter()
                .map(|event| {
                    let case = event["case"].as_str().unwrap().to_owned();
                    (case, event["status"].as_u64().unwrap(), event["stale"] == true)
                })
                .collect();
            let expected: Vec<_> = CASES
                .iter()
                .filter(|case| algorithm == "MD5" || case.0 != "algorithm left out")
                .map(|&(case, status, stale)| (case.to_owned(), status, stale))
                .collect();
            assert_eq!(came, expected, "{algorithm} {way:?}");
        }
    }
}

/// Each program gets in with the right password, or not at all; with a wrong one none does.
/// `auth_methods`, and who gets in: ffmpeg, mpv, GStreamer, live555's dialog, curl, Python's urllib.
const PROGRAMS: &[(&str, [bool; 6])] = &[
    ("digest", [true, true, true, true, true, true]),
    ("digest-sha256", [false, false, false, false, true, false]),
];

#[test]
fn programs_log_in_as_far_as_they_know_what_is_offered() {
    for (methods, expected) in PROGRAMS {
        let house = House::new(methods);
        for password in [PASSWORD, "guess"] {
            let url = house.url(password);
            let http = format!("http://127.0.0.1:{}/api/v1/status", house.http);
            let login = format!("{USER}:{password}");
            let program = |name: &str, arguments: &[&str]| {
                let mut command = Command::new(name);
                command.args(arguments);
                command
            };
            let (gst, live) = (
                project("tests/players/gst_viewer.py"),
                project("tests/players/live555_client.py"),
            );
            let mut commands = [
                program(
                    "ffmpeg",
                    &[
                        "-hide_banner",
                        "-nostdin",
                        "-loglevel",
                        "warning",
                        "-rtsp_transport",
                        "tcp",
                        "-i",
                        &url,
                        "-frames:v",
                        "3",
                        "-f",
                        "null",
                        "-",
                    ],
                ),
                program(
                    "mpv",
                    &[
                        "--no-config",
                        "--no-terminal",
                        "--no-audio",
                        "--vo=null",
                        "--rtsp-transport=tcp",
                        "--frames=3",
                        &url,
                    ],
                ),
                program(PYTHON, &[gst.to_str().unwrap(), &url, "--frames", "3"]),
                program(PYTHON, &[live.to_str().unwrap(), &url, "--pictures", "3"]),
                program(
                    "curl",
                    &["--silent", "--fail", "--digest", "--user", &login, &http, &http],
                ),
                peer(&["urllib", "--user", USER, "--password", password, "--url", &http]),
            ];
            let entered: Vec<bool> = scope(|scope| {
                let threads: Vec<_> = commands
                    .iter_mut()
                    .map(|command| scope.spawn(move || entered(&Program::run(command, PATIENCE))))
                    .collect();
                threads.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            let expected = expected.map(|may| may && password == PASSWORD);
            assert_eq!(entered, expected, "{methods} {password}");
        }
    }
}

fn entered(finished: &Finished) -> bool {
    let fetched = events(&finished.stdout);
    let refused = fetched.iter().any(|event| event.get("error").is_some());
    finished.ok() && !refused
}

#[test]
fn the_client_answers_every_kind_of_challenge_as_the_rfc_wants() {
    let camera = Program::start(&mut peer(&[
        "camera",
        "--user",
        CAMERA_USER,
        "--password",
        CAMERA_PASSWORD,
    ]));
    let ready = camera.stdout.wait_line("\"ready\"", PATIENCE).unwrap();
    let ready = events(&ready).remove(0);
    let ways: Vec<_> = ready["ways"]
        .as_array()
        .unwrap()
        .iter()
        .map(|way| way.as_str().unwrap().to_owned())
        .collect();
    assert!(ways.len() >= 16);
    let streams: String = ways
        .iter()
        .map(|way| {
            format!(
                "[stream]\nname={way}\nrtsp_url=rtsp://127.0.0.1:{}/{way}\nusername={CAMERA_USER}\npassword={CAMERA_PASSWORD}\n",
                ready["port"]
            )
        })
        .collect();
    let relay = Relay::start(&format!("max_camera_connections=32\n{streams}"));
    scope(|scope| {
        for way in &ways {
            let relay = &relay;
            scope.spawn(move || {
                let mut client = RtspClient::connect(&relay.url(way)).unwrap();
                let error = client.describe().err().unwrap().to_string();
                // The login was right; there is nothing behind it.
                assert!(error.contains("503"), "{way}: {error}");
            });
        }
    });
    let told = |way: &str| {
        let all = events(&camera.stdout.lines().join("\n"));
        all.into_iter().filter(|event| event["way"] == way).collect::<Vec<_>>()
    };
    for way in &ways {
        assert!(wait_until(PATIENCE, || !told(way).is_empty()), "{way}: no login");
        for event in told(way) {
            assert_eq!(event["right"], true, "{event}");
        }
    }
    let renewed = told("stale");
    assert!(renewed.len() >= 2 && renewed[0]["renewed"] == true && renewed[1]["renewed"] == false);
}
