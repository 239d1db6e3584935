//! Answers, and the refusals on the way to one.

use std::time::Duration;

use rtsp_proto::{Request, Response, StatusCode, Version};

use super::client::Farewell;
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

/// Adds what every response has: the number of its request, and who answers.
pub(super) fn finished(request: &Request, response: Response) -> Response {
    let Response { version, status, reason, headers, body } = response;
    let mut whole = Response::new(status, version);
    whole.reason = reason;
    whole.body = body;
    if let Some(cseq) = request.cseq() {
        whole.headers.append("CSeq", cseq.to_string());
    }
    for (name, value) in headers.iter() {
        whole.headers.append(name, value);
    }
    whole.headers.append("Server", SERVER);
    whole
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
