//! A camera that does anything, toward a dialog that must not.

use std::time::{Duration, Instant};

use super::script::take;
use crate::auth::Credentials;
use crate::decoder::{Decoder, Event, Peer};
use crate::dialog::{Dialog, DialogError, DialogOptions, Output, TrackRequest};
use crate::headers::TransportSpec;
use crate::{Limits, Method, Request, Response, Secret, StatusCode, Url, Version};

/// Outputs after one call; the answers to a camera's requests are bounded by it too.
const MAX_OUTPUTS: usize = 8;
/// Requests in one dialog, besides keepalives, that the camera's answers can provoke.
const MAX_REQUESTS_PER_SERIES: usize = 64;
/// What a request's head may need at most, with what the camera gave us to repeat.
const LIMITS: Limits = Limits { head: 256 * 1024, ..Limits::CAMERA };

/// Takes `data` as a script for a camera: answers good, bad and mutated, requests, media,
/// hang-ups and silence.
///
/// # Panics
/// When the dialog panics; sends anything but one well-formed message at a time, or a CSeq that
/// does not grow; answers one event with many requests; or does not end.
pub fn dialog(data: &[u8]) {
    let mut camera = Camera::new(data);
    while camera.step() {}
    camera.end();
}

struct Camera<'a> {
    script: &'a [u8],
    dialog: Dialog,
    now: Instant,
    cseq: u32,
    asked: Option<Request>,
    requests: usize,
    series: usize,
    udp: bool,
    failed: bool,
    torn_down: bool,
}

impl<'a> Camera<'a> {
    fn new(data: &'a [u8]) -> Self {
        let mut script = data;
        let flags = take(&mut script);
        let url = if flags & 1 == 0 { "rtsp://cam/s?x=1" } else { "rtsps://cam/s/" };
        let credentials = (flags & 2 != 0)
            .then(|| Credentials { username: "u".into(), password: Secret::new("p") });
        let options = DialogOptions {
            url: Url::parse(url).expect("a good URL"),
            credentials,
            user_agent: "fuzz".into(),
            version: if flags & 4 == 0 { Version::V1_0 } else { Version::V2_0 },
            request_timeout: Duration::from_secs(5),
            refused_keepalives: Vec::new(),
        };
        let now = Instant::now();
        let mut dialog = Dialog::new(options, u64::from(flags), now);
        dialog.connected(now);
        let mut camera = Self {
            script,
            dialog,
            now,
            cseq: 0,
            asked: None,
            requests: 0,
            series: 1,
            udp: flags & 8 != 0,
            failed: false,
            torn_down: false,
        };
        camera.drain();
        camera
    }

    /// One event; `false` at the end of the script.
    fn step(&mut self) -> bool {
        if self.script.is_empty() {
            return false;
        }
        let (dialog, now) = (&mut self.dialog, self.now);
        let result = match take(&mut self.script) % 40 {
            0 => dialog.disconnected(now),
            1 => {
                dialog.media(now);
                Ok(())
            }
            // Silence of a camera that is not playing ends most scripts too early.
            2 if dialog.is_playing() || self.script.len() % 5 == 0 => self.wait(),
            3 => {
                let request = request(&mut self.script);
                dialog.request(&request, now)
            }
            4 => {
                self.choose(1);
                Ok(())
            }
            5 => self.mutated_answer(),
            6 => {
                self.now += Duration::from_millis(u64::from(take(&mut self.script)) * 100);
                Ok(())
            }
            7 if self.script.len() % 7 == 0 => {
                dialog.teardown(now);
                Ok(())
            }
            kind => {
                let response = self.answer(kind);
                self.dialog.response(&response, now)
            }
        };
        self.after(result);
        true
    }

    fn after(&mut self, result: Result<(), DialogError>) {
        if let Err(error) = result {
            self.failed = true;
            assert!(error.to_string().chars().all(|c| !c.is_control()), "{error:?}");
        }
        self.drain();
    }

    fn wait(&mut self) -> Result<(), DialogError> {
        let Some(deadline) = self.dialog.deadline() else { return Ok(()) };
        self.now = self.now.max(deadline);
        self.dialog.poll(self.now)
    }

    /// Mostly a good answer to what was asked, or a bad one of a common kind.
    fn answer(&mut self, kind: u8) -> Response {
        let method = self.asked.as_ref().map_or(Method::Options, |asked| asked.method.clone());
        let codes =
            [200, 200, 401, 302, 404, 405, 453, 454, 455, 457, 461, 500, 505, 400, 100, 200];
        let code = if kind < 32 { 200 } else { codes[usize::from(take(&mut self.script) % 16)] };
        let status = StatusCode::from_code(code).expect("a code");
        let mut response = Response::new(status, Version::V1_0);
        match take(&mut self.script) % 16 {
            0 => {}
            1 => response.headers.append("CSeq", "0"),
            _ => response.headers.append("CSeq", self.cseq.to_string()),
        }
        match code {
            401 => {
                let stale = take(&mut self.script) % 2 == 0;
                let nonce = take(&mut self.script);
                let value = format!("Digest realm=\"r\", nonce=\"{nonce}\", stale={stale}");
                response.headers.append("WWW-Authenticate", value);
            }
            302 => {
                let hosts =
                    ["rtsp://cam/t", "rtsp://other/", "rtsps://cam/", "/x", ":", "rtsp://u:p@h"];
                let host = hosts[usize::from(take(&mut self.script)) % hosts.len()];
                response.headers.append("Location", host);
            }
            200 => self.good(&method, &mut response),
            _ => {}
        }
        if take(&mut self.script) % 16 == 0 {
            response.headers.append("Connection", "close");
        }
        response
    }

