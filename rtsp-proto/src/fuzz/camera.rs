//! A camera whose every byte may be wrong, from its first answer to its last packet, toward all
//! that reads cameras: decoder, dialog, packets, parameter sets, statistics and reports.

use std::time::{Duration, Instant};

use super::dialog::take;
use crate::auth::Credentials;
use crate::codec::{Codec, MAX_SET_LEN, MAX_SETS, ParameterSets};
use crate::decoder::{Decoder, Event, FRAME_PREFIX, Peer};
use crate::dialog::{Dialog, DialogError, DialogOptions, Output, TrackRequest};
use crate::headers::TransportSpec;
use crate::rtcp::{RtcpPacket, parse_compound};
use crate::rtp::{Reception, RtpPacketMut};
use crate::sdp::SessionDescription;
use crate::{Limits, Method, Oddities, Request, Secret, Url, Version};

/// Of an answer or a frame that is sent with mistakes.
const MAX_MISTAKES: u8 = 4;
/// Connections of one camera: each failure is followed by another attempt.
const MAX_CONNECTIONS: usize = 6;
/// The largest that can be waited for: a message, or a frame behind garbage that is being skipped.
const MAX_BUFFERED: usize = Limits::CAMERA.head
    + Limits::CAMERA.body
    + Limits::CAMERA.resync
    + FRAME_PREFIX
    + u16::MAX as usize;
/// What our own requests may need, with what the camera gave us to repeat.
const LIMITS: Limits = Limits { head: 256 * 1024, ..Limits::CAMERA };

/// What the camera says when nothing is wrong. `#` is the number of the request, `@` the length of
/// the body.
const CHALLENGE: &str = "RTSP/1.0 401 Unauthorized\r\nCSeq: #\r\nWWW-Authenticate: Basic \
    realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"12345678\", \
    qop=\"auth,auth-int\"\r\n\r\n";
const OPTIONS: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nServer: cam/1\r\nPublic: OPTIONS, DESCRIBE, \
    SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n";
const DESCRIBE: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nContent-Base: rtsp://cam/s/\r\nContent-Type: \
    application/sdp\r\nContent-Length: @\r\n\r\n";
const SDP: &str = "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
    m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;\
    sprop-parameter-sets=Z2QAFqzGoCgDDagEAAAH0gAB1MgQ,aO48MA==\r\na=control:trackID=1\r\n\
    m=audio 0 RTP/AVP 0\r\na=control:trackID=2\r\n";
const SETUP: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nTransport: RTP/AVP/TCP;unicast;\
    interleaved=0-1;ssrc=1A2B3C4D\r\nSession: 12345678;timeout=60\r\n\r\n";
const PLAY: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nSession: 12345678\r\nRange: npt=0.000-\r\n\
    RTP-Info: url=trackID=1;seq=7;rtptime=99\r\n\r\n";
const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nSession: 12345678\r\n\r\n";
const OWN_REQUEST: &str = "GET_PARAMETER rtsp://cam/s RTSP/1.0\r\nCSeq: 7\r\n\r\n";

/// RTP payloads and an RTCP compound, as they come on the channels.
const PAYLOADS: [&[u8]; 7] = [
    // SPS, PPS; STAP-A of both; FU-A begin, end; a slice; an H.265 VPS.
    b"\x67\x42\xc0\x1e\xd9\x00\xa0\x3d\xb0\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x16\x2e\x48",
    b"\x68\xeb\xe3\xcb\x20",
    b"\x78\x00\x05\x68\xeb\xe3\xcb\x20\x00\x04\x06\x06\x01\xc4",
    b"\x7c\x85\x88\x84\x00\x10",
    b"\x7c\x45\x88\x84\x00\x10",
    b"\x41\x9a\x00\x00\x01\x65\x88",
    b"\x40\x01\x0c\x01\xff\xff\x01\x60",
];
const REPORT: &[u8] =
    b"\x80\xc8\x00\x06\x1a\x2b\x3c\x4d\xe0\0\0\0\0\0\0\0\0\0\0\x63\0\0\0\x01\0\0\0\x40\
    \x81\xca\x00\x02\x1a\x2b\x3c\x4d\x01\x01\x61\x00\x81\xcb\x00\x01\x1a\x2b\x3c\x4d";

/// Takes `data` as a script: what is sent next, and the mistakes in it.
///
/// # Panics
/// When something that reads cameras panics; holds more bytes than its limits; puts out anything
/// but well-formed messages; or does not end when the camera falls silent.
pub fn camera(data: &[u8]) {
    let mut script = data;
    let mut refused = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        let mut link = Link::new(&mut script, std::mem::take(&mut refused));
        while link.step(&mut script) {}
        link.end();
        refused = link.dialog.refused_keepalives().to_vec();
        assert!(refused.len() <= 3, "a keepalive is one of three methods");
        if script.is_empty() {
            return;
        }
    }
}

