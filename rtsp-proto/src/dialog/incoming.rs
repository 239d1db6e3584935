//! Requests a camera sends to us.
//!
//! RFC 2326 lets a server send OPTIONS, ANNOUNCE, SET_PARAMETER and REDIRECT to a client, and
//! cameras send GET_PARAMETER and TEARDOWN as well; RFC 7826 adds PLAY_NOTIFY. All are answered,
//! since a camera may wait for that; what ends the stream ends the dialog.

use super::error::quote_url;
use super::step::Link;
use super::{Dialog, DialogError, Output};
use crate::headers::NotifyReason;
use crate::{Method, Request, Response, StatusCode, Version};

/// What a camera may ask.
const ALLOWED: &str = "OPTIONS, GET_PARAMETER, SET_PARAMETER, ANNOUNCE, REDIRECT, TEARDOWN";
/// With this many outputs waiting, a camera's further requests are not answered.
const MAX_WAITING: usize = 32;

/// The status to answer with, and whether the stream is over.
fn verdict(request: &Request) -> (StatusCode, bool) {
    match &request.method {
        Method::Options | Method::GetParameter | Method::SetParameter | Method::Announce => {
            (StatusCode::OK, false)
        }
        Method::PlayNotify => match NotifyReason::from_headers(&request.headers) {
            Ok(Some(NotifyReason::EndOfStream)) => (StatusCode::OK, true),
            Ok(Some(NotifyReason::Other(_))) => (StatusCode::NOTIFICATION_REASON_UNKNOWN, false),
            _ => (StatusCode::OK, false),
        },
        Method::Teardown | Method::Redirect => (StatusCode::OK, true),
        Method::Other(_) => (StatusCode::NOT_IMPLEMENTED, false),
        _ => (StatusCode::METHOD_NOT_ALLOWED, false),
    }
}

pub(super) fn asked(dialog: &mut Dialog, request: &Request) -> Result<(), DialogError> {
    if dialog.link != Link::Up || dialog.torn_down {
        return Ok(());
    }
    let (status, ends) = verdict(request);
    if dialog.outputs.len() < MAX_WAITING {
        let mut wire = Vec::new();
        answer(request, status).encode(&mut wire);
        dialog.outputs.push_back(Output::Send(wire));
    }
    if !ends {
        return Ok(());
    }
    if request.method == Method::Teardown {
        dialog.session.open = false;
    }
    if dialog.is_closing() {
        dialog.finish();
        return Ok(());
    }
    let reason = match request.headers.get("Location") {
        Some(location) => format!("the camera redirects the stream to {}", quote_url(location)),
        None if request.method == Method::PlayNotify => {
            "the camera says that the stream has ended (PLAY_NOTIFY)".to_owned()
        }
        None => format!("the camera ended the session ({})", request.method),
    };
    Err(DialogError::ended(reason))
}

fn answer(request: &Request, status: StatusCode) -> Response {
    let version = match request.version {
        Version::V2_0 => Version::V2_0,
        _ => Version::V1_0,
    };
    let mut response = Response::new(status, version);
    if let Some(cseq) = request.cseq() {
        response.headers.append("CSeq", cseq.to_string());
    }
    if let Some(session) = request.headers.get("Session") {
        response.headers.append("Session", session);
    }
    let lists = match status {
        StatusCode::METHOD_NOT_ALLOWED => Some("Allow"),
        _ if request.method == Method::Options => Some("Public"),
        _ => None,
    };
    if let Some(name) = lists {
        response.headers.append(name, ALLOWED);
    }
    response
}
