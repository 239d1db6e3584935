//! The head of an HTTP request on a port for RTSP.

use std::fmt;

/// Bytes of request line and headers together; those of real clients have a few hundred.
const MAX_HEAD: usize = 4 * 1024;
/// Header lines.
const MAX_HEADERS: usize = 32;
/// Bytes of a cookie; those of real clients have 10 to 24.
pub const MAX_COOKIE: usize = 128;

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstBytes {
    /// That cannot be said yet.
    Undecided,
    /// Not HTTP.
    Other,
    /// A GET or a POST of HTTP.
    Http,
}

impl FirstBytes {
    /// No method of RTSP begins like these of HTTP and a blank, so five bytes are enough.
    pub fn of(bytes: &[u8]) -> Self {
        let methods: [&[u8]; 2] = [b"GET ", b"POST "];
        if methods.iter().any(|method| bytes.starts_with(method)) {
            Self::Http
        } else if methods.iter().any(|method| method.starts_with(bytes)) {
            Self::Undecided
        } else {
            Self::Other
        }
    }
}

/// Which way a connection of a tunnel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// To the client: answers and media, as they are.
    Get,
    /// From the client: its requests, base64.
    Post,
}

/// The request that opens one half of a tunnel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Which half.
    pub half: Half,
    /// What the two halves have in common: visible ASCII, up to [`MAX_COOKIE`] bytes.
    pub cookie: String,
}

/// Why an HTTP request opens nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpeningError {
    /// It is longer than this many bytes, or has more header lines than this.
    TooLong(usize),
    /// It is no HTTP.
    NoHttp,
    /// It has no cookie, so it is not meant to be a tunnel.
    NoCookie,
    /// The cookie is not what a cookie can be, or there are several.
    BadCookie,
    /// The body is to be in chunks: it has no end, so there is no use in saying where it goes on.
    Chunked,
}

impl fmt::Display for OpeningError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(limit) => {
                write!(f, "an HTTP request of more than {limit} bytes or lines")
            }
            Self::NoHttp => f.write_str("an HTTP request that cannot be read"),
            Self::NoCookie => f.write_str(
                "this is a port for RTSP: over HTTP it needs the x-sessioncookie of a tunnel",
            ),
            Self::BadCookie => {
                write!(f, "an x-sessioncookie is one value of 1 to {MAX_COOKIE} visible characters")
            }
            Self::Chunked => f.write_str("the POST of a tunnel is not chunked"),
        }
    }
}

impl std::error::Error for OpeningError {}

