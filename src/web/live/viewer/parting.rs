//! The end of a viewer's connection, in good order.

use std::time::{Duration, Instant};

use super::super::farewell::Farewell;
use super::super::{MP4, claim, words};
use super::Viewer;
use crate::events::Happening;
use crate::logging::Quoted;
use crate::media::{Outlet, Progress};
use crate::net::Interest;
use crate::web::response::HttpResponse;

/// How long a viewer has to take the last words and close.
const FAREWELL: Duration = Duration::from_millis(500);

impl Viewer {
    pub(super) fn stop_playing(&mut self) -> bool {
        let Some(pass) = self.pass.take() else { return false };
        pass.mux().leave(&self.subscriber);
        self.registered.entry.update(|details| details.playing = false);
        true
    }

    /// Ends the connection in good order: the viewer is told, then the places are free.
    pub(super) fn leave(&mut self, farewell: &Farewell) {
        let still = self.subscriber.outbox().outlet.still();
        let played = self.stop_playing();
        let (id, address) = (self.registered.entry.id, self.registered.entry.address);
        let stream = &self.slot.stream.name;
        if played {
            let (viewer, played) = (self.as_viewer(), self.since.elapsed());
            let bytes = self.subscriber.outbox().outlet.written();
            let reason = farewell.to_string();
            log::info!(
                "viewer left stream={stream} client={id} address={address} seconds={:.1} bytes={bytes} reason={}",
                played.as_secs_f64(),
                Quoted(&reason),
            );
            let left = Happening::Leave { viewer, played, bytes, reason };
            self.web.registry.events.report(left);
        } else if !matches!(farewell, Farewell::Gone | Farewell::Asked) {
            log::warn!("viewer refused: {farewell} stream={stream} client={id} address={address}");
        }
        match (farewell, still) {
            (Farewell::Gone, _) => return self.release(),
            (Farewell::Asked, _) => {}
            (Farewell::Served, Some(file)) => {
                let response = HttpResponse::new(200, MP4, file);
                self.reply(&response.encode(true, false));
            }
            _ if self.socket.is_some() => {
                self.tell_state(Instant::now(), true);
                if farewell.is_error() {
                    self.reply(&words::error(&farewell.to_string()));
                }
                self.reply(&words::goodbye(farewell));
            }
            _ if !self.answered => {
                self.reply(&answer(farewell).encode(true, false));
            }
            _ => {}
        }
        self.release();
        self.close_gently();
    }

    /// Gives back what was claimed.
    fn release(&mut self) {
        self.claim = None;
    }

    /// Closes so that the last words arrive: bytes of the viewer that nobody read would turn the
    /// close into a reset.
    fn close_gently(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        loop {
            let progress = self.subscriber.outbox().outlet.flush();
            match progress {
                Progress::Held if Instant::now() < deadline => {
                    let _ = self.stream.wait(Interest::Write, &self.waker, Some(deadline));
                }
                Progress::Clear => break,
                _ => return,
            }
        }
        let _ = self.stream.shutdown_write();
        while Instant::now() < deadline {
            if self.pass_over().is_err() {
                return;
            }
            let _ = self.stream.wait(Interest::Read, &self.waker, Some(deadline));
        }
    }
}

/// The answer to a viewer that gets nothing.
pub(super) fn answer(farewell: &Farewell) -> HttpResponse {
    let (status, retry) = farewell.status();
    claim::unavailable(status, &farewell.to_string(), retry)
}
