//! What a viewer must have before it is served: a place, a stream that the camera delivers, and a
//! part of what the stream may send.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::limits::{self, Reason, Seat};
use crate::net::Waker;
use crate::source::{AcquireError, Offline, Slot, SourceGuard};
use crate::web::Web;
use crate::web::response::HttpResponse;

/// When a viewer may come again after it was refused for want of a place.
const RETRY_AFTER: Duration = Duration::from_secs(5);
/// A stream is measured a second after it has begun, and with its next picture.
const MEASURING_SLACK: Duration = Duration::from_millis(250);

/// A viewer's place, and its share in the stream.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) guard: SourceGuard,
    seat: Seat,
    /// Until when the stream's rate is awaited.
    measured_by: Option<Instant>,
}

/// Whether a viewer has its part of what the stream may send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Share {
    Granted,
    /// It is not known yet what the stream takes; look again then.
    Unknown(Instant),
    Refused,
}

/// Why there is no claim.
pub(super) enum Refused {
    /// The answer that says so.
    Answer(HttpResponse),
    /// The camera cannot be had before that time is over.
    Offline(Offline, Duration),
}

/// Takes a place and wants the stream.
pub(super) fn claim(
    web: &Web,
    slot: &Slot,
    peer: SocketAddr,
    waker: &Arc<Waker>,
) -> Result<Claim, Refused> {
    let stream = &slot.stream.name;
    let seat = web
        .gatekeeper
        .admit(peer.ip(), &slot.places)
        .map_err(|refusal| Refused::Answer(refused(stream, peer, &refusal)))?;
    match web.registry.acquire(stream, waker) {
        Ok(guard) => Ok(Claim { guard, seat, measured_by: None }),
        Err(error) => Err(refused_source(web, stream, peer, error)),
    }
}

impl Claim {
    /// Takes a part of what the stream may send, if that is limited: as many viewers get one as
    /// the stream's measured rate allows. Until there is a measure the first gets one, and the
    /// others wait for it.
    pub(super) fn share(&mut self, now: Instant) -> Share {
        let slot = Arc::clone(self.guard.slot());
        let Some(kbps) = slot.stream.now().max_egress_kbps else { return Share::Granted };
        let rate = slot.hub.bits_per_second();
        let patient = self.measured_by.is_none_or(|by| now < by);
        let most = match rate {
            Ok(rate) => u32::try_from(u64::from(kbps) * 1000 / rate.max(1)).unwrap_or(u32::MAX),
            Err(_) if patient => 1,
            Err(_) => u32::MAX,
        };
        if self.seat.share(&slot.shares, most).is_ok() {
            return Share::Granted;
        }
        match rate {
            Err(known_at) if patient => {
                let by = known_at.map_or(now, |at| at) + MEASURING_SLACK;
                Share::Unknown(*self.measured_by.get_or_insert(by))
            }
            _ => Share::Refused,
        }
    }
}

/// An answer that says when to come again.
pub(super) fn unavailable(status: u16, text: &str, retry: Option<Duration>) -> HttpResponse {
    let response = HttpResponse::message(status, text);
    match retry {
        Some(retry) => {
            let seconds = retry.as_millis().div_ceil(1000).max(1);
            response.with("Retry-After", seconds.to_string())
        }
        None => response,
    }
}

fn refused(stream: &str, address: SocketAddr, refusal: &limits::Refusal) -> HttpResponse {
    let what = match refusal.reason {
        Reason::Memory => "memory is short",
        Reason::Cpu => "the processor is busy",
        _ => "all places are taken",
    };
    log::warn!("viewer refused, {what} stream={stream} address={address} {refusal}");
    unavailable(503, &format!("{what} ({refusal})"), Some(RETRY_AFTER))
}

fn refused_source(web: &Web, stream: &str, address: SocketAddr, error: AcquireError) -> Refused {
    let refusals = &web.gatekeeper.refusals;
    let answer = match error {
        AcquireError::NotFound => HttpResponse::message(404, "the stream is disabled"),
        AcquireError::TooManyCameras(max) => {
            refusals.count(Reason::Cameras);
            log::warn!(
                "viewer refused, too many cameras are pulled stream={stream} address={address} max_camera_connections={max}"
            );
            let text = format!("too many cameras are pulled (max_camera_connections={max})");
            unavailable(503, &text, Some(RETRY_AFTER))
        }
        AcquireError::NoResources(error) => {
            refusals.count(Reason::Resources);
            log::error!(
                "viewer refused, the system is out of resources: {error} stream={stream} address={address}"
            );
            unavailable(503, "the system is out of resources", Some(RETRY_AFTER))
        }
        AcquireError::Offline(offline, retry_in) => {
            refusals.count(Reason::Camera);
            log::warn!("viewer refused: {offline} stream={stream} address={address}");
            return Refused::Offline(offline, retry_in);
        }
    };
    Refused::Answer(answer)
}
