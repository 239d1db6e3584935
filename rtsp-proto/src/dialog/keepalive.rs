//! Signs of life, without which cameras drop a session although media flows.
//!
//! One is sent every half timeout, for the aggregate URI (some cameras answer for no other), and
//! not waited for: some never answer. The method is OPTIONS, because GET_PARAMETER crashes cameras
//! that list it. GET_PARAMETER comes first with VLC's server, where OPTIONS does not count, and
//! second everywhere else; SET_PARAMETER is last, and only where it is listed. A method that was
//! refused is never sent again.
//!
//! Failures are ignored as long as media flows. 454 says that the session is gone; some cameras
//! say it of the method, so with media flowing it has to stop first.

use std::time::{Duration, Instant};

use super::step::{Phase, Step};
use super::{Dialog, DialogError};
use crate::{Method, Oddity, Request, Response, StatusCode};

/// Media this young counts as flowing.
const FLOWING: Duration = Duration::from_secs(1);
/// How long media must go on after 454 before the session is believed to live.
const DOUBT: Duration = Duration::from_secs(3);
/// A keepalive comes up to this part of the interval early, so that many cameras that were dialled
/// together do not stay in step.
const JITTER: u32 = 10;

#[derive(Debug, Default)]
pub(super) struct Keepalive {
    refused: Vec<Method>,
    /// Those of `refused` that the camera refused in a session that lived on: in the next one they
    /// would be refused again. A status for OPTIONS in a handshake says less.
    for_good: Vec<Method>,
    is_vlc: bool,
    /// The method of the last one.
    sent: Option<Method>,
    pub(super) due: Option<Instant>,
    /// When it is decided whether a session survived 454, and what was answered with it.
    pub(super) doubt: Option<(Instant, Option<Method>)>,
}

/// Whether a status says that the method does not work, rather than that something else failed.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    matches!(status.code(), 400 | 404 | 405 | 451 | 454 | 455 | 501 | 551)
}

impl Keepalive {
    /// Without the methods that this camera refused before.
    pub(super) fn without(refused: &[Method]) -> Self {
        Self { refused: refused.to_vec(), for_good: refused.to_vec(), ..Self::default() }
    }

    pub(super) fn refused_for_good(&self) -> &[Method] {
        &self.for_good
    }

    fn refuse_for_good(&mut self, method: Method) {
        if !self.for_good.contains(&method) {
            self.for_good.push(method);
        }
    }

    /// Takes the `Server` header.
    pub(super) fn know_server(&mut self, server: &str) {
        self.is_vlc = server.to_ascii_lowercase().contains("vlc");
    }

    pub(super) fn refuse(&mut self, method: Method) {
        if !self.refused.contains(&method) {
            self.refused.push(method);
        }
    }

    /// The method to use, given what `Public` listed; `None` when all were refused.
    pub(super) fn method(&self, public: &[Method]) -> Option<Method> {
        let listed = |method: &Method| public.contains(method);
        let mut order = [Method::Options, Method::GetParameter, Method::SetParameter];
        if self.is_vlc && listed(&Method::GetParameter) {
            order.swap(0, 1);
        }
        order.into_iter().filter(|method| !self.refused.contains(method)).find(
            |method| match method {
                Method::Options => true,
                Method::GetParameter => public.is_empty() || listed(method),
                _ => listed(method),
            },
        )
    }

    pub(super) fn stop(&mut self) {
        self.due = None;
        self.doubt = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let doubt = self.doubt.as_ref().map(|&(at, _)| at);
        [self.due, doubt].into_iter().flatten().min()
    }
}

impl Dialog {
    pub(super) fn schedule_keepalive(&mut self, now: Instant) {
        let interval = self.session.keepalive_interval();
        let early = u32::from(self.entropy.next() as u16);
        self.keepalive.due = Some(now + interval - interval / JITTER * early / (1 << 16));
    }

    /// Does what is due.
    pub(super) fn keep_alive(&mut self, now: Instant) -> Result<(), DialogError> {
        if self.phase != Phase::Playing {
            self.keepalive.stop();
            return Ok(());
        }
        if let Some((_, method)) = self.keepalive.doubt.take_if(|(at, _)| *at <= now) {
            if !self.media_flows(now) {
                return Err(forgotten());
            }
            if let Some(method) = method {
                self.keepalive.refuse_for_good(method);
            }
        }
        if self.keepalive.due.is_some_and(|at| at <= now) {
            self.send_keepalive(now)?;
        }
        Ok(())
    }

    fn send_keepalive(&mut self, now: Instant) -> Result<(), DialogError> {
        self.exchanges.give_up();
        self.keepalive.sent = self.keepalive_method();
        if self.keepalive.sent.is_none() {
            self.keepalive.due = None;
            return Ok(());
        }
        self.schedule_keepalive(now);
        self.ask(Step::Keepalive, 0, now)
    }

    fn media_flows(&self, now: Instant) -> bool {
        self.last_media.is_some_and(|at| now.saturating_duration_since(at) < FLOWING)
    }
}

pub(super) fn keepalive(dialog: &Dialog) -> Option<Request> {
    let method = dialog.keepalive.sent.clone()?;
    Some(dialog.in_session(dialog.new_request(method, dialog.aggregate())))
}

pub(super) fn keepalive_answered(
    dialog: &mut Dialog,
    response: &Response,
    now: Instant,
) -> Result<(), DialogError> {
    let status = response.status;
    if status == StatusCode::SESSION_NOT_FOUND {
        if !dialog.media_flows(now) {
            return Err(forgotten());
        }
        dialog.keepalive.doubt = Some((now + DOUBT, dialog.keepalive.sent.clone()));
    }
    if status == StatusCode::UNAUTHORIZED {
        // Not again with another method: cameras lock accounts, and media may flow on.
        dialog.oddities.note(Oddity::MethodRefused);
        dialog.keepalive.stop();
        return Ok(());
    }
    if !is_refusal(status) {
        return Ok(());
    }
    // A refused one may not have counted: the next method is tried at once.
    dialog.oddities.note(Oddity::MethodRefused);
    if let Some(method) = dialog.keepalive.sent.take() {
        if status != StatusCode::SESSION_NOT_FOUND {
            dialog.keepalive.refuse_for_good(method.clone());
        }
        dialog.keepalive.refuse(method);
    }
    dialog.send_keepalive(now)
}

fn forgotten() -> DialogError {
    DialogError::ended("the camera has forgotten the session (454 Session Not Found)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_method_is_never_chosen_again() {
        use Method::{Describe, GetParameter, Options, SetParameter};
        for (vlc, public, refused, chosen) in [
            (false, &[][..], &[][..], Some(Options)),
            (false, &[Options, GetParameter], &[], Some(Options)),
            (true, &[Options, GetParameter], &[], Some(GetParameter)),
            (true, &[Options], &[], Some(Options)),
            (false, &[], &[Options], Some(GetParameter)),
            (false, &[Describe], &[Options], None),
            (false, &[GetParameter, SetParameter], &[Options, GetParameter], Some(SetParameter)),
            (false, &[], &[Options, GetParameter], None),
        ] {
            let mut keepalive = Keepalive::default();
            keepalive.know_server(if vlc { "VLC/3.0.18" } else { "Hipcam RealServer/V1.0" });
            for method in refused {
                keepalive.refuse(method.clone());
            }
            assert_eq!(keepalive.method(public), chosen, "{public:?} {refused:?}");
        }
    }
}
