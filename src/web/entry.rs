//! Who may ask for what: the door of every request.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtsp_proto::{Method, Request, Version};

use super::Web;
use super::request::{HttpRequest, Verb};
use super::response::HttpResponse;
use super::route::{Command, Route};
use crate::access::{Access, Asker, Decision};
use crate::limits::Reason;
use crate::logging::Quoted;

/// Whoever is at the other end of a connection.
pub(super) struct Visitor<'a> {
    pub(super) peer: SocketAddr,
    /// A number that no other connection has.
    pub(super) connection: u64,
    /// Whether it came over TLS.
    pub(super) secure: bool,
    /// Waits for a moment; `false` when the visitor has not.
    pub(super) wait: &'a dyn Fn(Instant) -> bool,
}

impl Web {
    /// What is asked for, and by whom; or the refusal.
    pub(super) fn enter(
        &self,
        request: &HttpRequest,
        visitor: &Visitor<'_>,
    ) -> Result<(Route, Option<String>), HttpResponse> {
        let Some(mut route) = Route::of(request.verb, &request.path) else {
            return Err(HttpResponse::message(404, "nothing is here"));
        };
        if request.verb == Verb::Get && request.wants_websocket() {
            route = route.upgraded();
        }
        let user = if route == Route::Health {
            None
        } else if route.changes() {
            self.enter_to_change(request, visitor)?
        } else {
            self.login(&self.access.get(), request, route.stream_name(), visitor)?
        };
        let verbs = self.verbs(&route);
        if !verbs.contains(&request.verb) {
            let allow: Vec<_> = verbs.iter().map(|verb| verb.name()).collect();
            let response = HttpResponse::message(405, "this cannot be done here");
            return Err(response.with("Allow", allow.join(", ")));
        }
        Ok((route, user))
    }

    /// What can be done there: a stream that is called like a command can be looked at, too, and
    /// one that is not there cannot.
    fn verbs(&self, route: &Route) -> &'static [Verb] {
        let is_stream = |name: &str| self.registry.slot(name).is_some();
        match route {
            Route::Command(stream, command)
                if is_stream(&format!("{stream}/{}", command.name())) =>
            {
                &[Verb::Get, Verb::Head, Verb::Post]
            }
            Route::Stream(name) if Command::at_end(name).is_some() && !is_stream(name) => {
                &[Verb::Post]
            }
            _ => route.verbs(),
        }
    }

    fn enter_to_change(
        &self,
        request: &HttpRequest,
        visitor: &Visitor<'_>,
    ) -> Result<Option<String>, HttpResponse> {
        let peer = visitor.peer;
        let admin = self.admin.get();
        let Some(admin) = admin.as_ref() else {
            let text = "set admin_username and admin_password to change things over HTTP";
            return Err(HttpResponse::message(403, text));
        };
        // The browser would send the administrator's login along.
        if request.is_cross_site(visitor.secure) {
            log::warn!("HTTP request of another site's page refused address={peer}");
            return Err(HttpResponse::message(403, "another site's page may not ask for this"));
        }
        self.login(admin, request, "", visitor)
    }

    fn login(
        &self,
        access: &Access,
        request: &HttpRequest,
        stream: &str,
        visitor: &Visitor<'_>,
    ) -> Result<Option<String>, HttpResponse> {
        let peer = visitor.peer;
        // Digest is computed of the method's name and the target (RFC 7616 section 3.4.3).
        let method = Method::Other(request.verb.name().to_owned());
        let mut question = Request::new(method, request.target.clone(), Version::V1_0);
        question.headers = request.headers.clone();
        let mut asker = Asker { address: peer, connection: visitor.connection, has_waited: false };
        let mut decision = access.decide(&question, stream, asker);
        if let Decision::Later(at) = decision {
            asker.has_waited = (visitor.wait)(at);
            if asker.has_waited {
                decision = access.decide(&question, stream, asker);
            }
        }
        match decision {
            Decision::Granted(user) => Ok(user),
            Decision::Forbidden => {
                Err(HttpResponse::message(403, "this user may not come from this address"))
            }
            Decision::Challenge { challenges, failed, .. } => {
                if let Some(user) = failed {
                    log::warn!("login failed address={peer} user={}", Quoted(&user));
                }
                let response = HttpResponse::message(401, "a login is needed");
                Err(challenges.into_iter().fold(response, |response, challenge| {
                    response.with("WWW-Authenticate", challenge)
                }))
            }
            Decision::Later(at) => Err(too_many(at.saturating_duration_since(Instant::now()))),
            Decision::Refused { retry_after, news } => {
                self.gatekeeper.refusals.count(Reason::Logins);
                if news {
                    log::warn!("logins refused for now, too many were wrong address={peer}");
                }
                Err(too_many(retry_after))
            }
        }
    }
}

fn too_many(retry_after: Duration) -> HttpResponse {
    let seconds = retry_after.as_millis().div_ceil(1000).max(1).to_string();
    let text = "too many wrong logins came from this address";
    HttpResponse::message(429, text).with("Retry-After", seconds)
}
