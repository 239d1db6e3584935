//! A message whose body is on its way.

use super::error::DecodeError;
use super::frame::Channels;
use super::message::Message;
use super::resync::{self, Begin};
use crate::Limits;

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes.
    Known(usize),
    /// A camera sends a presentation and does not say how long it is.
    Open,
}

impl Length {
    /// An announced length, refused at once if it can never fit. `body` is where the body begins.
    pub(super) fn known(announced: u64, body: u64, limits: &Limits) -> Result<Self, DecodeError> {
        match usize::try_from(announced) {
            Ok(length) if length <= limits.body => Ok(Self::Known(length)),
            _ => Err(DecodeError::BodyTooLarge {
                offset: body,
                limit: limits.body,
                announced: Some(announced),
            }),
        }
    }
}

/// A message whose head is read, and how far its body was looked through.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) message: Message,
    /// What the head took of the stream.
    pub(super) head: usize,
    pub(super) length: Length,
    /// Where the line begins that is being looked at.
    line: usize,
    /// No end of that line lies before this.
    searched: usize,
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BodyEnd {
    /// Not there yet.
    Missing,
    /// As announced.
    At(usize),
    /// Elsewhere than announced.
    Odd(usize),
}

impl Pending {
    pub(super) fn new(message: Message, head: usize, length: Length) -> Self {
        Self { message, head, length, line: 0, searched: 0 }
    }

    /// A client's body is as long as announced.
    pub(super) fn strict(&self, data: &[u8]) -> BodyEnd {
        match self.length {
            Length::Known(length) if data.len() >= length => BodyEnd::At(length),
            Length::Known(_) | Length::Open => BodyEnd::Missing,
        }
    }

    /// A camera's body ends as announced, or before where a line begins a frame or a response:
    /// cameras count their SDP wrongly. `ended`: nothing more comes, so it ends with the data.
    pub(super) fn tolerant(
        &mut self,
        data: &[u8],
        offset: u64,
        limits: &Limits,
        channels: &Channels,
        ended: bool,
    ) -> Result<BodyEnd, DecodeError> {
        let (region, last_line) = match self.length {
            Length::Known(length) => (&data[..data.len().min(length)], length),
            Length::Open => (data, limits.body),
        };
        let complete = self.length == Length::Known(region.len());
        while self.line <= last_line {
            match resync::interrupts(region.get(self.line..).unwrap_or_default(), channels) {
                Begin::Yes => return Ok(BodyEnd::Odd(self.line)),
                Begin::Undecided if !complete && !ended => return Ok(BodyEnd::Missing),
                Begin::Undecided | Begin::No => {}
            }
            let rest = region.get(self.searched..).unwrap_or_default();
            let Some(end) = rest.iter().position(|&b| b == b'\n' || b == b'\r') else {
                self.searched = region.len();
                break;
            };
            self.searched += end + 1;
            self.line = self.searched;
        }
        match self.length {
            Length::Known(length) if complete => Ok(BodyEnd::At(length)),
            Length::Open if data.len() > limits.body => {
                Err(DecodeError::BodyTooLarge { offset, limit: limits.body, announced: None })
            }
            Length::Known(_) | Length::Open if ended => Ok(BodyEnd::Odd(data.len())),
            Length::Known(_) | Length::Open => Ok(BodyEnd::Missing),
        }
    }
}
