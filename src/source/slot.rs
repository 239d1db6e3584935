//! One configured stream: its state, and those who want it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtsp_proto::{Oddities, Oddity};

use super::backoff::Backoff;
use super::carrier::Carrier;
use super::command::NOT_ENABLED;
use super::guard::SourceGuard;
use super::memory::Memory;
use super::settings::Settings;
use super::version::VersionMemory;
use super::{Facts, Offline, OfflineKind};
use crate::config::model::Stream;
use crate::events::{Events, StreamState};
use crate::limits::Places;
use crate::media::live::LiveView;
use crate::media::{Hub, Presentation, Program};
use crate::net::Waker;
use crate::stats::StreamStats;

/// A stream of the configuration, whether it is pulled or not.
#[derive(Debug)]
pub struct Slot {
    /// What the operator wrote.
    pub stream: Settings,
    /// Where its viewers are.
    pub hub: Arc<Hub>,
    /// Where those of its viewers are that want MP4.
    pub live: Arc<LiveView>,
    /// What they see.
    pub(super) program: Program,
    /// What it has done so far.
    pub stats: StreamStats,
    /// Places for its viewers.
    pub places: Arc<Places>,
    /// Parts of `max_egress_kbps`, one for each viewer with a session.
    pub shares: Arc<Places>,
    state: Mutex<State>,
    /// Notified when a reader has ended.
    stopped: Condvar,
}

#[derive(Debug)]
pub(super) struct State {
    /// The waker of the reader; `None` while there is no reader thread.
    pub(super) reader: Option<Arc<Waker>>,
    pub(super) guards: u32,
    /// When the last guard was dropped.
    pub(super) unwanted_since: Instant,
    pub(super) phase: Phase,
    pub(super) since: Instant,
    pub(super) backoff: Backoff,
    /// Attempts that failed, ever: a guard compares it with the count when it was taken.
    pub(super) failures: u64,
    pub(super) failed_at: Option<Instant>,
    pub(super) failure: Option<Offline>,
    /// The pause after a refused login; it outlives the reader.
    pub(super) login_retry_at: Option<Instant>,
    /// What carried the media the last time; it outlives the reader.
    pub(super) carrier: Option<Carrier>,
    /// What is known of its RTSP 2.0; it outlives the reader.
    pub(super) version: VersionMemory,
    /// A new viewer came: the pause is cut short.
    pub(super) hurry: bool,
    /// A viewer that joins now has a picture to begin with.
    pub(super) startable: bool,
    pub(super) presentation: Option<Arc<Presentation>>,
    pub(super) presentation_version: u64,
    /// Clients that wait for a change.
    pub(super) waiting: Vec<Arc<Waker>>,
    /// Why the camera is not what viewers see, from the first failure until it is again.
    pub(super) outage: Option<Offline>,
    pub(super) showing: Showing,
    /// The waker of the stand-in; `None` while there is none.
    pub(super) stand_in: Option<Arc<Waker>>,
    /// The presentation is the fallback's.
    pub(super) borrowed: bool,
    pub(super) stopping: bool,
    /// Why nobody can have the stream: it is disabled, or no longer configured.
    pub(super) closed: Option<Arc<str>>,
    /// The session with the camera is to end, and a new one to begin.
    pub(super) restart: bool,
    /// The camera was live and is lost since.
    lost: bool,
    pub(super) events: Arc<Events>,
    /// What listeners were told last.
    pub(super) announced: StreamState,
    pub(super) oddities: Oddities,
    pub(super) facts: Option<Facts>,
    pub(super) memory: Memory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Idle,
    Connecting,
    Live,
    /// Next attempt; `None`: not before somebody new asks.
    Offline(Option<Instant>),
}

/// What the viewers of a stream see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Showing {
    /// Nothing new.
    Nothing,
    /// Nothing yet; the fallback is being asked.
    Trying,
    /// The last picture.
    Held,
    /// Another stream.
    Fallback,
    /// What is configured.
    Camera,
}

/// What a reader does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    Dial,
    WaitUntil(Option<Instant>),
    Exit,
}

impl Slot {
    pub(super) fn new(stream: Stream, events: &Arc<Events>) -> Self {
        let now = Instant::now();
        let announced = StreamState {
            stream: stream.name.clone(),
            state: if stream.enabled { "idle" } else { "disabled" },
            reason: (!stream.enabled).then(|| Arc::from(NOT_ENABLED)),
            showing: None,
        };
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
            version: VersionMemory::default(),
            hurry: false,
            startable: false,
            presentation: None,
            presentation_version: 1,
            waiting: Vec::new(),
            outage: None,
            showing: Showing::Nothing,
            stand_in: None,
            borrowed: false,
            stopping: false,
            closed: announced.reason.clone(),
            restart: false,
            lost: false,
            events: Arc::clone(events),
            announced,
            oddities: Oddities::new(),
            facts: None,
            memory: Memory::default(),
        };
        let hub = Arc::new(Hub::limited(stream.max_bandwidth_kbps));
        Self {
            program: Program::new(Arc::clone(&hub), stream.gop_cache_bytes),
            live: LiveView::new(Arc::clone(&hub)),
            places: Places::new(stream.max_clients.unwrap_or(u32::MAX), None),
            shares: Places::new(u32::MAX, None),
            stream: Settings::new(stream),
            hub,
            stats: StreamStats::default(),
            state: Mutex::new(state),
            stopped: Condvar::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
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
        let refused = state.login_refused(now);
        if let Some(refusal) = refused.clone().filter(|_| !state.has_relief(&self.stream.now())) {
            return Ok(Err(refusal));
        }
        if state.reader.is_none() {
            state.reader = Some(start()?);
            state.enter(Phase::Connecting, now);
            if let Some((offline, pause)) = refused {
                state.outage = Some(offline);
                state.showing = Showing::Trying;
                state.enter(Phase::Offline(Some(now + pause)), now);
            }
        }
        state.hurry |= matches!(state.phase, Phase::Offline(_));
        if state.hurry || state.guards == 0 {
            // It may be about to end, and waits for the stand-in only.
            state.wake_reader();
        }
        state.guards += 1;
        state.waiting.push(Arc::clone(client));
        let failures = state.failures;
        drop(state);
        Ok(Ok(SourceGuard::new(self, client, failures)))
    }

