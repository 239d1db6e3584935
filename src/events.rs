//! What happens to streams and viewers, for those who follow it: the latest events in a ring, from
//! which each listener reads at its own pace.
//!
//! Nobody who reports an event ever waits for a listener. One that is too slow finds that the ring
//! has gone on, and is told how many events it has missed. So all listeners together take the
//! memory of one ring.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use crate::entropy;
use crate::logging::Quoted;
use crate::net::Waker;

/// Events that are kept.
pub const KEPT: usize = 512;
/// Listeners at once.
pub const MAX_LISTENERS: usize = 32;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// Unique since the start, and counted from 1.
    pub number: u64,
    /// When it happened.
    pub at: SystemTime,
    /// What happened.
    pub what: Happening,
}

/// What can happen.
#[derive(Clone, Debug)]
pub enum Happening {
    /// A stream is in another state, has another reason for it, or shows something else.
    State(StreamState),
    /// A viewer begins to play.
    Join(Viewer),
    /// A viewer plays no more.
    Leave {
        /// Who.
        viewer: Viewer,
        /// For how long it played.
        played: Duration,
        /// What it got, in bytes.
        bytes: u64,
        /// Why it left.
        reason: String,
    },
    /// The configuration was read again: whether it was taken.
    Reload(bool),
}

/// The state of a stream, as the status has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamState {
    /// The stream.
    pub stream: String,
    /// `idle`, `connecting`, `live`, `offline` or `disabled`.
    pub state: &'static str,
    /// Why it is offline or disabled.
    pub reason: Option<Arc<str>>,
    /// What viewers see: `camera`, `held`, `fallback`, or nothing.
    pub showing: Option<&'static str>,
}

/// A viewer that joins or leaves.
#[derive(Clone, Debug)]
pub struct Viewer {
    /// The stream that it plays.
    pub stream: String,
    /// Its id in the list of clients.
    pub client: u64,
    /// Where it comes from.
    pub address: SocketAddr,
    /// What carries the media: `tcp`, `udp`, `websocket` and so on.
    pub transport: &'static str,
    /// Its login.
    pub user: Option<String>,
    /// Its User-Agent, as sent.
    pub agent: String,
}

impl Happening {
    /// The stream that it is about; `None` when it concerns all.
    pub fn stream(&self) -> Option<&str> {
        match self {
            Self::State(state) => Some(&state.stream),
            Self::Join(viewer) | Self::Leave { viewer, .. } => Some(&viewer.stream),
            Self::Reload(_) => None,
        }
    }
}

/// Where events are reported and read.
#[derive(Debug)]
pub struct Events {
    /// Differs from one start of the relay to the next.
    run: u64,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many there have been.
    count: u64,
    latest: VecDeque<Arc<Event>>,
    listeners: Vec<Arc<Waker>>,
}

/// One who follows the events, until it is dropped.
#[derive(Debug)]
pub struct Listener {
    events: Arc<Events>,
    waker: Arc<Waker>,
    /// The number of the last event that was read or missed.
    seen: u64,
}

/// What a listener finds.
#[derive(Clone, Debug)]
pub enum Found {
    /// The next event.
    Event(Arc<Event>),
    /// So many events are gone that were not read.
    Missed(u64),
}

impl Default for Events {
    fn default() -> Self {
        Self { run: entropy::number() >> 32, inner: Mutex::default() }
    }
}

impl Events {
    /// A viewer plays from now on: the log and all listeners are told.
    pub fn joined(&self, viewer: Viewer) {
        log::info!(
            "viewer joined stream={} client={} address={} transport={} agent={}{}",
            viewer.stream,
            viewer.client,
            viewer.address,
            viewer.transport,
            Quoted(&viewer.agent),
            viewer.user.as_ref().map(|user| format!(" user={}", Quoted(user))).unwrap_or_default(),
        );
        self.report(Happening::Join(viewer));
    }

    /// Tells all listeners that something happened.
    pub fn report(&self, what: Happening) {
        let mut inner = self.lock();
        inner.count += 1;
        let event = Event { number: inner.count, at: SystemTime::now(), what };
        if inner.latest.len() == KEPT {
            inner.latest.pop_front();
        }
        inner.latest.push_back(Arc::new(event));
        for listener in &inner.listeners {
            listener.wake();
        }
    }

