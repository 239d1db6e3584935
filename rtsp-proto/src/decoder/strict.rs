//! Reading a client's head: everything that is not as the standard has it is an error.

use super::body::Length;
use super::error::{DecodeError, excerpt, excerpt_line, excerpt_name};
use super::message::{Message, sanitized};
use crate::{Headers, Limits, Method, Request, Response, StatusCode, Version};

const REQUEST_LINE: &str = "a request line is a method, a URI and RTSP/1.0";
const STATUS_LINE: &str = "a status line is RTSP/1.0, three digits and a reason";

/// Whether a message can begin with this byte.
pub(super) fn may_begin(byte: u8) -> bool {
    is_token(byte)
}

/// The error for a first byte that begins nothing.
pub(super) fn no_begin(data: &[u8], offset: u64) -> DecodeError {
    // One byte only: how many more are there already is chance.
    let rule = "a message begins with a method";
    DecodeError::StartLine { offset, rule, found: excerpt(&data[..data.len().min(1)]) }
}

/// Reads a request line or a status line, without its CRLF.
pub(super) fn start_line(
    line: &[u8],
    offset: u64,
    limits: &Limits,
) -> Result<Message, DecodeError> {
    let error = |rule| DecodeError::StartLine { offset, rule, found: excerpt_line(line) };
    if line.iter().any(|&b| b.is_ascii_control()) {
        return Err(error("a first line holds no control characters"));
    }
    if line.starts_with(b"RTSP/") {
        return status_line(line).map(Message::Response).ok_or_else(|| error(STATUS_LINE));
    }
    let first = line.iter().position(|&b| b == b' ').ok_or_else(|| error(REQUEST_LINE))?;
    let last = line.iter().rposition(|&b| b == b' ').unwrap_or(first);
    let version = std::str::from_utf8(&line[last + 1..])
        .ok()
        .and_then(Version::parse)
        .filter(|_| first < last)
        .ok_or_else(|| error(REQUEST_LINE))?;
    let method = std::str::from_utf8(&line[..first])
        .ok()
        .filter(|name| !name.is_empty() && name.bytes().all(is_token))
        .ok_or_else(|| error("a method is a token"))?;
    let uri = &line[first + 1..last];
    if uri.len() > limits.uri {
        return Err(DecodeError::UriTooLong { offset, limit: limits.uri });
    }
    let uri = std::str::from_utf8(uri).map_err(|_| error("a URI is UTF-8"))?;
    if uri.contains(|c: char| c == ' ' || c.is_control()) {
        return Err(error("a URI holds no blanks"));
    }
    Ok(Message::Request(Request::new(Method::from_name(method), uri, version)))
}

fn status_line(line: &[u8]) -> Option<Response> {
    let text = sanitized(line);
    let (version, rest) = text.split_once(' ')?;
    let (code, reason) = rest.split_once(' ').unwrap_or((rest, ""));
    let digits = code.len() == 3 && code.bytes().all(|b| b.is_ascii_digit());
    let status = StatusCode::from_code(code.parse().ok().filter(|_| digits)?)?;
    let mut response = Response::new(status, Version::parse(version)?);
    response.reason = reason.trim_matches([' ', '\t']).to_owned();
    Some(response)
}

/// Reads a block of `count` header lines and the blank line, each with its CRLF; it begins where
/// its second half says, the message `at`.
pub(super) fn headers(
    (block, offset): (&[u8], u64),
    count: usize,
    at: u64,
    limits: &Limits,
) -> Result<Headers, DecodeError> {
    if count > limits.headers {
        return Err(DecodeError::TooManyHeaders { offset: at, limit: limits.headers, count });
    }
    let mut lines = vec![httparse::EMPTY_HEADER; count];
    let Ok(httparse::Status::Complete((_, lines))) = httparse::parse_headers(block, &mut lines)
    else {
        return Err(broken_line(block, offset));
    };
    let mut headers = Headers::new();
    for line in lines {
        headers.append(line.name, sanitized(line.value));
    }
    Ok(headers)
}

/// httparse tells what is wrong, not where: the first line that breaks a rule.
fn broken_line(block: &[u8], offset: u64) -> DecodeError {
    let mut from = 0;
    for line in block.split_inclusive(|&b| b == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let colon = text.iter().position(|&b| b == b':');
        let name = &text[..colon.unwrap_or(0)];
        let rule = if text.is_empty() {
            None
        } else if matches!(text[0], b' ' | b'\t') {
            Some("a header line begins with its name, and is not folded")
        } else if colon.is_none() {
            Some("a header line is a name, a colon and a value")
        } else if name.is_empty() || !name.iter().copied().all(is_token) {
            Some("the name of a header is a token")
        } else if text.iter().any(|&b| b.is_ascii_control() && b != b'\t') {
            Some("a header value holds no control characters")
        } else {
            None
        };
        if let Some(rule) = rule {
            return DecodeError::HeaderLine {
                offset: offset + from as u64,
                rule,
                found: excerpt_name(text),
            };
        }
        from += line.len();
    }
    let rule = "header lines are names, colons and values";
    DecodeError::HeaderLine { offset, rule, found: String::new() }
}

/// What Content-Length says: digits only, and the same in every line of that name.
pub(super) fn content_length(
    headers: &Headers,
    at: u64,
    body: u64,
    limits: &Limits,
) -> Result<Length, DecodeError> {
    let error = |rule, value: &str| DecodeError::ContentLength {
        offset: at,
        rule,
        found: excerpt(value.as_bytes()),
    };
    let mut length = None;
    for value in headers.get_all("Content-Length") {
        if value.is_empty() || !value.bytes().all(|b| b.is_ascii_digit()) {
            return Err(error("Content-Length is a number", value));
        }
        // All digits: what does not fit is merely large.
        let number = value.parse().unwrap_or(u64::MAX);
        if length.is_some_and(|known| known != number) {
            return Err(error("Content-Length is given once", value));
        }
        length = Some(number);
    }
    Length::known(length.unwrap_or(0), body, limits)
}

/// `token` of RFC 2326 section 15.1, and of HTTP.
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
