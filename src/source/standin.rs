//! The thread `h:NAME`: serves the viewers of a stream whose camera is away.
//!
//! It exists from the camera's failure until the camera is back on the air or nobody wants the
//! stream any more, and only where there is something to do: `on_offline=hold`, or a fallback. A
//! thread of its own, because the reader may be stuck in the lookup of the camera's name while
//! viewers need their picture.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::Instant;

use super::Offline;
use super::fallback::{Fallback, Help};
use super::hold::{Hold, Holding};
use super::registry::Registry;
use super::slot::{Showing, Slot};
use crate::config::model::{OnOffline, Stream};
use crate::drill;
use crate::net::{Waker, wait};

const STACK: usize = 256 * 1024;

/// Sees to the viewers of a stream whose camera has gone; `false` when there is nothing to do for
/// them.
pub(super) fn call(registry: &Arc<Registry>, slot: &Arc<Slot>) -> bool {
    let stream = slot.stream.now();
    if stream.on_offline == OnOffline::Disconnect && stream.fallback.is_none() {
        return false;
    }
    let called = slot.call_stand_in(|| {
        let waker = Arc::new(Waker::new()?);
        spawn(registry, slot, &waker)?;
        Ok(waker)
    });
    if let Err(error) = &called {
        log::error!("nobody can stand in for the camera: {error} stream={}", stream.name);
        slot.show(Showing::Nothing);
    }
    called.is_ok()
}

fn spawn(registry: &Arc<Registry>, slot: &Arc<Slot>, waker: &Arc<Waker>) -> io::Result<()> {
    let (registry, slot, waker) = (Arc::clone(registry), Arc::clone(slot), Arc::clone(waker));
    let name = format!("h:{}", slot.stream.name);
    drill::may_spawn(&name)?;
    Builder::new().name(name).stack_size(STACK).spawn(move || {
        let stand_in = StandIn::new(&registry, &slot, waker);
        let outcome = catch_unwind(AssertUnwindSafe(|| stand_in.run()));
        let failure = match &outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(panic) => Some(drill::reason(&**panic).to_owned()),
        };
        if let Some(reason) = failure {
            log::error!("internal failure, nobody stands in: {reason} stream={}", slot.stream.name);
            slot.show(Showing::Nothing);
            slot.hub.end(&Arc::from("the relay failed internally"));
            slot.stand_in_failed();
        }
    })?;
    Ok(())
}

struct StandIn {
    registry: Arc<Registry>,
    slot: Arc<Slot>,
    /// The settings that the rest is made of.
    stream: Arc<Stream>,
    waker: Arc<Waker>,
    hold: Option<Hold>,
    fallback: Option<Fallback>,
    /// Viewers have been ended in this outage.
    over: bool,
    /// What the log said last.
    told: Option<Showing>,
}

impl StandIn {
    fn new(registry: &Arc<Registry>, slot: &Arc<Slot>, waker: Arc<Waker>) -> Self {
        let mut stand_in = Self {
            registry: Arc::clone(registry),
            stream: slot.stream.now(),
            hold: None,
            fallback: None,
            slot: Arc::clone(slot),
            waker,
            over: false,
            told: None,
        };
        stand_in.prepare();
        stand_in
    }

    /// As the settings have it.
    fn prepare(&mut self) {
        let holds = self.stream.on_offline == OnOffline::Hold;
        self.hold = holds.then(|| Hold::new(self.stream.hold_timeout));
        let fallback = self.stream.fallback.as_deref();
        self.fallback =
            fallback.map(|name| Fallback::new(&self.registry, &self.slot, name, &self.waker));
        self.over = false;
    }

    fn run(mut self) -> io::Result<()> {
        self.slot.hub.attend(Some(Arc::clone(&self.waker)));
        loop {
            let Some(outage) = self.slot.outage() else {
                self.rest();
                if self.slot.dismiss() {
                    return Ok(());
                }
                self.slot.hub.attend(Some(Arc::clone(&self.waker)));
                continue;
            };
            let stream = self.slot.stream.now();
            if stream != self.stream {
                self.stream = stream;
                self.prepare();
            }
            let next = self.serve(&outage, Instant::now());
            wait::wait_woken(&self.waker, next)?;
        }
    }

    /// The outage is over.
    fn rest(&mut self) {
        self.slot.hub.attend(None);
        if let Some(fallback) = &mut self.fallback {
            fallback.release();
        }
        if let Some(hold) = &mut self.hold {
            hold.rest();
        }
        self.over = false;
        self.told = None;
    }

    /// Does what is due now; tells when to look again, if nothing happens before.
    fn serve(&mut self, outage: &Offline, now: Instant) -> Option<Instant> {
        drill::pass("stand-in");
        let help = self.fallback.as_mut().map_or(Help::None(None), |f| f.attend(now));
        let again = match help {
            Help::OnAir => {
                if let Some(hold) = &mut self.hold {
                    hold.rest();
                }
                self.over = false;
                self.show(Showing::Fallback);
                return None;
            }
            Help::Trying => None,
            Help::None(at) => at,
        };
        let trying = help == Help::Trying;
        match &mut self.hold {
            _ if self.over => again,
            Some(hold) => match hold.attend(&self.slot, outage, now) {
                Holding::Until(next) => {
                    let holds = self.slot.program.has_picture();
                    self.show(match (holds, trying) {
                        (true, _) => Showing::Held,
                        (false, true) => Showing::Trying,
                        (false, false) => Showing::Nothing,
                    });
                    again.into_iter().chain(next).min()
                }
                Holding::Over(offline) => {
                    self.end(&offline);
                    again
                }
            },
            None if trying => {
                self.show(Showing::Trying);
                again
            }
            None => {
                self.end(outage);
                again
            }
        }
    }

    /// Nothing can be shown: viewers are told why.
    fn end(&mut self, offline: &Offline) {
        self.over = true;
        self.slot.show(Showing::Nothing);
        self.slot.hub.end(&offline.text);
    }

    fn show(&mut self, showing: Showing) {
        if !self.slot.show(showing) || self.told.replace(showing) == Some(showing) {
            return;
        }
        let stream = &self.slot.stream.name;
        match (showing, &self.fallback) {
            (Showing::Held, _) => log::info!("showing the last picture stream={stream}"),
            (Showing::Fallback, Some(fallback)) => {
                log::info!("showing the fallback stream={stream} fallback={}", fallback.name());
            }
            _ => {}
        }
    }
}
