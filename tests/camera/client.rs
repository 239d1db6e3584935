//! A client that checks the framing by hand, so that nothing of the library vouches for itself.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer: status, head and body as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The value of a header line.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &'_ str| {
            line.to_ascii_lowercase().starts_with(&format!("{name}:").to_ascii_lowercase())
        };
        self.head.lines().find(|l| line(l)).map(|l| l[name.len() + 1..].trim())
    }
}

/// An interleaved frame.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) channel: u8,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    pub(crate) fn sequence(&self) -> u16 {
        u16::from_be_bytes([self.payload[2], self.payload[3]])
    }

    pub(crate) fn timestamp(&self) -> u32 {
        u32::from_be_bytes(self.payload[4..8].try_into().unwrap())
    }

    pub(crate) fn marker(&self) -> bool {
        self.payload[1] & 0x80 != 0
    }
}

#[derive(Debug)]
enum Event {
    Answer(Answer),
    Frame(Frame),
}

/// A connection to a camera.
pub(crate) struct Client {
    stream: TcpStream,
    cseq: u32,
    pub(crate) session: Option<String>,
    pub(crate) authorization: Option<String>,
    frames: std::collections::VecDeque<Frame>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let frames = Default::default();
        Ok(Self { stream, cseq: 0, session: None, authorization: None, frames })
    }

    /// Sends a request without waiting for anything.
    pub(crate) fn send(&mut self, method: &str, uri: &str, extra: &str) -> io::Result<()> {
        self.cseq += 1;
        let mut text = format!("{method} {uri} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        if let Some(session) = &self.session {
            text += &format!("Session: {session}\r\n");
        }
        if let Some(authorization) = &self.authorization {
            text += &format!("Authorization: {authorization}\r\n");
        }
        self.stream.write_all(format!("{text}{extra}\r\n").as_bytes())
    }

    /// Sends a request and waits for its answer; frames on the way are kept.
    pub(crate) fn ask(&mut self, method: &str, uri: &str, extra: &str) -> io::Result<Answer> {
        self.send(method, uri, extra)?;
        loop {
            match self.read()? {
                Event::Frame(frame) => self.frames.push_back(frame),
                Event::Answer(answer) => {
                    assert_eq!(answer.header("CSeq"), Some(self.cseq.to_string().as_str()));
                    if let Some(session) = answer.header("Session") {
                        self.session = session.split(';').next().map(str::to_owned);
                    }
                    return Ok(answer);
                }
            }
        }
    }

    /// The next interleaved frame.
    pub(crate) fn frame(&mut self) -> io::Result<Frame> {
        if let Some(frame) = self.frames.pop_front() {
            return Ok(frame);
        }
        match self.read()? {
            Event::Frame(frame) => Ok(frame),
            Event::Answer(answer) => panic!("an answer to nothing: {answer:?}"),
        }
    }

    /// Waits for so many bytes of anything.
    pub(crate) fn raw(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// Sends bytes as they are.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// How long to wait for the camera from now on.
    pub(crate) fn patience(&self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
    }

    /// DESCRIBE, SETUP of so many tracks over TCP, PLAY.
    pub(crate) fn play(&mut self, url: &str, tracks: usize) -> io::Result<Answer> {
        let described = self.ask("DESCRIBE", url, "Accept: application/sdp\r\n")?;
        if described.status != 200 {
            return Ok(described);
        }
        for track in 0..tracks {
            let uri = format!("{url}/trackID={}", track + 1);
            let (rtp, rtcp) = (2 * track, 2 * track + 1);
            let transport = format!("Transport: RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp}\r\n");
            let answer = self.ask("SETUP", &uri, &transport)?;
            if answer.status != 200 {
                return Ok(answer);
            }
        }
        self.ask("PLAY", url, "Range: npt=0.000-\r\n")
    }

    fn read(&mut self) -> io::Result<Event> {
        let first = self.raw(1)?[0];
        if first == b'$' {
            let head = self.raw(3)?;
            let payload = self.raw(usize::from(u16::from_be_bytes([head[1], head[2]])))?;
            return Ok(Event::Frame(Frame { channel: head[0], payload }));
        }
        let mut head = vec![first];
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.raw(1)?);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.strip_prefix("RTSP/1.0 ").unwrap()[..3].parse().unwrap();
        let mut answer = Answer { status, head, body: String::new() };
        let length = answer.header("Content-Length").map_or(0, |n| n.parse().unwrap());
        answer.body = String::from_utf8(self.raw(length)?).unwrap();
        Ok(Event::Answer(answer))
    }
}
