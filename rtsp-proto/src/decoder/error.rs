//! Why a stream cannot be decoded any further.

use std::fmt;

use crate::StatusCode;

/// The longest piece of a peer's bytes that is shown.
const EXCERPT: usize = 48;

/// A broken rule or limit, and where in the stream (bytes from its begin).
///
/// After an error nothing more is decoded: where the next message begins cannot be known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// The first line is neither a request line nor a status line.
    StartLine {
        /// Where the line begins.
        offset: u64,
        /// What it should have been.
        rule: &'static str,
        /// What it was, without a login, escaped and shortened.
        found: String,
    },
    /// A line ends in something else than CRLF.
    LineEnd {
        /// Where the byte is.
        offset: u64,
        /// What was broken.
        rule: &'static str,
    },
    /// Too many blank lines before a message.
    BlankLines {
        /// Where the line is that was too much.
        offset: u64,
        /// How many are accepted.
        limit: usize,
    },
    /// A header line that cannot be read.
    HeaderLine {
        /// Where the line begins.
        offset: u64,
        /// What it should have been.
        rule: &'static str,
        /// Its name up to the colon, escaped and shortened; empty when there is none.
        found: String,
    },
    /// The request URI exceeds [`Limits::uri`](crate::Limits::uri).
    UriTooLong {
        /// Where the message begins.
        offset: u64,
        /// Bytes.
        limit: usize,
    },
    /// First line and headers together exceed [`Limits::head`](crate::Limits::head).
    HeadTooLong {
        /// Where the message begins.
        offset: u64,
        /// Bytes.
        limit: usize,
    },
    /// More header lines than [`Limits::headers`](crate::Limits::headers).
    TooManyHeaders {
        /// Where the message begins.
        offset: u64,
        /// Lines.
        limit: usize,
        /// How many there are.
        count: usize,
    },
    /// Content-Length says nothing usable.
    ContentLength {
        /// Where the message begins.
        offset: u64,
        /// What was broken.
        rule: &'static str,
        /// What it was, escaped and shortened.
        found: String,
    },
    /// The body exceeds [`Limits::body`](crate::Limits::body).
    BodyTooLarge {
        /// Where the body begins.
        offset: u64,
        /// Bytes.
        limit: usize,
        /// How long it was announced to be; `None` for a body that would not end.
        announced: Option<u64>,
    },
    /// A camera sent more than [`Limits::resync`](crate::Limits::resync) bytes that belong to
    /// nothing.
    LostFraming {
        /// Where the first of them was.
        offset: u64,
        /// Bytes.
        limit: usize,
    },
}

impl DecodeError {
    /// What a client is answered before the connection is closed.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::UriTooLong { .. } => StatusCode::REQUEST_URI_TOO_LONG,
            Self::HeadTooLong { .. } | Self::BodyTooLarge { .. } => {
                StatusCode::REQUEST_ENTITY_TOO_LARGE
            }
            Self::StartLine { .. }
            | Self::LineEnd { .. }
            | Self::BlankLines { .. }
            | Self::HeaderLine { .. }
            | Self::TooManyHeaders { .. }
            | Self::ContentLength { .. }
            | Self::LostFraming { .. } => StatusCode::BAD_REQUEST,
        }
    }

    /// Where in the stream, in bytes from its begin.
    pub fn offset(&self) -> u64 {
        match self {
            Self::StartLine { offset, .. }
            | Self::LineEnd { offset, .. }
            | Self::BlankLines { offset, .. }
            | Self::HeaderLine { offset, .. }
            | Self::UriTooLong { offset, .. }
            | Self::HeadTooLong { offset, .. }
            | Self::TooManyHeaders { offset, .. }
            | Self::ContentLength { offset, .. }
            | Self::BodyTooLarge { offset, .. }
            | Self::LostFraming { offset, .. } => *offset,
        }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.offset())?;
        match self {
            Self::HeaderLine { rule, found, .. } if found.is_empty() => f.write_str(rule),
            Self::HeaderLine { rule, found, .. } => write!(f, "{rule}, in \"{found}\""),
            Self::StartLine { rule, found, .. } | Self::ContentLength { rule, found, .. } => {
                write!(f, "{rule}, not \"{found}\"")
            }
            Self::LineEnd { rule, .. } => f.write_str(rule),
            Self::BlankLines { limit, .. } => {
                write!(f, "more than {limit} blank lines before a message")
            }
            Self::UriTooLong { limit, .. } => write!(f, "a URI of more than {limit} bytes"),
            Self::HeadTooLong { limit, .. } => {
                write!(f, "more than {limit} bytes of first line and headers")
            }
            Self::TooManyHeaders { limit, count, .. } => {
                write!(f, "{count} header lines, more than {limit}")
            }
            Self::BodyTooLarge { limit, announced: Some(announced), .. } => {
                write!(f, "a body of {announced} bytes, more than {limit}")
            }
            Self::BodyTooLarge { limit, announced: None, .. } => {
                write!(f, "a body that does not end within {limit} bytes")
            }
            Self::LostFraming { limit, .. } => {
                write!(f, "no message and no frame within {limit} bytes")
            }
        }
    }
}

impl std::error::Error for DecodeError {}

/// A first line for an error, without the login that its URI may hold.
pub(super) fn excerpt_line(line: &[u8]) -> String {
    let login = line.windows(3).position(|part| part == b"://").and_then(|at| {
        let begin = at + 3;
        Some(begin..line.iter().rposition(|&b| b == b'@')?)
    });
    match login.filter(|login| login.start <= login.end) {
        Some(login) => excerpt(&[&line[..login.start], b"***", &line[login.end..]].concat()),
        None => excerpt(line),
    }
}

/// A header line for an error: its name only, since the value may be a login; nothing of a line
/// without one.
pub(super) fn excerpt_name(line: &[u8]) -> String {
    let name = line.iter().position(|&b| b == b':').map(|colon| &line[..=colon]);
    let is_short = |name: &&[u8]| !name.iter().any(|b| b"\"=,".contains(b));
    name.filter(is_short).map(excerpt).unwrap_or_default()
}

/// Bytes of a peer for an error: printable, on one line, not long.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let mut text = bytes[..bytes.len().min(EXCERPT)].escape_ascii().to_string();
    if bytes.len() > EXCERPT {
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_not_shown_with_what_is_wrong_beside_it() {
        for (line, shown) in [
            ("PLAY rtsp://me:p@s s@h/a RTSP/1.0", "PLAY rtsp://***@h/a RTSP/1.0"),
            ("PLAY rtsp://h/a b RTSP/1.0", "PLAY rtsp://h/a b RTSP/1.0"),
            ("me@h rtsp://h", "me@h rtsp://h"),
        ] {
            assert_eq!(excerpt_line(line.as_bytes()), shown);
        }
        for (line, shown) in [
            ("Authorization : Basic bWU6cHc=", "Authorization :"),
            (" response=\"0123\", uri=\"rtsp://h\"", ""),
            ("bWU6cHc", ""),
        ] {
            assert_eq!(excerpt_name(line.as_bytes()), shown);
        }
    }

    #[test]
    fn what_a_peer_sent_is_shown_on_one_short_line() {
        assert_eq!(excerpt(b"GET \"/\"\r\n\x1b\xff"), "GET \\\"/\\\"\\r\\n\\x1b\\xff");
        assert_eq!(excerpt(&[b'a'; 1000]), "a".repeat(48) + "...");
    }
}
