//! How much one UDP viewer gets at a time.
//!
//! TCP makes a sender wait for its receiver; with UDP a burst that the receiver's socket buffer
//! cannot hold is lost. So a key frame and the first group of pictures go out in portions.

use std::time::{Duration, Instant};

/// What may go out at once. A socket buffer that nobody has enlarged holds 208 KiB on Linux, and
/// the kernel counts about twice the bytes of a packet.
pub(super) const PORTION: usize = 64 * 1024;
/// What is added in a second: 100 Mbit/s, more than any camera sends and what most paths take.
const BYTES_PER_SECOND: u64 = 12 * 1024 * 1024;
/// A pause is long enough for so much, so that a thread is not woken for each packet.
const STEP: usize = PORTION / 2;
/// What a packet costs its receiver beside its bytes.
const OVERHEAD: usize = 256;

/// What may be sent now; it fills up with time.
#[derive(Debug)]
pub(super) struct Allowance {
    left: usize,
    at: Instant,
}

impl Allowance {
    /// A whole portion.
    pub(super) fn new(now: Instant) -> Self {
        Self { left: PORTION, at: now }
    }

    /// Lets time do its work.
    pub(super) fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_micros() as u64;
        let more = passed.saturating_mul(BYTES_PER_SECOND) / 1_000_000;
        // What is less than a byte waits for the next time.
        if more > 0 {
            self.left = self.left.saturating_add(more as usize).min(PORTION);
            self.at = now;
        }
    }

    /// Whether so much may go out now.
    pub(super) fn covers(&self, cost: usize) -> bool {
        cost <= self.left
    }

    /// So much has gone out.
    pub(super) fn spend(&mut self, cost: usize) {
        self.left = self.left.saturating_sub(cost);
    }

    /// When to go on with a packet of this cost, of `rest` bytes in all that are waiting.
    pub(super) fn resume(&self, cost: usize, rest: usize) -> Instant {
        let wanted = rest.min(STEP).max(cost).saturating_sub(self.left) as u64;
        self.at + Duration::from_micros(wanted * 1_000_000 / BYTES_PER_SECOND + 1)
    }
}

/// What a packet of so many bytes costs; never more than a portion.
pub(super) fn cost(bytes: usize) -> usize {
    (bytes + OVERHEAD).min(PORTION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portion_goes_at_once_and_the_rest_at_the_pace() {
        let begin = Instant::now();
        let mut allowance = Allowance::new(begin);
        let (mut now, mut sent) = (begin, 0);
        let packet = cost(1400);
        while sent < 10 * PORTION {
            if allowance.covers(packet) {
                allowance.spend(packet);
                sent += packet;
                continue;
            }
            assert!(sent >= PORTION - packet, "the first portion needs no pause");
            let resume = allowance.resume(packet, usize::MAX);
            assert!(resume > now);
            now = resume;
            allowance.refill(now);
            assert!(allowance.covers(packet), "no pause is in vain");
        }
        let took = (now - begin).as_secs_f64();
        let ideal = 9.0 * PORTION as f64 / BYTES_PER_SECOND as f64;
        assert!((ideal * 0.9..ideal * 1.2).contains(&took), "{took} s instead of {ideal}");
    }

    #[test]
    fn the_largest_packet_there_is_can_be_sent() {
        let allowance = Allowance::new(Instant::now());
        assert!(allowance.covers(cost(65_535)));
    }
}
