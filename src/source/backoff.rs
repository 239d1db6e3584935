//! When a camera is tried again: pauses that double, with jitter.

use std::time::Duration;

use crate::config::model::Retry;

/// The pauses between the attempts to reach one camera.
#[derive(Clone, Debug)]
pub struct Backoff {
    retry: Retry,
    failures: u32,
}

impl Backoff {
    /// No failure so far.
    pub fn new(retry: Retry) -> Self {
        Self { retry, failures: 0 }
    }

    /// Other pauses from the next failure on.
    pub fn change(&mut self, retry: Retry) {
        self.retry = retry;
    }

    /// An attempt failed: the pause before the next, `None` when there shall be none until
    /// somebody new asks. `random` spreads the pause over its second half, so that a hundred
    /// relays do not knock at a rebooted camera in step.
    pub fn failed(&mut self, random: u64) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        if self.retry.max_attempts.is_some_and(|max| self.failures >= max) {
            return None;
        }
        let doubled = 2u32.checked_pow(self.failures - 1).unwrap_or(u32::MAX);
        let full = self.retry.initial.saturating_mul(doubled).min(self.retry.max);
        let half = full / 2;
        let spread = half.as_nanos() * u128::from(random >> 32) / u128::from(u32::MAX);
        Some(half + Duration::from_nanos(spread as u64))
    }

    /// The camera works: begin anew with the next failure.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }

    /// Attempts that failed in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// The least time between two attempts, whoever asks.
    pub fn least(&self) -> Duration {
        self.retry.initial
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn retry(max_attempts: Option<u32>) -> Retry {
        Retry { initial: Duration::from_millis(500), max: Duration::from_secs(30), max_attempts }
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew_after_success() {
        let mut backoff = Backoff::new(retry(None));
        let pauses: Vec<_> = (0..8).map(|_| backoff.failed(u64::MAX).unwrap()).collect();
        let ms: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
        assert_eq!(ms, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        backoff.succeeded();
        assert_eq!(backoff.failed(u64::MAX).unwrap().as_millis(), 500);
    }

    #[test]
    fn jitter_takes_up_to_half_of_a_pause() {
        for (random, ms) in [(0, 250), (u64::MAX / 2, 374), (u64::MAX, 500)] {
            let pause = Backoff::new(retry(None)).failed(random).unwrap();
            assert_eq!(pause.as_millis(), ms);
        }
    }

    #[test]
    fn it_gives_up_after_the_last_attempt() {
        let mut backoff = Backoff::new(retry(Some(2)));
        assert!(backoff.failed(0).is_some());
        assert_eq!(backoff.failed(0), None);
        for _ in 0..100 {
            assert_eq!(backoff.failed(0), None);
        }
    }
}
