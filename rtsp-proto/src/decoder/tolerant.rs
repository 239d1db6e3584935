//! Reading a camera's head: everything that can be understood is, and counted.

use super::body::Length;
use super::error::DecodeError;
use super::message::{Message, decoded, sanitized};
use super::scan::LineEnds;
use super::strict::is_token;
use crate::{Headers, Limits, Method, Oddities, Oddity, Request, Response, StatusCode, Version};

/// Reads a head; `Ok(None)`: its first line says nothing after all.
pub(super) fn head(
    head: &[u8],
    ends: LineEnds,
    offset: u64,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Option<Message>, DecodeError> {
    let mut lines = lines(head, ends);
    let first = lines.next().unwrap_or_default();
    let Some(mut message) = start_line(first, oddities) else { return Ok(None) };
    if let Message::Request(request) = &message {
        if request.uri.len() > limits.uri {
            return Err(DecodeError::UriTooLong { offset, limit: limits.uri });
        }
    }
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut count = 0;
    for line in lines {
        if line.is_empty() {
            continue;
        }
        count += 1;
        note_encoding(line, oddities);
        let folded = matches!(line[0], b' ' | b'\t');
        if let (true, Some((_, value))) = (folded, headers.last_mut()) {
            oddities.note(Oddity::FoldedHeader);
            let more = sanitized(line);
            if !more.is_empty() && !value.is_empty() {
                value.push(' ');
            }
            value.push_str(&more);
            continue;
        }
        match header(line) {
            Some(header) => headers.push(header),
            None => {
                oddities.note(Oddity::MalformedHeader);
            }
        }
    }
    if count > limits.headers {
        return Err(DecodeError::TooManyHeaders { offset, limit: limits.headers, count });
    }
    let bare = match ends {
        LineEnds::Cr => true,
        LineEnds::Lf => {
            head.iter().zip(head.iter().skip(1)).any(|(&a, &b)| b == b'\n' && a != b'\r')
        }
    };
    if bare {
        oddities.note(Oddity::BareLineEnd);
    }
    let mut all = Headers::new();
    for (name, value) in headers {
        all.append(name, value);
    }
    message = message.with_headers(all);
    Ok(Some(message))
}

/// The lines without their ends; what is behind the last end is the last line.
fn lines(head: &[u8], ends: LineEnds) -> impl Iterator<Item = &[u8]> {
    let end = if ends == LineEnds::Lf { b'\n' } else { b'\r' };
    head.split(move |&b| b == end).map(|mut line| {
        while let [rest @ .., b'\r'] = line {
            line = rest;
        }
        while let [b'\n', rest @ ..] = line {
            line = rest;
        }
        line
    })
}

fn header(line: &[u8]) -> Option<(String, String)> {
    let colon = line.iter().position(|&b| b == b':')?;
    let name = line[..colon].trim_ascii();
    if name.is_empty() || !name.iter().copied().all(is_token) {
        return None;
    }
    Some((decoded(name), sanitized(&line[colon + 1..])))
}

fn start_line(line: &[u8], oddities: &mut Oddities) -> Option<Message> {
    let text = sanitized(line);
    let blank = [' ', '\t'];
    let (first, rest) = text.split_once(blank).unwrap_or((&text, ""));
    let rest = rest.trim_start_matches(blank);
    let version = match first.strip_prefix("HTTP/") {
        Some(_) => Some(Version::V1_0),
        None => Version::parse(first),
    };
    let message = if let Some(version) = version {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut response =
            Response::new(StatusCode::from_code(rest[..digits].parse().ok()?)?, version);
        response.reason = rest[digits..].trim_start_matches(blank).to_owned();
        if first.starts_with("HTTP/") {
            oddities.note(Oddity::HttpStatusLine);
        }
        Message::Response(response)
    } else {
        let (uri, version) = rest.rsplit_once(blank).unwrap_or(("", rest));
        let version = Version::parse(version)?;
        let uri = uri.trim_matches(blank);
        Message::Request(Request::new(Method::from_name(first), uri, version))
    };
    note_encoding(line, oddities);
    Some(message)
}

fn note_encoding(line: &[u8], oddities: &mut Oddities) {
    if std::str::from_utf8(line).is_err() {
        oddities.note(Oddity::NotUtf8);
    }
}

/// How long the body is: the first Content-Length that begins with digits. A presentation without
/// one goes on until something else begins, or the camera falls silent.
pub(super) fn length(
    message: &Message,
    body: u64,
    limits: &Limits,
    oddities: &mut Oddities,
) -> Result<Length, DecodeError> {
    let headers = message.headers();
    let mut odd = false;
    for value in headers.get_all("Content-Length") {
        let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        odd |= digits == 0 || digits < value.len();
        if digits > 0 {
            if odd {
                oddities.note(Oddity::BadContentLength);
            }
            // All digits: what does not fit is merely large.
            let announced = value[..digits].parse().unwrap_or(u64::MAX);
            return Length::known(announced, body, limits);
        }
    }
    let presentation = headers.get("Content-Type").map_or_else(
        || headers.get("Content-Base").is_some(),
        |kind| kind.to_ascii_lowercase().contains("sdp"),
    );
    let success = match message {
        Message::Response(response) => response.status.is_success(),
        Message::Request(_) => true,
    };
    let open = presentation && success;
    if odd || open {
        oddities.note(Oddity::BadContentLength);
    }
    Ok(if open { Length::Open } else { Length::Known(0) })
}