/// One connection, from the viewer's side.
struct Link {
    dialog: Dialog,
    decoder: Decoder,
    now: Instant,
    begun: Instant,
    asked: Option<(Method, u32)>,
    sequence: u16,
    sets: ParameterSets,
    reception: Reception,
    oddities: Oddities,
    over: bool,
    torn_down: bool,
}

impl Link {
    fn new(script: &mut &[u8], refused_keepalives: Vec<Method>) -> Self {
        let flags = take(script);
        let login = Credentials { username: "u".into(), password: Secret::new("p") };
        let options = DialogOptions {
            url: Url::parse("rtsp://cam/s").expect("a good URL"),
            credentials: (flags & 1 != 0).then_some(login),
            version: if flags & 2 == 0 { Version::V1_0 } else { Version::V2_0 },
            refused_keepalives,
            ..DialogOptions::new(Url::parse("rtsp://cam/s").expect("a good URL"), "fuzz")
        };
        let now = Instant::now();
        let mut dialog = Dialog::new(options, u64::from(flags), now);
        dialog.connected(now);
        let mut link = Self {
            dialog,
            decoder: Decoder::new(Peer::Camera, Limits::CAMERA),
            now,
            begun: now,
            asked: None,
            sequence: u16::MAX - 4,
            sets: ParameterSets::new(if flags & 4 == 0 { Codec::H264 } else { Codec::H265 }),
            reception: Reception::new(90_000),
            oddities: Oddities::new(),
            over: false,
            torn_down: false,
        };
        link.drain();
        link
    }

    /// One thing that the camera sends or does; `false` at the end of the connection.
    fn step(&mut self, script: &mut &[u8]) -> bool {
        if script.is_empty() || self.over {
            return false;
        }
        let kind = take(script);
        let mut wire = match kind % 16 {
            0 => self.frame(1, REPORT),
            1 => OWN_REQUEST.as_bytes().to_vec(),
            2 => {
                self.now += Duration::from_millis(u64::from(take(script)) * 50);
                Vec::new()
            }
            3 => {
                self.silence();
                Vec::new()
            }
            4 => (0..take(script)).map(|_| take(script)).collect(),
            5 => self.answer(CHALLENGE, ""),
            _ => match self.asked.take() {
                Some((Method::Options, _)) => self.answer(OPTIONS, ""),
                Some((Method::Describe, _)) => self.answer(DESCRIBE, SDP),
                Some((Method::Setup, _)) => self.answer(SETUP, ""),
                Some((Method::Play, _)) => self.answer(PLAY, ""),
                Some(_) => self.answer(OK, ""),
                None => {
                    let payload = PAYLOADS[usize::from(take(script)) % PAYLOADS.len()];
                    self.packet(payload)
                }
            },
        };
        for _ in 0..(kind >> 4) % (MAX_MISTAKES + 1) {
            mistake(&mut wire, script);
        }
        let at = usize::from(take(script)) * wire.len() / 255;
        let (first, second) = wire.split_at(at.min(wire.len()));
        self.receive(first);
        self.receive(second);
        true
    }

    fn answer(&self, head: &str, body: &str) -> Vec<u8> {
        let number = self.asked.as_ref().map_or(0, |&(_, cseq)| cseq);
        let head = head.replace('#', &number.to_string()).replace('@', &body.len().to_string());
        (head + body).into_bytes()
    }

