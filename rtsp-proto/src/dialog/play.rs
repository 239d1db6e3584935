//! PLAY and TEARDOWN, both on the presentation's aggregate URI.

use std::time::Instant;

use super::step::{Phase, Step};
use super::{Dialog, DialogError, setup};
use crate::{Method, Oddity, Request, Response, StatusCode, Version};

/// From the start, which for a camera is now; some (Parrot) refuse PLAY without a range. In RTSP
/// 2.0 it would be a moment that a live stream no longer has, and none means now.
const RANGE: &str = "npt=0.000-";

/// What was tried to have PLAY accepted.
#[derive(Debug, Default)]
pub(super) struct Play {
    /// The aggregate URI has its trailing slash turned: some cameras tell the two apart, and the
    /// one they announce is not always the one they accept.
    pub(super) other_slash: bool,
    without_range: bool,
}

pub(super) fn play(dialog: &Dialog) -> Option<Request> {
    let request = dialog.in_session(dialog.new_request(Method::Play, dialog.aggregate()));
    let without_range = dialog.play.without_range || dialog.version == Version::V2_0;
    Some(if without_range { request } else { request.with("Range", RANGE) })
}

pub(super) fn play_answered(
    dialog: &mut Dialog,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    match response.status {
        status if status.is_success() => {
            dialog.session.learn(&response.headers, &mut dialog.oddities);
            playing(dialog, now);
            Ok(())
        }
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_VALID_IN_THIS_STATE
            if !dialog.play.other_slash =>
        {
            dialog.play.other_slash = true;
            dialog.ask(Step::Play, 0, now)
        }
        StatusCode::INVALID_RANGE if !dialog.play.without_range => {
            dialog.play.without_range = true;
            dialog.ask(Step::Play, 0, now)
        }
        _ => Err(DialogError::refused(Step::Play.name(), response)),
    }
}

/// Media came: with PLAY still unanswered it stands for the answer, which may never come.
pub(super) fn media_came(dialog: &mut Dialog, now: Instant) {
    if dialog.exchanges.oldest().is_some_and(|exchange| exchange.step == Step::Play) {
        dialog.oddities.note(Oddity::LateAnswer);
        dialog.exchanges.be_patient(Step::Play);
        playing(dialog, now);
    }
}

fn playing(dialog: &mut Dialog, now: Instant) {
    dialog.phase = Phase::Playing;
    dialog.schedule_keepalive(now);
    if !dialog.announced {
        dialog.announced = true;
        dialog.outputs.push_back(super::Output::Playing);
    }
}

pub(super) fn teardown(dialog: &Dialog) -> Option<Request> {
    Some(dialog.in_session(dialog.new_request(Method::Teardown, dialog.aggregate())))
}

/// The old session is gone, or as good as gone: on to the next series.
pub(super) fn release_answered(
    dialog: &mut Dialog,
    _: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    released(dialog, now)
}

pub(super) fn released(dialog: &mut Dialog, now: Instant) -> Result<(), DialogError> {
    dialog.session = super::session::Session::default();
    if dialog.series.describe_first {
        dialog.ask(Step::Describe, 0, now)
    } else {
        setup::begin(dialog, now)
    }
}

pub(super) fn teardown_answered(
    dialog: &mut Dialog,
    _: &Response,
    _: Instant,
) -> Result<(), DialogError> {
    dialog.dismissed = true;
    dialog.finish();
    Ok(())
}
