//! What the administrator changes: viewers and streams.

use std::net::SocketAddr;
use std::sync::Arc;

use super::response::HttpResponse;
use super::route::Command;
use super::{NO_STREAM, Web};
use crate::logging::Quoted;

impl Web {
    /// Ends one viewer.
    pub(super) fn end_viewer(&self, id: &str, by: Option<&str>, peer: SocketAddr) -> HttpResponse {
        let Some(id) = id.parse().ok().filter(|&id| self.clients.stop_one(id)) else {
            return HttpResponse::message(404, "no such viewer");
        };
        let by = Quoted(by.unwrap_or_default());
        log::info!("viewer ended over HTTP client={id} by={by} address={peer}");
        HttpResponse::message(200, "the viewer's connection is being closed")
    }

    /// Does something to a stream. What was done is forgotten when the relay ends.
    pub(super) fn command(
        &self,
        name: &str,
        command: Command,
        by: Option<&str>,
        peer: SocketAddr,
    ) -> HttpResponse {
        let Some(slot) = self.registry.slot(name) else {
            return HttpResponse::message(404, NO_STREAM);
        };
        let by = Quoted(by.unwrap_or_default());
        let text = match command {
            Command::Enable if slot.open() => {
                log::info!("stream enabled over HTTP stream={name} by={by} address={peer}");
                "the stream is enabled"
            }
            Command::Enable => "the stream was enabled already",
            Command::Disable => {
                let reason = Arc::from("the stream has been disabled");
                if slot.close(&reason) {
                    // Those who do not play yet are not in the hub.
                    let wants = |stream: Option<&str>| stream == Some(name);
                    self.clients.stop_those(&reason, |_, client| wants(client.stream.as_deref()));
                    log::info!("stream disabled over HTTP stream={name} by={by} address={peer}");
                    "the stream is disabled, and its viewers are being ended"
                } else {
                    "the stream was disabled already"
                }
            }
            Command::Restart if !slot.is_enabled() => {
                return HttpResponse::message(409, "the stream is disabled");
            }
            Command::Restart => {
                let pulled = slot.restart();
                log::info!("stream restarted over HTTP stream={name} by={by} address={peer}");
                match pulled {
                    true => "the session with the camera is being made anew",
                    false => "the camera is not pulled now: nothing had to be ended",
                }
            }
        };
        HttpResponse::message(200, text)
    }
}
