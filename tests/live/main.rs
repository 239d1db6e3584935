//! What a browser and a player of files get, and what others do not get.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test's helpers are tests too"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod browser;
mod crowd;
mod endings;
mod https;
mod limits;
mod messages;
mod players;
mod refusals;
mod reordered;
mod snapshot;

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sim::{Camera, Clip, Options, Path, Sound, Start, Track};
use support::{Finished, Program, Relay, film, free_port, is_listening, wait_until};

use browser::Browser;

const SOON: Duration = Duration::from_secs(20);

/// H.264 with flashes and AAC with beeps.
fn film() -> Path {
    let clip = Clip::from_annexb(&film::h264("320x180", 25), 25).unwrap();
    let sound = Sound::from_adts(&film::aac(), film::SOUND_PRIMING, film::SOUND_UNITS).unwrap();
    Path::new("main", clip).with(Track::Sound(sound))
}

/// Pictures alone; a session begins with a key frame.
fn silent(clip: Clip) -> Path {
    Path { start: Start::ForcedKeyFrame, ..Path::new("main", clip) }
}

/// A camera, and a relay with HTTP that pulls it as the stream `door`.
struct House {
    camera: Camera,
    relay: Relay,
    port: u16,
}

impl House {
    /// `config` stands before the stream, `more` in it.
    fn new(path: Path, config: &str, more: &str) -> Self {
        let options = Options { paths: vec![path], ..Options::default() };
        let camera = Camera::start(options).unwrap();
        let port = free_port();
        let relay = Relay::start(&format!(
            "http_port={port}\nretry_initial_ms=100\nretry_max_ms=300\n{config}\n\
             [stream]\nname=door\nrtsp_url={}\n{more}\n",
            camera.url("main"),
        ));
        // It listens there after the port of RTSP, for which the relay's start was waited for.
        assert!(wait_until(SOON, || is_listening(port)));
        Self { camera, relay, port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// A browser that has got its WebSocket.
    fn browser(&self) -> Browser {
        Browser::open(self.port, "door", &[]).expect("a WebSocket")
    }

    /// What curl prints for these arguments and this path: the status code, the head and the body.
    fn curl(&self, path: &str, arguments: &[&str]) -> (u16, String, String) {
        curl(&self.url(path), arguments)
    }

    fn status(&self) -> Value {
        let (code, _, body) = self.curl("api/v1/streams/door", &[]);
        assert_eq!(code, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }
}

/// What curl prints for these arguments and this URL: the status code, the head and the body.
fn curl(url: &str, arguments: &[&str]) -> (u16, String, String) {
    let run = Program::run(
        Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "20", "--include"])
            .args(arguments)
            .arg(url),
        SOON,
    )
    .expect_ok("curl");
    // The last blank lines are not in the transcript.
    let parts = |text| str::split_once(text, "\n\n").unwrap_or((text, ""));
    let (mut head, mut body) = parts(run.stdout.as_str());
    // The question of Digest comes first.
    while body.starts_with("HTTP/1.1 ") {
        (head, body) = parts(body);
    }
    let code = head.split_whitespace().nth(1).and_then(|code| code.parse().ok());
    (code.expect("a status code"), head.to_owned(), body.to_owned())
}

/// ffmpeg, which fails at the first thing that is wrong.
fn ffmpeg(url: &str, arguments: &[&str]) -> Finished {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel warning".split(' '));
    command.args("-xerror -err_detect explode -i".split(' ')).arg(url).args(arguments);
    Program::run(&mut command, Duration::from_secs(40)).expect_ok("ffmpeg")
}
