//! Those who want a stream, and what they can have of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Offline;
use super::slot::{Phase, Showing, Slot};
use crate::media::Presentation;
use crate::net::Waker;

/// What a client that holds a guard can have.
#[derive(Clone, Debug)]
pub enum Standing {
    /// The camera is being asked; the client's waker is woken when that changes.
    Pending,
    /// The tracks are known; the camera may still be on its way.
    Described(Arc<Presentation>, u64),
    /// Media flows; there is a picture to begin with, or there has been none for so long.
    Live(Arc<Presentation>, u64, Result<(), Duration>),
    /// The stream is disabled, or no longer configured: why.
    Closed(Arc<str>),
    /// The attempt failed.
    Failed(Offline, Duration),
}

/// Somebody wants the stream. The camera is let go some time after the last guard was dropped.
#[derive(Debug)]
pub struct SourceGuard {
    slot: Arc<Slot>,
    client: Arc<Waker>,
    failures: u64,
}

impl SourceGuard {
    /// Counts from now on; the caller has added it to the slot.
    pub(super) fn new(slot: &Arc<Slot>, client: &Arc<Waker>, failures: u64) -> Self {
        Self { slot: Arc::clone(slot), client: Arc::clone(client), failures }
    }

    /// The stream.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// What can be had now.
    pub fn standing(&self) -> Standing {
        let state = self.slot.lock();
        if let Some(reason) = &state.closed {
            return Standing::Closed(Arc::clone(reason));
        }
        let version = state.presentation_version;
        let shown = matches!(state.showing, Showing::Held | Showing::Fallback);
        match (&state.phase, &state.failure, &state.presentation) {
            (_, _, Some(presentation)) if shown && !state.stopping => {
                Standing::Live(Arc::clone(presentation), version, Ok(()))
            }
            (Phase::Live, _, Some(presentation)) => {
                let picture = if state.startable { Ok(()) } else { Err(state.since.elapsed()) };
                Standing::Live(Arc::clone(presentation), version, picture)
            }
            _ if state.showing == Showing::Trying && !state.stopping => Standing::Pending,
            (_, Some(failure), _) if state.failures > self.failures || state.stopping => {
                let pause = match state.phase {
                    Phase::Offline(Some(at)) => at.saturating_duration_since(Instant::now()),
                    _ => self.slot.stream.now().retry.initial,
                };
                Standing::Failed(failure.clone(), pause)
            }
            (_, None, Some(presentation)) => Standing::Described(Arc::clone(presentation), version),
            _ => Standing::Pending,
        }
    }

    /// Whether the failure happened a while ago, when this client was not waiting for the camera.
    pub fn is_stale(&self) -> bool {
        let state = self.slot.lock();
        state.failed_at.is_some_and(|at| at.elapsed() > state.backoff.least())
            && !state.is_login_failure()
    }

    /// Forgives the failures so far: from now on the client waits for the next attempt, which
    /// happens at once if it may.
    pub fn try_again(&mut self) {
        let mut state = self.slot.lock();
        self.failures = state.failures;
        state.hurry = true;
        state.wake_reader();
    }
}

impl Drop for SourceGuard {
    fn drop(&mut self) {
        let mut state = self.slot.lock();
        if let Some(at) = state.waiting.iter().position(|waker| Arc::ptr_eq(waker, &self.client)) {
            state.waiting.swap_remove(at);
        }
        state.guards -= 1;
        if state.guards == 0 {
            state.unwanted_since = Instant::now();
            state.wake_reader();
        }
    }
}
