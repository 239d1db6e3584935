//! Waiting for a socket, a waker or a moment, whichever comes first.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
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

impl Interest {
    fn flags(self) -> PollFlags {
        match self {
            Self::Read => PollFlags::IN | PollFlags::RDHUP,
            Self::Write => PollFlags::OUT,
            Self::ReadWrite => PollFlags::IN | PollFlags::OUT | PollFlags::RDHUP,
            Self::Hangup => PollFlags::RDHUP,
        }
    }
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
    let mut fds = [PollFd::new(socket, interest.flags()), PollFd::new(waker, PollFlags::IN)];
    poll_until(&mut fds, deadline)?;
    Ok(happened(&fds[0], &fds[1], waker))
}

/// Waits like [`wait`] for bytes on `socket`, and at the same time for datagrams on the sockets of
/// `others`; the places of those that have any are put into `readable`, in order.
pub fn wait_all(
    socket: &impl AsFd,
    others: &[BorrowedFd<'_>],
    waker: &Waker,
    deadline: Option<Instant>,
    readable: &mut Vec<usize>,
) -> io::Result<Ready> {
    let mut fds = Vec::with_capacity(2 + others.len());
    fds.push(PollFd::new(socket, PollFlags::IN | PollFlags::RDHUP));
    fds.push(PollFd::new(waker, PollFlags::IN));
    fds.extend(others.iter().map(|other| PollFd::from_borrowed_fd(*other, PollFlags::IN)));
    poll_until(&mut fds, deadline)?;
    readable.clear();
    let others = fds.iter().skip(2).enumerate();
    // An error is read like a datagram, which clears it.
    readable.extend(others.filter(|(_, fd)| !fd.revents().is_empty()).map(|(place, _)| place));
    Ok(happened(&fds[0], &fds[1], waker))
}

/// Waits like [`wait`] for what is wanted of `one`, and at the same time for bytes on `other`. The
/// waker is told of with the first.
pub fn wait_both(
    one: &impl AsFd,
    interest: Interest,
    other: &impl AsFd,
    waker: &Waker,
    deadline: Option<Instant>,
) -> io::Result<(Ready, Ready)> {
    let mut fds = [
        PollFd::new(one, interest.flags()),
        PollFd::new(waker, PollFlags::IN),
        PollFd::new(other, Interest::Read.flags()),
    ];
    poll_until(&mut fds, deadline)?;
    let first = happened(&fds[0], &fds[1], waker);
    Ok((first, happened(&fds[2], &fds[1], waker)))
}

/// Waits until one of the sockets has datagrams, the waker is woken or the deadline has passed; the
/// places of the sockets that have any are put into `readable`, in order.
pub fn wait_any(
    sockets: &[BorrowedFd<'_>],
    waker: &Waker,
    deadline: Option<Instant>,
    readable: &mut Vec<usize>,
) -> io::Result<()> {
    let mut fds = vec![PollFd::new(waker, PollFlags::IN)];
    fds.extend(sockets.iter().map(|socket| PollFd::from_borrowed_fd(*socket, PollFlags::IN)));
    poll_until(&mut fds, deadline)?;
    readable.clear();
    let others = fds.iter().skip(1).enumerate();
    readable.extend(others.filter(|(_, fd)| !fd.revents().is_empty()).map(|(place, _)| place));
    if fds.first().is_some_and(|woken| !woken.revents().is_empty()) {
        waker.clear();
    }
    Ok(())
}

fn happened(socket: &PollFd<'_>, woken: &PollFd<'_>, waker: &Waker) -> Ready {
    let socket = socket.revents();
    let failed = socket.intersects(PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL);
    let ready = Ready {
        readable: socket.contains(PollFlags::IN) || failed,
        writable: socket.contains(PollFlags::OUT) || failed,
        hangup: socket.contains(PollFlags::RDHUP) || failed,
        woken: woken.revents().contains(PollFlags::IN),
    };
    if ready.woken {
        waker.clear();
    }
    ready
}

/// Waits until the waker is woken (`true`) or the deadline has passed (`false`).
pub fn wait_woken(waker: &Waker, deadline: Option<Instant>) -> io::Result<bool> {
    let woken = wait_readable(waker, deadline)?;
    if woken {
        waker.clear();
    }
    Ok(woken)
}

/// Waits until there is something to read (`true`) or the deadline has passed (`false`).
pub fn wait_readable(source: &impl AsFd, deadline: Option<Instant>) -> io::Result<bool> {
    let mut fds = [PollFd::new(source, PollFlags::IN)];
    poll_until(&mut fds, deadline)?;
    Ok(!fds[0].revents().is_empty())
}

fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> io::Result<()> {
    loop {
        match poll(fds, remaining(deadline).as_ref()) {
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
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

    #[test]
    fn datagrams_are_seen_beside_the_connection_and_told_apart() {
        use std::net::UdpSocket;
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let waker = Waker::new().unwrap();
        let sockets = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
        let fds: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
        let far = || Some(Instant::now() + Duration::from_secs(10));
        let mut readable = vec![7];
        sockets[0].send_to(b"x", sockets[2].local_addr().unwrap()).unwrap();
        let ready = wait_all(&ours, &fds, &waker, far(), &mut readable).unwrap();
        assert_eq!((ready, readable.as_slice()), (Ready::default(), &[2][..]));
        theirs.write_all(b"x").unwrap();
        sockets[2].recv(&mut [0; 8]).unwrap();
        let ready = wait_all(&ours, &fds, &waker, far(), &mut readable).unwrap();
        assert!(ready.readable && readable.is_empty());
    }
}
