//! `fallback`: another stream in the place of a camera that is away.
//!
//! It is pulled only now, as by any viewer: through a guard, with its own reader, pauses and
//! viewers; and if it is offline, too, by its own fallback. Whoever publishes it publishes it here
//! as well, in the same breath: a viewer of the fallback's hub passes each batch on into the
//! program of the stream that it stands in for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::guard::{SourceGuard, Standing};
use super::registry::{AcquireError, Registry};
use super::slot::Slot;
use crate::media::Batch;
use crate::media::subscriber::Viewer;
use crate::net::Waker;

/// A fallback that cannot be pulled for want of something in the relay is tried again so often.
const RETRY: Duration = Duration::from_secs(5);
/// Links are viewers, and those of clients count from 1.
const FIRST_ID: u64 = 1 << 62;

/// The fallback of one stream, during one outage.
#[derive(Debug)]
pub(super) struct Fallback {
    registry: Arc<Registry>,
    /// The stream whose camera is away.
    slot: Arc<Slot>,
    /// The one that stands in.
    name: String,
    waker: Arc<Waker>,
    state: State,
    /// The last trouble that was logged.
    told: Option<String>,
}

#[derive(Debug)]
enum State {
    /// Not wanted until then.
    Resting(Option<Instant>),
    /// Its camera is being asked.
    Wanted(SourceGuard),
    Linked(SourceGuard, Arc<Link>),
    /// It cannot stand in for this stream.
    Unfit,
}

/// What can be had of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Help {
    /// It is what viewers see.
    OnAir,
    /// It may come.
    Trying,
    /// Not now; perhaps at this moment.
    None(Option<Instant>),
}

/// The viewer of the fallback's hub.
#[derive(Debug)]
struct Link {
    id: u64,
    slot: Arc<Slot>,
    waker: Arc<Waker>,
    ended: AtomicBool,
}

impl Fallback {
    pub(super) fn new(
        registry: &Arc<Registry>,
        slot: &Arc<Slot>,
        name: &str,
        waker: &Arc<Waker>,
    ) -> Self {
        Self {
            registry: Arc::clone(registry),
            slot: Arc::clone(slot),
            name: name.to_owned(),
            waker: Arc::clone(waker),
            state: State::Resting(None),
            told: None,
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Does what can be done now; called again when the waker was woken.
    pub(super) fn attend(&mut self, now: Instant) -> Help {
        if let State::Linked(_, link) = &self.state {
            if link.ended.load(SeqCst) {
                self.unlink();
            } else if self.slot.program.shows_fallback() {
                self.told = None;
                return Help::OnAir;
            }
        }
        match &self.state {
            State::Unfit => return Help::None(None),
            State::Resting(Some(until)) if *until > now => return Help::None(Some(*until)),
            State::Resting(_) => match self.registry.acquire(&self.name, &self.waker) {
                Ok(guard) => self.state = State::Wanted(guard),
                Err(error) => return self.refused(error, now),
            },
            State::Wanted(_) | State::Linked(..) => {}
        }
        let (State::Wanted(guard) | State::Linked(guard, _)) = &self.state else {
            return Help::None(None);
        };
        match (guard.standing(), &self.state) {
            (Standing::Live(presentation, ..), State::Wanted(_)) => {
                match self.slot.program.fallback_begins(&presentation) {
                    Ok(told) => {
                        if let Some(told) = told {
                            self.slot.borrowed(told);
                        }
                        self.link()
                    }
                    Err(reason) => {
                        self.trouble(&format!("cannot stand in: {reason}"));
                        self.state = State::Unfit;
                        Help::None(None)
                    }
                }
            }
            (Standing::Closed(reason), _) => {
                self.trouble(&format!("is not to be had: {reason}"));
                Help::None(None)
            }
            (Standing::Failed(offline, _), _) => {
                self.trouble(&format!("is offline, too: {offline}"));
                Help::None(None)
            }
            _ => Help::Trying,
        }
    }

    /// Lets go of it.
    pub(super) fn release(&mut self) {
        self.unlink();
        self.state = State::Resting(None);
        self.told = None;
    }

    fn link(&mut self) -> Help {
        let State::Wanted(guard) = std::mem::replace(&mut self.state, State::Resting(None)) else {
            return Help::Trying;
        };
        static NEXT_ID: AtomicU64 = AtomicU64::new(FIRST_ID);
        let link = Arc::new(Link {
            id: NEXT_ID.fetch_add(1, SeqCst),
            slot: Arc::clone(&self.slot),
            waker: Arc::clone(&self.waker),
            ended: AtomicBool::new(false),
        });
        let hub = Arc::clone(&guard.slot().hub);
        let attach = || hub.attach(Arc::clone(&link) as Arc<dyn Viewer>);
        let on_air = self.slot.program.fallback_joins(attach);
        self.state = State::Linked(guard, link);
        if on_air { Help::OnAir } else { Help::Trying }
    }

    fn unlink(&mut self) {
        match std::mem::replace(&mut self.state, State::Resting(None)) {
            State::Linked(guard, link) => {
                guard.slot().hub.detach(link.id);
                self.slot.program.fallback_lost();
                self.state = State::Wanted(guard);
            }
            other => self.state = other,
        }
    }

    fn refused(&mut self, error: AcquireError, now: Instant) -> Help {
        let (reason, until) = match error {
            AcquireError::NotFound => {
                self.state = State::Unfit;
                self.trouble("is not enabled");
                return Help::None(None);
            }
            AcquireError::TooManyCameras(max) => {
                (format!("cannot be pulled: max_camera_connections={max}"), RETRY)
            }
            AcquireError::NoResources(error) => (format!("cannot be pulled: {error}"), RETRY),
            AcquireError::Offline(offline, pause) => (format!("is offline, too: {offline}"), pause),
        };
        self.trouble(&reason);
        let until = Some(now + until);
        self.state = State::Resting(until);
        Help::None(until)
    }

    /// Says what is wrong, once.
    fn trouble(&mut self, what: &str) {
        if self.told.as_deref() != Some(what) {
            let stream = &self.slot.stream.name;
            log::warn!("the fallback {what} stream={stream} fallback={}", self.name);
            self.told = Some(what.to_owned());
        }
    }
}

impl Drop for Fallback {
    fn drop(&mut self) {
        // After a panic nobody else takes the link off.
        self.release();
    }
}

impl Viewer for Link {
    fn offer(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>) {
        if self.slot.program.fallback(batch, sets) {
            self.waker.wake();
        }
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn end(&self, _reason: &Arc<str>) {
        self.ended.store(true, SeqCst);
        self.waker.wake();
    }

    fn id(&self) -> u64 {
        self.id
    }
}
