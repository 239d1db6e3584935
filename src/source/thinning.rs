//! What is told of pictures that `max_bandwidth_kbps` has had left out.

use std::time::{Duration, Instant};

use super::slot::Slot;

/// After so long without a picture left out the next one is news again.
const THINNING_MEMORY: Duration = Duration::from_secs(60);

/// What was last told of pictures that `max_bandwidth_kbps` has had left out.
#[derive(Default)]
pub(super) struct Thinning {
    told: u64,
    /// Since when there was none; `None` while there are.
    under: Option<Instant>,
    is_over: bool,
}

impl Thinning {
    /// Says when the stream begins to be over its limit, and when it has not been for a while.
    pub(super) fn tell(&mut self, slot: &Slot, now: Instant) {
        let thinned = slot.hub.thinned();
        let (name, more) = (&slot.stream.name, thinned - self.told);
        self.told = thinned;
        if more > 0 {
            self.under = None;
            if !std::mem::replace(&mut self.is_over, true) {
                log::warn!(
                    "the camera sends more than max_bandwidth_kbps, leaving out pictures stream={name} pictures={more}"
                );
            }
        } else if self.is_over && now - *self.under.get_or_insert(now) >= THINNING_MEMORY {
            self.is_over = false;
            log::info!("no pictures are left out any more stream={name} pictures={thinned}");
        }
    }
}
