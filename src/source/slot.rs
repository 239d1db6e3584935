//! One configured stream: its state, and those who want it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtsp_proto::{Oddities, Oddity};

use super::backoff::Backoff;
use super::carrier::Carrier;
use super::{Facts, Offline, OfflineKind};
use crate::config::model::Stream;
use crate::media::{Hub, Presentation};
use crate::net::Waker;
use crate::stats::StreamStats;

/// A stream of the configuration, whether it is pulled or not.
#[derive(Debug)]
pub struct Slot {
    /// What the operator wrote.
    pub stream: Stream,
    /// Where its viewers are.
    pub hub: Hub,
    /// What it has done so far.
    pub stats: StreamStats,
    state: Mutex<State>,
    /// Notified when a reader has ended.
    stopped: Condvar,
}

#[derive(Debug)]
struct State {
    /// The waker of the reader; `None` while there is no reader thread.
    reader: Option<Arc<Waker>>,
    guards: u32,
    /// When the last guard was dropped.
    unwanted_since: Instant,
    phase: Phase,
    since: Instant,
    backoff: Backoff,
    /// Attempts that failed, ever: a guard compares it with the count when it was taken.
    failures: u64,
    failed_at: Option<Instant>,
    failure: Option<Offline>,
    /// The pause after a refused login; it outlives the reader.
    login_retry_at: Option<Instant>,
    /// What carried the media the last time; it outlives the reader.
    carrier: Option<Carrier>,
    /// A new viewer came: the pause is cut short.
    hurry: bool,
    /// A viewer that joins now has a picture to begin with.
    startable: bool,
    presentation: Option<Arc<Presentation>>,
    presentation_version: u64,
    /// Clients that wait for a change.
    waiting: Vec<Arc<Waker>>,
    stopping: bool,
    oddities: Oddities,
    facts: Option<Facts>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Connecting,
    Live,
    /// Next attempt; `None`: not before somebody new asks.
    Offline(Option<Instant>),
}

/// What a reader does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Dial,
    WaitUntil(Option<Instant>),
    Exit,
}

/// What a client that holds a guard can have.
#[derive(Clone, Debug)]
pub enum Standing {
    /// The camera is being asked; the client's waker is woken when that changes.
    Pending,
    /// The tracks are known; the camera may still be on its way.
    Described(Arc<Presentation>, u64),
    /// Media flows; there is a picture to begin with, or there has been none for so long.
    Live(Arc<Presentation>, u64, Result<(), Duration>),
    /// The attempt failed.
    Failed(Offline, Duration),
}

/// A line of the status table.
#[derive(Clone, Debug)]
pub struct Status {
    /// `idle`, `connecting`, `live`, `offline` or `disabled`.
    pub state: &'static str,
    /// Why it is offline, or was when it was last tried.
    pub reason: Option<Offline>,
    /// How long it has been in this state.
    pub since: Duration,
    /// When the camera is tried again.
    pub retry_in: Option<Duration>,
    /// Those who want it.
    pub guards: u32,
    /// Those who play it.
    pub viewers: usize,
    /// What the camera does against the standards, and how often.
    pub oddities: Oddities,
}