    /// What the reader does next; with [`Step::Exit`] there is no reader any more, and `leave` has
    /// been called before anybody could start another.
    pub(super) fn next_step(&self, leave: impl FnOnce()) -> Step {
        let mut state = self.lock();
        let now = Instant::now();
        if std::mem::take(&mut state.restart) {
            state.forget_failures();
        }
        if state.guards == 0 || state.stopping || state.closed.is_some() {
            if state.stand_in.is_some() {
                state.wake_stand_in();
                return Step::WaitUntil(None);
            }
            leave();
            state.reader = None;
            state.outage = None;
            state.showing = Showing::Nothing;
            if std::mem::take(&mut state.borrowed) {
                state.presentation = None;
            }
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
        let due = due.max(state.memory.free_at(self.patience_for_memory()));
        match due {
            Some(due) if due > now => Step::WaitUntil(Some(due)),
            _ => {
                state.hurry = false;
                state.enter(Phase::Connecting, now);
                Step::Dial
            }
        }
    }

    /// As long may be waited for the camera to forget: half of the patience of those who wait stays
    /// for the camera itself.
    fn patience_for_memory(&self) -> Duration {
        self.stream.now().source_start_timeout / 2
    }

    /// Whether nobody wants the stream any more, and since when; the moment when the camera is to
    /// be let go.
    pub(super) fn release_at(&self) -> Option<Instant> {
        let state = self.lock();
        if state.stopping || state.closed.is_some() || state.restart {
            // Any moment that has passed.
            return Some(state.since);
        }
        (state.guards == 0).then(|| state.unwanted_since + self.stream.now().source_idle_timeout)
    }

    /// The tracks are known.
    pub(super) fn described(&self, presentation: Arc<Presentation>) {
        let mut state = self.lock();
        state.presentation = Some(presentation);
        state.presentation_version += 1;
        state.borrowed = false;
        state.failure = None;
        state.wake_clients();
    }

    /// The first packet came.
    pub(super) fn live(&self) {
        let mut state = self.lock();
        if std::mem::take(&mut state.lost) {
            self.stats.reconnects.add(1);
        }
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
    /// `showing` is what viewers see from now on, if it was the camera.
    pub(super) fn failed(
        &self,
        offline: &Offline,
        showing: Showing,
        random: u64,
    ) -> Option<Duration> {
        let stream = self.stream.now();
        let mut state = self.lock();
        let now = Instant::now();
        state.lost |= state.phase == Phase::Live;
        let mut pause = state.backoff.failed(random);
        let least = state.backoff.least();
        let ours = match offline.is_busy() {
            true => state.memory.refused(now, least, self.patience_for_memory()),
            false => None,
        };
        match ours.filter(|(since, _)| *since < stream.source_start_timeout) {
            // It only has to forget our own last session: those who wait go on waiting.
            Some((_, ask_at)) => pause = Some(ask_at - now),
            None => state.failures += 1,
        }
        state.failed_at = Some(now);
        state.failure = Some(offline.clone());
        let pause_after_login = pause.unwrap_or(stream.retry.max);
        state.login_retry_at = state.is_login_failure().then(|| now + pause_after_login);
        state.hurry = false;
        if state.outage.is_none() {
            state.outage = Some(offline.clone());
            state.showing = showing;
        }
        state.enter(Phase::Offline(pause.map(|pause| now + pause)), now);
        pause
    }

    /// Whether somebody wants it.
    pub(super) fn is_wanted(&self) -> bool {
        self.lock().guards > 0
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
        state.outage = None;
        state.showing = Showing::Nothing;
        state.wake_stand_in();
        state.enter(Phase::Idle, now);
        self.stopped.notify_all();
    }
}

impl State {
    fn enter(&mut self, phase: Phase, now: Instant) {
        if self.phase != phase {
            self.startable &= phase == Phase::Live;
            self.phase = phase;
            self.since = now;
        }
        self.announce();
        self.wake_clients();
    }

    pub(super) fn wake_clients(&self) {
        for client in &self.waiting {
            client.wake();
        }
    }

    pub(super) fn wake_reader(&self) {
        if let Some(reader) = &self.reader {
            reader.wake();
        }
    }

    pub(super) fn is_login_failure(&self) -> bool {
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
