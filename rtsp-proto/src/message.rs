//! Requests and responses as values.

use crate::{Headers, Method, StatusCode, Version};

/// A request ([RFC 2326 section 6]).
///
/// [RFC 2326 section 6]: https://www.rfc-editor.org/rfc/rfc2326#section-6
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// The URI as it stands on the wire: absolute, `*`, or empty from clients that send none.
    pub uri: String,
    /// The protocol version.
    pub version: Version,
    /// The header lines.
    pub headers: Headers,
    /// The body; empty without one.
    pub body: Vec<u8>,
}

/// A response ([RFC 2326 section 7]).
///
/// [RFC 2326 section 7]: https://www.rfc-editor.org/rfc/rfc2326#section-7
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The protocol version.
    pub version: Version,
    /// The outcome.
    pub status: StatusCode,
    /// The reason phrase, for people.
    pub reason: String,
    /// The header lines.
    pub headers: Headers,
    /// The body; empty without one.
    pub body: Vec<u8>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, uri: impl Into<String>, version: Version) -> Self {
        Self { method, uri: uri.into(), version, headers: Headers::new(), body: Vec::new() }
    }

    /// Adds a header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The number in CSeq; `None` when the line is missing or no number.
    pub fn cseq(&self) -> Option<u32> {
        cseq(&self.headers)
    }

    /// Appends the wire form to `out`. Content-Length is written as the body's length, whatever
    /// the headers say, and left out for an empty body.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(USUAL_SIZE + self.body.len());
        let uri = if self.uri.is_empty() { "*" } else { &self.uri };
        out.extend_from_slice(format!("{} {uri} {}\r\n", self.method, self.version).as_bytes());
        encode_rest(&self.headers, &self.body, out);
    }
}

impl Response {
    /// A response with the standard's reason phrase, without headers and body.
    pub fn new(status: StatusCode, version: Version) -> Self {
        Self {
            version,
            status,
            reason: status.reason().to_owned(),
            headers: Headers::new(),
            body: Vec::new(),
        }
    }

    /// Adds a header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.append(name, value);
        self
    }

    /// The number in CSeq; `None` when the line is missing or no number.
    pub fn cseq(&self) -> Option<u32> {
        cseq(&self.headers)
    }

    /// Appends the wire form to `out`; Content-Length as in [`Request::encode`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.reserve(USUAL_SIZE + self.body.len());
        let line = format!("{} {} {}\r\n", self.version, self.status.code(), self.reason);
        out.extend_from_slice(line.as_bytes());
        encode_rest(&self.headers, &self.body, out);
    }
}

/// Room for a message without its body. Growing to it step by step leaves a trail of small blocks
/// in each thread's own store of free memory, and a server has a thread for each client.
const USUAL_SIZE: usize = 2048;

fn cseq(headers: &Headers) -> Option<u32> {
    headers.get("CSeq")?.trim().parse().ok()
}

fn encode_rest(headers: &Headers, body: &[u8], out: &mut Vec<u8>) {
    for (name, value) in headers.iter() {
        if !name.eq_ignore_ascii_case("Content-Length") {
            out.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
    }
    if !body.is_empty() {
        out.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(body);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_form_counts_the_body_itself() {
        let mut response = Response::new(StatusCode::OK, Version::V1_0)
            .with("CSeq", "2")
            .with("Content-Length", "99");
        response.body = b"v=0\r\n".to_vec();
        let mut out = Vec::new();
        response.encode(&mut out);
        assert_eq!(out, b"RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: 5\r\n\r\nv=0\r\n");
        assert_eq!(response.cseq(), Some(2));
    }

    #[test]
    fn a_request_without_uri_is_sent_for_the_whole_server() {
        let mut out = Vec::new();
        Request::new(Method::Options, "", Version::V2_0).with("CSeq", "1").encode(&mut out);
        assert_eq!(out, b"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n");
    }
}
