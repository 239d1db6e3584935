//! Finding the end of a message's head while it grows.
//!
//! Every byte is looked at once, however the head is split; and what is decided depends on the
//! bytes alone, never on where a read happened to end.

use super::error::DecodeError;
use super::frame::Channels;
use super::resync::{self, Begin};
use crate::Limits;

/// What a request line may hold besides its URI: method, version and two blanks.
const LINE_BESIDES_URI: usize = 64;

/// CR, CR, LF is seen; more CR than this before an LF are line ends of their own.
const LINE_END_MAX: usize = 4;

/// How far the end of the head was looked for; positions count from the head's first byte.
#[derive(Debug, Default)]
pub(super) struct HeadScan {
    /// No line end lies before this.
    searched: usize,
    /// Where the line begins that is being looked at.
    line: usize,
    /// How many lines are complete.
    lines: usize,
    /// How long the first is, without its end.
    first_line: usize,
    /// What ends this head's lines; the first line decides.
    ends: Option<LineEnds>,
    /// It was seen that no other message begins at `line`.
    own_line: bool,
    /// Among bare CR: an LF followed the CR before `line`.
    crlf: bool,
}

/// What ends the lines of a camera's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineEnds {
    /// LF, and any CR before it.
    Lf,
    /// CR, and an LF behind it.
    Cr,
}

/// What a look at a camera's bytes found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The head's end is not there yet.
    Nothing,
    /// The head, blank line included, is so long.
    Head(usize, LineEnds),
    /// A frame or another message begins here, where a header line ought to be.
    Cut(usize, LineEnds),
}

/// What a look at a client's bytes found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Strict {
    /// The next line's end is not there yet.
    Nothing,
    /// The first line is complete: so long, without its end.
    FirstLine(usize),
    /// The head, blank line included, is so long.
    Head(usize),
}

impl HeadScan {
    /// How long a client's first line is, without its CRLF.
    pub(super) fn first_line(&self) -> usize {
        self.first_line
    }

    /// How many header lines were seen.
    pub(super) fn header_lines(&self) -> usize {
        self.lines.saturating_sub(1)
    }

    /// A client's head: every line ends in CRLF. The first line is told as soon as it is there, so
    /// that what is no RTSP at all is refused at once.
    pub(super) fn strict(
        &mut self,
        data: &[u8],
        offset: u64,
        limits: &Limits,
    ) -> Result<Strict, DecodeError> {
        loop {
            let Some(at) = find(data, self.searched, |b| b == b'\r' || b == b'\n') else {
                self.searched = data.len();
                return self.within(data.len(), offset, limits).map(|()| Strict::Nothing);
            };
            self.searched = at;
            self.within(at, offset, limits)?;
            if data[at] == b'\n' {
                let rule = "a line ends in CRLF, not in LF alone";
                return Err(DecodeError::LineEnd { offset: offset + at as u64, rule });
            }
            match data.get(at + 1) {
                None => return Ok(Strict::Nothing),
                Some(b'\n') => self.within(at + 1, offset, limits)?,
                Some(_) => {
                    let rule = "a line ends in CRLF, not in CR alone";
                    return Err(DecodeError::LineEnd { offset: offset + at as u64, rule });
                }
            }
            let empty = at == self.line;
            self.searched = at + 2;
            self.line = at + 2;
            if empty {
                return Ok(Strict::Head(at + 2));
            }
            self.lines += 1;
            if self.lines == 1 {
                self.first_line = at;
                return Ok(Strict::FirstLine(at));
            }
        }
    }

    /// A camera's head: lines end in CRLF, LF or CR; it is cut where something else begins.
    /// `ended`: no more bytes come, so what cannot be decided yet is decided now.
    pub(super) fn tolerant(
        &mut self,
        data: &[u8],
        offset: u64,
        limits: &Limits,
        channels: &Channels,
        ended: bool,
    ) -> Result<Found, DecodeError> {
        let ends = match self.ends {
            Some(ends) => ends,
            None => match self.first_line_end(data, ended) {
                Some(ends) => *self.ends.insert(ends),
                None => {
                    return self.within(self.searched, offset, limits).map(|()| Found::Nothing);
                }
            },
        };
        let wanted = if ends == LineEnds::Lf { b'\n' } else { b'\r' };
        loop {
            if ends == LineEnds::Cr && self.lines > 0 && !self.crlf {
                self.crlf = data.get(self.line) == Some(&b'\n');
                self.line += usize::from(self.crlf);
                self.searched = self.searched.max(self.line);
            }
            if self.lines > 0 && !self.own_line {
                let line = data.get(self.line..).unwrap_or_default();
                match resync::interrupts(line, channels) {
                    Begin::Yes => return Ok(Found::Cut(self.line, ends)),
                    Begin::Undecided if !ended => return Ok(Found::Nothing),
                    Begin::Undecided | Begin::No => self.own_line = true,
                }
            }
            let Some(at) = find(data, self.searched, |b| b == wanted) else {
                self.searched = data.len();
                return self.within(data.len(), offset, limits).map(|()| Found::Nothing);
            };
            self.searched = at;
            self.within(at, offset, limits)?;
            if data[self.line..at].iter().all(|&b| b == b'\r' || b == b'\n') {
                // A blank line. One that is CRLF among bare CR owns the LF that follows.
                return Ok(match data.get(at + 1) {
                    Some(b'\n') if self.crlf => Found::Head(at + 2, ends),
                    None if self.crlf && !ended => Found::Nothing,
                    _ => Found::Head(at + 1, ends),
                });
            }
            self.lines += 1;
            self.line = at + 1;
            self.searched = at + 1;
            self.own_line = false;
            self.crlf = false;
        }
    }

    /// Where a camera's head is to be cut when nothing follows: behind its last complete line.
    pub(super) fn cut_short(&self) -> Option<(usize, LineEnds)> {
        (self.lines > 0).then_some(())?;
        Some((self.line, self.ends?))
    }

    /// The first line's end tells the kind of all: any CR up to an LF, or else a bare CR.
    fn first_line_end(&mut self, data: &[u8], ended: bool) -> Option<LineEnds> {
        let Some(at) = find(data, self.searched, |b| b == b'\r' || b == b'\n') else {
            self.searched = data.len();
            return None;
        };
        self.searched = at;
        let end = &data[at..data.len().min(at + LINE_END_MAX)];
        match end.iter().find(|&&b| b != b'\r') {
            Some(b'\n') => Some(LineEnds::Lf),
            Some(_) => Some(LineEnds::Cr),
            None => (ended || end.len() == LINE_END_MAX).then_some(LineEnds::Cr),
        }
    }

    /// No line ends before `at`: is that still within the limits?
    fn within(&self, at: usize, offset: u64, limits: &Limits) -> Result<(), DecodeError> {
        let first_line = limits.uri.saturating_add(LINE_BESIDES_URI);
        if self.lines == 0 && first_line < limits.head && at > first_line {
            return Err(DecodeError::UriTooLong { offset, limit: limits.uri });
        }
        if at >= limits.head {
            return Err(DecodeError::HeadTooLong { offset, limit: limits.head });
        }
        Ok(())
    }
}

fn find(data: &[u8], from: usize, wanted: impl Fn(u8) -> bool) -> Option<usize> {
    data.get(from..)?.iter().position(|&b| wanted(b)).map(|at| from + at)
}
