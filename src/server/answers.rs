//! Answers, and the refusals on the way to one.

use std::time::{Duration, SystemTime};

use rtsp_proto::headers::Date;
use rtsp_proto::{Request, Response, StatusCode, Version};

use super::farewell::Farewell;
use super::features;
use super::session::Session;
use crate::source::Offline;

const SERVER: &str = concat!("rtsp-relay/", env!("CARGO_PKG_VERSION"));

/// What the reason phrase of a 400 begins with.
pub(super) const BAD: &str = "Bad Request: ";

/// A refusal on the way to an answer, or the client is gone.
pub(super) enum Refusal {
    Answer(Response),
    Leave(Farewell),
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::Answer(Response::new(status, Version::V1_0))
    }
}

pub(super) type Answer = Result<Response, Refusal>;

/// Adds what every response has: the version and the number of its request, and who answers; in
/// RTSP 2.0 also the session it belongs to, and what else
/// [RFC 7826 section 18](https://www.rfc-editor.org/rfc/rfc7826#section-18) demands.
pub(super) fn finished(
    request: &Request,
    response: Response,
    session: Option<&Session>,
) -> Response {
    let Response { status, reason, headers, body, .. } = response;
    let mut whole = Response::new(status, features::answered_in(request.version));
    whole.reason = reason;
    whole.body = body;
    if let Some(cseq) = request.cseq() {
        whole.headers.append("CSeq", cseq.to_string());
    }
    for (name, value) in headers.iter() {
        whole.headers.append(name, value);
    }
    if whole.version == Version::V2_0 {
        finish_second(request, &mut whole, session);
    }
    whole.headers.append("Server", SERVER);
    whole
}

/// What only RTSP 2.0 has in every response.
fn finish_second(request: &Request, whole: &mut Response, session: Option<&Session>) {
    if let Some(session) = session.filter(|session| session.is_meant_by(&request.headers)) {
        if whole.headers.get("Session").is_none() {
            whole.headers.append("Session", session.id.clone());
        }
        if let Some(number) = request.headers.get("Pipelined-Requests") {
            whole.headers.append("Pipelined-Requests", number);
        }
    }
    if whole.status == StatusCode::METHOD_NOT_VALID_IN_THIS_STATE {
        whole.headers.append("Allow", features::allowed_now(session));
    }
    if asks_to_close(request) && whole.headers.get("Connection").is_none() {
        whole.headers.append("Connection", "close");
    }
    features::tell_features(&request.headers, &mut whole.headers);
    whole.headers.append("Date", now().to_string());
}

/// Whether this is the last request on its connection, as RTSP 2.0 lets a client say.
pub(super) fn asks_to_close(request: &Request) -> bool {
    let close = |token: &str| token.trim().eq_ignore_ascii_case("close");
    let mut lines = request.headers.get_all("Connection");
    request.version == Version::V2_0 && lines.any(|line| line.split(',').any(close))
}

/// The time on the wall.
pub(super) fn now() -> Date {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    Date(since.map_or(0, |since| since.as_secs()))
}

pub(super) fn ok() -> Response {
    Response::new(StatusCode::OK, Version::V1_0)
}

pub(super) fn bad(reason: &str) -> Refusal {
    let mut response = Response::new(StatusCode::BAD_REQUEST, Version::V1_0);
    response.reason = format!("{BAD}{}", reason.escape_default());
    Refusal::Answer(response)
}

pub(super) fn unavailable(retry_after: Duration) -> Refusal {
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE, Version::V1_0);
    Refusal::Answer(response.with("Retry-After", retry_after_seconds(retry_after)))
}

pub(super) fn unavailable_source(offline: &Offline, retry_in: Duration) -> Refusal {
    let response = Response::new(offline.status(), Version::V1_0);
    Refusal::Answer(response.with("Retry-After", retry_after_seconds(retry_in)))
}

fn retry_after_seconds(time: Duration) -> String {
    time.as_millis().div_ceil(1000).max(1).to_string()
}