    /// Follows the events from now on, or from behind the one of which [`Events::id`] was `after`;
    /// one of an earlier run of the relay is as none. `waker` is woken when there is something.
    /// `None` when there are [`MAX_LISTENERS`] already.
    pub fn listen(self: &Arc<Self>, waker: &Arc<Waker>, after: Option<&str>) -> Option<Listener> {
        let mut inner = self.lock();
        if inner.listeners.len() >= MAX_LISTENERS {
            return None;
        }
        let after = after.and_then(|id| {
            let (run, number) = id.split_once('-')?;
            let known = u64::from_str_radix(run, 16) == Ok(self.run);
            number.parse().ok().filter(|&number| known && number <= inner.count)
        });
        inner.listeners.push(Arc::clone(waker));
        let seen = after.unwrap_or(inner.count);
        Some(Listener { events: Arc::clone(self), waker: Arc::clone(waker), seen })
    }

    /// The id of the event with this number.
    pub fn id(&self, number: u64) -> String {
        format!("{:x}-{number}", self.run)
    }

    /// How many events there have been.
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// How many listen.
    pub fn listeners(&self) -> usize {
        self.lock().listeners.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// What comes next; `None` when there is nothing new.
    pub fn read(&mut self) -> Option<Found> {
        let inner = self.events.lock();
        let oldest = inner.count - inner.latest.len() as u64 + 1;
        let missed = oldest.saturating_sub(self.seen + 1);
        if missed > 0 {
            self.seen += missed;
            return Some(Found::Missed(missed));
        }
        let event = inner.latest.get((self.seen + 1 - oldest) as usize)?;
        self.seen = event.number;
        Some(Found::Event(Arc::clone(event)))
    }

    /// The id of the last event that was read.
    pub fn position(&self) -> String {
        self.events.id(self.seen)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut inner = self.events.lock();
        if let Some(at) = inner.listeners.iter().position(|l| Arc::ptr_eq(l, &self.waker)) {
            inner.listeners.swap_remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waker() -> Arc<Waker> {
        Arc::new(Waker::new().unwrap())
    }

    fn reload(events: &Events, times: usize) {
        (0..times).for_each(|_| events.report(Happening::Reload(true)));
    }

    fn drain(listener: &mut Listener) -> (u64, usize) {
        let (mut missed, mut read) = (0, 0);
        while let Some(found) = listener.read() {
            match found {
                Found::Event(_) => read += 1,
                Found::Missed(count) => missed += count,
            }
        }
        (missed, read)
    }

    #[test]
    fn a_listener_gets_what_happens_from_its_beginning_on_and_a_slow_one_learns_what_it_missed() {
        let events = Arc::new(Events::default());
        reload(&events, 3);
        let (mut quick, mut slow) =
            (events.listen(&waker(), None).unwrap(), events.listen(&waker(), None).unwrap());
        assert_eq!(drain(&mut quick), (0, 0));
        reload(&events, KEPT);
        assert_eq!(drain(&mut quick), (0, KEPT));
        reload(&events, 10);
        assert_eq!(drain(&mut quick), (0, 10));
        assert_eq!(drain(&mut slow), (10, KEPT));
        assert_eq!(events.lock().latest.len(), KEPT);
    }

    #[test]
    fn who_comes_back_goes_on_where_it_was_but_not_over_a_restart_of_the_relay() {
        let events = Arc::new(Events::default());
        reload(&events, 5);
        let from = |id: &str| drain(&mut events.listen(&waker(), Some(id)).unwrap());
        assert_eq!(from(&events.id(2)), (0, 3));
        assert_eq!(from(&events.id(5)), (0, 0));
        for unknown in [&events.id(6), "", "7", "x-2", &format!("{:x}-2", events.run + 1)] {
            assert_eq!(from(unknown), (0, 0), "{unknown}");
        }
    }

    #[test]
    fn listeners_are_few_and_make_room_when_they_go() {
        let events = Arc::new(Events::default());
        let listeners: Vec<_> = (0..MAX_LISTENERS).map(|_| events.listen(&waker(), None)).collect();
        assert!(listeners.iter().all(Option::is_some));
        assert!(events.listen(&waker(), None).is_none());
        drop(listeners);
        assert_eq!(events.listeners(), 0);
        assert!(events.listen(&waker(), None).is_some());
    }
}
