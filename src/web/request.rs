//! An HTTP request, as far as this server needs it ([RFC 9112]).
//!
//! [RFC 9112]: https://www.rfc-editor.org/rfc/rfc9112

use std::fmt;

use rtsp_proto::Headers;

/// Bytes of a request's head: a browser sends a kilobyte or two.
pub(super) const MAX_HEAD: usize = 16 * 1024;
/// Header lines.
const MAX_HEADERS: usize = 64;
/// Bytes of a body. Nothing here reads one, but a client may send one along.
const MAX_BODY: u64 = 4096;

/// What is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    /// Like GET, answered without the body.
    Head,
    Post,
    Delete,
    /// A method that HTTP knows, and that nothing here is for.
    Other(&'static str),
}

impl Verb {
    /// All that HTTP knows.
    pub(super) const ALL: [Self; 10] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Delete,
        Self::Other("OPTIONS"),
        Self::Other("PUT"),
        Self::Other("PATCH"),
        Self::Other("QUERY"),
        Self::Other("TRACE"),
        Self::Other("CONNECT"),
    ];

    fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// As a request says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Delete => "DELETE",
            Self::Other(name) => name,
        }
    }
}

/// A request with its head read.
#[derive(Clone, Debug)]
pub(super) struct HttpRequest {
    pub(super) verb: Verb,
    /// The request target as sent.
    pub(super) target: String,
    /// The path, percent-decoded, without the slash in front.
    pub(super) path: String,
    pub(super) headers: Headers,
    /// Bytes of the body that follows.
    pub(super) body: u64,
    /// Whether the connection may serve another request.
    pub(super) keep_alive: bool,
}

/// Why a request cannot be served. Each has a status code of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestError {
    /// 400, with what is wrong.
    Malformed(&'static str),
    /// 431: the head does not end within [`MAX_HEAD`] bytes or [`MAX_HEADERS`] lines.
    HeadTooLarge,
    /// 413.
    BodyTooLarge,
    /// 501: a method that HTTP does not know.
    UnknownMethod,
    /// 505.
    UnknownVersion,
}

impl RequestError {
    /// The status code of the answer.
    pub(super) fn status(self) -> u16 {
        match self {
            Self::Malformed(_) => 400,
            Self::HeadTooLarge => 431,
            Self::BodyTooLarge => 413,
            Self::UnknownMethod => 501,
            Self::UnknownVersion => 505,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => f.write_str(what),
            Self::HeadTooLarge => {
                write!(f, "a head may have {MAX_HEAD} bytes and {MAX_HEADERS} lines")
            }
            Self::BodyTooLarge => write!(f, "a body may have {MAX_BODY} bytes"),
            Self::UnknownMethod => f.write_str("the methods are GET, HEAD, POST and DELETE"),
            Self::UnknownVersion => f.write_str("the versions are HTTP/1.0 and HTTP/1.1"),
        }
    }
}

impl HttpRequest {
    /// Reads the head at the beginning of `bytes`; gives the request and the length of the head,
    /// or `None` while it is not there in whole.
    pub(super) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, RequestError> {
        let mut lines = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut head = httparse::Request::new(&mut lines);
        let length = match head.parse(bytes.get(..MAX_HEAD).unwrap_or(bytes)) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
                return Err(RequestError::HeadTooLarge);
            }
            Err(httparse::Error::Version) => return Err(RequestError::UnknownVersion),
            Err(_) => return Err(RequestError::Malformed("the request cannot be read")),
        };
        let verb = Verb::of(head.method.unwrap_or_default());
        let verb = verb.ok_or(RequestError::UnknownMethod)?;
        let target = head.path.unwrap_or_default().to_owned();
        let path = path_of(&target)?;
        let mut headers = Headers::new();
        for line in head.headers.iter() {
            let value = std::str::from_utf8(line.value)
                .map_err(|_| RequestError::Malformed("a header is not UTF-8"))?;
            headers.append(line.name, value);
        }
        let http_1_1 = head.version == Some(1);
        if http_1_1 && headers.get_all("Host").count() != 1 {
            return Err(RequestError::Malformed("a request needs one Host"));
        }
        // Two readings of where a body ends are how requests are smuggled past a proxy.
        if headers.get("Transfer-Encoding").is_some() {
            return Err(RequestError::Malformed("a body needs a Content-Length"));
        }
        let lengths: Vec<&str> = headers.get_all("Content-Length").collect();
        let body = match lengths.as_slice() {
            [] => 0,
            [length] if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map_err(|_| RequestError::BodyTooLarge)?
            }
            _ => return Err(RequestError::Malformed("Content-Length is no number")),
        };
        if body > MAX_BODY {
            return Err(RequestError::BodyTooLarge);
        }
        let keep_alive = if http_1_1 {
            !has_token(&headers, "Connection", "close")
        } else {
            has_token(&headers, "Connection", "keep-alive")
        };
        Ok(Some((Self { verb, target, path, headers, body, keep_alive }, length)))
    }

    /// Whether it asks to go on with a WebSocket ([RFC 6455 section 4.1]).
    ///
    /// [RFC 6455 section 4.1]: https://www.rfc-editor.org/rfc/rfc6455#section-4.1
    pub(super) fn wants_websocket(&self) -> bool {
        has_token(&self.headers, "Upgrade", "websocket")
            && has_token(&self.headers, "Connection", "upgrade")
    }

    /// Whether a page of another site made the browser send this: a browser says where a request
    /// comes from, and other programs do not.
    ///
    /// `secure` says that it came over TLS: the own page is then one that did so, too, because
    /// anybody on the way could have written another one. Without TLS it may be either, as a proxy
    /// in front may speak it.
    pub(super) fn is_cross_site(&self, secure: bool) -> bool {
        if let Some(site) = self.headers.get("Sec-Fetch-Site") {
            return !matches!(site, "same-origin" | "none");
        }
        let Some(origin) = self.headers.get("Origin") else { return false };
        let host = self.headers.get("Host").unwrap_or_default();
        origin.split_once("://").is_none_or(|(scheme, own)| {
            !own.eq_ignore_ascii_case(host) || (secure && scheme != "https")
        })
    }
}

