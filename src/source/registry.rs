//! The streams by name.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::guard::SourceGuard;
use super::slot::Slot;
use super::{Offline, reader};
use crate::config::model::Config;
use crate::current::Current;
use crate::events::Events;
use crate::limits::{Full, Places};
use crate::net::Waker;

/// Every configured stream.
#[derive(Debug)]
pub struct Registry {
    slots: Current<BTreeMap<String, Arc<Slot>>>,
    /// Streams that are not configured any more and whose cameras are still being told.
    retired: Mutex<Vec<Arc<Slot>>>,
    cameras: Arc<Places>,
    /// Where it is told what happens to them.
    pub events: Arc<Events>,
}

/// Why a stream cannot be had at all, or not now.
#[derive(Debug)]
pub enum AcquireError {
    /// No such stream, or it is disabled.
    NotFound,
    /// As many cameras are pulled as may be.
    TooManyCameras(u32),
    /// The camera refused the relay's login lately, and is not asked again so soon.
    Offline(Offline, Duration),
    /// The system has no thread or descriptor left.
    NoResources(io::Error),
}

/// Why viewers of a stream end that is not configured any more.
pub const REMOVED: &str = "the stream is not configured any more";

impl Registry {
    /// All streams of the configuration, none of them pulled.
    pub fn new(config: &Config) -> Self {
        let events = Arc::default();
        let slots = config
            .streams
            .iter()
            .map(|(name, stream)| (name.clone(), Arc::new(Slot::new(stream.clone(), &events))));
        Self {
            slots: Current::new(slots.collect::<BTreeMap<_, _>>()),
            cameras: Places::new(config.limits.max_camera_connections, None),
            retired: Mutex::default(),
            events,
        }
    }

    /// The stream of this name, if it is not disabled.
    pub fn find(&self, name: &str) -> Option<Arc<Slot>> {
        self.slot(name).filter(|slot| slot.is_enabled())
    }

    /// The stream of this name, disabled or not.
    pub fn slot(&self, name: &str) -> Option<Arc<Slot>> {
        self.slots.get().get(name).cloned()
    }

    /// All streams in the order of their names.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = Arc<Slot>> + use<> {
        let slots: Vec<_> = self.slots.get().values().cloned().collect();
        slots.into_iter()
    }

    /// Wants a stream: its camera is dialled if it is not yet. `client` is woken whenever
    /// [`SourceGuard::standing`] may have changed.
    pub fn acquire(
        self: &Arc<Self>,
        name: &str,
        client: &Arc<Waker>,
    ) -> Result<SourceGuard, AcquireError> {
        let slot = self.find(name).ok_or(AcquireError::NotFound)?;
        let start = || {
            let place = self.cameras.take(None).map_err(|full| match full {
                Full::All(max) | Full::Address(max) => AcquireError::TooManyCameras(max),
            })?;
            let waker = Arc::new(Waker::new().map_err(AcquireError::NoResources)?);
            reader::spawn(Arc::clone(self), Arc::clone(&slot), Arc::clone(&waker), place)
                .map_err(AcquireError::NoResources)?;
            Ok(waker)
        };
        slot.acquire(client, start)?
            .map_err(|(offline, retry_in)| AcquireError::Offline(offline, retry_in))
    }

    /// Another configuration. Streams that are the same in it are not touched; those that are not in
    /// it end their viewers.
    pub fn configure(&self, config: &Config) {
        self.cameras.change(config.limits.max_camera_connections, None);
        let mut retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner);
        retired.retain(|slot| slot.is_pulled());
        let before = self.slots.get();
        let mut slots = BTreeMap::new();
        for (name, stream) in &config.streams {
            let slot = match before.get(name) {
                Some(slot) => {
                    slot.configure(stream.clone());
                    Arc::clone(slot)
                }
                // One that was removed and has not yet ended comes back, so that there are never
                // two sessions with its camera.
                None => match retired.iter().position(|slot| slot.stream.name == *name) {
                    Some(at) => {
                        let slot = retired.swap_remove(at);
                        slot.configure(stream.clone());
                        if stream.enabled {
                            slot.open();
                        }
                        slot
                    }
                    None => Arc::new(Slot::new(stream.clone(), &self.events)),
                },
            };
            slots.insert(name.clone(), slot);
        }
        self.slots.replace(slots);
        // Behind the replacement: nobody can find it and want it again.
        for (name, slot) in before.iter() {
            if !config.streams.contains_key(name) {
                slot.close(&Arc::from(REMOVED));
                retired.push(Arc::clone(slot));
            }
        }
    }

    /// Cameras that are pulled now.
    pub fn cameras(&self) -> u32 {
        self.cameras.taken()
    }

    /// Lets all cameras go; returns when they have been told, or at the deadline.
    pub fn stop(&self, deadline: Instant) {
        let retired = self.retired.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let slots: Vec<_> = self.slots().chain(retired).collect();
        for slot in &slots {
            slot.stop();
        }
        for slot in &slots {
            slot.wait_stopped(deadline);
        }
    }
}