impl Slot {
    pub(super) fn new(stream: Stream) -> Self {
        let now = Instant::now();
        let state = State {
            reader: None,
            guards: 0,
            unwanted_since: now,
            phase: Phase::Idle,
            since: now,
            backoff: Backoff::new(stream.retry.clone()),
            failures: 0,
            failed_at: None,
            failure: None,
            login_retry_at: None,
            carrier: None,
            hurry: false,
            startable: false,
            presentation: None,
            presentation_version: 1,
            waiting: Vec::new(),
            stopping: false,
            oddities: Oddities::new(),
            facts: None,
        };
        Self {
            stream,
            hub: Hub::new(),
            stats: StreamStats::default(),
            state: Mutex::new(state),
            stopped: Condvar::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a guard. `start` is called to begin a reader if there is none, and gives the waker that
    /// the reader listens to. It is called under the slot's lock: two viewers cannot start two.
    pub(super) fn acquire<E>(
        self: &Arc<Self>,
        client: &Arc<Waker>,
        start: impl FnOnce() -> Result<Arc<Waker>, E>,
    ) -> Result<Result<SourceGuard, (Offline, Duration)>, E> {
        let mut state = self.lock();
        let now = Instant::now();
        if let Some(refusal) = state.login_refused(now) {
            return Ok(Err(refusal));
        }
        if state.reader.is_none() {
            state.reader = Some(start()?);
            state.enter(Phase::Connecting, now);
        }
        if matches!(state.phase, Phase::Offline(_)) {
            state.hurry = true;
            state.wake_reader();
        }
        state.guards += 1;
        state.waiting.push(Arc::clone(client));
        let failures = state.failures;
        drop(state);
        Ok(Ok(SourceGuard { slot: Arc::clone(self), client: Arc::clone(client), failures }))
    }

    /// What the reader does next; with [`Step::Exit`] there is no reader any more, and `leave` has
    /// been called before anybody could start another.
    pub(super) fn next_step(&self, leave: impl FnOnce()) -> Step {
        let mut state = self.lock();
        let now = Instant::now();
        if state.guards == 0 || state.stopping {
            leave();
            state.reader = None;
            state.enter(Phase::Idle, now);
            self.stopped.notify_all();
            return Step::Exit;
        }
        let earliest = state.failed_at.map(|at| at + state.backoff.least());
        let due = match state.phase {
            Phase::Offline(retry_at) if state.hurry && !state.is_login_failure() => {
                match (retry_at, earliest) {
                    (Some(at), Some(earliest)) => Some(at.min(earliest)),
                    (None, earliest) => earliest,
                    (at, None) => at,
                }
            }
            Phase::Offline(None) => return Step::WaitUntil(None),
            Phase::Offline(retry_at) => retry_at,
            _ => earliest.filter(|_| state.failure.is_some()),
        };
        match due {
            Some(due) if due > now => Step::WaitUntil(Some(due)),
            _ => {
                state.hurry = false;
                state.enter(Phase::Connecting, now);
                Step::Dial
            }
        }
    }

    /// Whether nobody wants the stream any more, and since when; the moment when the camera is to
    /// be let go.
    pub(super) fn release_at(&self) -> Option<Instant> {
        let state = self.lock();
        if state.stopping {
            // Any moment that has passed.
            return Some(state.since);
        }
        (state.guards == 0).then(|| state.unwanted_since + self.stream.source_idle_timeout)
    }

    /// The tracks are known.
    pub(super) fn described(&self, presentation: Arc<Presentation>) {
        let mut state = self.lock();
        state.presentation = Some(presentation);
        state.presentation_version += 1;
        state.failure = None;
        state.wake_clients();
    }

    /// The first packet came.
    pub(super) fn live(&self) {
        let mut state = self.lock();
        state.failure = None;
        state.enter(Phase::Live, Instant::now());
    }

    /// What carried the media the last time.
    pub(super) fn carrier(&self) -> Option<Carrier> {
        self.lock().carrier
    }

    /// What carries the media, or that what did does no more.
    pub(super) fn remember(&self, carrier: Option<Carrier>) {
        self.lock().carrier = carrier;
    }

    /// Counts what the camera did against the standards; gives what is met for the first time.
    pub(super) fn tolerated(&self, more: &Oddities) -> Vec<Oddity> {
        let mut state = self.lock();
        let known = state.oddities.clone();
        state.oddities.merge(more);
        more.iter().map(|(oddity, _)| oddity).filter(|&oddity| known.count(oddity) == 0).collect()
    }

    /// What a connection learned of the camera.
    pub(super) fn learned(&self, facts: Facts) {
        self.lock().facts = Some(facts);
    }

    /// What is known of the camera, once it has been asked.
    pub fn facts(&self) -> Option<Facts> {
        self.lock().facts.clone()
    }

    /// The tracks, as they were described last.
    pub fn presentation(&self) -> Option<Arc<Presentation>> {
        self.lock().presentation.clone()
    }

    /// The first picture that a viewer can begin with has been published.
    pub(super) fn startable(&self) {
        let mut state = self.lock();
        state.startable = true;
        state.wake_clients();
    }

    /// The camera has been working for a while.
    pub(super) fn stable(&self) {
        self.lock().backoff.succeeded();
    }

    /// An attempt, or the connection, failed. Gives the pause until the next attempt.
    pub(super) fn failed(&self, offline: &Offline, random: u64) -> Option<Duration> {
        let mut state = self.lock();
        let now = Instant::now();
        let pause = state.backoff.failed(random);
        state.failures += 1;
        state.failed_at = Some(now);
        state.failure = Some(offline.clone());
        let pause_after_login = pause.unwrap_or(self.stream.retry.max);
        state.login_retry_at = state.is_login_failure().then(|| now + pause_after_login);
        state.hurry = false;
        state.enter(Phase::Offline(pause.map(|pause| now + pause)), now);
        pause
    }

    /// Ends the reader, whoever holds guards; nothing starts it again.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.stopping = true;
        state.wake_reader();
    }

    /// Waits until there is no reader thread any more, or for the deadline.
    pub(super) fn wait_stopped(&self, deadline: Instant) {
        let mut state = self.lock();
        while state.reader.is_some() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                log::warn!("gave up waiting for the camera's end stream={}", self.stream.name);
                return;
            }
            state = match self.stopped.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// The reader thread ended by a panic: as if there had been none.
    pub(super) fn abandoned(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        state.reader = None;
        state.failures += 1;
        state.failed_at = Some(now);
        state.failure = Some(Offline::new(OfflineKind::Lost, "the relay failed internally"));
        state.enter(Phase::Idle, now);
        self.stopped.notify_all();
    }

    /// The stream's state for people and programs.
    pub fn status(&self) -> Status {
        let viewers = self.hub.viewers();
        let state = self.lock();
        let now = Instant::now();
        let (name, retry_at) = match state.phase {
            _ if !self.stream.enabled => ("disabled", None),
            Phase::Idle => ("idle", None),
            Phase::Connecting => ("connecting", None),
            Phase::Live => ("live", None),
            Phase::Offline(retry_at) => ("offline", retry_at),
        };
        Status {
            state: name,
            reason: state.failure.clone(),
            since: now.saturating_duration_since(state.since),
            retry_in: retry_at.map(|at| at.saturating_duration_since(now)),
            guards: state.guards,
            viewers,
            oddities: state.oddities.clone(),
        }
    }
}

impl State {
    fn enter(&mut self, phase: Phase, now: Instant) {
        if self.phase != phase {
            self.startable &= phase == Phase::Live;
            self.phase = phase;
            self.since = now;
        }
        self.wake_clients();
    }

