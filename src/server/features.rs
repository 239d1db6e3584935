//! What the relay offers in general: methods, feature tags, versions
//! ([RFC 7826 section 11](https://www.rfc-editor.org/rfc/rfc7826#section-11)).

use rtsp_proto::headers::tokens;
use rtsp_proto::{Headers, Request, Response, StatusCode, Version};

use super::answers::Refusal;
use super::session::Session;

/// The methods that are answered.
pub(super) const PUBLIC: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
/// Of these, what makes sense before SETUP.
const WITHOUT_SESSION: &str = "OPTIONS, DESCRIBE, SETUP, GET_PARAMETER, SET_PARAMETER";
/// And while media flows.
const WHILE_PLAYING: &str =
    "OPTIONS, DESCRIBE, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

/// The feature tags of RTSP 2.0 that a client may require.
const FEATURES: [&str; 1] = ["play.basic"];

/// The version of the answer to a request of this version: the same, or the nearest there is.
pub(super) fn answered_in(asked: Version) -> Version {
    match asked {
        Version::V2_0 => Version::V2_0,
        Version::Other { major, .. } if major >= 2 => Version::V2_0,
        _ => Version::V1_0,
    }
}

/// Refuses a version that is none of ours, and one that the client's session does not speak.
pub(super) fn check_version(request: &Request, session: Option<&Session>) -> Result<(), Refusal> {
    let text = match (request.version, session.map(|session| session.version)) {
        (Version::Other { .. }, _) => "This server speaks RTSP/1.0 and RTSP/2.0.\r\n".to_owned(),
        (asked, Some(spoken)) if asked != spoken => format!("This session speaks {spoken}.\r\n"),
        _ => return Ok(()),
    };
    let response = Response::new(StatusCode::VERSION_NOT_SUPPORTED, Version::V1_0);
    let mut response = response.with("Content-Type", "text/plain");
    response.body = text.into_bytes();
    Err(Refusal::Answer(response))
}

/// Refuses what a client requires and does not get. RTSP 1.0 has no features that are ours.
pub(super) fn check_required(request: &Request) -> Result<(), Refusal> {
    let lacking = |tag: &String| {
        let known = FEATURES.iter().any(|own| own.eq_ignore_ascii_case(tag));
        request.version == Version::V1_0 || !known
    };
    let required = |name| tokens(&request.headers, name);
    let required = ["Require", "Proxy-Require"].into_iter().flat_map(required);
    let lacking: Vec<String> = required.filter(lacking).collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let response = Response::new(StatusCode::OPTION_NOT_SUPPORTED, Version::V1_0);
    Err(Refusal::Answer(response.with("Unsupported", lacking.join(", "))))
}

/// Our features, for a client that told its own.
pub(super) fn tell_features(asked: &Headers, answer: &mut Headers) {
    if asked.get("Supported").is_some() {
        answer.append("Supported", FEATURES.join(", "));
    }
}

/// The methods that a client may use now, for one that used another.
pub(super) fn allowed_now(session: Option<&Session>) -> &'static str {
    match session {
        None => WITHOUT_SESSION,
        Some(session) if session.playing => WHILE_PLAYING,
        Some(_) => PUBLIC,
    }
}

#[cfg(test)]
mod tests {
    use rtsp_proto::Method;

    use super::*;

    fn lacking(version: Version, required: &str) -> Option<String> {
        let request = Request::new(Method::Options, "*", version).with("Require", required);
        match check_required(&request) {
            Err(Refusal::Answer(response)) => {
                response.headers.get("Unsupported").map(str::to_owned)
            }
            _ => None,
        }
    }

    #[test]
    fn a_client_learns_exactly_what_it_cannot_have() {
        assert_eq!(lacking(Version::V2_0, "play.basic"), None);
        let some = lacking(Version::V2_0, "Play.Basic, play.scale, x-dance");
        assert_eq!(some.as_deref(), Some("play.scale, x-dance"));
        assert_eq!(lacking(Version::V1_0, "play.basic").as_deref(), Some("play.basic"));
        assert_eq!(lacking(Version::V1_0, ""), None);
    }

    #[test]
    fn an_answer_is_in_the_version_of_its_request() {
        let other = |major| Version::Other { major, minor: 0 };
        for (asked, answered) in [
            (Version::V1_0, Version::V1_0),
            (Version::V2_0, Version::V2_0),
            (other(0), Version::V1_0),
            (Version::Other { major: 1, minor: 1 }, Version::V1_0),
            (other(3), Version::V2_0),
        ] {
            assert_eq!(answered_in(asked), answered);
        }
    }
}
