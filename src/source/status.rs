//! The state of a stream for people and programs, and its changes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;

use super::Carrier;
use super::slot::{Phase, Showing, Slot, State};
use crate::events::{Happening, StreamState};

/// A line of the status table.
#[derive(Clone, Debug)]
pub struct Status {
    /// `idle`, `connecting`, `live`, `offline` or `disabled`.
    pub state: &'static str,
    /// Why it is offline, or was when it was last tried.
    pub reason: Option<Arc<str>>,
    /// What viewers see: `camera`, `held`, `fallback`, or nothing.
    pub showing: Option<&'static str>,
    /// How long it has been in this state.
    pub since: Duration,
    /// When the camera is tried again.
    pub retry_in: Option<Duration>,
    /// Those who want it.
    pub guards: u32,
    /// Those who play it.
    pub viewers: usize,
    /// What carries the camera's media, while it is live.
    pub carrier: Option<Carrier>,
    /// What the camera does against the standards, and how often.
    pub oddities: Oddities,
}

impl Slot {
    /// The stream's state for people and programs.
    pub fn status(&self) -> Status {
        let viewers = self.viewers();
        let state = self.lock();
        let now = Instant::now();
        let retry_at = state.retry_at();
        Status {
            state: state.name(),
            reason: state.reason(),
            showing: state.showing.name(),
            since: now.saturating_duration_since(state.since),
            retry_in: retry_at.map(|at| at.saturating_duration_since(now)),
            guards: state.guards,
            viewers,
            carrier: state.carrier.filter(|_| state.phase == Phase::Live),
            oddities: state.oddities.clone(),
        }
    }
}

impl Showing {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Nothing | Self::Trying => None,
            Self::Held => Some("held"),
            Self::Fallback => Some("fallback"),
            Self::Camera => Some("camera"),
        }
    }
}

impl State {
    /// As people and programs call it.
    pub(super) fn name(&self) -> &'static str {
        match self.phase {
            _ if self.closed.is_some() => "disabled",
            Phase::Idle => "idle",
            Phase::Connecting => "connecting",
            Phase::Live => "live",
            Phase::Offline(_) => "offline",
        }
    }

    /// When the camera is tried again.
    pub(super) fn retry_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Offline(retry_at) if self.closed.is_none() => retry_at,
            _ => None,
        }
    }

    /// Why it is not live, or was not when it was last tried.
    pub(super) fn reason(&self) -> Option<Arc<str>> {
        let offline = self.failure.as_ref().or(self.outage.as_ref());
        self.closed.clone().or_else(|| offline.map(|offline| Arc::clone(&offline.text)))
    }

    /// Tells those who follow what has changed.
    pub(super) fn announce(&mut self) {
        let stream = std::mem::take(&mut self.announced.stream);
        let (state, reason, showing) = (self.name(), self.reason(), self.showing.name());
        let now = StreamState { stream, state, reason, showing };
        self.announced.stream.clone_from(&now.stream);
        if self.announced != now {
            self.announced = now.clone();
            self.events.report(Happening::State(now));
        }
    }
}
