//! Taking a URL apart.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::{Scheme, Url};
use crate::Secret;

/// Why a text is no RTSP URL. It never holds anything of the text, which may hold a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlError {
    /// It does not begin with `rtsp://` or `rtsps://`, or does so twice.
    Scheme,
    /// A line end or another control character.
    ControlCharacter,
    /// No host, or one that cannot be.
    Host,
    /// The port is none.
    Port,
}

impl fmt::Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "the URL does not begin with one rtsp:// or rtsps://",
            Self::ControlCharacter => "the URL holds a control character",
            Self::Host => "the URL names no host that can be",
            Self::Port => {
                "the URL's port is no number from 1 to 65535 (write / in a password as %2F)"
            }
        })
    }
}

impl std::error::Error for UrlError {}

pub(super) fn url(text: &str) -> Result<Url, UrlError> {
    let text = text.trim_matches(' ');
    if text.contains(char::is_control) {
        return Err(UrlError::ControlCharacter);
    }
    let (scheme, rest) = split_scheme(text).ok_or(UrlError::Scheme)?;
    if split_scheme(rest).is_some() {
        return Err(UrlError::Scheme);
    }
    let slash = rest.find('/').unwrap_or(rest.len());
    // A `?` may be part of a password; without a login it begins the query.
    let (login, rest) = match rest[..slash].rfind('@') {
        Some(at) => (Some(&rest[..at]), &rest[at + 1..]),
        None => (None, rest),
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (host, port) = host_and_port(&rest[..end])?;
    let (username, password) = match login {
        None | Some("") => (None, None),
        Some(login) => match login.split_once(':') {
            Some((name, password)) => (Some(decoded(name)), Some(decoded(password))),
            None => (Some(decoded(login)), None),
        },
    };
    Ok(Url {
        scheme,
        username,
        password: password.map(Secret::new),
        host,
        port,
        path_and_query: path(&rest[end..])?,
    })
}

/// A path for a request line: blanks would end it there.
pub(super) fn path(text: &str) -> Result<String, UrlError> {
    if text.contains(char::is_control) {
        return Err(UrlError::ControlCharacter);
    }
    Ok(text.replace(' ', "%20"))
}

/// The scheme and what follows its `://`.
pub(super) fn split_scheme(text: &str) -> Option<(Scheme, &str)> {
    let (name, rest) = text.split_once("://")?;
    if name.eq_ignore_ascii_case("rtsp") {
        Some((Scheme::Rtsp, rest))
    } else if name.eq_ignore_ascii_case("rtsps") {
        Some((Scheme::Rtsps, rest))
    } else {
        None
    }
}

/// `rtsp://rtsp://host`: what begins at the last scheme.
pub(super) fn undoubled(text: &str) -> Option<&str> {
    let (_, mut rest) = split_scheme(text)?;
    let mut last = text;
    while let Some((_, more)) = split_scheme(rest) {
        last = rest;
        rest = more;
    }
    Some(last)
}

/// Whether some scheme stands before `://`.
pub(super) fn has_scheme(text: &str) -> bool {
    text.split_once("://").is_some_and(|(name, _)| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    })
}

/// Whether a text without scheme begins with an address or a dotted name; with `any_name`, a
/// plain name and its port will do as well. Only an address needs no `/` behind it.
pub(super) fn starts_with_authority(text: &str, any_name: bool) -> bool {
    let end = text.find(['/', '?']).unwrap_or(text.len());
    match host_and_port(&text[..end]) {
        Ok((host, port)) => {
            let address = host.contains(':') || host.parse::<Ipv4Addr>().is_ok();
            let named = port.is_some() && (any_name || host.contains('.'));
            address || (named && end < text.len())
        }
        Err(_) => false,
    }
}

pub(super) fn host_and_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(UrlError::Host)?;
        let port = match rest.strip_prefix(':') {
            Some(port) => port,
            None if rest.is_empty() => "",
            None => return Err(UrlError::Port),
        };
        (ipv6(host).ok_or(UrlError::Host)?, port)
    } else if let Some(host) = ipv6(authority) {
        (host, "")
    } else {
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, ""));
        let name = |c: char| !c.is_control() && !" \"#%/:<>?@[\\]^`{|}".contains(c);
        if host.is_empty() || !host.chars().all(name) {
            return Err(UrlError::Host);
        }
        (host.to_owned(), port)
    };
    let port = match port {
        "" => None,
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => {
            Some(digits.parse().ok().filter(|&port| port != 0).ok_or(UrlError::Port)?)
        }
        _ => return Err(UrlError::Port),
    };
    Ok((host, port))
}

/// An IPv6 address with or without zone; the zone's `%` may be written `%25`.
fn ipv6(text: &str) -> Option<String> {
    let (address, zone) = text.split_once('%').unwrap_or((text, ""));
    address.parse::<Ipv6Addr>().ok()?;
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    let name = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    match zone {
        "" => Some(address.to_owned()),
        zone => zone.bytes().all(name).then(|| format!("{address}%{zone}")),
    }
}

