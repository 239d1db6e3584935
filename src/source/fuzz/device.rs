//! A camera for the fuzzer: what it says when nothing is wrong, and pictures with numbers.

use std::time::{Duration, Instant};

use rtsp_proto::fuzz::script::{take, take_u16};
use rtsp_proto::{Method, Request};

/// `#` is the number of the request, `@` the length of the body, `%` the transport to grant.
const CHALLENGE: &str = "RTSP/1.0 401 Unauthorized\r\nCSeq: #\r\nWWW-Authenticate: Basic \
    realm=\"cam\"\r\nWWW-Authenticate: Digest realm=\"cam\", nonce=\"12345678\", \
    qop=\"auth,auth-int\"\r\n\r\n";
const OPTIONS: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nServer: cam/1\r\nPublic: OPTIONS, DESCRIBE, \
    SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n\r\n";
const DESCRIBE: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nContent-Base: rtsp://cam/s/\r\nContent-Type: \
    application/sdp\r\nContent-Length: @\r\n\r\n";
const SETUP: &str =
    "RTSP/1.0 200 OK\r\nCSeq: #\r\nTransport: %\r\nSession: 12345678;timeout=60\r\n\r\n";
const PLAY: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nSession: 12345678\r\nRange: npt=0.000-\r\n\
    RTP-Info: url=trackID=1;seq=7;rtptime=99\r\n\r\n";
const OK: &str = "RTSP/1.0 200 OK\r\nCSeq: #\r\nSession: 12345678\r\n\r\n";
pub(super) const OWN_REQUEST: &str = "GET_PARAMETER rtsp://cam/s RTSP/1.0\r\nCSeq: 7\r\n\r\n";
/// Refusals, and what they mean.
const REFUSALS: [&str; 8] = [
    "453 Not Enough Bandwidth",
    "461 Unsupported Transport",
    "404 Not Found",
    "454 Session Not Found",
    "503 Service Unavailable",
    "302 Found\r\nLocation: rtsp://cam:8554/t",
    "405 Method Not Allowed\r\nAllow: OPTIONS",
    "505 RTSP Version Not Supported",
];

const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n";
const H264: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;\
    sprop-parameter-sets=Z2QAFqzGoCgDDagEAAAH0gAB1MgQ,aO48MA==\r\na=control:trackID=1\r\n";
const BARE_H264: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n";
const H265: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\na=control:trackID=1\r\n";
const AUDIO: &str = "m=audio 0 RTP/AVP 0\r\na=control:trackID=2\r\n";

/// H.264: SPS, PPS.
const SETS: [&[u8]; 2] = [
    b"\x67\x42\xc0\x1e\xd9\x00\xa0\x3d\xb0\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x16\x2e\x48",
    b"\x68\xeb\xe3\xcb\x20",
];
/// H.265: VPS, SPS, PPS.
const SETS_H265: [&[u8]; 3] = [
    b"\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\x95\x98\x09",
    b"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xa0\x05\x02\x01\x69\x65\
      \x95\x9a\x49\x32\xbc\x04\x04\x00\x00\x03\x00\x04\x00\x00\x03\x00\x64\x20",
    b"\x44\x01\xc1\x72\xb4\x62\x40",
];
/// Payload bytes of a large packet.
const LARGE: usize = 1400;

/// A request that waits for its answer.
struct Asked {
    method: Method,
    cseq: u32,
    transport: String,
}

/// One track's numbers.
struct Voice {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    clock_rate: u32,
}

/// See the module.
pub(super) struct Device {
    sdp: String,
    h265: bool,
    asked: Option<Asked>,
    voices: [Voice; 2],
    begun: Instant,
}

/// What a device may do with the packets of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Picture {
    Key,
    Reference,
    Disposable,
}

