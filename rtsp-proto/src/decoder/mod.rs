//! From a byte stream to requests, responses and interleaved frames.
//!
//! Bytes are pushed in as they arrive, events are pulled out. The same bytes give the same events,
//! the same error and the same [`Oddities`], however they were split. Nothing is scanned twice, and
//! no more is held back than one message or frame within its [`Limits`], provided that events are
//! pulled before more is pushed.
//!
//! The two kinds of peer are read by different rules:
//!
//! - [`Peer::Client`]: as [RFC 2326] and [RFC 7826] have it. The first broken rule ends decoding
//!   with a [`DecodeError`] that names it. Accepted beside the standard: a few blank lines before a
//!   message, and a request without URI (`PLAY  RTSP/1.0`).
//! - [`Peer::Camera`]: whatever can be understood. Status lines of HTTP, blank lines before a
//!   message, lines that end in LF or CR, folded and malformed header lines, text that is not
//!   UTF-8, a Content-Length that is wrong or missing, and garbage between messages and frames.
//!
//! ```
//! use rtsp_proto::Limits;
//! use rtsp_proto::decoder::{Decoder, Event, Peer};
//!
//! let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
//! decoder.push(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n");
//! assert_eq!(decoder.next()?, None);
//! decoder.push(b"\r\n$\x00\x00\x03abc");
//! let Some(Event::Response(response)) = decoder.next()? else { panic!("no response") };
//! assert_eq!(response.cseq(), Some(1));
//! let Some(Event::Frame(frame)) = decoder.next()? else { panic!("no frame") };
//! assert_eq!((frame.channel, frame.payload()), (0, &b"abc"[..]));
//! # Ok::<(), rtsp_proto::decoder::DecodeError>(())
//! ```
//!
//! [RFC 2326]: https://www.rfc-editor.org/rfc/rfc2326
//! [RFC 7826]: https://www.rfc-editor.org/rfc/rfc7826

mod body;
mod buffer;
mod error;
mod frame;
mod message;
mod resync;
mod scan;
mod strict;
#[cfg(test)]
mod tests;
mod tolerant;

use std::ops::Range;

use self::body::{BodyEnd, Length, Pending};
use self::buffer::Buffer;
use self::frame::Channels;
use self::message::Message;
use self::resync::Begin;
use self::scan::{Found, HeadScan, Strict};
use crate::{Limits, Oddities, Oddity, Request, Response};

pub use self::error::DecodeError;
pub use self::frame::{FRAME_PREFIX, Frame};

/// Blank lines a client may send before a message.
const MAX_BLANK_LINES: usize = 4;

/// Who is at the other end, and so by which rules it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// Tolerant: what is odd is counted, and lost framing is found again.
    Camera,
    /// Strict: the first broken rule is an error.
    Client,
}

/// What was decoded.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A request with its body.
    Request(Request),
    /// A response with its body.
    Response(Response),
    /// An interleaved frame, in the decoder's buffer.
    Frame(Frame<'a>),
}

/// Decodes one direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    peer: Peer,
    limits: Limits,
    buffer: Buffer,
    channels: Channels,
    state: State,
    /// Blank lines of a client since the last event.
    blank_lines: usize,
    /// Bytes of a camera that belong to nothing, since the last event.
    skipped: usize,
    /// Where the first of them was.
    skipped_at: u64,
    /// The peer sends nothing more, as far as [`Decoder::finish`] knows.
    ended: bool,
    oddities: Oddities,
    failed: Option<DecodeError>,
}

#[derive(Debug)]
enum State {
    /// A message or a frame begins here.
    Begin,
    /// Out of step with a camera: a message or a frame begins somewhere here.
    Lost,
    /// A head begins here.
    Head(HeadScan),
    /// A body begins here.
    Body(Box<Pending>),
}

/// One step of decoding.
enum Step {
    /// The state changed.
    Again,
    /// More bytes are needed.
    Wait,
    Done(Done),
}

