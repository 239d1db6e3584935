//! Which method a request is answered by
//! ([RFC 2326 section 10](https://www.rfc-editor.org/rfc/rfc2326#section-10)).
//!
//! Every request is answered once, in order. The order of the checks decides what a stranger can
//! learn: version and syntax, then the login, and only then whether a stream exists.

use rtsp_proto::headers::tokens;
use rtsp_proto::{Method, Request, Response, StatusCode, Version};

use super::answers::{Answer, BAD, Refusal, bad, finished, ok};
use super::client::{Client, Farewell};
use super::target::{Target, without_login};
use crate::access::{self, Decision};
use crate::logging::Quoted;

const PUBLIC: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";

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
                self.reply(&finished(request, response).with("Connection", "close"));
                return Err(Farewell::Refused(reason));
            }
            Ok(response) | Err(Refusal::Answer(response)) => {
                self.reply(&finished(request, response));
            }
            Err(Refusal::Leave(farewell)) => return Err(farewell),
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        if request.version != Version::V1_0 {
            return Err(StatusCode::VERSION_NOT_SUPPORTED.into());
        }
        let required: Vec<String> = ["Require", "Proxy-Require"]
            .iter()
            .flat_map(|name| tokens(&request.headers, name))
            .collect();
        if !required.is_empty() {
            let response = Response::new(StatusCode::OPTION_NOT_SUPPORTED, Version::V1_0);
            return Ok(response.with("Unsupported", required.join(", ")));
        }
        match request.method {
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
            Method::Pause => self.pause(),
            Method::Teardown => self.teardown(),
            _ => parameter(request),
        }
    }

    fn check_access(&mut self, request: &Request, target: &Target) -> Result<(), Refusal> {
        let address = self.entry.address;
        match self.server.access.decide(request, &target.stream, address) {
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
                if self.authenticated
                    && self.session.as_ref().is_some_and(|s| s.stream == target.stream) => {}
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
        }
        let slot = self.server.registry.find(&target.stream);
        match slot {
            Some(slot) if !access::stream_allows(&slot.stream, address.ip()) => {
                Err(StatusCode::FORBIDDEN.into())
            }
            _ => Ok(()),
        }
    }

    /// A Session header must name the session of this connection.
    fn check_session(&self, request: &Request) -> Result<(), Refusal> {
        let named = request
            .headers
            .get("Session")
            .map(|value| value.split(';').next().unwrap_or_default().trim());
        match (named, &self.session) {
            (None, _) => Ok(()),
            (Some(named), Some(session)) if session.id == named => Ok(()),
            _ => Err(StatusCode::SESSION_NOT_FOUND.into()),
        }
    }
}

/// GET_PARAMETER and SET_PARAMETER without a body keep the session alive; there are no
/// parameters.
fn parameter(request: &Request) -> Answer {
    let response = match request.body.is_empty() {
        true => ok(),
        false => Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD, Version::V1_0),
    };
    Ok(match request.headers.get("Session") {
        Some(session) => response.with("Session", session.split(';').next().unwrap_or_default()),
        None => response,
    })
}
