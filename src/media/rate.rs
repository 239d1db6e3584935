//! How much a stream is, in bits per second.

use std::time::{Duration, Instant};

/// Long enough for a key frame or two of most cameras.
const SECONDS: usize = 10;

/// The bytes of the last seconds, one sum for each.
#[derive(Debug, Default)]
pub struct Rate {
    begin: Option<Instant>,
    /// The second that is being counted, since `begin`.
    second: u64,
    sums: [u64; SECONDS],
    /// What was measured last, while the stream is away.
    known: Option<u64>,
}

impl Rate {
    /// Counts bytes that came at this moment.
    pub fn add(&mut self, at: Instant, bytes: usize) {
        let begin = *self.begin.get_or_insert(at);
        let second = at.saturating_duration_since(begin).as_secs();
        if second > self.second {
            for passed in self.second + 1..=second.min(self.second + SECONDS as u64) {
                self.sums[passed as usize % SECONDS] = 0;
            }
            self.second = second;
        }
        self.sums[self.second as usize % SECONDS] += bytes as u64;
    }

    /// The stream pauses: what was measured stays known, and a new measurement begins.
    pub fn interrupt(&mut self) {
        let known = self.bits_per_second();
        *self = Self { known, ..Self::default() };
    }

    /// Bits per second, of whole seconds; `None` before the first of them has passed.
    pub fn bits_per_second(&self) -> Option<u64> {
        let whole = self.second.min(SECONDS as u64 - 1);
        if whole == 0 {
            return self.known;
        }
        let current = self.second as usize % SECONDS;
        let sum: u64 = self.sums.iter().sum::<u64>() - self.sums[current];
        Some(sum * 8 / whole)
    }

    /// When there will be a measurement at the latest, if media goes on; `None` when there is one
    /// or no media has come.
    pub fn known_at(&self) -> Option<Instant> {
        let begin = self.begin.filter(|_| self.bits_per_second().is_none())?;
        Some(begin + Duration::from_secs(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_the_mean_of_the_last_whole_seconds_and_remembers_it_over_a_pause() {
        let begin = Instant::now();
        let mut rate = Rate::default();
        let mut at = begin;
        let mut run = |rate: &mut Rate, pictures: u32, bytes| {
            for _ in 0..pictures {
                rate.add(at, bytes);
                at += Duration::from_millis(40);
            }
        };
        run(&mut rate, 25, 5000);
        assert_eq!(rate.bits_per_second(), None);
        assert_eq!(rate.known_at(), Some(begin + Duration::from_secs(1)));
        run(&mut rate, 1, 5000);
        assert_eq!(rate.bits_per_second(), Some(1_000_000));
        run(&mut rate, 24 + 19 * 25, 5000);
        assert_eq!(rate.bits_per_second(), Some(1_000_000));
        run(&mut rate, 20 * 25, 10_000);
        assert_eq!(rate.bits_per_second(), Some(2_000_000));
        rate.interrupt();
        assert_eq!((rate.bits_per_second(), rate.known_at()), (Some(2_000_000), None));
        run(&mut rate, 26, 2500);
        assert_eq!(rate.bits_per_second(), Some(500_000));
    }
}
