//! Transcripts: what a camera is asked, and what it answers.

mod devices;
mod failures;
mod flow;
mod session;
mod version;

use std::time::{Duration, Instant};

use super::*;
use crate::Limits;
use crate::decoder::{Decoder, Event, Peer};
use crate::headers::TransportSpec;
use crate::sdp::SessionDescription;

/// A camera that follows a script, and the dialog with it.
pub(super) struct Run {
    pub(super) dialog: Dialog,
    pub(super) now: Instant,
    /// Requests that were sent and not looked at yet, in short.
    asked: VecDeque<Asked>,
    /// Everything else the dialog put out.
    pub(super) events: Vec<String>,
    pub(super) error: Option<DialogError>,
    udp: bool,
    last_cseq: u32,
}

struct Asked {
    summary: String,
    cseq: u32,
    request: Request,
}

pub(super) fn url(text: &str) -> DialogOptions {
    DialogOptions::new(Url::parse(text).unwrap(), "test/1")
}

impl Run {
    pub(super) fn new(options: DialogOptions) -> Self {
        let now = Instant::now();
        let dialog = Dialog::new(options, 42, now);
        let mut run = Self {
            dialog,
            now,
            asked: VecDeque::new(),
            events: Vec::new(),
            error: None,
            udp: false,
            last_cseq: 0,
        };
        run.dialog.connected(now);
        run.drain();
        run
    }

    pub(super) fn over_udp(mut self) -> Self {
        self.udp = true;
        self
    }

    /// Plays a script: each entry is a request in short, and the answer. In an answer `*` after
    /// `CSeq:` is the request's number and after `Content-Length:` the body's length. An answer may
    /// end in `<close>`, and be empty.
    pub(super) fn script(mut self, script: &[(&str, &str)]) -> Self {
        for (at, (expected, answer)) in script.iter().enumerate() {
            let asked = self.asked.pop_front();
            let summary = asked.as_ref().map_or("nothing", |asked| &asked.summary);
            assert_eq!(
                summary, *expected,
                "request {at}, after {:?} {:?}",
                self.events, self.error
            );
            self.answer(answer, asked.unwrap().cseq);
        }
        self
    }

    pub(super) fn answer(&mut self, answer: &str, cseq: u32) {
        let (answer, close) =
            answer.strip_suffix("<close>").map_or((answer, false), |answer| (answer, true));
        self.feed(&wire(answer, cseq));
        if close {
            self.asked.clear(); // lost with the connection
            self.note(|dialog, now| dialog.disconnected(now));
        }
    }

    /// Bytes from the camera.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
        decoder.push(bytes);
        while let Some(event) = decoder.next().unwrap() {
            match event {
                Event::Response(response) => self.note(|d, now| d.response(&response, now)),
                Event::Request(request) => self.note(|d, now| d.request(&request, now)),
                Event::Frame(_) => self.note(|d, now| {
                    d.media(now);
                    Ok(())
                }),
            }
        }
    }

    pub(super) fn note(
        &mut self,
        act: impl FnOnce(&mut Dialog, Instant) -> Result<(), DialogError>,
    ) {
        if let Err(error) = act(&mut self.dialog, self.now) {
            self.error.get_or_insert(error);
        }
        self.drain();
    }

    /// Lets time pass until the dialog wants to be polled.
    pub(super) fn wait(&mut self) -> Duration {
        let deadline = self.dialog.deadline().expect("something is due");
        let passed = deadline.saturating_duration_since(self.now);
        self.now = deadline;
        self.note(|dialog, now| dialog.poll(now));
        passed
    }

    /// Takes all outputs, and does what a relay would.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.dialog.output() {
            match output {
                Output::Send(wire) => self.sent(&wire),
                Output::Described(description) => {
                    self.events.push(format!("described {}", description.media.len()));
                    let tracks = self.choose(&description);
                    self.dialog.setup(tracks, self.now);
                }
                Output::Playing => self.events.push("playing".into()),
                Output::Reconnect => {
                    self.events.push("reconnect".into());
                    self.dialog.connected(self.now);
                }
                Output::Redirect(url) => {
                    self.events.push(format!("redirect {url}"));
                    self.dialog.connected(self.now);
                }
                Output::TransportRefused { track } => {
                    self.events.push(format!("transport refused {track}"));
                }
                Output::TornDown => self.events.push("torn down".into()),
            }
        }
    }

    fn choose(&self, description: &SessionDescription) -> Vec<TrackRequest> {
        let rtp = description.media.iter().enumerate().filter(|(_, media)| media.is_rtp());
        rtp.enumerate().map(|(at, (media, _))| self.track(at, media)).collect()
    }

    pub(super) fn track(&self, at: usize, media: usize) -> TrackRequest {
        let transport = if self.udp {
            TransportSpec::udp(6000 + 2 * at as u16)
        } else {
            TransportSpec::interleaved(2 * at as u8)
        };
        TrackRequest { media, transport }
    }

    fn sent(&mut self, wire: &[u8]) {
        let mut decoder = Decoder::new(Peer::Client, Limits::CAMERA);
        decoder.push(wire);
        match decoder.next().unwrap().unwrap() {
            Event::Request(request) => {
                let cseq = request.cseq().unwrap();
                assert!(cseq > self.last_cseq, "CSeq grows");
                assert_eq!(request.headers.get("User-Agent"), Some("test/1"));
                self.last_cseq = cseq;
                self.asked.push_back(Asked { summary: summary(&request), cseq, request });
            }
            Event::Response(response) => {
                let cseq = response.cseq().map_or("none".into(), |cseq| cseq.to_string());
                self.events.push(format!("answers {} to {cseq}", response.status.code()));
            }
            Event::Frame(_) => panic!("a frame was sent"),
        }
        assert_eq!(decoder.buffered(), 0, "one message at a time");
    }

    /// The next request, whole.
    pub(super) fn next_request(&mut self) -> Request {
        self.asked.pop_front().expect("a request").request
    }

    pub(super) fn is_idle(&self) -> bool {
        self.asked.is_empty()
    }

    #[track_caller]
    pub(super) fn ended(&self, text: &str) {
        assert_eq!(self.error.as_ref().map(ToString::to_string).as_deref(), Some(text));
        assert!(self.is_idle(), "nothing is asked after the end");
    }
}

