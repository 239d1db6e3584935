//! The relay over HTTP: state, metrics, management. One thread a connection, as for viewers.
//!
//! - `connection`: the thread of one: reads requests, writes answers, ends in time
//! - `request`, `response`: HTTP/1.1, as little of it as is needed
//! - `route`: which path means what
//! - `entry`: who may ask for it
//! - `status`: what the API shows of streams and viewers
//! - `metrics`: the same for Prometheus
//! - `page`: what a browser shows

mod connection;
mod entry;
mod metrics;
mod page;
mod request;
mod response;
mod route;
mod status;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use request::HttpRequest;
use response::HttpResponse;
use route::Route;
use status::StreamStatus;

use crate::access::{self, Access};
use crate::clients::Clients;
use crate::config::model::Config;
use crate::limits::Gatekeeper;
use crate::logging::Quoted;
use crate::source::Registry;

/// What all connections share.
#[derive(Debug)]
pub struct Web {
    /// The operator's decisions.
    pub config: Arc<Config>,
    /// The streams.
    pub registry: Arc<Registry>,
    /// Those who watch over RTSP, and their connections.
    pub clients: Arc<Clients>,
    /// The door for viewers.
    pub gatekeeper: Arc<Gatekeeper>,
    /// Who may look.
    access: Access,
    /// Who may change something; nobody when no administrator is configured.
    admin: Option<Access>,
    /// The connections of HTTP.
    pub connections: Arc<Clients>,
    started: (Instant, SystemTime),
}

/// Connections that may be open at once; further ones are closed unanswered. A browser opens six.
const MAX_CONNECTIONS: usize = 128;

impl Web {
    /// With nobody connected.
    pub fn new(
        config: Arc<Config>,
        registry: Arc<Registry>,
        clients: Arc<Clients>,
        gatekeeper: Arc<Gatekeeper>,
    ) -> Self {
        Self {
            access: Access::for_http(&config),
            admin: Access::for_admin(&config),
            config,
            registry,
            clients,
            gatekeeper,
            connections: Arc::default(),
            started: (Instant::now(), SystemTime::now()),
        }
    }

    /// Serves a connection in a thread of its own.
    pub fn accept(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        if self.connections.count() >= MAX_CONNECTIONS {
            log::warn!("HTTP connection refused, {MAX_CONNECTIONS} are open address={peer}");
            return;
        }
        if let Err(error) = connection::spawn(self, stream, peer) {
            log::warn!("cannot serve an HTTP connection: {error} address={peer}");
        }
    }

    /// Answers a request.
    fn respond(&self, request: &HttpRequest, peer: SocketAddr) -> HttpResponse {
        let (route, user) = match self.enter(request, peer) {
            Ok(entered) => entered,
            Err(refusal) => return refusal,
        };
        let (user, address) = (user.as_deref(), peer.ip());
        match route {
            Route::Health => HttpResponse::new(200, response::TEXT, b"ok\n".as_slice()),
            Route::Status => HttpResponse::json(&self.relay_status(user, address)),
            Route::Stream(name) => match self.registry.slot(&name) {
                Some(slot) if access::stream_allows(&slot.stream, address) => {
                    HttpResponse::json(&StreamStatus::of(slot))
                }
                Some(_) => HttpResponse::message(403, "this address may not watch the stream"),
                None => HttpResponse::message(404, "no such stream"),
            },
            Route::Clients => HttpResponse::json(&self.client_statuses(user)),
            Route::Client(id) => {
                if self.clients.stop_one(id) {
                    let by = user.unwrap_or_default();
                    log::info!(
                        "viewer ended over HTTP client={id} by={} address={peer}",
                        Quoted(by)
                    );
                    HttpResponse::message(200, "the viewer's connection is being closed")
                } else {
                    HttpResponse::message(404, "no such viewer")
                }
            }
            Route::Metrics => {
                let text = self.metrics(user, address);
                HttpResponse::new(
                    200,
                    "text/plain; version=0.0.4; charset=utf-8",
                    text.into_bytes(),
                )
            }
            Route::Asset(name) => page::asset(&name),
        }
    }
}
