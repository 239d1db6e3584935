//! Descriptions from text, whatever the camera made of it.

use std::{borrow::Cow, fmt};

use super::{
    Attribute, MediaDescription, MediaKind, Origin, SessionDescription, attribute::is_token,
    connection, rtpmap::FIRST_DYNAMIC,
};
use crate::{Oddities, Oddity};

/// Most media descriptions in a session, those that are skipped included.
pub const MAX_MEDIA: usize = 32;

/// Most lines in a description.
pub const MAX_LINES: usize = 2_048;

/// Longest line, in bytes; a longer one is skipped. Parameter sets make lines of a few hundred.
pub const MAX_LINE_LEN: usize = 16 * 1024;

/// Why a text is no usable description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// There is no media description in it that can be understood.
    NoMedia,
    /// More than [`MAX_MEDIA`] media descriptions.
    TooManyMedia,
    /// More than [`MAX_LINES`] lines.
    TooManyLines,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMedia => f.write_str("the description names no media"),
            Self::TooManyMedia => {
                write!(f, "the description has more than {MAX_MEDIA} media")
            }
            Self::TooManyLines => {
                write!(f, "the description has more than {MAX_LINES} lines")
            }
        }
    }
}

impl std::error::Error for SdpError {}

impl SessionDescription {
    /// Reads what can be understood. A line that cannot is mended or skipped, and counted:
    /// [`Oddity::OddSdpLine`], [`Oddity::SkippedMedia`], [`Oddity::OddRtpMap`],
    /// [`Oddity::BareLineEnd`], [`Oddity::NotUtf8`].
    ///
    /// # Errors
    ///
    /// Nothing usable is left, or a bound is exceeded.
    pub fn parse(text: &[u8], oddities: &mut Oddities) -> Result<Self, SdpError> {
        let mut reader = Reader::default();
        let mut lines = 0;
        for line in Lines::new(text, oddities) {
            lines += 1;
            if lines > MAX_LINES {
                return Err(SdpError::TooManyLines);
            }
            let Some(line) = readable(line, oddities) else { continue };
            if reader.line(&line)? == Odd {
                oddities.note(Oddity::OddSdpLine);
            }
        }
        for missing in [reader.seen_version, reader.seen_origin, reader.seen_name] {
            if !missing {
                oddities.note(Oddity::OddSdpLine);
            }
        }
        for _ in 0..reader.skipped {
            oddities.note(Oddity::SkippedMedia);
        }
        let session = reader.session;
        if session.media.is_empty() {
            return Err(SdpError::NoMedia);
        }
        for media in session.media.iter().filter(|media| media.is_rtp()) {
            for payload_type in media.payload_types() {
                let right = media
                    .described(payload_type)
                    .map_or(payload_type < FIRST_DYNAMIC, |(_, right)| right);
                if !right {
                    oddities.note(Oddity::OddRtpMap);
                }
            }
        }
        Ok(session)
    }
}

/// Lines, however they end: CRLF, LF or CR.
struct Lines<'a> {
    rest: &'a [u8],
}

impl<'a> Lines<'a> {
    fn new(text: &'a [u8], oddities: &mut Oddities) -> Self {
        let mut previous = 0;
        let bare = text.iter().any(|&byte| {
            let bare = byte == b'\n' && previous != b'\r' || byte != b'\n' && previous == b'\r';
            previous = byte;
            bare
        });
        if bare || previous == b'\r' {
            oddities.note(Oddity::BareLineEnd);
        }
        Self { rest: text }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        if self.rest.is_empty() {
            return None;
        }
        let end = self.rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        let (line, after) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = match after {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => after,
        };
        Some(line)
    }
}

/// A line as text without blanks around it; `None` for an empty one and one that is too long.
fn readable<'a>(line: &'a [u8], oddities: &mut Oddities) -> Option<Cow<'a, str>> {
    if line.len() > MAX_LINE_LEN {
        oddities.note(Oddity::OddSdpLine);
        return None;
    }
    // NULs and other control characters are garbage of a buffer that was too long; a tab is
    // white space.
    let line = line.trim_ascii();
    let garbage = |byte: u8| byte < b' ' && byte != b'\t' || byte == 0x7f;
    let mended: Cow<'_, [u8]> = if line.iter().any(|&byte| garbage(byte)) {
        oddities.note(Oddity::OddSdpLine);
        Cow::Owned(line.iter().copied().filter(|&byte| !garbage(byte)).collect())
    } else {
        Cow::Borrowed(line)
    };
    if mended.trim_ascii().is_empty() {
        return None;
    }
    let text = match mended {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).map(Cow::Borrowed).ok(),
        Cow::Owned(ref bytes) => std::str::from_utf8(bytes).map(|t| Cow::Owned(t.to_owned())).ok(),
    };
    Some(text.unwrap_or_else(|| {
        oddities.note(Oddity::NotUtf8);
        Cow::Owned(mended.iter().map(|&byte| char::from(byte)).collect())
    }))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Right,
    /// Mended or skipped.
    Odd,
}

use Verdict::{Odd, Right};

