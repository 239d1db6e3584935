//! What the operator does to a stream while the relay runs.

use std::sync::Arc;
use std::time::Instant;

use super::memory::Memory;
use super::slot::{Phase, Slot, State};
use super::version::VersionMemory;
use crate::config::diff::StreamDiff;
use crate::config::model::Stream;

/// Why a stream is closed that the configuration has disabled.
pub(super) const NOT_ENABLED: &str = "the stream is disabled in the configuration (enabled=no)";

impl Slot {
    /// Whether it may be watched.
    pub fn is_enabled(&self) -> bool {
        self.lock().closed.is_none()
    }

    /// Ends those who watch it, and lets the camera go at once. Until [`Slot::open`] nobody can have
    /// it. `false` when that was so already.
    pub fn close(&self, reason: &Arc<str>) -> bool {
        let mut state = self.lock();
        if state.closed.is_some() {
            return false;
        }
        state.closed = Some(Arc::clone(reason));
        state.since = Instant::now();
        state.announce();
        state.wake_reader();
        state.wake_stand_in();
        state.wake_clients();
        drop(state);
        self.hub.end(reason);
        true
    }

    /// It may be watched again. `false` when it could be all the time.
    pub fn open(&self) -> bool {
        let mut state = self.lock();
        if state.closed.take().is_none() {
            return false;
        }
        state.since = Instant::now();
        state.forget_failures();
        state.announce();
        // The reader may still be on its way out, and somebody want the stream again.
        state.wake_reader();
        true
    }

    /// Ends the session with the camera and begins a new one; viewers stay. What has failed so far
    /// is forgiven. `false` when the camera is not pulled.
    pub fn restart(&self) -> bool {
        let mut state = self.lock();
        state.restart = state.reader.is_some();
        if !state.restart {
            state.forget_failures();
        }
        state.wake_reader();
        state.restart
    }
}

impl Slot {
    /// The configuration has changed. Viewers stay, unless the stream is disabled by it.
    pub(super) fn configure(&self, after: Stream) {
        let diff = StreamDiff::between(&self.stream.now(), &after);
        if diff == StreamDiff::default() {
            return;
        }
        self.places.change(after.max_clients.unwrap_or(u32::MAX), None);
        self.hub.change_limit(after.max_bandwidth_kbps);
        self.program.change_gop_limit(after.gop_cache_bytes);
        let (retry, enabled) = (after.retry.clone(), after.enabled);
        self.stream.replace(after);
        let mut state = self.lock();
        state.backoff.change(retry);
        if diff.session {
            // It may speak another version, or by another way.
            (state.version, state.carrier) = (VersionMemory::default(), None);
        }
        if diff.camera {
            (state.memory, state.facts) = (Memory::default(), None);
        }
        state.wake_stand_in();
        // It waits for moments that were computed of the old settings.
        state.wake_reader();
        drop(state);
        if diff.session {
            self.restart();
        }
        match (diff.enabled, enabled) {
            (true, true) => self.open(),
            (true, false) => self.close(&Arc::from(NOT_ENABLED)),
            _ => false,
        };
    }

    /// Whether there is a reader, or will be one.
    pub(super) fn is_pulled(&self) -> bool {
        self.lock().reader.is_some()
    }
}

impl State {
    /// The next attempt is as if it were the first.
    pub(super) fn forget_failures(&mut self) {
        self.failure = None;
        self.failed_at = None;
        self.login_retry_at = None;
        self.backoff.succeeded();
        if let Phase::Offline(retry_at) = &mut self.phase {
            *retry_at = Some(Instant::now());
        }
    }
}
