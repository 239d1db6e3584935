//! The streams by name.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::guard::SourceGuard;
use super::slot::Slot;
use super::{Offline, reader};
use crate::config::model::Config;
use crate::limits::{Full, Places};
use crate::net::Waker;

/// Every configured stream.
#[derive(Debug)]
pub struct Registry {
    slots: BTreeMap<String, Arc<Slot>>,
    cameras: Arc<Places>,
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

impl Registry {
    /// All streams of the configuration, none of them pulled.
    pub fn new(config: &Config) -> Self {
        let slots = config
            .streams
            .iter()
            .map(|(name, stream)| (name.clone(), Arc::new(Slot::new(stream.clone()))));
        Self {
            slots: slots.collect(),
            cameras: Places::new(config.limits.max_camera_connections, None),
        }
    }

    /// The stream of this name, if it is not disabled.
    pub fn find(&self, name: &str) -> Option<&Arc<Slot>> {
        self.slots.get(name).filter(|slot| slot.stream.enabled)
    }

    /// The stream of this name, disabled or not.
    pub fn slot(&self, name: &str) -> Option<&Arc<Slot>> {
        self.slots.get(name)
    }

    /// All streams in the order of their names.
    pub fn slots(&self) -> impl Iterator<Item = &Arc<Slot>> {
        self.slots.values()
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
            reader::spawn(Arc::clone(self), Arc::clone(slot), Arc::clone(&waker), place)
                .map_err(AcquireError::NoResources)?;
            Ok(waker)
        };
        slot.acquire(client, start)?
            .map_err(|(offline, retry_in)| AcquireError::Offline(offline, retry_in))
    }

    /// Cameras that are pulled now.
    pub fn cameras(&self) -> u32 {
        self.cameras.taken()
    }

    /// Lets all cameras go; returns when they have been told, or at the deadline.
    pub fn stop(&self, deadline: Instant) {
        for slot in self.slots.values() {
            slot.stop();
        }
        for slot in self.slots.values() {
            slot.wait_stopped(deadline);
        }
    }
}
