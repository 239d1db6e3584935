//! A small WebSocket client, which looks at every message.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::SOON;

/// What a browser got.
#[derive(Clone, Debug, PartialEq)]
pub enum Got {
    Text(Value),
    /// `ftyp` and `moov`.
    Init(Vec<u8>),
    Fragment(Fragment),
    Close(u16, String),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
}

/// One `moof` and `mdat`.
#[derive(Clone, Debug, PartialEq)]
pub struct Fragment {
    pub number: u32,
    pub track: u32,
    pub decode: u64,
    pub duration: u32,
    pub sync: bool,
    pub offset: i32,
    pub bytes: Vec<u8>,
}

/// What a WebSocket runs on.
pub trait Wire: Read + Write + Send {}

impl<T: Read + Write + Send> Wire for T {}

pub struct Browser {
    stream: Box<dyn Wire>,
    buffer: Vec<u8>,
    pub opened: Instant,
    /// Answers pings.
    pub answers: bool,
}

impl Browser {
    /// Asks for a WebSocket; the answer's head when it is refused.
    pub fn open(port: u16, name: &str, headers: &[&str]) -> Result<Self, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self::open_on(Box::new(stream), port, name, headers)
    }

    /// The same on a connection that is there.
    pub fn open_on(
        mut stream: Box<dyn Wire>,
        port: u16,
        name: &str,
        headers: &[&str],
    ) -> Result<Self, String> {
        let more: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
        let version = match more.contains("Sec-WebSocket-Version") {
            true => "",
            false => "Sec-WebSocket-Version: 13\r\n",
        };
        let request = format!(
            "GET /live/{name} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: keep-alive, Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{version}{more}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut browser =
            Self { stream, buffer: Vec::new(), opened: Instant::now(), answers: true };
        let end = loop {
            if let Some(at) = browser.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            browser.fill().map_err(|error| error.to_string())?;
        };
        let head = String::from_utf8(browser.buffer.drain(..end).collect()).unwrap();
        if !head.starts_with("HTTP/1.1 101 ") {
            return Err(head);
        }
        // The example of RFC 6455 section 1.3.
        assert!(head.contains("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"), "{head}");
        browser.opened = Instant::now();
        Ok(browser)
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                self.buffer.extend_from_slice(&chunk[..count]);
                Ok(())
            }
        }
    }

    /// The next message.
    pub fn next(&mut self) -> io::Result<Got> {
        loop {
            if let Some((opcode, payload)) = self.take() {
                let got = match opcode {
                    1 => Got::Text(serde_json::from_slice(&payload).expect("JSON")),
                    2 => binary(payload),
                    8 => {
                        let code = u16::from_be_bytes([payload[0], payload[1]]);
                        Got::Close(code, String::from_utf8(payload[2..].to_vec()).unwrap())
                    }
                    9 => {
                        if self.answers {
                            self.send(10, &payload);
                        }
                        Got::Ping(payload)
                    }
                    10 => Got::Pong(payload),
                    other => panic!("opcode {other}"),
                };
                return Ok(got);
            }
            self.fill()?;
        }
    }

    fn take(&mut self) -> Option<(u8, Vec<u8>)> {
        let (&[first, second], rest) = self.buffer.split_first_chunk()?;
        assert_eq!(first & 0xf0, 0x80, "each message is one frame");
        let (length, header) = match second {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*rest.first_chunk()?) as usize, 10),
            short => (usize::from(short), 2),
        };
        if self.buffer.len() < header + length {
            return None;
        }
        let payload = self.buffer[header..header + length].to_vec();
        self.buffer.drain(..header + length);
        Some((first & 15, payload))
    }

    /// Sends a masked frame.
    pub fn send(&mut self, opcode: u8, payload: &[u8]) {
        let mask = [7, 1, 9, 3];
        let mut frame = vec![0x80 | opcode, 0x80 | payload.len() as u8];
        frame.extend_from_slice(&mask);
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        self.stream.write_all(&frame).unwrap();
    }

    /// Sends bytes as they are.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// The first message for which `wanted` gives something.
    pub fn find<T>(&mut self, mut wanted: impl FnMut(&Got) -> Option<T>) -> T {
        let deadline = Instant::now() + SOON;
        let mut seen = Vec::new();
        loop {
            let got = self.next().unwrap_or_else(|error| panic!("{error} after {seen:?}"));
            if let Some(found) = wanted(&got) {
                return found;
            }
            seen.push(match got {
                Got::Fragment(fragment) => format!("fragment {}", fragment.number),
                Got::Init(_) => "init".to_owned(),
                other => format!("{other:?}"),
            });
            assert!(Instant::now() < deadline, "it does not come: {seen:?}");
        }
    }

    /// The next fragment of a track.
    pub fn fragment(&mut self, track: u32) -> Fragment {
        self.find(|got| match got {
            Got::Fragment(fragment) if fragment.track == track => Some(fragment.clone()),
            _ => None,
        })
    }

    /// The state that comes next, and what is said about it.
    pub fn state(&mut self, state: &str) -> Value {
        self.find(|got| match got {
            Got::Text(text) if text["type"] == "state" && text["state"] == state => {
                Some(text.clone())
            }
            _ => None,
        })
    }

    /// The code and the reason with which the WebSocket ends.
    pub fn close(&mut self) -> (u16, String) {
        self.find(|got| match got {
            Got::Close(code, reason) => Some((*code, reason.clone())),
            _ => None,
        })
    }

    /// Whether the connection ends within this time, whatever comes before.
    pub fn ends_within(&mut self, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            if self.next().is_err() {
                return true;
            }
        }
        false
    }
}

/// What is in a binary message: exactly an initialization segment, or one fragment.
fn binary(payload: Vec<u8>) -> Got {
    let boxes = boxes(&payload);
    let kinds: Vec<&[u8]> = boxes.iter().map(|(kind, _)| kind.as_slice()).collect();
    if kinds == [b"ftyp", b"moov"] {
        return Got::Init(payload);
    }
    assert_eq!(kinds, [b"moof", b"mdat"], "one fragment a message");
    let word = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    Got::Fragment(Fragment {
        number: word(20),
        track: word(44),
        decode: u64::from_be_bytes(payload[60..68].try_into().unwrap()),
        duration: word(88),
        sync: word(96) & 0x1_0000 == 0,
        offset: word(100) as i32,
        bytes: payload,
    })
}

/// The boxes that bytes consist of.
fn boxes(mut bytes: &[u8]) -> Vec<(Vec<u8>, usize)> {
    let mut boxes = Vec::new();
    while !bytes.is_empty() {
        let length = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        boxes.push((bytes[4..8].to_vec(), length));
        bytes = &bytes[length..];
    }
    boxes
}
