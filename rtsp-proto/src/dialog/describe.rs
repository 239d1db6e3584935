//! OPTIONS and DESCRIBE, and between them the choice of the version.
//!
//! OPTIONS is always asked in RTSP 1.0, which every camera reads. Only where its answer shows that
//! the camera speaks 2.0, and the caller wants that, does the dialog go on in 2.0, so that other
//! cameras are never asked in a version that they do not know.

use std::time::Instant;

use super::step::{Phase, Step};
use super::{Dialog, DialogError, Output, error, keepalive, setup};
use crate::headers::{Public, tokens};
use crate::sdp::SessionDescription;
use crate::url::ControlBase;
use crate::{Method, Oddity, Request, Response, StatusCode, Version};

/// Longer control URLs are taken as absent, in bytes.
const MAX_CONTROL: usize = 2048;

/// gst-rtsp-server: it answers OPTIONS in 1.0 as if it knew nothing else, and then speaks 2.0.
const SPEAKS_2_0: &str = "GStreamer RTSP server";

/// What the dialog keeps of the presentation.
#[derive(Debug)]
pub(super) struct Presentation {
    pub(super) base: ControlBase,
    /// The control attribute of each media description.
    pub(super) controls: Vec<Option<String>>,
}

pub(super) fn options(dialog: &Dialog) -> Option<Request> {
    Some(dialog.new_request(Method::Options, dialog.url.request_uri()))
}

/// Whatever is answered, DESCRIBE follows: several cameras do not know OPTIONS (404, 405, 501,
/// 551). A Session header that comes this early (Dahua) is none of ours.
pub(super) fn options_answered(
    dialog: &mut Dialog,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    if response.status.is_success() {
        if let Some(Public(methods)) = Public::from_camera(&response.headers) {
            dialog.methods = methods;
        }
        let server = response.headers.get("Server").unwrap_or_default().trim();
        dialog.keepalive.know_server(server);
        dialog.server = Some(error::quote(server)).filter(|server| !server.is_empty());
    } else if keepalive::is_refusal(response.status) {
        dialog.keepalive.refuse(Method::Options);
    }
    if dialog.options.version == Version::V2_0 && shows_2_0(response) {
        dialog.begin_2_0();
    }
    dialog.ask(Step::Describe, 0, now)
}

/// Whether this answer to OPTIONS, asked in 1.0, is from a camera that speaks 2.0.
fn shows_2_0(response: &Response) -> bool {
    let headers = &response.headers;
    let supports = || tokens(headers, "Supported").iter().any(|tag| tag == "play.basic");
    let notifies =
        || Public::from_camera(headers).is_some_and(|p| p.0.contains(&Method::PlayNotify));
    let known = || headers.get("Server").is_some_and(|server| server.trim() == SPEAKS_2_0);
    response.version == Version::V2_0
        || response.status.is_success() && (supports() || notifies() || known())
}

pub(super) fn describe(dialog: &Dialog) -> Option<Request> {
    let request = dialog.new_request(Method::Describe, dialog.url.request_uri());
    let request = request.with("Accept", "application/sdp");
    Some(match dialog.version {
        // Each side tells the other its features (RFC 7826 section 18.51).
        Version::V2_0 => request.with("Supported", "play.basic"),
        _ => request,
    })
}

pub(super) fn describe_answered(
    dialog: &mut Dialog,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    let again = !dialog.series.wanted.is_empty();
    match understood(dialog, response) {
        Ok(description) => {
            dialog.series.describe_first = false;
            if again {
                return setup::begin(dialog, now);
            }
            dialog.phase = Phase::Described;
            dialog.outputs.push_back(Output::Described(Box::new(description)));
            Ok(())
        }
        // Some cameras refuse a second DESCRIBE: the first one still holds.
        Err(_) if again && dialog.presentation.is_some() => setup::begin(dialog, now),
        Err(error) => Err(error),
    }
}

fn understood(dialog: &mut Dialog, response: &Response) -> Result<SessionDescription, DialogError> {
    match response.status {
        status if status.is_success() => {}
        StatusCode::NOT_FOUND => return Err(DialogError::NotFound),
        _ => return Err(DialogError::refused(Step::Describe.name(), response)),
    }
    let oddities = &mut dialog.oddities;
    if response.headers.get("Content-Type").is_none() {
        oddities.note(Oddity::MissingContentType);
    }
    if response.body.is_empty() {
        return Err(DialogError::BadPresentation("the answer has no body".into()));
    }
    let description = SessionDescription::parse(&response.body, oddities)
        .map_err(|error| DialogError::BadPresentation(error.to_string()))?;
    if description.media.is_empty() {
        return Err(DialogError::NoMedia);
    }
    let base = ControlBase::of(&dialog.url, &response.headers, description.control(), oddities);
    let controls = description
        .media
        .iter()
        .map(|media| media.control().filter(|text| text.len() <= MAX_CONTROL).map(str::to_owned))
        .collect();
    dialog.presentation = Some(Presentation { base, controls });
    Ok(description)
}
