//! Ctrl-C: the camera is told the end before the program leaves.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::Builder;

use signal_hook::consts::{SIGINT, SIGTERM};

use crate::net::Waker;

/// SIGINT and SIGTERM as a flag and a waker.
pub(super) struct Interrupt {
    pub(super) waker: Arc<Waker>,
    happened: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on; the thread that waits for a signal lives as long as the program.
    pub(super) fn catch() -> io::Result<Self> {
        let waker = Arc::new(Waker::new()?);
        let happened = Arc::new(AtomicBool::new(false));
        let (mut signals, writer) = UnixStream::pair()?;
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&happened))?;
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let wakes = Arc::clone(&waker);
        Builder::new().name("signals".into()).spawn(move || {
            while signals.read_exact(&mut [0]).is_ok() {
                wakes.wake();
            }
        })?;
        Ok(Self { waker, happened })
    }

    /// Whether somebody wants the program to end.
    pub(super) fn happened(&self) -> bool {
        self.happened.load(SeqCst)
    }
}