/// An event that borrows nothing yet.
enum Done {
    /// A frame lies here in the buffer.
    Frame(Range<usize>),
    Message(Event<'static>),
}

impl Decoder {
    /// A decoder at the begin of a connection. It allocates nothing before bytes come.
    pub fn new(peer: Peer, limits: Limits) -> Self {
        Self {
            peer,
            limits,
            buffer: Buffer::default(),
            channels: Channels::default(),
            state: State::Begin,
            blank_lines: 0,
            skipped: 0,
            skipped_at: 0,
            ended: false,
            oddities: Oddities::new(),
            failed: None,
        }
    }

    /// Says which channels a camera was told to use, instead of those before. A camera out of step
    /// is found again by these; without any, channels below 20 are believed in.
    pub fn expect_channels(&mut self, channels: impl IntoIterator<Item = u8>) {
        self.channels.expect(channels);
    }

    /// Appends bytes that arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        self.advance(bytes.len());
    }

    /// Room of at least `min` bytes to read into; [`Decoder::advance`] says how many were.
    pub fn spare(&mut self, min: usize) -> &mut [u8] {
        self.buffer.spare(min)
    }

    /// `n` bytes of what [`Decoder::spare`] gave were filled. More than that are not believed.
    pub fn advance(&mut self, n: usize) {
        self.buffer.advance(n);
    }

