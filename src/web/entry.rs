//! Who may ask for what: the door of every request.

use std::net::SocketAddr;

use rtsp_proto::{Method, Request, Version};

use super::Web;
use super::request::{HttpRequest, Verb};
use super::response::HttpResponse;
use super::route::Route;
use crate::access::{Access, Decision};
use crate::logging::Quoted;

impl Web {
    /// What is asked for, and by whom; or the refusal.
    pub(super) fn enter(
        &self,
        request: &HttpRequest,
        peer: SocketAddr,
    ) -> Result<(Route, Option<String>), HttpResponse> {
        let Some(route) = Route::of(&request.path) else {
            return Err(HttpResponse::message(404, "nothing is here"));
        };
        if route == Route::Health {
            return Ok((route, None));
        }
        let user = if route.changes() {
            self.enter_to_change(request, peer)?
        } else {
            login(&self.access, request, route.stream_name(), peer)?
        };
        let verbs = route.verbs();
        if !verbs.contains(&request.verb) {
            let allow: Vec<_> = verbs.iter().map(|verb| name(*verb)).collect();
            let response = HttpResponse::message(405, "this cannot be done here");
            return Err(response.with("Allow", allow.join(", ")));
        }
        Ok((route, user))
    }

    fn enter_to_change(
        &self,
        request: &HttpRequest,
        peer: SocketAddr,
    ) -> Result<Option<String>, HttpResponse> {
        let Some(admin) = &self.admin else {
            let text = "set admin_username and admin_password to change things over HTTP";
            return Err(HttpResponse::message(403, text));
        };
        // The browser would send the administrator's login along.
        if request.is_cross_site() {
            log::warn!("HTTP request of another site's page refused address={peer}");
            return Err(HttpResponse::message(403, "another site's page may not ask for this"));
        }
        login(admin, request, "", peer)
    }
}

fn login(
    access: &Access,
    request: &HttpRequest,
    stream: &str,
    peer: SocketAddr,
) -> Result<Option<String>, HttpResponse> {
    // Digest is computed of the method's name and the target (RFC 7616 section 3.4.3).
    let method = Method::Other(name(request.verb).to_owned());
    let mut question = Request::new(method, request.target.clone(), Version::V1_0);
    question.headers = request.headers.clone();
    match access.decide(&question, stream, peer) {
        Decision::Granted(user) => Ok(user),
        Decision::Forbidden => {
            Err(HttpResponse::message(403, "this user may not come from this address"))
        }
        Decision::Challenge { challenges, failed, .. } => {
            if let Some(user) = failed {
                log::warn!("login failed address={peer} user={}", Quoted(&user));
            }
            let response = HttpResponse::message(401, "a login is needed");
            Err(challenges
                .into_iter()
                .fold(response, |response, challenge| response.with("WWW-Authenticate", challenge)))
        }
    }
}

fn name(verb: Verb) -> &'static str {
    match verb {
        Verb::Get => "GET",
        Verb::Head => "HEAD",
        Verb::Post => "POST",
        Verb::Delete => "DELETE",
        Verb::Options => "OPTIONS",
    }
}
