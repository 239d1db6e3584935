//! `on_offline=hold`: viewers stay and see the last picture, standing still.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::slot::Slot;
use super::{Offline, OfflineKind};

/// One outage's holding.
#[derive(Debug)]
pub(super) struct Hold {
    /// `hold_timeout_s`.
    timeout: Option<Duration>,
    /// Since when the picture stands still.
    since: Option<Instant>,
}

/// How it goes.
#[derive(Debug)]
pub(super) enum Holding {
    /// There is something to do again at this moment.
    Until(Option<Instant>),
    /// It has been long enough: why viewers are ended.
    Over(Offline),
}

impl Hold {
    pub(super) fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, since: None }
    }

    /// Something moves again.
    pub(super) fn rest(&mut self) {
        self.since = None;
    }

    /// Shows the picture again if that is due.
    pub(super) fn attend(&mut self, slot: &Slot, outage: &Offline, now: Instant) -> Holding {
        let since = *self.since.get_or_insert(now);
        let over = self.timeout.map(|timeout| since + timeout);
        if over.is_some_and(|over| now >= over) {
            let seconds = self.timeout.unwrap_or_default().as_secs();
            let text = format!("the picture was held for {seconds} s (hold_timeout_s): {outage}");
            return Holding::Over(Offline::new(OfflineKind::Lost, Arc::from(text)));
        }
        Holding::Until(slot.program.repeat(now).into_iter().chain(over).min())
    }
}
