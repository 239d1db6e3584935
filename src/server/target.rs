//! Which stream and which of its tracks a request URI means.

/// What a URI names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The stream's name; empty for `*` and for a bare host.
    pub stream: String,
    /// The track, when the URI is one of our control URLs.
    pub track: Option<u8>,
    /// Its query asks for multicast.
    pub multicast: bool,
    /// `scheme://authority`, as the client wrote it, for the URLs we give it.
    pub origin: String,
}

/// What our control attributes begin with.
pub(super) const CONTROL: &str = "trackID=";

/// The query with which a client is told of the group in the SDP. Players made with live555, such
/// as VLC, ask for multicast when they read of a group there and never otherwise; if it always
/// stood there, they could not have anything else.
const MULTICAST: &str = "multicast";

impl Target {
    /// Reads a URI as clients write it: with and without trailing slash; with the control either
    /// behind the path or, as FFmpeg does it, behind the query; percent-encoded where a client
    /// likes it so. `None` when it is no URI of ours.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        if uri == "*" || uri.is_empty() {
            return Some(Self {
                stream: String::new(),
                track: None,
                multicast: false,
                origin: String::new(),
            });
        }
        let (scheme, rest) = uri.split_once("://")?;
        if !scheme.eq_ignore_ascii_case("rtsp") && !scheme.eq_ignore_ascii_case("rtsps") {
            return None;
        }
        let authority_end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(authority_end);
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let path = path.trim_matches('/');
        let (path, track) = match split_control(path) {
            Some((path, track)) => (path, Some(track)),
            None => (path, split_control(query.trim_end_matches('/')).map(|(_, track)| track)),
        };
        Some(Self {
            stream: percent_decoded(path.trim_end_matches('/'))?,
            track,
            multicast: query.split(['&', '/']).any(|wish| wish.eq_ignore_ascii_case(MULTICAST)),
            origin: format!("{}://{host}", scheme.to_ascii_lowercase()),
        })
    }

    /// The URL of the stream, which aggregate requests name and control URLs are appended to.
    pub(super) fn base(&self) -> String {
        format!("{}/{}/", self.origin, self.stream)
    }
}

/// A URI for the log: clients may put their login into it.
pub(super) fn without_login(uri: &str) -> String {
    let parts = uri.split_once("://").and_then(|(scheme, rest)| {
        let (_, host) = rest.rsplit_once('@')?;
        Some(format!("{scheme}://***@{host}"))
    });
    parts.unwrap_or_else(|| uri.to_owned())
}

/// Splits `path/trackID=3`; the text without the control, and its number.
fn split_control(text: &str) -> Option<(&str, u8)> {
    let (rest, last) = text.rsplit_once('/').unwrap_or(("", text));
    let number = last.strip_prefix(CONTROL)?;
    Some((rest, number.parse().ok()?))
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, more)) = rest.split_first() {
        rest = more;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(uri: &str) -> (String, Option<u8>) {
        let target = Target::parse(uri).unwrap();
        (target.stream, target.track)
    }

    #[test]
    fn every_players_way_to_name_a_track_is_understood() {
        for (uri, stream, track) in [
            ("rtsp://h:8554/door", "door", None),
            ("rtsp://h:8554/door/", "door", None),
            ("RTSP://u:p@h/door/trackID=0", "door", Some(0)),
            ("rtsp://h/site/door/trackID=12/", "site/door", Some(12)),
            ("rtsp://h/door?a=b", "door", None),
            ("rtsp://h/door?a=b/trackID=1", "door", Some(1)), // FFmpeg
            ("rtsp://h/door/trackID=1?a=b", "door", Some(1)), // GStreamer
            ("rtsp://h/door/?a=b/trackID=1", "door", Some(1)),
            ("rtsps://[::1]:322/front%2Fdoor", "front/door", None),
            ("rtsp://h", "", None),
            ("*", "", None),
            ("rtsp://h/door/trackID=x", "door/trackID=x", None),
        ] {
            assert_eq!(parsed(uri), (stream.to_owned(), track), "{uri}");
        }
        for uri in ["http://h/door", "door", "rtsp:/h", "rtsp://h/%zz", "rtsp://h/%4"] {
            assert_eq!(Target::parse(uri), None, "{uri}");
        }
    }

    #[test]
    fn urls_for_the_client_use_the_name_it_reached_us_by_and_no_login() {
        let target = Target::parse("rtsp://me:pw@relay.lan:8554/door?x").unwrap();
        assert_eq!(target.base(), "rtsp://relay.lan:8554/door/");
        assert_eq!(without_login("rtsp://me:p/w@h/a"), "rtsp://***@h/a");
        assert_eq!(without_login("rtsp://h/a"), "rtsp://h/a");
    }

    #[test]
    fn multicast_is_asked_for_in_the_query() {
        let asks = |uri: &str| Target::parse(uri).unwrap().multicast;
        for uri in [
            "rtsp://h/door?multicast",
            "rtsp://h/door?a=b&Multicast",
            "rtsp://h/a?multicast/trackID=1",
        ] {
            assert!(asks(uri), "{uri}");
        }
        for uri in ["rtsp://h/multicast", "rtsp://h/door?multicast=no", "rtsp://h/door", "*"] {
            assert!(!asks(uri), "{uri}");
        }
    }
}