/// Method and URI, then what matters of the headers.
fn summary(request: &Request) -> String {
    let mut summary = format!("{} {}", request.method, request.uri);
    if request.version != Version::V1_0 {
        summary += " 2.0";
    }
    for name in ["Transport", "Session"] {
        if let Some(value) = request.headers.get(name) {
            summary += &format!(" [{value}]");
        }
    }
    if let Some(value) = request.headers.get("Authorization") {
        summary += &format!(" {}", value.split(' ').next().unwrap());
    }
    summary
}

fn wire(answer: &str, cseq: u32) -> Vec<u8> {
    let (head, body) = answer.split_once("\n\n").unwrap_or((answer.trim_end_matches('\n'), ""));
    let body = body.replace('\n', "\r\n");
    let mut wire = String::new();
    for line in head.lines() {
        match line.split_once('*') {
            Some((name, "")) if name.eq_ignore_ascii_case("CSeq: ") => {
                wire += &format!("{name}{cseq}")
            }
            Some((name, "")) if name.starts_with("Content-") => {
                wire += &format!("{name}{}", body.len());
            }
            _ => wire += line,
        }
        wire += "\r\n";
    }
    if !wire.is_empty() {
        wire += "\r\n";
    }
    (wire + &body).into_bytes()
}

pub(super) const LOGIN: &str = "rtsp://admin:pw@cam/s";
pub(super) const PLAIN: &str = "rtsp://cam/s";
pub(super) const SETUP: &str = "SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]";
pub(super) const OK: &str = "RTSP/1.0 200 OK\nCSeq: *\n";
pub(super) const OPTIONS_OK: &str =
    "RTSP/1.0 200 OK\nCSeq: *\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\n";
pub(super) const DIGEST: &str = "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"12345678\"\n";
pub(super) const DIGEST_2: &str = "RTSP/1.0 401 Unauthorized\nCSeq: *\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"87654321\"\n";
pub(super) const VIDEO: &str = "RTSP/1.0 200 OK
CSeq: *
Content-Type: application/sdp
Content-Length: *

v=0
o=- 1 1 IN IP4 10.0.0.1
s=-
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:track1
";
pub(super) const AUDIO_TOO: &str = "RTSP/1.0 200 OK
CSeq: *
Content-Type: application/sdp
Content-Length: *

v=0
o=- 1 1 IN IP4 10.0.0.1
s=-
t=0 0
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=control:track1
m=audio 0 RTP/AVP 0
a=control:track2
";
pub(super) const SETUP_OK: &str = "RTSP/1.0 200 OK
CSeq: *
Session: 77;timeout=60
Transport: RTP/AVP/TCP;unicast;interleaved=0-1
";

/// A camera `rtsp://cam/s` with one track that plays.
pub(super) fn playing(options_answer: &str) -> Run {
    let run = Run::new(url("rtsp://cam/s")).script(&[
        ("OPTIONS rtsp://cam/s", options_answer),
        ("DESCRIBE rtsp://cam/s", VIDEO),
        ("SETUP rtsp://cam/s/track1 [RTP/AVP/TCP;unicast;interleaved=0-1]", SETUP_OK),
        ("PLAY rtsp://cam/s [77]", OK),
    ]);
    assert!(run.dialog.is_playing());
    run
}

/// A script that ends with media.
#[track_caller]
pub(super) fn plays(url_text: &str, script: &[(&str, &str)]) -> Run {
    let run = Run::new(url(url_text)).script(script);
    assert_eq!(run.error, None);
    assert!(run.is_idle() && run.dialog.is_playing(), "{:?}", run.events);
    run
}
