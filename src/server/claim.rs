//! What a client must have before it is served: a place, and a stream that the camera delivers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::StatusCode;

use super::answers::{Refusal, unavailable, unavailable_source};
use super::client::{Client, Farewell};
use crate::limits::Full;
use crate::media::Presentation;
use crate::net::{Interest, wait};
use crate::source::{AcquireError, SourceGuard, Standing};

/// When a client may come again after it was refused for want of a place.
const RETRY_AFTER_S: u64 = 5;

/// As long may PLAY wait for a key frame of a camera that has just come: the answer then tells
/// exactly with which packet the viewer begins. Later the answer is sent without it.
const PICTURE_PATIENCE: Duration = Duration::from_secs(2);

/// What a request needs of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Its tracks are known.
    Described,
    /// There is a picture to begin with.
    Picture,
}

impl Client {
    /// Takes a place and wants the stream.
    pub(super) fn acquire(&mut self, stream: &str) -> Result<(), Refusal> {
        if self.guard.as_ref().is_some_and(|guard| guard.slot().stream.name == stream) {
            return Ok(());
        }
        if self.session.is_some() {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        if self.server.registry.find(stream).is_none() {
            return Err(StatusCode::NOT_FOUND.into());
        }
        if self.place.is_none() {
            let place = self.server.places.take(Some(self.entry.address.ip()));
            self.place = Some(place.map_err(|full| self.refused_place(full))?);
        }
        self.guard = None;
        let guard = self.server.registry.acquire(stream, &self.waker);
        let guard: SourceGuard = guard.map_err(|error| self.refused_source(stream, error))?;
        self.entry.update(|details| details.stream = Some(stream.to_owned()));
        self.guard = Some(guard);
        Ok(())
    }

    fn refused_place(&self, full: Full) -> Refusal {
        let (id, address) = (self.entry.id, self.entry.address);
        let limit = match full {
            Full::All(max) => format!("max_clients={max}"),
            Full::Address(max) => format!("max_clients_per_ip={max}"),
        };
        log::warn!("viewer refused, all places are taken client={id} address={address} {limit}");
        unavailable(Duration::from_secs(RETRY_AFTER_S))
    }

    fn refused_source(&mut self, stream: &str, error: AcquireError) -> Refusal {
        self.place = None;
        let (id, address) = (self.entry.id, self.entry.address);
        match error {
            AcquireError::NotFound => StatusCode::NOT_FOUND.into(),
            AcquireError::TooManyCameras(max) => {
                log::warn!(
                    "viewer refused, too many cameras are pulled stream={stream} client={id} address={address} max_camera_connections={max}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::NoResources(error) => {
                log::error!(
                    "viewer refused, the system is out of resources: {error} stream={stream} client={id} address={address}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::Offline(offline, retry_in) => {
                log::warn!(
                    "viewer refused: {offline} stream={stream} client={id} address={address}"
                );
                unavailable_source(&offline, retry_in)
            }
        }
    }

    /// Waits for the camera.
    pub(super) fn wait_for(&mut self, until: Until) -> Result<(Arc<Presentation>, u64), Refusal> {
        let mut asked_again = false;
        loop {
            let mut deadline = None;
            let guard = self.guard.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
            match guard.standing() {
                Standing::Live(presentation, version, picture) => match picture {
                    Err(waited) if until == Until::Picture && waited < PICTURE_PATIENCE => {
                        deadline = Some(Instant::now() + (PICTURE_PATIENCE - waited));
                    }
                    _ => return Ok((presentation, version)),
                },
                Standing::Described(presentation, version) if until == Until::Described => {
                    return Ok((presentation, version));
                }
                Standing::Pending | Standing::Described(..) => {}
                // A failure that this client was not waiting for: it asks anew now.
                Standing::Failed(..) if !asked_again && guard.is_stale() => {
                    asked_again = true;
                    guard.try_again();
                    continue;
                }
                Standing::Failed(offline, retry_in) => {
                    let (id, address) = (self.entry.id, self.entry.address);
                    let stream = &guard.slot().stream.name;
                    log::warn!(
                        "viewer refused: {offline} stream={stream} client={id} address={address}"
                    );
                    if self.session.is_none() {
                        self.guard = None;
                        self.place = None;
                    }
                    return Err(unavailable_source(&offline, retry_in));
                }
            }
            asked_again = true;
            let ready = wait(&self.stream, Interest::Hangup, &self.waker, deadline);
            if self.entry.is_stopping() {
                let text = "the relay ends the connection";
                return Err(Refusal::Leave(Farewell::Ended(Arc::from(text))));
            }
            if ready.map_or(true, |ready| ready.hangup) {
                return Err(Refusal::Leave(Farewell::Gone));
            }
        }
    }
}
