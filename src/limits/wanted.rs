//! Whether the main thread's tick is wanted.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use crate::net::Waker;

/// Begun by the first client, ended by the main thread when there is none.
#[derive(Debug)]
pub struct Wanted {
    wanted: AtomicBool,
    waker: Arc<Waker>,
}

impl Wanted {
    /// Not wanted.
    pub fn new() -> io::Result<Self> {
        Ok(Self { wanted: AtomicBool::new(false), waker: Arc::new(Waker::new()?) })
    }

    /// Wakes the main thread.
    pub fn waker(&self) -> &Arc<Waker> {
        &self.waker
    }

    /// There is a client now.
    pub fn want(&self) {
        if !self.wanted.swap(true, SeqCst) {
            self.waker.wake();
        }
    }

    /// Whether there is a tick.
    pub fn is_wanted(&self) -> bool {
        self.wanted.load(SeqCst)
    }

    /// Whether it goes on: `needed` is asked after it was taken back, so that a client who comes
    /// just now is either seen or wakes the main thread.
    pub fn goes_on(&self, needed: impl FnOnce() -> bool) -> bool {
        self.wanted.store(false, SeqCst);
        let needed = needed();
        if needed {
            self.wanted.store(true, SeqCst);
        }
        needed
    }
}
