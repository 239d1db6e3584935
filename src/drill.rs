//! Failures on demand: what a bug in one thread does to the others is for tests to see.
//!
//! With `RTSP_RELAY_PANIC=PLACE:N` in the environment the process panics once, at the `N`th time
//! that it passes that place. With `RTSP_RELAY_NO_THREAD=NAME` the first thread whose name begins so
//! cannot be started, as if the system had none left.

use std::any::Any;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{LazyLock, Mutex, PoisonError};

const SWITCH: &str = "RTSP_RELAY_PANIC";
const NO_THREAD_SWITCH: &str = "RTSP_RELAY_NO_THREAD";

struct Drill {
    place: String,
    left: AtomicU64,
}

static DRILL: LazyLock<Option<Drill>> = LazyLock::new(|| {
    let wish = std::env::var(SWITCH).ok()?;
    let (place, count) = wish.split_once(':')?;
    Some(Drill { place: place.to_owned(), left: AtomicU64::new(count.parse().ok()?) })
});

/// The name whose turn it is, until it has been refused.
static NO_THREAD: LazyLock<Mutex<Option<String>>> =
    LazyLock::new(|| Mutex::new(std::env::var(NO_THREAD_SWITCH).ok()));

/// An error if a thread of this name is not to be had.
pub fn may_spawn(name: &str) -> io::Result<()> {
    let mut wish = NO_THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    match wish.take_if(|begin| name.starts_with(begin.as_str())) {
        Some(_) => Err(io::ErrorKind::WouldBlock.into()),
        None => Ok(()),
    }
}

/// Panics if it is this place's turn.
#[allow(clippy::panic, reason = "that is what it is for")]
pub fn pass(place: &str) {
    if let Some(drill) = DRILL.as_ref().filter(|drill| drill.place == place) {
        // It passes zero once.
        if drill.left.fetch_sub(1, Relaxed) == 1 {
            panic!("{SWITCH} says so");
        }
    }
}

/// What a caught panic said.
pub fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_a_panic_are_found_in_either_form() {
        let caught = |text: &str| -> Box<dyn Any + Send> { Box::new(text.to_owned()) };
        assert_eq!(reason(&*caught("index out of bounds")), "index out of bounds");
        assert_eq!(reason(&"short"), "short");
        assert_eq!(reason(&7), "a panic");
    }
}
