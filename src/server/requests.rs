//! Which method a request is answered by
//! ([RFC 2326 section 10](https://www.rfc-editor.org/rfc/rfc2326#section-10)).
//!
//! Every request is answered once, in order. The order of the checks decides what a stranger can
//! learn: version and syntax, then the login, and only then whether a stream exists.

use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::headers::PipelinedRequests;
use rtsp_proto::{Method, Request, Response, StatusCode, Version};

use super::answers::{Answer, BAD, Refusal, asks_to_close, bad, finished, ok, unavailable};
use super::client::Client;
use super::farewell::Farewell;
use super::features::{self, PUBLIC};
use super::live;
use super::session::{Session, id_of};
use super::target::{Target, without_login};
use crate::access::{self, Asker, Decision};
use crate::limits::Reason;
use crate::logging::Quoted;
use crate::net::Interest;

impl Client {
    /// Answers a request.
    pub(super) fn request(&mut self, request: &Request) -> Result<(), Farewell> {
        log::trace!(
            "request method={} uri={} client={}",
            request.method,
            Quoted(&without_login(&request.uri)),
            self.entry.id
        );
        if let Some(agent) = request.headers.get("User-Agent") {
            self.entry.update(|details| {
                if details.agent != agent {
                    details.agent = agent.chars().take(Quoted::MAX).collect();
                }
            });
        }
        let cseq = request.cseq();
        let answer = match cseq {
            Some(_) => self.answer(request),
            None => Err(bad("a request needs a CSeq")),
        };
        match answer {
            // PLAY has sent its answer itself, in front of the first frame.
            Ok(response) if request.method == Method::Play && response.status.is_success() => {}
            // What follows a request that cannot be read may not be what it seems either.
            Err(Refusal::Answer(response)) if response.status == StatusCode::BAD_REQUEST => {
                let reason = response.reason.trim_start_matches(BAD).to_owned();
                let response = response.with("Connection", "close");
                self.reply(&finished(request, response, self.session.as_ref()));
                return Err(Farewell::Refused(reason));
            }
            Ok(response) | Err(Refusal::Answer(response)) => {
                self.reply(&finished(request, response, self.session.as_ref()));
            }
            Err(Refusal::Leave(farewell)) => return Err(farewell),
        }
        if asks_to_close(request) {
            return Err(Farewell::Asked);
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        features::check_version(request, self.session.as_ref())?;
        features::check_required(request)?;
        let second = request.version == Version::V2_0;
        match request.method {
            Method::Options if second => {
                self.check_session(request)?;
                return Ok(ok().with("Public", PUBLIC));
            }
            // RTSP 2.0 knows no recording.
            Method::Announce | Method::Record if second => {
                return Err(StatusCode::NOT_IMPLEMENTED.into());
            }
            Method::Options => return Ok(ok().with("Public", PUBLIC)),
            Method::Announce | Method::Record | Method::Redirect | Method::PlayNotify => {
                let response = Response::new(StatusCode::METHOD_NOT_ALLOWED, Version::V1_0);
                return Ok(response.with("Allow", PUBLIC));
            }
            Method::Other(_) => return Err(StatusCode::NOT_IMPLEMENTED.into()),
            _ => {}
        }
        let Some(mut target) = Target::parse(&request.uri) else {
            return Err(bad("a URI is rtsp://host/stream or *"));
        };
        if let Some(session) = self.session.as_ref().filter(|_| target.stream.is_empty()) {
            target.stream.clone_from(&session.stream);
            if target.origin.is_empty() {
                target.origin.clone_from(&session.origin);
            }
        }
        self.check_access(request, &target)?;
        self.check_session(request)?;
        match request.method {
            Method::Describe => self.describe(request, &target),
            Method::Setup => self.setup(request, &target),
            Method::Play => self.play(request, &target),
            Method::Pause => self.pause(request, &target),
            Method::Teardown => self.teardown(request, &target),
            _ => parameter(request, self.session.as_ref()),
        }
    }

    fn check_access(&mut self, request: &Request, target: &Target) -> Result<(), Refusal> {
        let address = self.entry.address;
        let stands = self.authenticated
            && self.session.as_ref().is_some_and(|session| session.stream == target.stream);
        let mut asker = Asker { address, connection: self.entry.id, has_waited: false };
        let mut decision = self.server.access.get().decide(request, &target.stream, asker);
        if let (Decision::Later(at), false) = (&decision, stands) {
            self.wait_until(*at).map_err(Refusal::Leave)?;
            asker.has_waited = true;
            decision = self.server.access.get().decide(request, &target.stream, asker);
        }
        match decision {
            Decision::Granted(user) => {
                self.authenticated = true;
                if user.is_some() {
                    self.entry.update(|details| details.user = user);
                }
            }
            Decision::Forbidden => return Err(StatusCode::FORBIDDEN.into()),
            // Some players leave the login away once their session stands, and some go on with
            // the first nonce for ever. The session cannot be reached from another connection.
            Decision::Challenge { innocent: true, .. }
            | Decision::Later(_)
            | Decision::Refused { .. }
                if stands => {}
            Decision::Challenge { challenges, failed, .. } => {
                if let Some(user) = failed {
                    log::warn!("login failed address={address} user={}", Quoted(&user));
                }
                let mut response = Response::new(StatusCode::UNAUTHORIZED, Version::V1_0);
                for challenge in challenges {
                    response.headers.append("WWW-Authenticate", challenge);
                }
                return Err(Refusal::Answer(response));
            }
            Decision::Later(at) => {
                return Err(unavailable(at.saturating_duration_since(Instant::now())));
            }
            Decision::Refused { retry_after, news } => {
                self.server.gatekeeper.refusals.count(Reason::Logins);
                if news {
                    log::warn!("logins refused for now, too many were wrong address={address}");
                }
                return Err(unavailable(retry_after));
            }
        }
        let slot = self.server.registry.find(&target.stream);
        match slot {
            Some(slot) if !access::stream_allows(&slot.stream.now(), address.ip()) => {
                Err(StatusCode::FORBIDDEN.into())
            }
            _ => Ok(()),
        }
    }

    /// Waits for a moment with an answer that is not due yet.
    fn wait_until(&self, at: Instant) -> Result<(), Farewell> {
        while Instant::now() < at {
            if self.entry.is_stopping() {
                return Err(Farewell::Ended(Arc::from("the relay ends the connection")));
            }
            match self.stream.wait(Interest::Hangup, &self.waker, Some(at)) {
                Ok(ready) if !ready.hangup => {}
                _ => return Err(Farewell::Gone),
            }
        }
        Ok(())
    }

    /// A Session header must name the session of this connection. In RTSP 1.0 it may be left out;
    /// in 2.0 what acts on a session must name it, and a SETUP that names none wants a second one.
    fn check_session(&self, request: &Request) -> Result<(), Refusal> {
        let meant = |session: &Session| session.is_meant_by(&request.headers);
        let meant = self.session.as_ref().is_some_and(meant);
        if request.headers.get("Session").is_some() {
            return if meant { Ok(()) } else { Err(StatusCode::SESSION_NOT_FOUND.into()) };
        }
        if request.version == Version::V1_0 {
            return Ok(());
        }
        PipelinedRequests::from_headers(&request.headers)
            .map_err(|error| bad(&error.to_string()))?;
        match request.method {
            Method::Setup if self.session.is_some() && !meant => {
                Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into())
            }
            Method::Play | Method::Pause | Method::Teardown if !meant => {
                Err(StatusCode::SESSION_NOT_FOUND.into())
            }
            _ => Ok(()),
        }
    }
}

/// GET_PARAMETER and SET_PARAMETER without a body keep the session alive; there are no
/// parameters.
fn parameter(request: &Request, session: Option<&Session>) -> Answer {
    let mut response = match request.body.is_empty() {
        true => ok(),
        false => Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD, Version::V1_0),
    };
    if request.version == Version::V2_0 && request.method == Method::GetParameter {
        if let Some(session) = session {
            live::tell(&request.headers, session, &mut response.headers);
        }
    }
    Ok(match request.headers.get("Session") {
        Some(session) => response.with("Session", id_of(session)),
        None => response,
    })
}
