//! One pull of the camera over one transport.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;

use super::Target;
use super::interrupt::Interrupt;
use super::meter::{Meter, Rates};
use crate::media::Presentation;
use crate::net::wait::wait_woken;
use crate::source::{
    AcquireError, Carrier, Cause, Facts, Offline, OfflineKind, Registry, Slot, Standing,
};

/// After so long a camera has shown what it has: few have rarer key frames.
const MEASURING: Duration = Duration::from_secs(12);
/// What the camera may take for TEARDOWN.
const FAREWELL: Duration = Duration::from_secs(3);
/// The session of the attempt before may live on for so long.
const BUSY_PATIENCE: Duration = Duration::from_secs(10);
const BUSY_PAUSE: Duration = Duration::from_secs(2);

/// What came of it.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) carrier: Carrier,
    pub(super) failure: Option<Offline>,
    pub(super) facts: Option<Facts>,
    pub(super) presentation: Option<Arc<Presentation>>,
    pub(super) oddities: Oddities,
    /// From dialling to the first packet.
    pub(super) started_after: Option<Duration>,
    /// By track; empty when nothing was measured.
    pub(super) rates: Vec<Rates>,
}

impl Attempt {
    /// Pulls the camera until media flows and, with `measure`, until it has shown its rates.
    ///
    /// # Errors
    /// When the system is out of something, or a signal came.
    pub(super) fn run(
        target: &Target,
        carrier: Carrier,
        measure: bool,
        interrupt: &Interrupt,
        tell: &dyn Fn(&str),
    ) -> io::Result<Self> {
        let deadline = Instant::now() + BUSY_PATIENCE;
        loop {
            let attempt = Self::once(target, carrier, measure, interrupt, tell)?;
            // A first attempt is not repeated: it is somebody else's session that is in the way.
            if measure || !attempt.is_busy() || Instant::now() >= deadline {
                return Ok(attempt);
            }
            tell("the camera has not forgotten the last session yet, waiting …");
            pause(interrupt, Instant::now() + BUSY_PAUSE)?;
        }
    }

    fn once(
        target: &Target,
        carrier: Carrier,
        measure: bool,
        interrupt: &Interrupt,
        tell: &dyn Fn(&str),
    ) -> io::Result<Self> {
        let registry = Arc::new(Registry::new(&target.over(carrier)));
        let slot = registry.find(target.name()).ok_or(io::ErrorKind::NotFound)?;
        let meter = Arc::new(Meter::new(Arc::clone(&interrupt.waker)));
        slot.hub.attach(Arc::clone(&meter) as _);
        let begun = Instant::now();
        let guard = registry.acquire(target.name(), &interrupt.waker).map_err(cannot)?;
        let mut live_since: Option<Instant> = None;
        let mut failure = None;
        loop {
            if interrupt.happened() {
                drop(guard);
                registry.stop(Instant::now() + FAREWELL);
                return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
            }
            let mut until = None;
            match guard.standing() {
                Standing::Failed(offline, _) => {
                    failure = Some(offline);
                    break;
                }
                Standing::Live(presentation, ..) => {
                    if !measure {
                        live_since.get_or_insert_with(Instant::now);
                        break;
                    }
                    let since = *live_since.get_or_insert_with(|| {
                        tell(&format!(
                            "media flows; counting for up to {} s …",
                            MEASURING.as_secs()
                        ));
                        Instant::now()
                    });
                    let (main, video) = main_track(&presentation);
                    if meter.has_enough(main, video) || since.elapsed() >= MEASURING {
                        break;
                    }
                    until = Some(since + MEASURING);
                }
                Standing::Pending | Standing::Described(..) | Standing::Closed(_) => {}
            }
            wait_woken(&interrupt.waker, until)?;
        }
        drop(guard);
        registry.stop(Instant::now() + FAREWELL);
        let started_after = live_since.map(|since| since - begun);
        Ok(Self::of(&slot, carrier, failure, started_after, measure.then_some(&*meter)))
    }

    fn of(
        slot: &Slot,
        carrier: Carrier,
        failure: Option<Offline>,
        started_after: Option<Duration>,
        meter: Option<&Meter>,
    ) -> Self {
        let presentation = slot.presentation();
        let tracks = presentation.iter().flat_map(|presentation| &presentation.tracks);
        let rates = tracks
            .enumerate()
            .filter_map(|(index, track)| Some(meter?.rates(index, track.clock_rate)))
            .collect();
        Self {
            carrier,
            failure,
            facts: slot.facts(),
            oddities: slot.status().oddities,
            started_after,
            rates,
            presentation,
        }
    }

    /// What carried the media, once that was agreed on.
    pub(super) fn carried(&self) -> Option<Carrier> {
        self.facts.as_ref().and_then(|facts| facts.carrier)
    }

    /// Whether media came, over the transport that was asked for: by multicast as well from a camera
    /// that has no other kind of UDP.
    pub(super) fn works(&self) -> bool {
        let is_fit = |carried| {
            carried == self.carrier || (self.carrier, carried) == (Carrier::Udp, Carrier::Multicast)
        };
        self.failure.is_none() && self.carried().is_none_or(is_fit)
    }

    /// Why it failed, without the hint for those who can choose another transport: the probe
    /// tries the others itself.
    pub(super) fn reason(&self) -> Option<&str> {
        let text = &*self.failure.as_ref()?.text;
        let hint = [": try transport=", ": does a "].iter().find_map(|hint| text.find(hint));
        text.get(..hint.unwrap_or(text.len()))
    }

    /// Whether the login is what stood in the way.
    pub(super) fn is_login_refused(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind == OfflineKind::Login)
    }

    /// Whether the camera does not send by what it was asked for.
    pub(super) fn is_transport_refused(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| matches!(failure.cause, Cause::Transport))
    }

    /// Whether the camera had no session to give.
    pub(super) fn is_busy(&self) -> bool {
        self.failure.as_ref().is_some_and(Offline::is_busy)
    }
}

/// The place of the track that counts, and whether it is video.
pub(super) fn main_track(presentation: &Presentation) -> (usize, bool) {
    let video = presentation.tracks.iter().position(|track| track.is_video() && track.offered);
    (video.unwrap_or(0), video.is_some())
}

fn pause(interrupt: &Interrupt, until: Instant) -> io::Result<()> {
    while Instant::now() < until {
        wait_woken(&interrupt.waker, Some(until))?;
        if interrupt.happened() {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
        }
    }
    Ok(())
}

/// With one stream and a new registry, only the system can refuse.
fn cannot(error: AcquireError) -> io::Error {
    match error {
        AcquireError::NoResources(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
