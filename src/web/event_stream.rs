//! What happens, as it happens: [server-sent events] until the connection ends.
//!
//! [server-sent events]: https://html.spec.whatwg.org/multipage/server-sent-events.html

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::connection::{Connection, Gone};
use super::request::{HttpRequest, Verb};
use super::response::HttpResponse;
use super::{Follower, Web};
use crate::access;
use crate::events::{Event, Found, Happening, Viewer};
use crate::logging::Utc;

/// As often a listener gets a sign of life, so that it and all proxies between know that nothing
/// has happened.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// So long a browser waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 2000;

impl Connection {
    /// Writes events until the peer or the relay ends the connection.
    pub(super) fn follow(
        &mut self,
        follower: &Follower,
        request: &HttpRequest,
    ) -> Result<(), Gone> {
        let user = follower.user.as_deref();
        let events = &self.web.registry.events;
        let after = request.headers.get("Last-Event-ID");
        let Some(mut listener) = events.listen(&self.waker, after) else {
            let text = "too many listen to the events already";
            let response = HttpResponse::message(503, text).with("Retry-After", "5");
            return self.write(&response.encode(request.verb != Verb::Head, request.keep_alive));
        };
        let mut out = HttpResponse::endless_head("text/event-stream");
        if request.verb == Verb::Head {
            self.write(&out)?;
            return Err(Gone);
        }
        self.registered.entry.update(|details| {
            details.user = user.map(str::to_owned);
            // It is not idle: nobody else gets its place.
            details.playing = true;
        });
        // A reload that came since it was let in has not seen that it follows.
        if !self.web.may_go_on(follower, self.peer) {
            return Err(Gone);
        }
        // Something at once, so that whoever asks knows that it listens.
        out.extend_from_slice(
            format!("retry: {RETRY_MS}\nid: {}\n\n", listener.position()).as_bytes(),
        );
        self.write(&out)?;
        let mut heartbeat = Instant::now() + HEARTBEAT;
        // Nothing more is told once it has to go.
        while !self.registered.entry.is_stopping() {
            let mut text = String::new();
            // What waits is written piece by piece: a slow peer does not make it grow.
            let found = listener.read();
            match &found {
                Some(Found::Event(event)) if self.web.may_see(user, self.peer, event) => {
                    text = written(&listener.position(), event);
                }
                Some(Found::Event(_)) => {}
                Some(Found::Missed(count)) => {
                    text = format!("event: missed\ndata: {}\n\n", json!({ "events": count }));
                }
                None if Instant::now() >= heartbeat => text.push_str(":\n\n"),
                None => self.rest(heartbeat)?,
            }
            if !text.is_empty() {
                self.write(text.as_bytes())?;
                heartbeat = Instant::now() + HEARTBEAT;
            }
        }
        Err(Gone)
    }
}

impl Web {
    /// Whether whoever was let in still may follow.
    fn may_go_on(&self, follower: &Follower, peer: SocketAddr) -> bool {
        let now = self.access.get();
        Arc::ptr_eq(&now, &follower.access)
            || now.may_follow(&follower.access, follower.user.as_deref(), peer.ip())
    }

    /// Whether it is about what this user may watch from there.
    fn may_see(&self, user: Option<&str>, peer: SocketAddr, event: &Event) -> bool {
        let Some(stream) = event.what.stream() else { return true };
        let from_here =
            |slot: &crate::source::Slot| access::stream_allows(&slot.stream.now(), peer.ip());
        self.access.get().may_watch(user, stream)
            && self.registry.slot(stream).is_none_or(|slot| from_here(&slot))
    }
}

/// An event in the form of the stream.
fn written(id: &str, event: &Event) -> String {
    let (name, mut data) = match &event.what {
        Happening::State(state) => (
            "state",
            json!({
                "stream": state.stream,
                "state": state.state,
                "reason": state.reason.as_deref(),
                "showing": state.showing,
            }),
        ),
        Happening::Join(viewer) => ("join", of_viewer(viewer)),
        Happening::Leave { viewer, played, bytes, reason } => {
            let mut data = of_viewer(viewer);
            data["seconds"] = json!((played.as_secs_f64() * 10.0).round() / 10.0);
            data["bytes"] = json!(bytes);
            data["reason"] = json!(reason);
            ("leave", data)
        }
        Happening::Reload(taken) => ("reload", json!({ "taken": taken })),
    };
    data["at"] = json!(Utc(event.at).to_string());
    // JSON has no line ends outside of its strings, and escapes those inside.
    format!("id: {id}\nevent: {name}\ndata: {data}\n\n")
}

fn of_viewer(viewer: &Viewer) -> Value {
    json!({
        "stream": viewer.stream,
        "client": viewer.client,
        "address": viewer.address.to_string(),
        "transport": viewer.transport,
        "user": viewer.user,
        "agent": viewer.agent,
    })
}
