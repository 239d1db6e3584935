//! Cameras that send the dialog elsewhere, or close the connection in the middle of it.
//!
//! A connection that ends is dialled again while the camera holds no session of ours and as long
//! as the dialog gets further each time; some cameras close after 401 or DESCRIBE, with or without
//! saying `Connection: close`. Redirects (RFC 2326 section 11.3, RFC 7826 section 17.3) are followed
//! a few times; the login goes along only to the host it was configured for, and never from TLS to
//! a plain connection.

use super::exchange::Exchange;
use super::setup::Series;
use super::step::{Link, Phase, Step};
use super::{Dialog, DialogError, Output, Rtsp2, error, options};
use crate::auth::ClientAuth;
use crate::url::{Scheme, Url};
use crate::{Response, StatusCode, Version};

/// Redirects followed in one dialog.
pub const MAX_REDIRECTS: u8 = 5;
/// Connections dialled again in one dialog because the camera closed them.
pub const MAX_RECONNECTS: u8 = 4;

/// What was spent of the two bounds, and where the last connection broke off.
#[derive(Debug, Default)]
pub(super) struct Patience {
    redirects: u8,
    reconnects: u8,
    broke_off: Option<(Step, u8)>,
    /// Whether this connection gave an answer.
    pub(super) answered: bool,
}

/// Notes `Connection: close` where the dialog has to go on over another connection.
pub(super) fn note_closing(dialog: &mut Dialog, exchange: &Exchange, response: &Response) {
    let challenged = response.status == StatusCode::UNAUTHORIZED;
    let matters = match exchange.step {
        Step::Options | Step::Describe | Step::Release => true,
        Step::Setup => challenged || !response.status.is_success() && !dialog.session.open,
        Step::Play => challenged,
        Step::Keepalive | Step::Teardown => false,
    };
    if matters && says_close(response) {
        hang_up(dialog, Link::Closing);
    }
}

fn says_close(response: &Response) -> bool {
    response
        .headers
        .get_all("Connection")
        .flat_map(|value| value.split(','))
        .any(|token| token.trim().eq_ignore_ascii_case("close"))
}

/// Forgets what belonged to the connection, and a session that hung on it.
fn hang_up(dialog: &mut Dialog, link: Link) {
    dialog.link = link;
    dialog.exchanges.clear();
    dialog.outputs.retain(|output| !matches!(output, Output::Send(_)));
    if dialog.session.open {
        dialog.session = super::session::Session::default();
        dialog.series.restart();
    }
}

/// Tells the caller to dial, if the answer just handled was the connection's last.
pub(super) fn reconnect_if_closing(dialog: &mut Dialog) -> Result<(), DialogError> {
    if dialog.link != Link::Closing
        || !matches!(dialog.phase, Phase::Asking { .. } | Phase::Described)
    {
        return Ok(());
    }
    reconnect(dialog)
}

fn reconnect(dialog: &mut Dialog) -> Result<(), DialogError> {
    dialog.patience.reconnects += 1;
    if dialog.patience.reconnects > MAX_RECONNECTS {
        return Err(DialogError::ended("the camera closes every connection before there is media"));
    }
    dialog.link = Link::Down;
    dialog.outputs.push_back(Output::Reconnect);
    Ok(())
}

/// The connection is gone, without a word.
pub(super) fn lost(dialog: &mut Dialog) -> Result<(), DialogError> {
    if dialog.link == Link::Down && !matches!(dialog.phase, Phase::Closing | Phase::Over) {
        return Ok(());
    }
    match dialog.phase {
        Phase::Closing => {
            dialog.link = Link::Down;
            dialog.finish();
            Ok(())
        }
        Phase::Playing | Phase::Over => Err(closed()),
        Phase::Described => redial(dialog),
        Phase::Asking { step: step @ (Step::Setup | Step::Play), logins: 0 }
            if dialog.session.open =>
        {
            dialog.doubt_2_0();
            Err(DialogError::ended(format!(
                "the camera closed the connection instead of answering {}",
                step.name()
            )))
        }
        Phase::Asking { step, logins } => {
            let stuck = dialog.patience.broke_off == Some((step, logins));
            // After a challenge that was answered in 2.0, the version is not the reason.
            if stuck || !dialog.patience.answered || logins == 0 {
                dialog.doubt_2_0();
            }
            if stuck || !dialog.patience.answered {
                return Err(DialogError::ended(format!(
                    "the camera closed the connection instead of answering {}",
                    step.name()
                )));
            }
            dialog.patience.broke_off = Some((step, logins));
            redial(dialog)
        }
    }
}

fn redial(dialog: &mut Dialog) -> Result<(), DialogError> {
    hang_up(dialog, Link::Down);
    if let Phase::Asking { step, .. } = &mut dialog.phase {
        *step = match *step {
            Step::Release => Step::Describe,
            Step::Play => Step::Setup,
            other => other,
        };
    }
    reconnect(dialog)
}

fn closed() -> DialogError {
    DialogError::ended("the camera closed the connection")
}

/// Follows a 3xx answer.
pub(super) fn redirected(
    dialog: &mut Dialog,
    step: Step,
    response: &Response,
) -> Result<(), DialogError> {
    dialog.patience.redirects += 1;
    if dialog.patience.redirects > MAX_REDIRECTS {
        return Err(DialogError::TooManyRedirects);
    }
    let target = target(&dialog.url, step.name(), response)?;
    adopt(dialog, &target);
    dialog.outputs.push_back(Output::Redirect(target.without_login()));
    Ok(())
}

fn target(from: &Url, step: &'static str, response: &Response) -> Result<Url, DialogError> {
    let wrong = |what: String| DialogError::Protocol { step, what };
    let location = response.headers.get("Location").map(str::trim).unwrap_or_default();
    if location.is_empty() {
        let status = response.status;
        return Err(wrong(format!("the camera redirects without saying where to ({status})")));
    }
    let target = from.join(location).map_err(|_| {
        wrong(format!(
            "the camera redirects to what is no RTSP URL: {}",
            error::quote_url(location)
        ))
    })?;
    if from.scheme() == Scheme::Rtsps && target.scheme() == Scheme::Rtsp {
        let what = format!(
            "the camera redirects from TLS to a plain connection ({}), which is not followed",
            target.authority()
        );
        return Err(DialogError::Unsupported { step, what });
    }
    Ok(target)
}

/// Begins anew at another address.
fn adopt(dialog: &mut Dialog, target: &Url) {
    let own = target.host().eq_ignore_ascii_case(dialog.options.url.host());
    let configured = dialog.options.login();
    dialog.login_withheld = !own && configured.is_some();
    let login = options::login_of(target).or_else(|| configured.filter(|_| own));
    dialog.auth = ClientAuth::new(login);
    dialog.login_proven = false;
    dialog.digest_with_base = false;
    dialog.url = target.without_login();
    dialog.version = Version::V1_0;
    dialog.rtsp2 = Rtsp2::Untried;
    dialog.methods.clear();
    dialog.keepalive = super::keepalive::Keepalive::default();
    dialog.presentation = None;
    hang_up(dialog, Link::Down);
    dialog.session = super::session::Session::default();
    dialog.series = Series::default();
    dialog.play = super::play::Play::default();
    dialog.phase = Phase::Asking { step: Step::Options, logins: 0 };
    dialog.patience.broke_off = None;
}
