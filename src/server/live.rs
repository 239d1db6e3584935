//! What RTSP 2.0 says of a presentation that happens now
//! ([RFC 7826 section 4.7](https://www.rfc-editor.org/rfc/rfc7826#section-4.7)): nothing before this
//! moment can be played, and nothing faster than it happens.
//!
//! The timescale (`npt`) begins with the client's session.

use rtsp_proto::headers::{MediaProperties, NptTime, Range, Scale, SeekStyle, Speed, tokens};
use rtsp_proto::{Headers, Request, Response, StatusCode, Version};

use super::answers::{Refusal, bad};
use super::session::Session;

/// The only timescale.
const RANGES: &str = "npt";

/// `Media-Range` at a moment: that moment.
fn media_range(now: NptTime) -> String {
    format!("npt={now}-{now}")
}

/// `Range` from a moment on.
pub(super) fn from(now: NptTime) -> String {
    format!("npt={now}-")
}

/// `Range` up to a moment.
pub(super) fn until(now: NptTime) -> String {
    format!("npt=-{now}")
}

/// Adds to the answer to SETUP what the client must know before it plays.
pub(super) fn describe(session: &Session, answer: &mut Headers) {
    answer.append("Accept-Ranges", RANGES);
    answer.append("Media-Properties", MediaProperties::live().to_string());
    answer.append("Media-Range", media_range(session.npt()));
}

/// Adds to the answer to PLAY or PAUSE where the presentation stands.
pub(super) fn locate(session: &Session, answer: &mut Headers) {
    let now = session.npt();
    answer.append("Range", from(now));
    answer.append("Media-Range", media_range(now));
}

/// Adds the values that a GET_PARAMETER asks for by empty headers (RFC 7826 section 13.8).
pub(super) fn tell(asked: &Headers, session: &Session, answer: &mut Headers) {
    let now = session.npt();
    for (name, value) in [
        ("Accept-Ranges", RANGES.to_owned()),
        ("Media-Properties", MediaProperties::live().to_string()),
        ("Media-Range", media_range(now)),
        ("Range", from(now)),
    ] {
        if asked.get(name) == Some("") {
            answer.append(name, value);
        }
    }
}

/// Refuses a client that could not read our timescale.
pub(super) fn check_ranges(request: &Request) -> Result<(), Refusal> {
    let accepted = tokens(&request.headers, "Accept-Ranges");
    match accepted.is_empty() || accepted.iter().any(|unit| unit.eq_ignore_ascii_case(RANGES)) {
        true => Ok(()),
        false => Err(not_valid()),
    }
}

/// What the client wishes of PLAY; adds to the answer what it gets instead of a rate. Whatever
/// begins before this moment begins now, since there is nothing else; what is to end, or to begin
/// later, is refused.
pub(super) fn check_play(
    request: &Request,
    now: NptTime,
    answer: &mut Headers,
) -> Result<(), Refusal> {
    let headers = &request.headers;
    match Range::from_headers(headers).map_err(|error| bad(&error.to_string()))? {
        None | Some(Range::Npt { start: NptTime::Now, end: None }) => {}
        Some(Range::Npt { start: NptTime::Millis(start), end: None }) if matches!(now, NptTime::Millis(now) if start <= now) =>
            {}
        Some(Range::Npt { .. }) => return Err(StatusCode::INVALID_RANGE.into()),
        Some(Range::Other { .. }) => return Err(not_valid()),
    }
    SeekStyle::from_headers(headers).map_err(|error| bad(&error.to_string()))?;
    if Scale::from_headers(headers).map_err(|error| bad(&error.to_string()))?.is_some() {
        answer.append("Scale", Scale::NORMAL.to_string());
    }
    if let Some(speed) = Speed::from_headers(headers).map_err(|error| bad(&error.to_string()))? {
        if !speed.allows_live() {
            return Err(not_valid());
        }
        answer.append("Speed", Speed::LIVE.to_string());
    }
    Ok(())
}

/// 456, with what would be valid.
fn not_valid() -> Refusal {
    let response = Response::new(StatusCode::HEADER_FIELD_NOT_VALID, Version::V1_0);
    Refusal::Answer(response.with("Accept-Ranges", RANGES))
}

#[cfg(test)]
mod tests {
    use rtsp_proto::Method;

    use super::*;

    /// The status, and the headers that come with it, of a PLAY 12.5 s after SETUP.
    fn asked(name: &str, value: &str) -> (u16, Vec<(String, String)>) {
        let request = Request::new(Method::Play, "*", Version::V2_0).with(name, value);
        let mut headers = Headers::new();
        let status = match check_play(&request, NptTime::Millis(12_500), &mut headers) {
            Ok(()) => 200,
            Err(Refusal::Answer(response)) => {
                headers = response.headers;
                response.status.code()
            }
            Err(Refusal::Leave(_)) => 0,
        };
        let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        (status, headers.iter().map(pair).collect())
    }

    #[test]
    fn a_client_that_wants_anything_but_the_present_is_told_so() {
        let with = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
        for (name, value, status, headers) in [
            ("Range", "npt=now-", 200, vec![]),
            ("Range", "npt=0-", 200, vec![]),
            ("Range", "npt=12.5-", 200, vec![]),
            ("Range", "npt=12.501-", 457, vec![]),
            ("Range", "npt=now-20", 457, vec![]),
            ("Range", "npt=-20", 457, vec![]),
            ("Range", "npt=0-5", 457, vec![]),
            ("Range", "clock=20260101T000000Z-", 456, with("Accept-Ranges", "npt")),
            ("Range", "npt=soon-", 400, vec![]),
            ("Scale", "1", 200, with("Scale", "1.0")),
            ("Scale", "-2", 200, with("Scale", "1.0")),
            ("Scale", "0", 400, vec![]),
            ("Speed", "0.5-2", 200, with("Speed", "1.0-1.0")),
            ("Speed", "1.5-2", 456, with("Accept-Ranges", "npt")),
            ("Speed", "2", 400, vec![]),
            ("Seek-Style", "x-any", 200, vec![]),
            ("Seek-Style", "a b", 400, vec![]),
        ] {
            assert_eq!(asked(name, value), (status, headers), "{name}: {value}");
        }
    }

    #[test]
    fn a_client_that_cannot_read_our_timescale_is_told_which_it_is() {
        let accepts = |units: &str| {
            let request = Request::new(Method::Setup, "*", Version::V2_0);
            check_ranges(&request.with("Accept-Ranges", units)).is_ok()
        };
        for units in ["npt", "NPT", "smpte, npt", ""] {
            assert!(accepts(units), "{units}");
        }
        assert!(!accepts("clock, smpte"));
    }
}