    fn packet(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x80, 96];
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&[0, 0, 0, 99, 0x1a, 0x2b, 0x3c, 0x4d]);
        packet.extend_from_slice(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.frame(0, &packet)
    }

    fn frame(&self, channel: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        [&[b'$', channel, length[0], length[1]], payload].concat()
    }

    /// Time passes until something is due.
    fn silence(&mut self) {
        if self.decoder.awaits_body() {
            self.events(true);
        }
        if let Some(deadline) = self.dialog.deadline() {
            self.now = self.now.max(deadline);
            let result = self.dialog.poll(self.now);
            self.concluded(result);
        }
    }

    fn receive(&mut self, bytes: &[u8]) {
        self.decoder.push(bytes);
        self.events(false);
        let buffered = self.decoder.buffered();
        assert!(buffered <= MAX_BUFFERED, "{buffered} bytes are held");
    }

    fn events(&mut self, ended: bool) {
        while !self.over {
            let event = if ended { self.decoder.finish() } else { self.decoder.next() };
            let result = match event {
                Err(error) => {
                    assert!(!error.to_string().contains(char::is_control), "{error}");
                    self.over = true;
                    return;
                }
                Ok(None) => return,
                Ok(Some(Event::Response(response))) => self.dialog.response(&response, self.now),
                Ok(Some(Event::Request(request))) => self.dialog.request(&request, self.now),
                Ok(Some(Event::Frame(mut frame))) => {
                    let rtcp = self.dialog.track_of_channel(frame.channel).map(|(_, rtcp)| rtcp);
                    let since = self.now - self.begun;
                    match rtcp {
                        Some(true) => report(frame.payload(), &mut self.oddities),
                        Some(false) => {
                            let (sets, reception) = (&mut self.sets, &mut self.reception);
                            packet(frame.payload_mut(), since, sets, reception);
                        }
                        None => {}
                    }
                    self.dialog.media(self.now);
                    Ok(())
                }
            };
            self.concluded(result);
        }
    }

    fn concluded(&mut self, result: Result<(), DialogError>) {
        if let Err(error) = result {
            assert!(!error.to_string().contains(char::is_control), "{error}");
            self.over = true;
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(output) = self.dialog.output() {
            match output {
                Output::Send(wire) => self.sent(&wire),
                Output::Described(sdp) => self.dialog.setup(choice(&sdp), self.now),
                Output::Reconnect | Output::Redirect(_) => {
                    self.decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
                    self.dialog.connected(self.now);
                }
                Output::TransportRefused { .. } => self.over = true,
                Output::TornDown => self.torn_down = true,
                Output::Playing => {
                    let channels = self.dialog.tracks().iter();
                    let channels = channels.filter_map(|track| track.transport.interleaved);
                    self.decoder.expect_channels(channels.map(|(rtp, _)| rtp));
                }
            }
        }
    }

    fn sent(&mut self, wire: &[u8]) {
        let mut decoder = Decoder::new(Peer::Client, LIMITS);
        decoder.push(wire);
        match decoder.next().expect("well-formed").expect("whole") {
            Event::Request(request) => self.asked = Some(number(&request)),
            Event::Response(_) => {}
            Event::Frame(_) => unreachable!("a frame was sent"),
        }
        assert_eq!(decoder.buffered(), 0, "one message at a time");
    }

    /// The camera is gone: what is left ends by itself, and TEARDOWN ends the rest.
    fn end(&mut self) {
        for _ in 0..4 {
            self.silence();
        }
        self.dialog.teardown(self.now);
        self.drain();
        self.silence();
        assert!(self.torn_down, "a dialog ends");
        assert_eq!(self.dialog.deadline(), None, "nothing is due after the end");
        let kept: usize = self.sets.payloads().iter().map(Vec::len).sum();
        assert!(kept <= 3 * MAX_SETS * (MAX_SET_LEN + 2), "{kept} bytes of parameter sets");
    }
}

/// A byte is wrong, missing, doubled or new; or a stretch is missing or comes twice.
fn mistake(wire: &mut Vec<u8>, script: &mut &[u8]) {
    if wire.is_empty() {
        return;
    }
    let at = (usize::from(take(script)) << 8 | usize::from(take(script))) % wire.len();
    let end = (at + 1 + usize::from(take(script) % 32)).min(wire.len());
    match take(script) % 6 {
        0 => wire[at] ^= 1 << (take(script) % 8),
        1 => wire[at] = take(script),
        2 => wire.insert(at, take(script)),
        3 => drop(wire.drain(at..end)),
        4 => {
            let again = wire[at..end].to_vec();
            wire.splice(at..at, again);
        }
        _ => wire.truncate(at),
    }
}

fn choice(sdp: &SessionDescription) -> Vec<TrackRequest> {
    let media = sdp.media.iter().enumerate().filter(|(_, media)| media.is_rtp()).take(16);
    media
        .zip(0u8..)
        .map(|((media, _), at)| TrackRequest {
            media,
            transport: TransportSpec::interleaved(2 * at),
        })
        .collect()
}

fn number(request: &Request) -> (Method, u32) {
    (request.method.clone(), request.cseq().expect("a CSeq"))
}

fn packet(bytes: &mut [u8], since: Duration, sets: &mut ParameterSets, reception: &mut Reception) {
    let Ok(mut packet) = RtpPacketMut::parse(bytes) else { return };
    let view = packet.as_packet();
    reception.packet(view.sequence(), view.timestamp(), since);
    if sets.codec().scan(view.payload()).parameter_sets && sets.update(view.payload()) {
        // Whatever a camera puts there, the session descriptions for viewers stay one line each.
        assert!(!sets.fmtp("").contains(['\r', '\n']));
        let _ = sets.resolution();
    }
    packet.set_sequence(7);
    packet.set_ssrc(7);
}

fn report(bytes: &[u8], oddities: &mut Oddities) {
    for packet in parse_compound(bytes, oddities) {
        if let RtcpPacket::Bye { ssrcs, .. } = packet {
            assert!(ssrcs.len() <= 31, "a count of five bits");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    /// A script without mistakes: every request answered, then media.
    #[test]
    fn a_camera_without_mistakes_plays() {
        let mut script: &[u8] = &[];
        let mut link = super::Link::new(&mut script, Vec::new());
        for round in 0..40 {
            // Nothing odd, and all in one piece.
            let mut script: &[u8] = &[6, round % 7, 0];
            assert!(link.step(&mut script));
        }
        assert!(link.dialog.is_playing());
        assert!(link.sets.is_complete(), "SPS and PPS came");
        assert_eq!(link.reception.lost(), 0);
        link.end();
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn a_camera_that_makes_mistakes_harms_nobody(
            data in prop::collection::vec(any::<u8>(), 0..1_000)
        ) {
            super::camera(&data);
        }
    }
}