impl Opening {
    /// Reads a head from the beginning of `bytes`; with it, how many bytes it has. `None` when
    /// there is more to come.
    ///
    /// # Errors
    ///
    /// When it opens no tunnel, whatever comes.
    pub fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, OpeningError> {
        // Lines that are empty may stand in front, says the parser, but not where RTSP may come, too.
        if FirstBytes::of(bytes) == FirstBytes::Other {
            return Err(OpeningError::NoHttp);
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let head = &bytes[..bytes.len().min(MAX_HEAD)];
        let length = match request.parse(head) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if bytes.len() < MAX_HEAD => return Ok(None),
            Ok(httparse::Status::Partial) => return Err(OpeningError::TooLong(MAX_HEAD)),
            Err(httparse::Error::TooManyHeaders) => return Err(OpeningError::TooLong(MAX_HEADERS)),
            Err(_) => return Err(OpeningError::NoHttp),
        };
        let half = match request.method {
            Some("GET") => Half::Get,
            Some("POST") => Half::Post,
            _ => return Err(OpeningError::NoHttp),
        };
        let values = |name: &'static str| {
            let named =
                move |header: &&httparse::Header<'_>| header.name.eq_ignore_ascii_case(name);
            request.headers.iter().filter(named).map(|header| header.value.trim_ascii())
        };
        let mut cookies = values("x-sessioncookie");
        let cookie = match (cookies.next(), cookies.next()) {
            (None, _) => return Err(OpeningError::NoCookie),
            (Some(cookie), None) => cookie,
            (Some(_), Some(_)) => return Err(OpeningError::BadCookie),
        };
        if !(1..=MAX_COOKIE).contains(&cookie.len()) || !cookie.iter().all(u8::is_ascii_graphic) {
            return Err(OpeningError::BadCookie);
        }
        if half == Half::Post && values("Transfer-Encoding").next().is_some() {
            return Err(OpeningError::Chunked);
        }
        let cookie = String::from_utf8_lossy(cookie).into_owned();
        Ok(Some((Self { half, cookie }, length)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_is_told_from_rtsp_by_its_first_bytes() {
        use FirstBytes::{Http, Other, Undecided};
        for (bytes, first) in [
            ("", Undecided),
            ("G", Undecided),
            ("GET", Undecided),
            ("POST", Undecided),
            ("GET /", Http),
            ("POST /door", Http),
            ("GET_PARAMETER rtsp://h/ RTSP/1.0", Other),
            ("PLAY", Other),
            ("PO ", Other),
            ("$\0\0\u{4}", Other),
        ] {
            assert_eq!(FirstBytes::of(bytes.as_bytes()), first, "{bytes}");
        }
    }

    /// What real clients send, each cut at every byte.
    #[test]
    fn both_halves_of_real_clients_are_understood() {
        let quicktime = "POST /live1.sdp HTTP/1.0\r\nUser-Agent: QuickTime/7.1.3\r\n\
            x-sessioncookie: PPwTZeVfAAAul3YACIAAAA\r\nContent-Type: application/x-rtsp-tunnelled\r\n\
            Pragma: no-cache\r\nCache-Control: no-cache\r\nContent-Length: 32767\r\n\
            Expires: Sun, 9 Jan 1972 00:00:00 GMT\r\n\r\n";
        let ffmpeg = "GET /door HTTP/1.1\r\nUser-Agent: Lavf/59.27.100\r\nAccept: */*\r\n\
            Range: bytes=0-\r\nConnection: close\r\nHost: h:8554\r\nIcy-MetaData: 1\r\n\
            x-sessioncookie: d72cb9d5ee9ed1b3\r\nAccept: application/x-rtsp-tunnelled\r\n\
            Pragma: no-cache\r\nCache-Control: no-cache\r\n\r\n";
        let gstreamer = "GET /door HTTP/1.0\r\nHost: 127.0.0.1\r\nX-Sessioncookie: 1803289383\r\n\
            Accept: application/x-rtsp-tunnelled\r\n\r\n";
        for (head, half, cookie) in [
            (quicktime, Half::Post, "PPwTZeVfAAAul3YACIAAAA"),
            (ffmpeg, Half::Get, "d72cb9d5ee9ed1b3"),
            (gstreamer, Half::Get, "1803289383"),
        ] {
            for cut in 0..head.len() {
                assert_eq!(Opening::parse(&head.as_bytes()[..cut]), Ok(None), "{cut} of {head}");
            }
            let opening = Opening { half, cookie: cookie.into() };
            let with_body = [head, "T1BUSU9OUw=="].concat();
            assert_eq!(Opening::parse(with_body.as_bytes()), Ok(Some((opening, head.len()))));
        }
    }

    #[test]
    fn whoever_opens_no_tunnel_is_told_why() {
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(MAX_HEAD));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(MAX_HEADERS + 1));
        let cookie = |value: &str| format!("GET / HTTP/1.1\r\nx-sessioncookie: {value}\r\n\r\n");
        for (head, error) in [
            ("GET / HTTP/1.1\r\nHost: h\r\n\r\n".into(), OpeningError::NoCookie),
            (long, OpeningError::TooLong(MAX_HEAD)),
            (many, OpeningError::TooLong(MAX_HEADERS)),
            ("GET / RTSP/1.0\r\n\r\n".into(), OpeningError::NoHttp),
            ("GET \0 HTTP/1.0\r\n\r\n".into(), OpeningError::NoHttp),
            (cookie(""), OpeningError::BadCookie),
            (cookie("a b"), OpeningError::BadCookie),
            (cookie(&"x".repeat(MAX_COOKIE + 1)), OpeningError::BadCookie),
            (cookie("a\r\nX-SessionCookie: b"), OpeningError::BadCookie),
            (
                cookie("a\r\nTransfer-Encoding: chunked").replace("GET", "POST"),
                OpeningError::Chunked,
            ),
        ] {
            assert_eq!(Opening::parse(head.as_bytes()), Err(error), "{head:.60}");
        }
    }
}
