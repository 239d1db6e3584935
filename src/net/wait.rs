//! Waiting for a socket, a waker or a moment, whichever comes first.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Waker;

/// What is wanted of the socket; end of file and errors are always reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Bytes to read.
    Read,
    /// Room to write, whatever there is to read.
    Write,
    /// Either.
    ReadWrite,
    /// Only that the peer is gone.
    Hangup,
}

/// What happened; nothing at all when the deadline passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// A read will not block; it may say end of file or an error.
    pub readable: bool,
    /// A write will not block; it may say an error.
    pub writable: bool,
    /// The peer closed its side, or the connection failed.
    pub hangup: bool,
    /// The waker was woken; it has been cleared.
    pub woken: bool,
}

/// Waits until the socket is ready, the waker is woken or the deadline has passed.
pub fn wait(
    socket: &impl AsFd,
    interest: Interest,
    waker: &Waker,
    deadline: Option<Instant>,
) -> io::Result<Ready> {
    let flags = match interest {
        Interest::Read => PollFlags::IN | PollFlags::RDHUP,
        Interest::Write => PollFlags::OUT,
        Interest::ReadWrite => PollFlags::IN | PollFlags::OUT | PollFlags::RDHUP,
        Interest::Hangup => PollFlags::RDHUP,
    };
    let mut fds = [PollFd::new(socket, flags), PollFd::new(waker, PollFlags::IN)];
    loop {
        match poll(&mut fds, remaining(deadline).as_ref()) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let socket = fds[0].revents();
    let failed = socket.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    let ready = Ready {
        readable: socket.contains(PollFlags::IN) || failed,
        writable: socket.contains(PollFlags::OUT) || failed,
        hangup: socket.contains(PollFlags::RDHUP) || failed,
        woken: fds[1].revents().contains(PollFlags::IN),
    };
    if ready.woken {
        waker.clear();
    }
    Ok(ready)
}

/// Waits until the waker is woken (`true`) or the deadline has passed (`false`).
pub fn wait_woken(waker: &Waker, deadline: Option<Instant>) -> io::Result<bool> {
    let mut fds = [PollFd::new(waker, PollFlags::IN)];
    loop {
        match poll(&mut fds, remaining(deadline).as_ref()) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let woken = fds[0].revents().contains(PollFlags::IN);
    if woken {
        waker.clear();
    }
    Ok(woken)
}

fn remaining(deadline: Option<Instant>) -> Option<Timespec> {
    let left = deadline?.saturating_duration_since(Instant::now());
    // A wait of years is as good as one without end, and cannot overflow.
    let left = left.min(Duration::from_secs(1 << 30));
    Some(Timespec { tv_sec: left.as_secs() as i64, tv_nsec: left.subsec_nanos().into() })
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_wake_ends_the_wait_and_is_not_seen_twice() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        waker.wake();
        waker.wake();
        let soon = || Some(Instant::now() + Duration::from_millis(5));
        assert!(wait(&ours, Interest::Read, &waker, soon()).unwrap().woken);
        assert_eq!(wait(&ours, Interest::Read, &waker, soon()).unwrap(), Ready::default());
    }

    #[test]
    fn bytes_room_and_the_peers_end_are_told_apart() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        let far = || Some(Instant::now() + Duration::from_secs(10));
        assert!(wait(&ours, Interest::Write, &waker, far()).unwrap().writable);
        theirs.write_all(b"x").unwrap();
        let ready = wait(&ours, Interest::Read, &waker, far()).unwrap();
        assert!(ready.readable && !ready.hangup);
        drop(theirs);
        assert!(wait(&ours, Interest::Hangup, &waker, far()).unwrap().hangup);
    }
}
