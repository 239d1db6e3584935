//! Whether the `uri=` of an answer means the request it came with.
//!
//! RFC 7616 section 3.4.6 asks for an equivalent URI. Bosch BVMS sends the path alone; VLC names
//! the stream with a trailing slash when it sets up a track, HappyTime NVR the same without.
//! What an answer must not do is open another stream than the one it was made for.

/// Whether an answer made for `answer` fits a request for `request`.
///
/// Scheme, host and port do not count, since a relay behind NAT does not know its own names; nor
/// do slashes at the end of path and query, and percent escapes. A request for a track
/// (`…/trackID=1`, before or behind the query) also fits the URI of its stream.
pub fn uri_matches(answer: &str, request: &str) -> bool {
    if answer == request {
        return true;
    }
    let answer = parts(answer);
    let request = parts(request);
    if answer == request {
        return true;
    }
    let (path, query) = request;
    match (without_track(&path), without_track(&query)) {
        (Some(path), _) if answer == (path.to_owned(), query.clone()) => true,
        (_, Some(query)) => answer == (path, query.to_owned()),
        _ => false,
    }
}

/// Path and query, unescaped and without slashes around them. `*` is the empty path.
fn parts(uri: &str) -> (String, String) {
    let behind = match uri.split_once("://") {
        Some((_, rest)) => &rest[rest.find(['/', '?']).unwrap_or(rest.len())..],
        None if uri == "*" => "",
        None => uri,
    };
    let (path, query) = behind.split_once('?').unwrap_or((behind, ""));
    (unescaped(path.trim_matches('/')), unescaped(query.trim_matches('/')))
}

/// `text` without its last segment, if that names a track.
fn without_track(text: &str) -> Option<&str> {
    let (stem, last) = text.rsplit_once('/').unwrap_or(("", text));
    let last = last.to_ascii_lowercase();
    let named = ["trackid=", "streamid=", "track", "stream="]
        .iter()
        .filter_map(|name| last.strip_prefix(name))
        .any(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    named.then(|| stem.trim_end_matches('/'))
}

fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    while let Some((&first, behind)) = rest.split_first() {
        rest = behind;
        match (first, behind) {
            (b'%', &[high, low, ref behind @ ..]) => match (digit(high), digit(low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high * 16 + low);
                    rest = behind;
                }
                _ => bytes.push(first),
            },
            _ => bytes.push(first),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn players_that_write_the_uri_differently_are_let_in() {
        for (answer, request) in [
            ("rtsp://h/cam", "rtsp://h/cam"),
            ("/cam", "rtsp://h:8554/cam"),
            ("cam", "rtsp://h/cam"),
            ("rtsp://h/cam/", "rtsp://h/cam"),
            ("rtsp://h/cam", "rtsp://h/cam/"),
            ("rtsp://10.0.0.1:554/cam", "rtsp://relay.example/cam"),
            ("rtsp://h/my%20cam", "rtsp://h/my cam"),
            // VLC and HappyTime at SETUP.
            ("rtsp://h/cam/", "rtsp://h/cam/trackID=1"),
            ("rtsp://h/cam", "rtsp://h/cam/trackID=1"),
            ("/cam", "rtsp://h/cam/track2"),
            ("rtsp://h/cam/trackID=1", "rtsp://h/cam/trackID=1"),
            // FFmpeg and GStreamer with a query.
            ("rtsp://h/cam?a=1", "rtsp://h/cam?a=1/trackID=0"),
            ("rtsp://h/cam?a=1/", "rtsp://h/cam/trackID=0?a=1"),
            ("*", "*"),
            ("*", ""),
            ("rtsp://h", "*"),
            ("rtsp://h/", "rtsp://h"),
        ] {
            assert!(uri_matches(answer, request), "{answer} {request}");
        }
    }

    #[test]
    fn an_answer_for_one_stream_does_not_open_another() {
        for (answer, request) in [
            ("rtsp://h/cam1", "rtsp://h/cam2"),
            ("rtsp://h/", "rtsp://h/cam"),
            ("*", "rtsp://h/cam"),
            ("rtsp://h/a", "rtsp://h/a/b"),
            ("rtsp://h/a", "rtsp://h/a/b/trackID=1"),
            ("rtsp://h/a/trackID=2", "rtsp://h/a/trackID=1"),
            ("rtsp://h/a?ch=1", "rtsp://h/a?ch=2"),
            ("rtsp://h/a?ch=1", "rtsp://h/a?ch=2/trackID=1"),
            ("rtsp://h/a", "rtsp://h/a?ch=2"),
            ("rtsp://h/a", "rtsp://h/a/trackID=x"),
            ("rtsp://h/a%2", "rtsp://h/a"),
        ] {
            assert!(!uri_matches(answer, request), "{answer} {request}");
        }
    }

    proptest! {
        #[test]
        fn every_uri_means_itself(uri in "\\PC*", other in "[a-z%0-9?/=*]*") {
            prop_assert!(uri_matches(&uri, &uri));
            uri_matches(&uri, &other);
        }
    }
}
