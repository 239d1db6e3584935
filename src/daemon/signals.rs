//! Signals as something to wait for: the handlers set a flag and write a byte.

use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};

use crate::net::{Interest, Waker, wait};

/// What the operator wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signal {
    /// To end in good order.
    End,
    /// The table of what is going on.
    Status,
    /// To read the configuration again.
    Reload,
}

/// The signals that are caught.
#[derive(Debug)]
pub(super) struct Signals {
    pipe: UnixStream,
    flags: Vec<(Arc<AtomicBool>, Signal)>,
}

impl Signals {
    /// From now on the signals are caught.
    pub(super) fn catch() -> io::Result<Self> {
        let (pipe, writer) = UnixStream::pair()?;
        pipe.set_nonblocking(true)?;
        let wanted = [
            (SIGTERM, Signal::End),
            (SIGINT, Signal::End),
            (SIGUSR1, Signal::Status),
            (SIGHUP, Signal::Reload),
        ];
        let catch = |(number, signal)| {
            let flag = Arc::new(AtomicBool::new(false));
            signal_hook::flag::register(number, Arc::clone(&flag))?;
            signal_hook::low_level::pipe::register(number, writer.try_clone()?)?;
            Ok((flag, signal))
        };
        let flags: io::Result<_> = wanted.into_iter().map(catch).collect();
        Ok(Self { pipe, flags: flags? })
    }

    /// The next signal; `None` when `deadline` has passed without one, or the waker was woken.
    pub(super) fn wait(
        &self,
        waker: &Waker,
        deadline: Option<Instant>,
    ) -> io::Result<Option<Signal>> {
        loop {
            // First the bytes, then the flags: a signal in between leaves a byte behind.
            while matches!((&self.pipe).read(&mut [0; 16]), Ok(count) if count > 0) {}
            for (flag, signal) in &self.flags {
                if flag.swap(false, SeqCst) {
                    return Ok(Some(*signal));
                }
            }
            if !wait(&self.pipe, Interest::Read, waker, deadline)?.readable {
                return Ok(None);
            }
        }
    }
}
