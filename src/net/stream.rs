//! A connection, plain or with TLS.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Instant;

use super::tls_stream::TlsStream;
use super::{Interest, Ready, Waker, wait};

/// A non-blocking connection. Several threads may hold it; of TLS only one at a time should use it.
#[derive(Debug)]
pub enum Stream {
    /// Bytes go out as they are.
    Plain(TcpStream),
    /// Apart, because most have none.
    Tls(Box<TlsStream>),
}

impl Stream {
    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket,
            Self::Tls(tls) => tls.socket(),
        }
    }

    /// Whether TLS is spoken.
    pub fn is_tls(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    /// Whether nothing of the user's can be exchanged yet.
    pub fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_handshaking())
    }

    /// Whether something that was written waits for the socket: wait for it to be writable, and
    /// then [`Stream::flush`].
    #[inline]
    pub fn is_pending(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(tls) => tls.is_pending(),
        }
    }

    /// Sends what waits for the socket; `true` when nothing is left.
    pub fn flush(&self) -> io::Result<bool> {
        match self {
            Self::Plain(_) => Ok(true),
            Self::Tls(tls) => tls.flush(),
        }
    }

    /// Reads into `buffer`; 0 is the end. A read that does not fill it has taken all there was.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&*socket).read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    /// Writes the bytes, or as many of them as go at once.
    #[inline]
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&*socket).write(bytes),
            Self::Tls(tls) => tls.write_vectored(&[IoSlice::new(bytes)]),
        }
    }

    /// Writes the slices one after another, or as many bytes of them as go at once.
    #[inline]
    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => (&*socket).write_vectored(slices),
            Self::Tls(tls) => tls.write_vectored(slices),
        }
    }

    /// Says that nothing more will be written.
    pub fn shutdown_write(&self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.shutdown(Shutdown::Write),
            Self::Tls(tls) => tls.shutdown_write(),
        }
    }

    /// Waits as [`wait()`] does; what was received but not read counts as readable.
    pub fn wait(
        &self,
        interest: Interest,
        waker: &Waker,
        deadline: Option<Instant>,
    ) -> io::Result<Ready> {
        let reads = matches!(interest, Interest::Read | Interest::ReadWrite);
        if reads && self.has_unread() {
            return Ok(Ready { readable: true, ..Ready::default() });
        }
        wait(self, interest, waker, deadline)
    }

    /// Whether a read may bring something although the socket has nothing.
    pub fn has_unread(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.has_unread())
    }

    /// Our address.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket().local_addr()
    }

    /// The other side's address.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket().peer_addr()
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self::Plain(socket)
    }
}

impl From<TlsStream> for Stream {
    fn from(tls: TlsStream) -> Self {
        Self::Tls(Box::new(tls))
    }
}
