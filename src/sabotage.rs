//! Failures on demand, for tests of what happens then.
//!
//! The environment names a thread by the beginning of its name; the failure happens once, to the
//! first thread that is called so.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// The thread panics while it works: a viewer's (`c7`) while it plays, a source's (`s:door`) while
/// the camera sends, `accept:8554` with the next connection, `udp` with the next report, `main`
/// with the next tick.
static PANIC: Order = Order::new("RTSP_RELAY_PANIC");
/// The thread cannot be started, as if the system had none left.
static NO_THREAD: Order = Order::new("RTSP_RELAY_NO_THREAD");

struct Order {
    variable: &'static str,
    thread: OnceLock<Option<String>>,
    done: AtomicBool,
}

impl Order {
    const fn new(variable: &'static str) -> Self {
        Self { variable, thread: OnceLock::new(), done: AtomicBool::new(false) }
    }

    fn is_for(&self, name: &str) -> bool {
        let thread = self.thread.get_or_init(|| std::env::var(self.variable).ok());
        thread.as_ref().is_some_and(|begin| name.starts_with(begin.as_str()))
            && !self.done.swap(true, SeqCst)
    }
}

/// A place where a thread panics if `RTSP_RELAY_PANIC` says so.
#[allow(clippy::panic, reason = "that is what it is for")]
pub fn panic_point() {
    let thread = std::thread::current();
    if thread.name().is_some_and(|name| PANIC.is_for(name)) {
        panic!("{} asks for it", PANIC.variable);
    }
}

/// Fails if `RTSP_RELAY_NO_THREAD` says that a thread of this name is not to be had.
pub fn may_spawn(name: &str) -> io::Result<()> {
    match NO_THREAD.is_for(name) {
        true => Err(io::ErrorKind::WouldBlock.into()),
        false => Ok(()),
    }
}
