//! RTSP URLs, and the control URLs of a presentation.

mod control;
mod parse;

use std::fmt;

use crate::Secret;

pub use self::control::ControlBase;
pub use self::parse::UrlError;

/// `rtsp` or `rtsps` ([RFC 7826 section 4.2]).
///
/// [RFC 7826 section 4.2]: https://www.rfc-editor.org/rfc/rfc7826#section-4.2
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// RTSP over TCP.
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
}

impl Scheme {
    /// The port when the URL names none.
    pub fn default_port(self) -> u16 {
        match self {
            Self::Rtsp => 554,
            Self::Rtsps => 322,
        }
    }

    /// The name as it stands before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rtsp => "rtsp",
            Self::Rtsps => "rtsps",
        }
    }
}

/// An absolute RTSP URL.
///
/// `Display` and `Debug` print it without user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    scheme: Scheme,
    username: Option<String>,
    password: Option<Secret>,
    host: String,
    /// As written; `None` if none was.
    port: Option<u16>,
    path_and_query: String,
}

impl Url {
    /// Parses an absolute URL.
    ///
    /// People write passwords as they are: the login ends at the last `@` before the first `/`, and
    /// what cannot be percent-decoded is taken as it stands. An IPv6 address may lack its brackets
    /// if no port follows. Blanks in the path become `%20`.
    ///
    /// # Errors
    ///
    /// [`UrlError`] names what is missing or wrong, and shows nothing of the login.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        parse::url(text)
    }

    /// Whether TLS is spoken.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Name or address to connect to; IPv6 without brackets, with its zone if there is one.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, or the scheme's default.
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// What follows the authority: empty, or begins with `/` or `?`.
    pub fn path_and_query(&self) -> &str {
        &self.path_and_query
    }

    /// The user name, percent-decoded.
    pub fn username(&self) -> Option<&str> {
        self.username.as_deref()
    }

    /// The password, percent-decoded.
    pub fn password(&self) -> Option<&Secret> {
        self.password.as_ref()
    }

    /// `host` or `host:port` as written, for messages.
    pub fn authority(&self) -> String {
        authority(&self.host, self.port)
    }

    /// The same without user name and password.
    #[must_use]
    pub fn without_login(&self) -> Self {
        Self { username: None, password: None, ..self.clone() }
    }

    /// The absolute URL for a request line: without login, and without the zone of an IPv6 address,
    /// which means nothing to the other side ([RFC 6874 section 3]).
    ///
    /// [RFC 6874 section 3]: https://www.rfc-editor.org/rfc/rfc6874#section-3
    pub fn request_uri(&self) -> String {
        self.with_path(&self.path_and_query)
    }

    /// Scheme, host and port of this URL before another path.
    fn with_path(&self, path_and_query: &str) -> String {
        let host = self.host.split('%').next().unwrap_or_default();
        let authority = authority(host, self.port);
        format!("{}://{authority}{path_and_query}", self.scheme.as_str())
    }

    /// Where a redirect leads: `location` may be absolute, or lack scheme, authority or path.
    ///
    /// The login is kept for the same host if `location` has none, and if it does not lead from TLS
    /// to plain text.
    ///
    /// # Errors
    ///
    /// As [`Url::parse`].
    pub fn join(&self, location: &str) -> Result<Self, UrlError> {
        let location = location.trim();
        let mut url = match parse::undoubled(location) {
            Some(absolute) => Self::parse(absolute)?,
            None if location.starts_with("//") => {
                Self::parse(&format!("{}:{location}", self.scheme.as_str()))?
            }
            None if parse::has_scheme(location) => return Err(UrlError::Scheme),
            None if parse::starts_with_authority(location, true) => {
                Self::parse(&format!("{}://{location}", self.scheme.as_str()))?
            }
            None => Self {
                path_and_query: parse::path(&self.sibling(location))?,
                ..self.without_login()
            },
        };
        let same_host = url.host.eq_ignore_ascii_case(&self.host);
        let downgrade = (self.scheme, url.scheme) == (Scheme::Rtsps, Scheme::Rtsp);
        if url.username.is_none() && same_host && !downgrade {
            url.username.clone_from(&self.username);
            url.password.clone_from(&self.password);
        }
        Ok(url)
    }

    /// A relative reference, beside what this URL's path names.
    fn sibling(&self, reference: &str) -> String {
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        match reference.bytes().next() {
            Some(b'/') => reference.to_owned(),
            Some(b'?') if path.is_empty() => format!("/{reference}"),
            Some(b'?') => format!("{path}{reference}"),
            Some(_) => {
                let folder = path.rfind('/').map_or("/", |slash| &path[..=slash]);
                format!("{folder}{reference}")
            }
            None => self.path_and_query.clone(),
        }
    }
}

fn authority(host: &str, port: Option<u16>) -> String {
    let (open, close) = if host.contains(':') { ("[", "]") } else { ("", "") };
    match port {
        Some(port) => format!("{open}{host}{close}:{port}"),
        None => format!("{open}{host}{close}"),
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.request_uri())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({self})")
    }
}

impl std::str::FromStr for Url {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_in_a_log_shows_no_login() {
        let url = Url::parse("rtsp://admin:hunter2@cam/1?a=b").unwrap();
        assert_eq!(format!("{url} {url:?}"), "rtsp://cam/1?a=b Url(rtsp://cam/1?a=b)");
        assert_eq!(url.without_login().username(), None);
        assert_eq!(url.without_login().password(), None);
    }

    #[test]
    fn a_redirect_leads_on_and_the_login_stays_with_its_host() {
        #[rustfmt::skip]
        let table = [
            ("rtsp://cam:8554/new", "rtsp://cam:8554/new", true),
            ("rtsp://CAM/new", "rtsp://CAM/new", true),
            ("rtsps://cam/new", "rtsps://cam/new", true),
            ("rtsp://other/new", "rtsp://other/new", false),
            ("rtsp://rtsp://cam/new", "rtsp://cam/new", true),
            ("//other/new", "rtsp://other/new", false),
            ("other:8554/new", "rtsp://other:8554/new", false),
            ("192.168.1.9/new", "rtsp://192.168.1.9/new", false),
            ("/new?x", "rtsp://cam:554/new?x", true),
            ("new", "rtsp://cam:554/live/new", true),
            ("?b=2", "rtsp://cam:554/live/1?b=2", true),
            ("", "rtsp://cam:554/live/1?a=1", true),
        ];
        let url = Url::parse("rtsp://u:p@cam:554/live/1?a=1").unwrap();
        for (location, expected, login) in table {
            let joined = url.join(location).unwrap();
            assert_eq!(joined.request_uri(), expected, "{location}");
            assert_eq!(joined.username().is_some(), login, "{location}");
        }
        assert_eq!(url.join("rtsp://x:y@other/").unwrap().username(), Some("x"));
        assert_eq!(url.join("http://cam/"), Err(UrlError::Scheme));
        let tls = Url::parse("rtsps://u:p@cam/1").unwrap();
        assert_eq!(tls.join("rtsp://cam/1").unwrap().username(), None);
        assert_eq!(Url::parse("rtsp://cam").unwrap().join("a").unwrap().path_and_query(), "/a");
    }
}
