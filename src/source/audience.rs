//! All viewers of a stream, of packets and of MP4, and what is held for them.

use std::sync::Arc;
use std::time::Instant;

use super::slot::Slot;

/// A stream's state in short, for those who are told of each change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brief {
    /// As in [`Status`](super::Status).
    pub state: &'static str,
    /// Why it is not live.
    pub reason: Option<Arc<str>>,
    /// When the camera is tried again.
    pub retry_at: Option<Instant>,
}

impl Slot {
    /// The state in short.
    pub fn brief(&self) -> Brief {
        let state = self.lock();
        let name = state.name();
        let reason = state.reason().filter(|_| name != "live");
        Brief { state: name, reason, retry_at: state.retry_at() }
    }

    /// How many watch.
    pub fn viewers(&self) -> usize {
        // The mux is a viewer for the sake of its own.
        match self.live.mux() {
            Some(mux) => self.hub.viewers().saturating_sub(1) + mux.hub().viewers(),
            None => self.hub.viewers(),
        }
    }

    /// Bytes that are held for each viewer for whom some are, with its id.
    pub fn held_bytes(&self) -> Vec<(usize, u64)> {
        let mut held = self.hub.held_bytes();
        if let Some(mux) = self.live.mux() {
            held.extend(mux.hub().held_bytes());
        }
        held
    }

    /// Bytes that are cached for viewers who come.
    pub fn cached_bytes(&self) -> usize {
        let muxed = self.live.mux().map_or(0, |mux| mux.hub().cached_bytes());
        self.hub.cached_bytes() + muxed
    }

    /// Ends one viewer, and tells it why.
    pub fn end_one(&self, id: u64, reason: &Arc<str>) {
        self.hub.end_one(id, reason);
        if let Some(mux) = self.live.mux() {
            mux.hub().end_one(id, reason);
        }
    }

    /// Lets what is cached have half of what it takes now: memory is short.
    pub fn shrink_cache(&self) {
        self.hub.shrink_cache();
        if let Some(mux) = self.live.mux() {
            mux.hub().shrink_cache();
        }
    }

    /// Memory is no longer short.
    pub fn restore_cache(&self) {
        self.hub.restore_cache();
        if let Some(mux) = self.live.mux() {
            mux.hub().restore_cache();
        }
    }
}