impl Device {
    pub(super) fn new(kind: u8, now: Instant) -> Self {
        let video = match kind & 3 {
            0 | 1 => H264,
            2 => BARE_H264,
            _ => H265,
        };
        let audio = if kind & 4 == 0 { AUDIO } else { "" };
        let voice = |number: u8, clock_rate| Voice {
            ssrc: 0x1a2b_3c00 + u32::from(number),
            // It wraps soon.
            sequence: u16::MAX - 4,
            timestamp: u32::MAX - 90_000,
            clock_rate,
        };
        Self {
            sdp: [SDP, video, audio].concat(),
            h265: kind & 3 == 3,
            asked: None,
            voices: [voice(1, 90_000), voice(2, 8000)],
            begun: now,
        }
    }

    /// How it describes itself.
    pub(super) fn sdp(&self) -> &str {
        &self.sdp
    }

    /// Takes note of a request.
    pub(super) fn ask(&mut self, request: &Request) {
        let cseq = request.cseq();
        assert!(cseq.is_some(), "a request of ours has a CSeq");
        let transport = request.headers.get("Transport").unwrap_or_default().to_owned();
        self.asked = Some(Asked {
            method: request.method.clone(),
            cseq: cseq.unwrap_or_default(),
            transport,
        });
    }

    /// Whether a request waits for its answer.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.is_some()
    }

    /// The answer to what was asked last.
    pub(super) fn answer(&mut self) -> Vec<u8> {
        let Some(asked) = self.asked.take() else { return Vec::new() };
        let (head, body) = match asked.method {
            Method::Options => (OPTIONS, ""),
            Method::Describe => (DESCRIBE, self.sdp.as_str()),
            Method::Setup => (SETUP, ""),
            Method::Play => (PLAY, ""),
            _ => (OK, ""),
        };
        let mut transport = asked.transport.split(',').next().unwrap_or_default().to_owned();
        if transport.contains("client_port") {
            transport.push_str(";server_port=6000-6001");
        }
        if transport.contains("multicast") {
            transport.push_str(";destination=239.1.2.3;port=6000-6001;ttl=2;source=192.0.2.7");
        }
        let head = head
            .replace('#', &asked.cseq.to_string())
            .replace('@', &body.len().to_string())
            .replace('%', &transport);
        (head + body).into_bytes()
    }

    pub(super) fn challenge(&mut self) -> Vec<u8> {
        let number = self.asked.take().map_or(0, |asked| asked.cseq);
        CHALLENGE.replace('#', &number.to_string()).into_bytes()
    }

    pub(super) fn refusal(&mut self, which: u8) -> Vec<u8> {
        let number = self.asked.take().map_or(0, |asked| asked.cseq);
        let status = REFUSALS[usize::from(which) % REFUSALS.len()];
        format!("RTSP/1.0 {status}\r\nCSeq: {number}\r\n\r\n").into_bytes()
    }

    /// The RTP packets of a picture at this moment; `how` varies its form.
    pub(super) fn picture(&mut self, kind: Picture, how: u8, now: Instant) -> Vec<Vec<u8>> {
        let mut units: Vec<Vec<u8>> = Vec::new();
        if kind == Picture::Key && how & 1 == 0 {
            match self.h265 {
                true => units.extend(SETS_H265.iter().map(|set| set.to_vec())),
                false if how & 2 == 0 => units.extend(SETS.iter().map(|set| set.to_vec())),
                false => {
                    // STAP-A.
                    let mut packet = vec![0x78];
                    for set in SETS {
                        packet.extend_from_slice(&(set.len() as u16).to_be_bytes());
                        packet.extend_from_slice(set);
                    }
                    units.push(packet);
                }
            }
        }
        let head: &[u8] = match (self.h265, kind) {
            (true, Picture::Key) if how & 2 == 0 => &[0x26, 1],
            // A CRA, behind which pictures may refer to what came before it.
            (true, Picture::Key) => &[0x2a, 1],
            (true, Picture::Reference) => &[0x02, 1],
            (true, Picture::Disposable) => &[0x00, 1],
            (false, Picture::Key) => &[0x65],
            (false, Picture::Reference) => &[0x41],
            (false, Picture::Disposable) => &[0x01],
        };
        let mut slice = head.to_vec();
        slice.extend_from_slice(&[0x88, 0x84, 0, 0x10, 0xff]);
        if how & 4 != 0 && !self.h265 {
            // FU-A: first, middle, last.
            let (indicator, kind) = (head[0] & 0xe0 | 28, head[0] & 0x1f);
            for flags in [0x80, 0, 0x40] {
                let mut packet = vec![indicator, kind | flags];
                packet.extend_from_slice(&slice[1..]);
                units.push(packet);
            }
        } else {
            units.push(slice);
        }
        if how & 8 != 0 {
            // Another slice, not the picture's first.
            let mut slice = head.to_vec();
            slice.extend_from_slice(&[0x22, 0x84, 0]);
            units.push(slice);
        }
        if how >= 0xf0 {
            // More than fits into one batch.
            for _ in 0..50 {
                let mut slice = head.to_vec();
                slice.resize(LARGE, 0x22);
                units.push(slice);
            }
        }
        let marked = how & 0x10 == 0;
        let timestamp = self.timestamp(0, now);
        let last = units.len() - 1;
        let voice = &mut self.voices[0];
        let packets = units.iter().enumerate();
        packets.map(|(at, unit)| voice.packet(96, marked && at == last, timestamp, unit)).collect()
    }

    pub(super) fn sound(&mut self, now: Instant) -> Vec<u8> {
        let timestamp = self.timestamp(1, now);
        self.voices[1].packet(0, false, timestamp, &[0x55; 16])
    }

    /// A sender report, and with `bye` the end of the stream.
    pub(super) fn report(&self, track: u8, bye: bool, now: Instant) -> Vec<u8> {
        let voice = &self.voices[usize::from(track) & 1];
        let passed = now - self.begun;
        let mut report = vec![0x80, 200, 0, 6];
        report.extend_from_slice(&voice.ssrc.to_be_bytes());
        report.extend_from_slice(&(0xe000_0000 + passed.as_secs() as u32).to_be_bytes());
        let fraction = (u64::from(passed.subsec_nanos()) << 32) / 1_000_000_000;
        report.extend_from_slice(&(fraction as u32).to_be_bytes());
        report.extend_from_slice(&self.timestamp(track & 1, now).to_be_bytes());
        report.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 64]);
        if bye {
            report.extend_from_slice(&[0x81, 203, 0, 1]);
            report.extend_from_slice(&voice.ssrc.to_be_bytes());
        }
        report
    }

    /// Its numbers jump, so that viewers must not notice.
    pub(super) fn jump(&mut self, script: &mut &[u8]) {
        let how = take(script);
        let voice = &mut self.voices[usize::from(how >> 7)];
        if how & 1 != 0 {
            voice.ssrc = voice.ssrc.wrapping_add(u32::from(take(script)) + 1);
        }
        if how & 2 != 0 {
            voice.sequence = voice.sequence.wrapping_add(3100 + (take_u16(script) >> 1));
        }
        if how & 4 != 0 {
            let seconds = 11 + u32::from(take(script));
            voice.timestamp = voice.timestamp.wrapping_add(seconds * voice.clock_rate);
        }
    }

    /// It boots: new numbers of everything.
    pub(super) fn boot(&mut self, script: &mut &[u8], now: Instant) {
        self.asked = None;
        let random = take(script);
        if random & 1 != 0 {
            self.begun = now;
            for voice in &mut self.voices {
                voice.ssrc = voice.ssrc.wrapping_add(u32::from(random));
                voice.sequence = take_u16(script);
                voice.timestamp = u32::from(take_u16(script)) << 16;
            }
        }
    }

    fn timestamp(&self, track: u8, now: Instant) -> u32 {
        let voice = &self.voices[usize::from(track)];
        let passed: Duration = now.saturating_duration_since(self.begun);
        let ticks = passed.as_millis() as u64 * u64::from(voice.clock_rate) / 1000;
        voice.timestamp.wrapping_add(ticks as u32)
    }
}

impl Voice {
    fn packet(&mut self, kind: u8, marker: bool, timestamp: u32, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        let Self { sequence, ssrc, .. } = *self;
        rtsp_proto::rtp::write_header(&mut packet, marker, kind, sequence, timestamp, ssrc);
        packet.extend_from_slice(payload);
        self.sequence = sequence.wrapping_add(1);
        packet
    }
}
