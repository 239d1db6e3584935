//! The relay over HTTP: state, metrics, management. One thread a connection, as for viewers.
//!
//! - `connection`: the thread of one: reads requests, writes answers, ends in time
//! - `opening`: plain or with TLS
//! - `request`, `response`: HTTP/1.1, as little of it as is needed
//! - `route`: which path means what
//! - `entry`: who may ask for it
//! - `manage`: what the administrator changes
//! - `reload`: the configuration read again
//! - `event_stream`: what happens, as it happens
//! - `status`: what the API shows of streams and viewers
//! - `metrics`: the same for Prometheus
//! - `page`: what a browser shows
//! - `live`: viewers that want MP4: a browser's WebSocket, players, snapshots

mod connection;
mod entry;
mod event_stream;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod live;
mod manage;
mod metrics;
mod opening;
mod page;
mod reload;
mod request;
mod response;
mod route;
mod status;

use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use entry::Visitor;
pub use reload::{Outcome, Reloads};
use request::HttpRequest;
use response::HttpResponse;
use route::Route;
use status::StreamStatus;

use crate::access::{self, Access};
use crate::clients::Clients;
use crate::config::model::Config;
use crate::current::Current;
use crate::limits::{Gatekeeper, Wanted};
use crate::source::Registry;
use crate::tls::Keyring;

/// What all connections share.
#[derive(Debug)]
pub struct Web {
    /// The operator's decisions.
    pub config: Arc<Current<Config>>,
    /// The streams.
    pub registry: Arc<Registry>,
    /// Those who watch, and their connections.
    pub clients: Arc<Clients>,
    /// The door for viewers.
    pub gatekeeper: Arc<Gatekeeper>,
    /// Who may look.
    access: Current<Access>,
    /// Who may change something; nobody when no administrator is configured.
    admin: Current<Option<Access>>,
    /// Who the relay is to those who speak TLS; nobody when it has no certificate.
    keyring: Arc<Current<Option<Keyring>>>,
    /// Where a reload is asked for.
    pub reloads: Arc<Reloads>,
    /// Whether the main thread has something to watch over.
    tick: Arc<Wanted>,
    /// Whether a source may write to a viewer itself.
    handoff: bool,
    /// The connections of HTTP that watch nothing.
    pub connections: Arc<Clients>,
    started: (Instant, SystemTime),
}

/// What a request gets.
enum Reply {
    /// An answer that is there in whole.
    Whole(HttpResponse),
    /// The events that somebody may see, as long as the connection lasts.
    Events(Follower),
}

/// Somebody who may follow the events.
struct Follower {
    user: Option<String>,
    /// What let it in.
    access: Arc<Access>,
}

impl From<HttpResponse> for Reply {
    fn from(response: HttpResponse) -> Self {
        Self::Whole(response)
    }
}

/// Neither is it told apart from one that somebody may not watch.
const NO_STREAM: &str = "no such stream";
/// Connections that may be open at once; further ones are closed unanswered. A browser opens six.
const MAX_CONNECTIONS: usize = 128;

impl Web {
    /// With nobody connected, and without TLS.
    pub fn new(
        config: Arc<Current<Config>>,
        registry: Arc<Registry>,
        clients: Arc<Clients>,
        gatekeeper: Arc<Gatekeeper>,
        tick: Arc<Wanted>,
        handoff: bool,
        reloads: Arc<Reloads>,
    ) -> Self {
        let access = Access::for_http(&config.get(), Arc::clone(&gatekeeper.logins));
        Self {
            admin: Current::new(access.for_admin(&config.get())),
            access: Current::new(access),
            keyring: Arc::new(Current::new(None)),
            reloads,
            config,
            registry,
            clients,
            gatekeeper,
            tick,
            handoff,
            connections: Arc::default(),
            started: (Instant::now(), SystemTime::now()),
        }
    }

    /// It speaks TLS as well, with what is on this ring.
    pub fn with_tls(self, keyring: Arc<Current<Option<Keyring>>>) -> Self {
        Self { keyring, ..self }
    }

    /// The configuration has changed: who may look, and who may not any more.
    pub fn change_logins(&self, reason: &Arc<str>) {
        let (config, before) = (self.config.get(), self.access.get());
        let logins = Arc::clone(&self.gatekeeper.logins);
        let access = Access::for_http(&config, logins).after(&before);
        self.admin.replace(access.for_admin(&config));
        self.access.replace(access);
        let now = self.access.get();
        self.connections.stop_those(reason, |entry, details| {
            // The others have nothing yet, and are asked for each thing that they want.
            let follows = details.playing;
            follows && !now.may_follow(&before, details.user.as_deref(), entry.address.ip())
        });
    }

    /// Serves a connection in a thread of its own.
    pub fn accept(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let open = self.connections.count();
        let room = open < MAX_CONNECTIONS
            || (open < 2 * MAX_CONNECTIONS && self.connections.make_room(peer.ip()));
        if !room {
            if self.connections.stranger_is_news() {
                log::warn!("HTTP connection refused, {MAX_CONNECTIONS} are open address={peer}");
            }
            return;
        }
        if let Err(error) = connection::spawn(self, stream, peer) {
            log::warn!("cannot serve an HTTP connection: {error} address={peer}");
        }
    }

    /// Answers a request.
    fn respond(&self, request: &HttpRequest, visitor: &Visitor<'_>) -> Reply {
        let peer = visitor.peer;
        let access = self.access.get();
        let (route, user) = match self.enter(request, visitor) {
            Ok(entered) => entered,
            Err(refusal) => return refusal.into(),
        };
        if route == Route::Events {
            return Reply::Events(Follower { user, access });
        }
        self.answer(route, user.as_deref(), peer).into()
    }

    fn answer(&self, route: Route, user: Option<&str>, peer: SocketAddr) -> HttpResponse {
        let address = peer.ip();
        match route {
            Route::Events => HttpResponse::message(404, "nothing is here"),
            Route::Health => HttpResponse::new(200, response::TEXT, b"ok\n".as_slice()),
            Route::Status => HttpResponse::json(&self.relay_status(user, address)),
            Route::Stream(name) => match self.registry.slot(&name) {
                Some(slot) if access::stream_allows(&slot.stream.now(), address) => {
                    HttpResponse::json(&StreamStatus::of(&slot))
                }
                Some(_) => HttpResponse::message(403, "this address may not watch the stream"),
                None => HttpResponse::message(404, NO_STREAM),
            },
            Route::Reload => self.reload(user, peer),
            Route::Command(name, command) => self.command(&name, command, user, peer),
            Route::Clients => HttpResponse::json(&self.client_statuses(user)),
            Route::Client(id) => self.end_viewer(&id, user, peer),
            Route::Metrics => {
                let text = self.metrics(user, address);
                HttpResponse::new(
                    200,
                    "text/plain; version=0.0.4; charset=utf-8",
                    text.into_bytes(),
                )
            }
            Route::Asset(name) => page::asset(&name),
            Route::Live(_) | Route::Socket(_) | Route::Snapshot(_) => {
                HttpResponse::message(404, "nothing is here")
            }
        }
    }
}