fn has_token(headers: &Headers, header: &str, word: &str) -> bool {
    headers
        .get_all(header)
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case(word))
}

/// The path of a request target, without the query and with %XX decoded.
fn path_of(target: &str) -> Result<String, RequestError> {
    const BAD: RequestError = RequestError::Malformed("the path cannot be read");
    // The absolute form is for proxies, and has to be accepted all the same.
    let path = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let path = path.strip_prefix('/').ok_or(BAD)?;
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let byte = if byte == b'%' {
            let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
            let (high, low) = (digit().ok_or(BAD)?, digit().ok_or(BAD)?);
            (high * 16 + low) as u8
        } else {
            byte
        };
        decoded.push(byte);
    }
    let path = String::from_utf8(decoded).map_err(|_| BAD)?;
    // There are more of them beyond ASCII.
    if path.contains(char::is_control) { Err(BAD) } else { Ok(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<HttpRequest, RequestError> {
        HttpRequest::parse(text.as_bytes()).map(|found| found.expect("it is whole").0)
    }

    #[test]
    fn a_request_is_read_when_it_is_whole() {
        let text = b"GET /api/v1/streams/a%2Fb?x=1 HTTP/1.1\r\nHost: relay:8080\r\n\r\nrest";
        for length in 0..text.len() - 4 {
            assert!(HttpRequest::parse(&text[..length]).unwrap().is_none(), "{length}");
        }
        let (request, length) = HttpRequest::parse(text).unwrap().unwrap();
        assert_eq!((request.verb, request.path.as_str()), (Verb::Get, "api/v1/streams/a/b"));
        assert_eq!((length, request.keep_alive, request.body), (text.len() - 4, true, 0));
    }

    #[test]
    fn what_cannot_be_served_says_why() {
        for (text, status) in [
            ("GET x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /%0a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /%f HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET /%ff HTTP/1.1\r\nHost: a\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\n\r\n", 400),
            ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5000\r\n\r\n", 413),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
            ("BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
            ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
        ] {
            assert_eq!(parse(text).unwrap_err().status(), status, "{text}");
        }
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
        assert_eq!(parse(&many).unwrap_err(), RequestError::HeadTooLarge);
        let long = format!("GET /{}", "a".repeat(MAX_HEAD));
        let error = HttpRequest::parse(long.as_bytes()).unwrap_err();
        assert_eq!(error, RequestError::HeadTooLarge);
    }

    #[test]
    fn a_method_of_http_is_known_by_its_name_and_by_no_other() {
        for verb in Verb::ALL {
            let text = format!("{} /x HTTP/1.1\r\nHost: a\r\n\r\n", verb.name());
            assert_eq!(parse(&text).unwrap().verb, verb, "{text}");
        }
        for name in ["get", "GETS", "PROPFIND"] {
            assert_eq!(Verb::of(name), None, "{name}");
        }
    }

    #[test]
    fn a_connection_is_kept_as_its_version_has_it() {
        let keep = |text: &str| parse(text).unwrap().keep_alive;
        assert!(keep("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert!(!keep("GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n"));
        assert!(!keep("GET / HTTP/1.0\r\n\r\n"));
        assert!(keep("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn what_another_sites_page_sends_is_told_from_the_own_page_and_from_programs() {
        let cross = |headers: &str| {
            parse(&format!("POST /x HTTP/1.1\r\nHost: relay:8080\r\n{headers}\r\n"))
                .unwrap()
                .is_cross_site(false)
        };
        assert!(!cross(""));
        assert!(!cross("Origin: http://relay:8080\r\n"));
        assert!(!cross("Sec-Fetch-Site: same-origin\r\nOrigin: http://relay:8080\r\n"));
        assert!(cross("Origin: http://evil.example\r\n"));
        assert!(cross("Origin: null\r\n"));
        assert!(cross("Sec-Fetch-Site: cross-site\r\n"));
        assert!(cross("Sec-Fetch-Site: same-site\r\n"));
    }

    #[test]
    fn over_tls_a_page_that_came_without_is_another_sites() {
        let origin = |scheme: &str| {
            let text = format!(
                "POST /x HTTP/1.1\r\nHost: relay:8080\r\nOrigin: {scheme}://relay:8080\r\n\r\n"
            );
            parse(&text).unwrap()
        };
        assert!(!origin("https").is_cross_site(true));
        assert!(origin("http").is_cross_site(true));
        // Behind a proxy with TLS.
        assert!(!origin("https").is_cross_site(false));
    }
}
