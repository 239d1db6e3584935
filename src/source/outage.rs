//! A slot while its camera is away: what viewers see instead, and who stands in.

use std::io;
use std::sync::Arc;

use super::Offline;
use super::slot::{Showing, Slot, State};
use crate::config::model::{OnOffline, Stream};
use crate::media::Presentation;
use crate::net::Waker;

impl Slot {
    /// What viewers see when the camera goes.
    pub(super) fn relief(&self) -> Showing {
        let stream = self.stream.now();
        let holds = stream.on_offline == OnOffline::Hold && self.program.has_picture();
        match (&stream.fallback, holds) {
            (_, true) => Showing::Held,
            (Some(_), false) => Showing::Trying,
            (None, false) => Showing::Nothing,
        }
    }

    /// The camera is what viewers see from now on.
    pub(super) fn camera_on_air(&self) {
        let mut state = self.lock();
        let was_away = state.outage.take().is_some();
        state.showing = Showing::Camera;
        state.announce();
        state.wake_stand_in();
        state.wake_clients();
        drop(state);
        if was_away {
            log::info!("showing the camera again stream={}", self.stream.name);
        }
    }

    /// Makes sure that somebody stands in; `start` starts who does, under the slot's lock.
    pub(super) fn call_stand_in(
        &self,
        start: impl FnOnce() -> io::Result<Arc<Waker>>,
    ) -> io::Result<()> {
        let mut state = self.lock();
        // One that is there is about the same outage, or looks once more before it goes.
        if state.stand_in.is_none() {
            state.stand_in = Some(start()?);
        }
        Ok(())
    }

    /// Why the camera is not what viewers see; `None` when it is, or nobody wants the stream.
    pub(super) fn outage(&self) -> Option<Offline> {
        let state = self.lock();
        state.outage.clone().filter(|_| state.needs_stand_in())
    }

    /// The stand-in has let go of everything: `true` if it may end. It must go on if the camera has
    /// failed again.
    pub(super) fn dismiss(&self) -> bool {
        let mut state = self.lock();
        if state.needs_stand_in() {
            return false;
        }
        state.stand_in = None;
        state.wake_reader();
        true
    }

    /// The stand-in ended by a failure of the relay: as if there had been none.
    pub(super) fn stand_in_failed(&self) {
        let mut state = self.lock();
        state.stand_in = None;
        state.wake_reader();
    }

    /// What viewers see; `false` when that is the camera again.
    pub(super) fn show(&self, showing: Showing) -> bool {
        let mut state = self.lock();
        if state.outage.is_none() {
            return false;
        }
        if state.showing != showing {
            state.showing = showing;
            state.announce();
            state.wake_clients();
        }
        true
    }

    /// Nobody could be told of any tracks so far: these are the fallback's.
    pub(super) fn borrowed(&self, presentation: Presentation) {
        let mut state = self.lock();
        state.presentation = Some(Arc::new(presentation));
        state.presentation_version += 1;
        state.borrowed = true;
    }
}

impl State {
    fn needs_stand_in(&self) -> bool {
        self.outage.is_some()
            && self.guards > 0
            && !self.stopping
            && self.closed.is_none()
            && self.reader.is_some()
    }

    /// Whether a viewer can have something although the camera is away.
    pub(super) fn has_relief(&self, stream: &Stream) -> bool {
        let shown = matches!(self.showing, Showing::Held | Showing::Fallback | Showing::Trying);
        shown || self.reader.is_none() && stream.fallback.is_some()
    }

    pub(super) fn wake_stand_in(&self) {
        if let Some(stand_in) = &self.stand_in {
            stand_in.wake();
        }
    }
}
