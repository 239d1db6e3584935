//! What a client must have before it is served: a place, and a stream that the camera delivers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::StatusCode;

use super::answers::{Refusal, unavailable, unavailable_source};
use super::client::Client;
use super::farewell::Farewell;
use super::group::Group;
use crate::limits::{self, Reason};
use crate::media::Presentation;
use crate::net::Interest;
use crate::source::{AcquireError, SourceGuard, Standing};

/// When a client may come again after it was refused for want of a place.
const RETRY_AFTER_S: u64 = 5;

/// As long may PLAY wait for a key frame of a camera that has just come: the answer then tells
/// exactly with which packet the viewer begins. Later the answer is sent without it.
const PICTURE_PATIENCE: Duration = Duration::from_secs(2);

/// A stream is measured a second after it has begun, and with its next picture.
const MEASURING_SLACK: Duration = Duration::from_millis(250);

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
        let Some(slot) = self.server.registry.find(stream) else {
            return Err(StatusCode::NOT_FOUND.into());
        };
        // Of another stream, if it has one: what it described before.
        self.seat = None;
        self.guard = None;
        let seat = self.server.gatekeeper.admit(self.entry.address.ip(), &slot.places);
        self.seat = Some(seat.map_err(|refusal| self.refused(stream, &refusal))?);
        // Before it wants the stream: whoever closes that finds it either there or here.
        self.entry.update(|details| details.stream = Some(stream.to_owned()));
        let guard = self.server.registry.acquire(stream, &self.waker);
        let guard: SourceGuard = guard.map_err(|error| self.refused_source(stream, error))?;
        self.guard = Some(guard);
        Ok(())
    }

    /// Takes a part of what the stream may send, if that is limited: as many viewers get one as
    /// the stream's measured rate allows, and all members of a `group` together one. `false` when
    /// there is none left.
    pub(super) fn share_egress(&mut self, group: Option<&Group>) -> Result<bool, Refusal> {
        let Some(guard) = &self.guard else { return Ok(true) };
        let slot = Arc::clone(guard.slot());
        let Some(kbps) = slot.stream.now().max_egress_kbps else { return Ok(true) };
        let mut patient = true;
        loop {
            let (known, most) = match slot.hub.bits_per_second() {
                Ok(rate) => {
                    let most = u64::from(kbps) * 1000 / rate.max(1);
                    (true, u32::try_from(most).unwrap_or(u32::MAX))
                }
                // Who comes first makes for a measurement, and the others wait for it.
                Err(_) => (!patient, if patient { 1 } else { u32::MAX }),
            };
            let Some(seat) = &mut self.seat else { return Ok(true) };
            let share = match group {
                Some(group) => group.share(&slot.shares, most),
                None => seat.share(&slot.shares, most),
            };
            if share.is_ok() || known {
                return Ok(share.is_ok());
            }
            self.wait_for(Until::Picture)?;
            let due = slot.hub.bits_per_second().err().flatten();
            let deadline = due.map_or_else(Instant::now, |due| due + MEASURING_SLACK);
            while slot.hub.bits_per_second().is_err() && Instant::now() < deadline {
                self.wait_beside(Some(deadline))?;
            }
            patient = false;
        }
    }

    /// The stream sends all that it may.
    pub(super) fn refused_egress(&mut self) -> Refusal {
        let (id, address) = (self.entry.id, self.entry.address);
        let stream = self.guard.as_ref().map(|guard| &guard.slot().stream);
        let kbps = stream.and_then(|stream| stream.now().max_egress_kbps).unwrap_or_default();
        let stream = stream.map_or("", |stream| &stream.name);
        log::warn!(
            "viewer refused, the stream sends all it may stream={stream} client={id} address={address} max_egress_kbps={kbps}"
        );
        self.server.gatekeeper.refusals.count(Reason::Egress);
        self.leave_unserved();
        StatusCode::NOT_ENOUGH_BANDWIDTH.into()
    }

    /// Gives back what was claimed, unless there is a session.
    fn leave_unserved(&mut self) {
        if self.session.is_none() {
            self.guard = None;
            self.seat = None;
        }
    }

    fn refused(&self, stream: &str, refusal: &limits::Refusal) -> Refusal {
        let (id, address) = (self.entry.id, self.entry.address);
        let what = match refusal.reason {
            Reason::Memory => "memory is short",
            Reason::Cpu => "the processor is busy",
            _ => "all places are taken",
        };
        log::warn!(
            "viewer refused, {what} stream={stream} client={id} address={address} {refusal}"
        );
        unavailable(Duration::from_secs(RETRY_AFTER_S))
    }

    /// There is no thread, or no descriptor, for a multicast group.
    pub(super) fn refused_group(&self, error: &std::io::Error) -> Refusal {
        self.server.gatekeeper.refusals.count(Reason::Resources);
        let (id, address) = (self.entry.id, self.entry.address);
        let stream = self.guard.as_ref().map_or("", |guard| &guard.slot().stream.name);
        log::error!(
            "viewer refused, the system is out of resources: {error} stream={stream} client={id} address={address}"
        );
        unavailable(Duration::from_secs(RETRY_AFTER_S))
    }

    fn refused_source(&mut self, stream: &str, error: AcquireError) -> Refusal {
        self.seat = None;
        self.entry.update(|details| details.stream = None);
        let (id, address) = (self.entry.id, self.entry.address);
        let refusals = &self.server.gatekeeper.refusals;
        match error {
            AcquireError::NotFound => StatusCode::NOT_FOUND.into(),
            AcquireError::TooManyCameras(max) => {
                refusals.count(Reason::Cameras);
                log::warn!(
                    "viewer refused, too many cameras are pulled stream={stream} client={id} address={address} max_camera_connections={max}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::NoResources(error) => {
                refusals.count(Reason::Resources);
                log::error!(
                    "viewer refused, the system is out of resources: {error} stream={stream} client={id} address={address}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::Offline(offline, retry_in) => {
                refusals.count(Reason::Camera);
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
                Standing::Closed(_) => {
                    self.leave_unserved();
                    return Err(StatusCode::NOT_FOUND.into());
                }
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
                    self.server.gatekeeper.refusals.count(Reason::Camera);
                    self.leave_unserved();
                    return Err(unavailable_source(&offline, retry_in));
                }
            }
            asked_again = true;
            self.wait_beside(deadline)?;
        }
    }

    /// Waits for a wake-up or the deadline, and sees the client hang up meanwhile.
    fn wait_beside(&self, deadline: Option<Instant>) -> Result<(), Refusal> {
        let ready = self.stream.wait(Interest::Hangup, &self.waker, deadline);
        if self.entry.is_stopping() {
            return Err(Refusal::Leave(Farewell::Ended(self.entry.reason())));
        }
        match ready.map_or(true, |ready| ready.hangup) {
            true => Err(Refusal::Leave(Farewell::Gone)),
            false => Ok(()),
        }
    }
}
