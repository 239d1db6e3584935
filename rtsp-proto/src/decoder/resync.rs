//! What begins here? Telling messages and frames of a camera from garbage.
//!
//! A camera loses its framing when it drops bytes of a frame, states a wrong length, or counts its
//! SDP wrongly. What follows is found again by looks: a status line, a known method before a URI,
//! or a `$` with an expected channel whose length leads to one more of these.
//!
//! Every answer depends on the bytes alone. Where they do not suffice it is
//! [`Begin::Undecided`], and more are waited for.

use super::frame::{Channels, FRAME_PREFIX};
use crate::Method;

/// The longest method name that is looked for.
const METHOD_MAX: usize = 16;

/// Blank bytes accepted between a frame and what follows while out of step.
const BLANKS: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begin {
    Yes,
    No,
    /// It may, when more bytes are there.
    Undecided,
}

/// Does a request or a response begin here?
pub(super) fn message(data: &[u8]) -> Begin {
    match (status_line(data, b"RTSP/"), status_line(data, b"HTTP/")) {
        (Begin::Yes, _) | (_, Begin::Yes) => return Begin::Yes,
        (Begin::No, Begin::No) => {}
        _ => return Begin::Undecided,
    }
    request_line(data)
}

/// Does a frame or a response begin at this begin of a line, where a header line or a line of
/// text was expected?
pub(super) fn interrupts(line: &[u8], channels: &Channels) -> Begin {
    match *line {
        [] | [b'$'] => Begin::Undecided,
        [b'$', channel, ..] if channels.expected(channel) && !is_text_blank(channel) => Begin::Yes,
        [b'$', ..] => Begin::No,
        _ => status_line(line, b"RTSP/"),
    }
}

/// The length of the frame that begins here, if what follows it makes it one.
///
/// `ended`: no more bytes come; a frame that is followed by nothing is one.
pub(super) fn frame(data: &[u8], channels: &Channels, ended: bool) -> (Begin, usize) {
    let undecided = if ended { Begin::No } else { Begin::Undecided };
    let &[b'$', channel, ref rest @ ..] = data else {
        return (if data == b"$" { undecided } else { Begin::No }, 0);
    };
    if !channels.expected(channel) {
        return (Begin::No, 0);
    }
    let &[high, low, ..] = rest else { return (undecided, 0) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length == 0 {
        return (Begin::No, 0);
    }
    let total = FRAME_PREFIX + length;
    let Some(follows) = data.get(total..) else { return (undecided, 0) };
    let blanks = follows.iter().take(BLANKS).take_while(|&&b| b == b'\r' || b == b'\n').count();
    let begin = match &follows[blanks..] {
        [] | [b'$'] => Begin::Undecided,
        [b'$', channel, ..] if channels.plausible(*channel) => Begin::Yes,
        text => message(text),
    };
    (if ended && begin == Begin::Undecided { Begin::Yes } else { begin }, total)
}

/// `RTSP/1.0 ` or `HTTP/1.1 `, whatever the numbers.
fn status_line(data: &[u8], protocol: &[u8]) -> Begin {
    let head = data.len().min(protocol.len());
    if data[..head] != protocol[..head] {
        return Begin::No;
    }
    let tests: [fn(u8) -> bool; 4] =
        [|b| b.is_ascii_digit(), |b| b == b'.', |b| b.is_ascii_digit(), |b| b == b' '];
    let rest = &data[head..];
    if !rest.iter().zip(tests).all(|(&b, test)| test(b)) {
        return Begin::No;
    }
    if rest.len() < tests.len() { Begin::Undecided } else { Begin::Yes }
}

/// `METHOD SP` and the begin of a URI; an unknown method needs more of one.
fn request_line(data: &[u8]) -> Begin {
    let name = |b: &u8| b.is_ascii_uppercase() || *b == b'_';
    let length = data.iter().take(METHOD_MAX + 1).take_while(|b| name(b)).count();
    if length > METHOD_MAX {
        return Begin::No;
    }
    let uri = match &data[length..] {
        [] => return Begin::Undecided,
        [b' ', uri @ ..] if length >= 3 => uri,
        _ => return Begin::No,
    };
    let known = std::str::from_utf8(&data[..length])
        .is_ok_and(|name| !matches!(Method::from_name(name), Method::Other(_)));
    let starts: &[&[u8]] =
        if known { &[b"r", b"*", b"/", b" RTSP/"] } else { &[b"rtsp:", b"rtsps:", b"* RTSP/"] };
    let mut begin = Begin::No;
    for start in starts {
        let length = uri.len().min(start.len());
        if uri[..length].eq_ignore_ascii_case(&start[..length]) {
            if length == start.len() {
                return Begin::Yes;
            }
            begin = Begin::Undecided;
        }
    }
    begin
}

/// A channel number that a text may hold behind a `$`.
fn is_text_blank(channel: u8) -> bool {
    matches!(channel, b'\t' | b'\r' | b'\n') || channel >= b' '
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_told_from_garbage_as_soon_as_possible() {
        for (text, undecided) in [
            ("RTSP/1.0 ", 8),
            ("RTSP/2.0 ", 8),
            ("HTTP/1.1 ", 8),
            ("OPTIONS r", 8),
            ("SET_PARAMETER *", 14),
            ("PLAY  RTSP/", 10),
            ("X_VENDOR rtsp:", 13),
            ("VENDOR * RTSP/", 13),
        ] {
            assert_eq!(message(text.as_bytes()), Begin::Yes, "{text}");
            for end in 1..=undecided {
                assert_eq!(message(&text.as_bytes()[..end]), Begin::Undecided, "{text} {end}");
            }
        }
        for text in
            ["RTP-Info: ", "RTSP/x", "RTSP/1.0\r", "OPTIONS, ", "VENDOR of", "AB ", "a=x", "\0"]
        {
            assert_eq!(message(text.as_bytes()), Begin::No, "{text}");
        }
        assert_eq!(message(b"ABCDEFGHIJKLMNOPQ"), Begin::No);
    }

    #[test]
    fn a_dollar_in_garbage_is_a_frame_only_if_its_length_leads_somewhere() {
        let channels = Channels::default();
        for (bytes, ended, expected) in [
            (&b"$\x00\x00\x02ab$\x01"[..], false, (Begin::Yes, 6)),
            (b"$\x00\x00\x02ab\r\n$\x01", false, (Begin::Yes, 6)),
            (b"$\x00\x00\x02abRTSP/1.0 ", false, (Begin::Yes, 6)),
            (b"$\x00\x00\x02ab", false, (Begin::Undecided, 6)),
            (b"$\x00\x00\x02ab", true, (Begin::Yes, 6)),
            (b"$\x00\x00\x02a", false, (Begin::Undecided, 0)),
            (b"$\x00\x00\x02a", true, (Begin::No, 0)),
            (b"$\x00\x00\x02abc", false, (Begin::No, 6)),
            (b"$\x00\x00\x02ab$\x80", false, (Begin::No, 6)),
            (b"$\x00\x00\x00$\x01", false, (Begin::No, 0)),
            (b"$\x14", false, (Begin::No, 0)),
            (b"$", false, (Begin::Undecided, 0)),
        ] {
            assert_eq!(frame(bytes, &channels, ended), expected, "{}", bytes.escape_ascii());
        }
    }
}