#[derive(Default)]
struct Reader {
    session: SessionDescription,
    /// The media description the lines belong to is one that is skipped.
    skipping: bool,
    skipped: usize,
    seen_version: bool,
    seen_origin: bool,
    seen_name: bool,
}

impl Reader {
    fn line(&mut self, line: &str) -> Result<Verdict, SdpError> {
        let Some((kind, value)) = line.split_once('=') else { return Ok(Odd) };
        let value = value.trim();
        let kind = match kind.trim().as_bytes() {
            [kind] => kind.to_ascii_lowercase(),
            _ => return Ok(Odd),
        };
        if kind == b'm' {
            return self.media(value);
        }
        if self.skipping {
            return Ok(Right);
        }
        Ok(match kind {
            b'v' => first(&mut self.seen_version, value == "0"),
            b'o' => self.origin(value),
            b's' => self.name(value),
            b'c' => self.connection(value),
            b'b' => self.bandwidth(value),
            b'a' => self.attribute(value),
            // Read over: see the module.
            b't' => {
                let numbers = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
                if value.split(' ').all(numbers) { Right } else { Odd }
            }
            b'i' | b'u' | b'e' | b'p' | b'r' | b'z' | b'k' => Right,
            _ => Odd,
        })
    }

    fn origin(&mut self, value: &str) -> Verdict {
        let parsed = Origin::parse(value);
        let right = parsed.as_ref().is_some_and(|(_, right)| *right);
        if self.session.origin.is_none() {
            self.session.origin = parsed.map(|(origin, _)| origin);
        }
        first(&mut self.seen_origin, right)
    }

    fn name(&mut self, value: &str) -> Verdict {
        // `-` and a blank stand for no name.
        if self.session.name.is_empty() && value != "-" {
            self.session.name = value.to_owned();
        }
        first(&mut self.seen_name, true)
    }

    fn connection(&mut self, value: &str) -> Verdict {
        let connection = match self.session.media.last_mut() {
            Some(media) => &mut media.connection,
            None => &mut self.session.connection,
        };
        match connection::parse(value) {
            // The first one counts; some media with several addresses have more.
            Some((parsed, right)) => {
                connection.get_or_insert(parsed);
                if right { Right } else { Odd }
            }
            None => Odd,
        }
    }

    fn bandwidth(&mut self, value: &str) -> Verdict {
        let right = value.split_once(':').is_some_and(|(kind, number)| {
            is_token(kind) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        });
        if !right {
            return Odd;
        }
        if let Some(media) = self.session.media.last_mut() {
            media.bandwidth.push(value.to_owned());
        }
        Right
    }

    fn attribute(&mut self, value: &str) -> Verdict {
        let Some(attribute) = Attribute::parse(value) else { return Odd };
        match self.session.media.last_mut() {
            Some(media) => media.attributes.push(attribute),
            None => self.session.attributes.push(attribute),
        }
        Right
    }

    fn media(&mut self, value: &str) -> Result<Verdict, SdpError> {
        if self.session.media.len() + self.skipped == MAX_MEDIA {
            return Err(SdpError::TooManyMedia);
        }
        let parsed = media_line(value);
        self.skipping = parsed.is_none();
        Ok(match parsed {
            Some((media, verdict)) => {
                self.session.media.push(media);
                verdict
            }
            None => {
                self.skipped += 1;
                Right
            }
        })
    }
}

/// Lines that are there once: another one is odd.
fn first(seen: &mut bool, right: bool) -> Verdict {
    if std::mem::replace(seen, true) || !right { Odd } else { Right }
}

/// Reads what follows `m=`: kind, port with or without a count, protocol, formats. `None` when
/// there is nothing in it that can be relayed.
fn media_line(value: &str) -> Option<(MediaDescription, Verdict)> {
    let mut verdict = Right;
    let mut words = value.split_whitespace().peekable();
    let kind = words.next().filter(|word| is_token(word))?;
    let port = words.next()?;
    let port = port.split('/').next().and_then(|port| port.parse().ok()).unwrap_or_else(|| {
        verdict = Odd;
        0
    });
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    // `m=video 0 96`: the protocol was forgotten.
    let protocol = if words.peek().is_some_and(|word| is_number(word)) {
        verdict = Odd;
        "RTP/AVP".to_owned()
    } else {
        let protocol = words.next()?.to_ascii_uppercase();
        if !protocol.split('/').all(is_token) {
            return None;
        }
        protocol
    };
    let rtp = protocol.starts_with("RTP/");
    let mut formats = Vec::new();
    for format in words {
        let usable = if rtp {
            format.parse::<u8>().is_ok_and(|number| number < 128)
        } else {
            is_token(format)
        };
        if usable {
            formats.push(format.to_owned());
        } else {
            verdict = Odd;
        }
    }
    if formats.is_empty() {
        return None;
    }
    let kind = MediaKind::of(kind);
    let (connection, bandwidth, attributes) = (None, Vec::new(), Vec::new());
    let media =
        MediaDescription { kind, port, protocol, formats, connection, bandwidth, attributes };
    Some((media, verdict))
}

#[cfg(test)]
mod tests;
