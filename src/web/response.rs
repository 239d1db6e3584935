//! An HTTP answer.

use std::borrow::Cow;
use std::fmt::Write;

/// What every answer says: nothing here is for other sites, no script but our own runs, and
/// nothing is kept.
const ALWAYS: &str = "\
Server: rtsp-relay\r\n\
X-Content-Type-Options: nosniff\r\n\
Referrer-Policy: no-referrer\r\n\
Cross-Origin-Resource-Policy: same-origin\r\n\
X-Frame-Options: DENY\r\n\
Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n";

pub(super) const JSON: &str = "application/json";
pub(super) const TEXT: &str = "text/plain; charset=utf-8";

/// A status, a few headers and a body that is there in whole.
#[derive(Clone, Debug)]
pub(super) struct HttpResponse {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    body: Cow<'static, [u8]>,
}

impl HttpResponse {
    /// With this body.
    pub(super) fn new(
        status: u16,
        content_type: &'static str,
        body: impl Into<Cow<'static, [u8]>>,
    ) -> Self {
        let headers = vec![("Content-Type", content_type.to_owned())];
        Self { status, headers, body: body.into() }
    }

    /// An answer that says in a sentence what was wrong, or done: JSON, for programs and people.
    pub(super) fn message(status: u16, text: &str) -> Self {
        let name = if status < 400 { "message" } else { "error" };
        let body = serde_json::json!({ name: text }).to_string() + "\n";
        Self::new(status, JSON, body.into_bytes())
    }

    /// A JSON document.
    pub(super) fn json(value: &impl serde::Serialize) -> Self {
        Self::of(200, value)
    }

    /// A JSON document, with this status.
    pub(super) fn of(status: u16, value: &impl serde::Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(mut body) => {
                body.push(b'\n');
                Self::new(status, JSON, body)
            }
            Err(error) => Self::message(500, &error.to_string()),
        }
    }

    /// The head of an answer whose body goes on until the connection ends.
    pub(super) fn endless_head(content_type: &str) -> Vec<u8> {
        let mut head = head(200, &[("Content-Type", content_type.to_owned())]);
        head.push_str("Cache-Control: no-store\r\nConnection: close\r\n\r\n");
        head.into_bytes()
    }

    /// One more header line.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The bytes; without the body for HEAD. `keep_alive` says whether another request may follow.
    pub(super) fn encode(&self, with_body: bool, keep_alive: bool) -> Vec<u8> {
        let mut head = head(self.status, &self.headers);
        let _ = write!(head, "Content-Length: {}\r\n", self.body.len());
        if !self.headers.iter().any(|(name, _)| *name == "Cache-Control") {
            head.push_str("Cache-Control: no-store\r\n");
        }
        head.push_str(if keep_alive { "\r\n" } else { "Connection: close\r\n\r\n" });
        let mut bytes = head.into_bytes();
        if with_body {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// The answer to a request for a WebSocket ([RFC 6455 section 4.2.2]); `accept` is made of its key.
///
/// [RFC 6455 section 4.2.2]: https://www.rfc-editor.org/rfc/rfc6455#section-4.2.2
pub(super) fn switching(accept: String) -> Vec<u8> {
    let mut head = head(101, &[("Sec-WebSocket-Accept", accept)]);
    head.push_str("Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    head.into_bytes()
}

fn head(status: u16, headers: &[(&'static str, String)]) -> String {
    let mut head = format!("HTTP/1.1 {status} {}\r\n{ALWAYS}", reason(status));
    for (name, value) in headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    head
}

fn reason(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        202 => "Accepted",
        204 => "No Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        413 => "Content Too Large",
        422 => "Unprocessable Content",
        426 => "Upgrade Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_has_the_length_of_the_body_and_not_the_body() {
        let response = HttpResponse::message(404, "no such \"stream\"");
        let whole = String::from_utf8(response.encode(true, true)).unwrap();
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        assert_eq!(body, "{\"error\":\"no such \\\"stream\\\"\"}\n");
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
        assert!(head.starts_with("HTTP/1.1 404 Not Found\r\n"));
        assert!(!head.contains("Connection: close"));
        let bare = String::from_utf8(response.encode(false, false)).unwrap();
        assert!(bare.ends_with("Connection: close\r\n\r\n"), "{bare}");
    }
}
