//! Waiting for a condition, with a bound: the one place where tests sleep.

use std::thread::sleep;
use std::time::{Duration, Instant};

const NAP: Duration = Duration::from_millis(10);

/// Whether `condition` came true within `timeout`.
#[must_use]
pub fn wait_until(timeout: Duration, mut condition: impl FnMut() -> bool) -> bool {
    wait_for(timeout, || condition().then_some(())).is_some()
}

/// The first value that `attempt` gives within `timeout`.
#[must_use]
pub fn wait_for<T>(timeout: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + timeout;
    loop {
        if let Some(value) = attempt() {
            return Some(value);
        }
        if Instant::now() >= deadline {
            return None;
        }
        sleep(NAP);
    }
}