    /// The next event; `None` when more bytes are needed.
    ///
    /// # Errors
    ///
    /// When a rule or a limit is broken. The connection cannot be read any further then, and every
    /// later call gives the same error.
    #[expect(clippy::should_implement_trait, reason = "an event borrows the decoder")]
    pub fn next(&mut self) -> Result<Option<Event<'_>>, DecodeError> {
        // Media is nearly all that comes: this way knows nothing else.
        if let (State::Begin, None) = (&self.state, &self.failed) {
            if let Some(frame) = self.whole_frame() {
                self.had_event();
                return Ok(Some(self.event(Done::Frame(frame))));
            }
        }
        let done = self.run()?;
        Ok(done.map(|done| self.event(done)))
    }

    /// The next event when the peer has closed the connection: as [`Decoder::next`], but a message
    /// of a camera that is cut short is given as far as it came. To be called until it gives
    /// `None`.
    ///
    /// Decoding may go on afterwards. So a camera that is merely silent in the middle of a body
    /// ([`Decoder::awaits_body`]), because it announced more than it sends, is helped by this too.
    ///
    /// # Errors
    ///
    /// As [`Decoder::next`]. That a message is cut short is none.
    pub fn finish(&mut self) -> Result<Option<Event<'_>>, DecodeError> {
        self.ended = self.peer == Peer::Camera;
        let done = self.run();
        self.ended = false;
        Ok(done?.map(|done| self.event(done)))
    }

    /// How many bytes came that no event was given for: those of a started message or frame.
    pub fn buffered(&self) -> usize {
        let head = if let State::Body(pending) = &self.state { pending.head } else { 0 };
        head + self.buffer.len()
    }

    /// Whether a head is there and its body is not.
    pub fn awaits_body(&self) -> bool {
        matches!(self.state, State::Body(_))
    }

    /// Gives the buffer's memory back if nothing is in it, for connections that fall silent.
    pub fn shrink(&mut self) {
        self.buffer.shrink();
    }

    /// What was tolerated so far.
    pub fn oddities(&self) -> &Oddities {
        &self.oddities
    }

    /// What was tolerated since the last call.
    pub fn take_oddities(&mut self) -> Oddities {
        std::mem::take(&mut self.oddities)
    }

    fn run(&mut self) -> Result<Option<Done>, DecodeError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        loop {
            match self.step() {
                Ok(Step::Again) => {}
                Ok(Step::Wait) => return Ok(None),
                Ok(Step::Done(done)) => {
                    self.state = State::Begin;
                    self.had_event();
                    return Ok(Some(done));
                }
                Err(error) => {
                    self.failed = Some(error.clone());
                    return Err(error);
                }
            }
        }
    }

    fn had_event(&mut self) {
        self.blank_lines = 0;
        self.skipped = 0;
    }

    fn event(&mut self, done: Done) -> Event<'_> {
        match done {
            Done::Frame(range) => Event::Frame(Frame::new(self.buffer.at(range))),
            Done::Message(event) => event,
        }
    }

    fn step(&mut self) -> Result<Step, DecodeError> {
        match (&self.state, self.peer) {
            (State::Begin, _) => self.begin(),
            (State::Lost, _) => self.lost(),
            (State::Head(_), Peer::Client) => self.strict_head(),
            (State::Head(_), Peer::Camera) => self.tolerant_head(),
            (State::Body(_), _) => self.body(),
        }
    }

    /// Takes the frame that begins here, if all of it is there.
    fn whole_frame(&mut self) -> Option<Range<usize>> {
        let data = self.buffer.data();
        let &[b'$', channel, high, low, ..] = data else { return None };
        let total = FRAME_PREFIX + usize::from(u16::from_be_bytes([high, low]));
        (data.len() >= total && self.believes(channel)).then(|| self.buffer.consume(total))
    }

    /// While in step: whether a `$` with this channel begins a frame.
    fn believes(&self, channel: u8) -> bool {
        self.peer == Peer::Client || self.channels.plausible(channel)
    }

    fn begin(&mut self) -> Result<Step, DecodeError> {
        if let Some(frame) = self.whole_frame() {
            return Ok(Step::Done(Done::Frame(frame)));
        }
        let data = self.buffer.data();
        if let &[b'$', channel, _, _, ..] = data {
            return if self.believes(channel) { Ok(Step::Wait) } else { self.lose() };
        }
        match (data, self.peer) {
            ([] | [b'$', ..] | [b'\r'], Peer::Client) | ([] | [b'$', ..], Peer::Camera) => {
                Ok(Step::Wait)
            }
            ([b'\r', b'\n', ..], Peer::Client) => {
                if self.blank_lines == MAX_BLANK_LINES {
                    let offset = self.buffer.offset();
                    return Err(DecodeError::BlankLines { offset, limit: MAX_BLANK_LINES });
                }
                self.blank_lines += 1;
                self.buffer.consume(2);
                Ok(Step::Again)
            }
            ([first, ..], Peer::Client) if !strict::may_begin(*first) => {
                Err(strict::no_begin(data, self.buffer.offset()))
            }
            ([b'\r' | b'\n', ..], Peer::Camera) => {
                let blank = data.iter().take_while(|&&b| b == b'\r' || b == b'\n').count();
                if self.skipped == 0 {
                    self.oddities.note(Oddity::BlankLines);
                }
                self.skip(blank)?;
                Ok(Step::Again)
            }
            (_, Peer::Client) => {
                self.state = State::Head(HeadScan::default());
                Ok(Step::Again)
            }
            (_, Peer::Camera) => match resync::message(data) {
                Begin::Yes => {
                    self.state = State::Head(HeadScan::default());
                    Ok(Step::Again)
                }
                Begin::Undecided if !self.ended => Ok(Step::Wait),
                Begin::Undecided | Begin::No => self.lose(),
            },
        }
    }

    /// What is here is neither a message nor a frame.
    fn lose(&mut self) -> Result<Step, DecodeError> {
        self.oddities.note(Oddity::Garbage);
        self.state = State::Lost;
        self.skip(1)?;
        Ok(Step::Again)
    }

    fn skip(&mut self, n: usize) -> Result<(), DecodeError> {
        if self.skipped == 0 {
            self.skipped_at = self.buffer.offset();
        }
        self.buffer.consume(n);
        self.skipped += n;
        if self.skipped > self.limits.resync {
            let (offset, limit) = (self.skipped_at, self.limits.resync);
            return Err(DecodeError::LostFraming { offset, limit });
        }
        Ok(())
    }

    fn lost(&mut self) -> Result<Step, DecodeError> {
        let data = self.buffer.data();
        let begins = |b: u8| b == b'$' || b == b'_' || b.is_ascii_uppercase();
        let nothing = data.iter().position(|&b| begins(b)).unwrap_or(data.len());
        let here = &data[nothing..];
        let (begin, frame) = if here.first() == Some(&b'$') {
            resync::frame(here, &self.channels, self.ended)
        } else {
            (resync::message(here), 0)
        };
        self.skip(nothing)?;
        match begin {
            Begin::Yes if frame > 0 => Ok(Step::Done(Done::Frame(self.buffer.consume(frame)))),
            Begin::Yes => {
                self.state = State::Head(HeadScan::default());
                Ok(Step::Again)
            }
            Begin::Undecided if !self.ended || self.buffer.len() == 0 => Ok(Step::Wait),
            Begin::Undecided | Begin::No => {
                self.skip(1)?;
                Ok(Step::Again)
            }
        }
    }

    fn strict_head(&mut self) -> Result<Step, DecodeError> {
        let State::Head(scan) = &mut self.state else { return Ok(Step::Again) };
        let (data, offset) = (self.buffer.data(), self.buffer.offset());
        match scan.strict(data, offset, &self.limits)? {
            Strict::Nothing => Ok(Step::Wait),
            Strict::FirstLine(end) => {
                strict::start_line(&data[..end], offset, &self.limits)?;
                Ok(Step::Again)
            }
            Strict::Head(end) => {
                let (first, count) = (scan.first_line(), scan.header_lines());
                let message = strict::start_line(&data[..first], offset, &self.limits)?;
                let block = (&data[first + 2..end], offset + first as u64 + 2);
                let headers = strict::headers(block, count, offset, &self.limits)?;
                let length =
                    strict::content_length(&headers, offset, offset + end as u64, &self.limits)?;
                Ok(self.expect_body(message.with_headers(headers), end, length))
            }
        }
    }

    fn tolerant_head(&mut self) -> Result<Step, DecodeError> {
        let State::Head(scan) = &mut self.state else { return Ok(Step::Again) };
        let (data, offset) = (self.buffer.data(), self.buffer.offset());
        let found = scan.tolerant(data, offset, &self.limits, &self.channels, self.ended)?;
        let (end, ends) = match (found, scan.cut_short()) {
            (Found::Head(end, ends), _) => (end, ends),
            (Found::Cut(end, ends), _) => {
                self.oddities.note(Oddity::MalformedHeader);
                (end, ends)
            }
            (Found::Nothing, Some((end, ends))) if self.ended => {
                self.oddities.note(Oddity::MalformedHeader);
                (end, ends)
            }
            (Found::Nothing, None) if self.ended => return self.lose(),
            (Found::Nothing, _) => return Ok(Step::Wait),
        };
        let head = &data[..end];
        let Some(message) = tolerant::head(head, ends, offset, &self.limits, &mut self.oddities)?
        else {
            return self.lose();
        };
        let body = offset + end as u64;
        let length = tolerant::length(&message, body, &self.limits, &mut self.oddities)?;
        Ok(self.expect_body(message, end, length))
    }

    fn expect_body(&mut self, message: Message, head: usize, length: Length) -> Step {
        self.buffer.consume(head);
        self.state = State::Body(Box::new(Pending::new(message, head, length)));
        Step::Again
    }

    fn body(&mut self) -> Result<Step, DecodeError> {
        let State::Body(pending) = &mut self.state else { return Ok(Step::Again) };
        let (data, offset) = (self.buffer.data(), self.buffer.offset());
        let end = match self.peer {
            Peer::Client => pending.strict(data),
            Peer::Camera => {
                pending.tolerant(data, offset, &self.limits, &self.channels, self.ended)?
            }
        };
        let length = match end {
            BodyEnd::Missing => return Ok(Step::Wait),
            BodyEnd::At(length) => length,
            BodyEnd::Odd(length) => {
                if pending.length != Length::Open {
                    self.oddities.note(Oddity::BadContentLength);
                }
                length
            }
        };
        let body = data[..length].to_vec();
        self.buffer.consume(length);
        match std::mem::replace(&mut self.state, State::Begin) {
            State::Body(pending) => Ok(Step::Done(Done::Message(pending.message.into_event(body)))),
            _ => Ok(Step::Again),
        }
    }
}
