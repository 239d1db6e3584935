//! What a connection delivers, cut into RTSP messages and interleaved packets (RFC 2326, 10.12).
//!
//! Reads end anywhere, and there are very many: the bytes of a packet behind its first [`HEAD`]
//! are counted, never looked at or copied.

/// So much of each packet is shown: RTP header, an aggregation packet's first NAL units, the stamp.
pub(crate) const HEAD: usize = 192;

/// A longer RTSP message is none.
const MAX_MESSAGE: usize = 64 * 1024;

/// `$`, channel, length.
const PREFIX: usize = 4;

/// Takes what was cut.
pub(crate) trait Sink {
    /// An RTSP message, with its body.
    fn message(&mut self, text: &str);
    /// A packet begins; `head` holds its first bytes.
    fn packet(&mut self, channel: u8, head: &[u8]);
    /// Its last byte is here.
    fn packet_end(&mut self);
}

/// The bytes are neither.
#[derive(Debug)]
pub(crate) struct Desync;

/// Where in the stream a connection is.
#[derive(Debug)]
pub(crate) struct Framing {
    /// A packet's first bytes, when a read ended within them.
    head: [u8; PREFIX + HEAD],
    have: usize,
    /// Bytes until the packet ends.
    skip: usize,
    /// A message that is not yet whole.
    text: Vec<u8>,
}

impl Framing {
    /// At the beginning.
    pub(crate) fn new() -> Self {
        Self { head: [0; PREFIX + HEAD], have: 0, skip: 0, text: Vec::new() }
    }

    /// Takes the bytes of one read.
    pub(crate) fn feed(&mut self, mut bytes: &[u8], sink: &mut impl Sink) -> Result<(), Desync> {
        while let Some(&first) = bytes.first() {
            if self.skip > 0 {
                let here = self.skip.min(bytes.len());
                bytes = &bytes[here..];
                self.skip -= here;
                if self.skip == 0 {
                    sink.packet_end();
                }
            } else if self.have > 0 {
                bytes = self.go_on(bytes, sink);
            } else if self.text.is_empty() && first == b'$' {
                let wanted = wanted(bytes);
                if wanted > PREFIX && bytes.len() >= wanted {
                    self.skip = show(&bytes[..wanted], sink);
                    bytes = &bytes[wanted..];
                } else {
                    bytes = self.go_on(bytes, sink);
                }
            } else if !self.text.is_empty() || first.is_ascii_alphabetic() {
                bytes = self.message(bytes, sink)?;
            } else {
                return Err(Desync);
            }
        }
        Ok(())
    }

    /// Fills the head of a packet that came in pieces.
    fn go_on<'a>(&mut self, mut bytes: &'a [u8], sink: &mut impl Sink) -> &'a [u8] {
        loop {
            let wanted = wanted(&self.head[..self.have]);
            let here = (wanted - self.have).min(bytes.len());
            self.head[self.have..self.have + here].copy_from_slice(&bytes[..here]);
            self.have += here;
            bytes = &bytes[here..];
            if self.have < wanted {
                return bytes;
            }
            if self.have > PREFIX || self.head[2..PREFIX] == [0, 0] {
                self.skip = show(&self.head[..self.have], sink);
                self.have = 0;
                return bytes;
            }
        }
    }

    fn message<'a>(&mut self, bytes: &'a [u8], sink: &mut impl Sink) -> Result<&'a [u8], Desync> {
        let before = self.text.len();
        self.text.extend_from_slice(bytes);
        let Some(size) = message_size(&self.text).filter(|&size| size <= self.text.len()) else {
            return if self.text.len() > MAX_MESSAGE { Err(Desync) } else { Ok(&[]) };
        };
        sink.message(&String::from_utf8_lossy(&self.text[..size]));
        // There is no second one behind many messages; give the memory back.
        self.text = Vec::new();
        Ok(&bytes[size - before..])
    }
}

/// How many bytes of a packet have to be there before it can be shown.
fn wanted(start: &[u8]) -> usize {
    match start {
        &[_, _, high, low, ..] => PREFIX + usize::from(u16::from_be_bytes([high, low])).min(HEAD),
        _ => PREFIX,
    }
}

/// Shows a packet's head with its prefix; how many bytes are still to come.
fn show(start: &[u8], sink: &mut impl Sink) -> usize {
    let size = usize::from(u16::from_be_bytes([start[2], start[3]]));
    sink.packet(start[1], &start[PREFIX..]);
    let rest = size - (start.len() - PREFIX);
    if rest == 0 {
        sink.packet_end();
    }
    rest
}

/// Bytes of the message with its body, once its header is whole.
pub(crate) fn message_size(text: &[u8]) -> Option<usize> {
    let end = text.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let header = String::from_utf8_lossy(&text[..end]);
    let body = header_value(&header, "content-length").and_then(|value| value.parse().ok());
    Some(end + body.unwrap_or(0))
}

/// A header's value; the name in any case.
pub(crate) fn header_value<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    let header = message.split("\r\n\r\n").next()?;
    header.lines().skip(1).find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