/// Percent-decoded; what is no escape is kept, and what is no UTF-8 is Latin-1.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).and_then(|&b| char::from(b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match (byte, digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out)
        .unwrap_or_else(|error| error.as_bytes().iter().map(|&b| char::from(b)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_taken_apart() {
        #[rustfmt::skip]
        let table = [
            ("rtsp://cam", (Scheme::Rtsp, "cam", 554, "", "rtsp://cam")),
            ("RTSP://Cam.lan:554/", (Scheme::Rtsp, "Cam.lan", 554, "/", "rtsp://Cam.lan:554/")),
            ("rtsps://cam/a", (Scheme::Rtsps, "cam", 322, "/a", "rtsps://cam/a")),
            ("rtsp://cam:/a", (Scheme::Rtsp, "cam", 554, "/a", "rtsp://cam/a")),
            ("rtsp://cam?x=1", (Scheme::Rtsp, "cam", 554, "?x=1", "rtsp://cam?x=1")),
            ("rtsp://[::1]:8554/a", (Scheme::Rtsp, "::1", 8554, "/a", "rtsp://[::1]:8554/a")),
            ("rtsp://[fe80::1%25eth0]/a", (Scheme::Rtsp, "fe80::1%eth0", 554, "/a", "rtsp://[fe80::1]/a")),
            ("rtsp://[fe80::1%eth0]/a", (Scheme::Rtsp, "fe80::1%eth0", 554, "/a", "rtsp://[fe80::1]/a")),
            ("rtsp://::ffff:192.168.1.123/a", (Scheme::Rtsp, "::ffff:192.168.1.123", 554, "/a", "rtsp://[::ffff:192.168.1.123]/a")),
            ("rtsp://192.168.1.1/user=tmp&password=BagRep1!&channel=1&stream=0.sdp",
                (Scheme::Rtsp, "192.168.1.1", 554, "/user=tmp&password=BagRep1!&channel=1&stream=0.sdp",
                "rtsp://192.168.1.1/user=tmp&password=BagRep1!&channel=1&stream=0.sdp")),
            ("rtsp://cam/my cam@home", (Scheme::Rtsp, "cam", 554, "/my%20cam@home", "rtsp://cam/my%20cam@home")),
            (" rtsp://my_cam/a?b=c://d ", (Scheme::Rtsp, "my_cam", 554, "/a?b=c://d", "rtsp://my_cam/a?b=c://d")),
        ];
        for (text, expected) in table {
            let url = Url::parse(text).unwrap();
            let uri = url.request_uri();
            let parts = (url.scheme(), url.host(), url.port(), url.path_and_query(), uri.as_str());
            assert_eq!(parts, expected, "{text}");
            assert_eq!((url.username(), url.password()), (None, None), "{text}");
        }
    }

    #[test]
    fn any_password_can_be_written() {
        #[rustfmt::skip]
        let table = [
            ("rtsp://admin:secret@cam/1", Some("admin"), Some("secret")),
            ("rtsp://admin@cam/1", Some("admin"), None),
            ("rtsp://admin:@cam/1", Some("admin"), Some("")),
            ("rtsp://:pw@cam/1", Some(""), Some("pw")),
            ("rtsp://@cam/1", None, None),
            ("rtsp://a:p@ss@cam/1", Some("a"), Some("p@ss")),
            ("rtsp://a@b.de:p:w@cam/1", Some("a@b.de"), Some("p:w")),
            ("rtsp://a:p#?%&=!@cam/1", Some("a"), Some("p#?%&=!")),
            ("rtsp://a:p%2Fq%40%zz%2@cam/1", Some("a"), Some("p/q@%zz%2")),
            ("rtsp://a%3Ab:p w@cam/1", Some("a:b"), Some("p w")),
            ("rtsp://j%C3%BCrgen:gr%FC%DF@cam/1", Some("jürgen"), Some("grüß")),
            ("rtsp://jürgen:пароль@cam/1", Some("jürgen"), Some("пароль")),
        ];
        for (text, username, password) in table {
            let url = Url::parse(text).unwrap();
            assert_eq!(url.username(), username, "{text}");
            assert_eq!(url.password().map(Secret::expose), password, "{text}");
            assert_eq!(url.request_uri(), "rtsp://cam/1", "{text}");
        }
    }

    #[test]
    fn a_url_that_leads_nowhere_says_why_and_not_its_password() {
        for (text, error) in [
            ("", UrlError::Scheme),
            ("cam/1", UrlError::Scheme),
            ("http://cam/1", UrlError::Scheme),
            ("rtsp:/cam/1", UrlError::Scheme),
            ("rtsp://", UrlError::Host),
            ("rtsp:///1", UrlError::Host),
            ("rtsp://a:b@/1", UrlError::Host),
            ("rtsp://[::1/1", UrlError::Host),
            ("rtsp://[cam]/1", UrlError::Host),
            ("rtsp://[fe80::1%e t]/1", UrlError::Host),
            ("rtsp://rtsp://cam/1", UrlError::Scheme),
            ("rtsp://a b/1", UrlError::Host),
            ("rtsp://cam:0/1", UrlError::Port),
            ("rtsp://cam:65536/1", UrlError::Port),
            ("rtsp://cam:+1/1", UrlError::Port),
            ("rtsp://[::1]8554/1", UrlError::Port),
            ("rtsp://admin:pa/ss@cam/1", UrlError::Port),
            ("rtsp://cam/\r\nEvil: 1", UrlError::ControlCharacter),
        ] {
            assert_eq!(Url::parse(text), Err(error), "{text}");
        }
        assert_eq!(
            UrlError::Port.to_string(),
            "the URL's port is no number from 1 to 65535 (write / in a password as %2F)"
        );
    }
}