    fn wake_clients(&self) {
        for client in &self.waiting {
            client.wake();
        }
    }

    fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake();
        }
    }

    fn is_login_failure(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind == OfflineKind::Login)
    }

    /// A refused login is not tried again before its pause is over, whoever asks: cameras lock
    /// accounts.
    fn login_refused(&self, now: Instant) -> Option<(Offline, Duration)> {
        let failure = self.failure.as_ref().filter(|f| f.kind == OfflineKind::Login)?;
        let left = self.login_retry_at?.saturating_duration_since(now);
        (!left.is_zero()).then(|| (failure.clone(), left))
    }
}

/// Somebody wants the stream. The camera is let go some time after the last guard was dropped.
#[derive(Debug)]
pub struct SourceGuard {
    slot: Arc<Slot>,
    client: Arc<Waker>,
    failures: u64,
}

impl SourceGuard {
    /// The stream.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// What can be had now.
    pub fn standing(&self) -> Standing {
        let state = self.slot.lock();
        let version = state.presentation_version;
        match (&state.phase, &state.failure, &state.presentation) {
            (Phase::Live, _, Some(presentation)) => {
                let picture = if state.startable { Ok(()) } else { Err(state.since.elapsed()) };
                Standing::Live(Arc::clone(presentation), version, picture)
            }
            (_, Some(failure), _) if state.failures > self.failures || state.stopping => {
                let pause = match state.phase {
                    Phase::Offline(Some(at)) => at.saturating_duration_since(Instant::now()),
                    _ => self.slot.stream.retry.initial,
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
