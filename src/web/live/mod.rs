//! Viewers that want MP4: `WS /live/NAME` for the page, `GET /live/NAME.mp4` for players, and
//! `GET /snapshot/NAME.mp4`. A thread each, as of RTSP.
//!
//! - `viewer`: the thread of one: waits for the camera, then for the viewer
//! - `claim`: what a viewer must have: a place, the camera, a part of what the stream may send
//! - `socket`: the WebSocket: its handshake, and what the browser says
//! - `outlet`: fragments onto the connection
//! - `words`: what the page is told beside them
//! - `farewell`: why it ends

mod claim;
mod farewell;
#[cfg(any(test, feature = "fuzz"))]
pub(super) mod fuzz;
mod outlet;
mod socket;
mod viewer;
mod words;

use std::sync::Arc;

pub(super) use viewer::Arrival;

use super::entry::Visitor;
use super::request::{HttpRequest, Verb};
use super::response::HttpResponse;
use super::route::Route;
use super::{NO_STREAM, Web};
use crate::access;
use crate::source::Slot;

pub(super) const MP4: &str = "video/mp4";

/// What is wanted of a stream.
#[derive(Debug)]
pub(super) struct Wish {
    slot: Arc<Slot>,
    form: Form,
    user: Option<String>,
    agent: String,
}

/// As what.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Form {
    /// Messages of a WebSocket with this key.
    Socket(String),
    /// A file without end.
    File,
    /// A file of one picture.
    Snapshot,
}

/// The answer to a request for a stream.
#[derive(Debug)]
pub(super) enum Entrance {
    /// It is a viewer, if it finds a place.
    Viewer(Wish),
    /// An answer, and that is all.
    Answer(HttpResponse),
    /// What HEAD gets of a file without end.
    Head(Vec<u8>),
}

impl Web {
    /// What a request for a stream's MP4 leads to; `None` for requests of other things.
    pub(super) fn enter_live(
        &self,
        request: &HttpRequest,
        visitor: &Visitor<'_>,
    ) -> Option<Entrance> {
        let wanted = Route::of(request.verb, &request.path)?;
        if !matches!(wanted, Route::Live(_) | Route::Socket(_) | Route::Snapshot(_)) {
            return None;
        }
        Some(self.entrance(request, visitor).unwrap_or_else(Entrance::Answer))
    }

    fn entrance(
        &self,
        request: &HttpRequest,
        visitor: &Visitor<'_>,
    ) -> Result<Entrance, HttpResponse> {
        let peer = visitor.peer;
        let (route, user) = self.enter(request, visitor)?;
        let upgrades = request.wants_websocket();
        if matches!(route, Route::Socket(_)) && !upgrades {
            let text = "this is for a WebSocket; players ask for the same name with .mp4";
            return Err(HttpResponse::message(426, text).with("Upgrade", "websocket"));
        }
        // A page of another site could look at the camera with the login that the browser has.
        if upgrades && request.is_cross_site(visitor.secure) {
            log::warn!("WebSocket of another site's page refused address={peer}");
            return Err(HttpResponse::message(403, "another site's page may not watch"));
        }
        let slot = self.registry.slot(route.stream_name());
        let slot = slot.ok_or_else(|| HttpResponse::message(404, NO_STREAM))?;
        if !access::stream_allows(&slot.stream.now(), peer.ip()) {
            return Err(HttpResponse::message(403, "this address may not watch the stream"));
        }
        let form = match route {
            Route::Socket(_) => Form::Socket(socket::key(request)?),
            // The page is told on its WebSocket.
            _ if !slot.is_enabled() => {
                return Err(HttpResponse::message(404, "the stream is disabled"));
            }
            Route::Snapshot(_) => Form::Snapshot,
            _ => Form::File,
        };
        if request.verb == Verb::Head {
            return Ok(Entrance::Head(HttpResponse::endless_head(MP4)));
        }
        let agent = request.headers.get("User-Agent").unwrap_or_default().to_owned();
        Ok(Entrance::Viewer(Wish { slot, form, user, agent }))
    }
}