    fn good(&mut self, method: &Method, response: &mut Response) {
        match method {
            Method::Describe => {
                response.body = b"v=0\r\ns=-\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\nm=audio 0 RTP/AVP 0\r\na=control:trackID=2\r\n".to_vec();
                for _ in 0..(take(&mut self.script) % 16).saturating_sub(12) {
                    let at = usize::from(take(&mut self.script)) % response.body.len();
                    response.body[at] = take(&mut self.script);
                }
            }
            Method::Setup => {
                let sessions = ["1", "2;timeout=1", ";", "x y;timeout=99999999999", "1;timeout=0"];
                let session = sessions[usize::from(take(&mut self.script)) % sessions.len()];
                response.headers.append("Session", session);
                let transports = [
                    "RTP/AVP/TCP;unicast;interleaved=0-1",
                    "RTP/AVP/TCP;unicast;interleaved=255",
                    "RTP/AVP;unicast;client_port=1-2;server_port=3-4",
                    "RTP/AVP;multicast",
                    "interleaved=0-1;;RTP/AVP",
                    "=",
                ];
                let transport = transports[usize::from(take(&mut self.script)) % transports.len()];
                response.headers.append("Transport", transport);
            }
            _ => response.headers.append("Public", "OPTIONS, GET_PARAMETER, SET_PARAMETER"),
        }
    }

    /// An answer with bytes of the script in the place of a header, and through the decoder.
    fn mutated_answer(&mut self) -> Result<(), DialogError> {
        let length = usize::from(take(&mut self.script)).min(self.script.len());
        let (own, rest) = self.script.split_at(length);
        self.script = rest;
        let mut wire = format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n", self.cseq).into_bytes();
        wire.extend_from_slice(own);
        wire.extend_from_slice(b"\r\n\r\n");
        let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
        decoder.push(&wire);
        while let Ok(Some(event)) = decoder.next() {
            match event {
                Event::Response(response) => self.dialog.response(&response, self.now)?,
                Event::Request(request) => self.dialog.request(&request, self.now)?,
                Event::Frame(_) => self.dialog.media(self.now),
            }
            self.drain();
        }
        Ok(())
    }

    fn choose(&mut self, media: usize) {
        self.series += 1;
        let track = |media: usize| TrackRequest {
            media,
            transport: if self.udp {
                TransportSpec::udp(6000 + 2 * media as u16)
            } else {
                TransportSpec::interleaved(2 * media as u8)
            },
        };
        self.dialog.setup((0..=media).map(track).collect(), self.now);
    }

    fn drain(&mut self) {
        let mut sent = 0;
        let mut waiting = 0;
        while let Some(output) = self.dialog.output() {
            waiting += 1;
            assert!(waiting <= MAX_OUTPUTS, "outputs are bounded");
            assert!(!self.torn_down, "nothing comes after TornDown");
            match output {
                Output::Send(wire) => sent += usize::from(self.sent(&wire)),
                Output::Described(description) => self.choose(description.media.len()),
                Output::Reconnect | Output::Redirect(_) => self.dialog.connected(self.now),
                Output::TransportRefused { .. } if self.series < 8 => {
                    self.udp = !self.udp;
                    self.choose(0);
                }
                Output::TornDown => self.torn_down = true,
                Output::TransportRefused { .. } | Output::Playing => {}
            }
        }
        assert!(sent <= 2, "an event is answered by one request, two when a choice was made");
        assert!(
            self.requests <= MAX_REQUESTS_PER_SERIES * self.series,
            "the dialog goes round in circles"
        );
    }

    /// Whether it was a request.
    fn sent(&mut self, wire: &[u8]) -> bool {
        let mut decoder = Decoder::new(Peer::Client, LIMITS);
        decoder.push(wire);
        let is_request = match decoder.next().expect("well-formed").expect("whole") {
            Event::Request(request) => {
                let cseq = request.cseq().expect("a CSeq");
                assert!(cseq > self.cseq, "CSeq grows");
                self.cseq = cseq;
                let is_handshake = matches!(request.method, Method::Describe | Method::Setup);
                self.requests += usize::from(is_handshake);
                self.asked = Some(request);
                true
            }
            Event::Response(_) => false,
            Event::Frame(_) => unreachable!("a frame was sent"),
        };
        assert_eq!(decoder.buffered(), 0, "one message at a time");
        is_request
    }

    /// Without the camera, a dialog that is not playing fails by itself, and TEARDOWN ends it.
    fn end(&mut self) {
        for _ in 0..4 {
            let result = self.wait();
            self.after(result);
        }
        self.dialog.teardown(self.now);
        self.drain();
        let result = self.wait();
        self.after(result);
        assert!(self.torn_down, "a dialog ends");
        assert_eq!(self.dialog.deadline(), None, "nothing is due after the end");
    }
}

fn request(script: &mut &[u8]) -> Request {
    let methods = ["OPTIONS", "GET_PARAMETER", "ANNOUNCE", "TEARDOWN", "REDIRECT", "PLAY", "X"];
    let method = Method::from_name(methods[usize::from(take(script)) % methods.len()]);
    Request::new(method, "rtsp://cam/s", Version::V1_0)
        .with("CSeq", take(script).to_string())
        .with("Session", format!("{}", char::from(take(script))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn a_dialog_ends_whatever_the_camera_does(
            data in prop::collection::vec(any::<u8>(), 0..400)
        ) {
            super::dialog(&data);
        }
    }
}
