//! When a session last gave a sign of life.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Beaten by the threads that hear from the client, read by the one that ends the session.
#[derive(Debug)]
pub struct Pulse {
    born: Instant,
    last_ms: AtomicU64,
}

impl Pulse {
    /// Alive now.
    pub fn new() -> Self {
        Self { born: Instant::now(), last_ms: AtomicU64::new(0) }
    }

    /// Alive now.
    pub fn beat(&self) {
        self.last_ms.store(self.born.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// For how long nothing was heard.
    pub fn silence(&self) -> Duration {
        let last = Duration::from_millis(self.last_ms.load(Ordering::Relaxed));
        self.born.elapsed().saturating_sub(last)
    }
}
