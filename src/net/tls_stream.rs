//! TLS on a non-blocking socket: bytes go in and out when they can, and nothing waits here.

use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustls::Connection;

/// The first byte of every TLS connection: a record of the handshake.
pub const HANDSHAKE_RECORD: u8 = 22;

/// Records taken in by one call; a peer that sends without end and says nothing must not keep a
/// thread from everything else.
const MAX_READS: u32 = 64;

/// What the peer sent is no TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotTls;

impl fmt::Display for NotTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("plain text where TLS is spoken")
    }
}

impl std::error::Error for NotTls {}

/// Why a client's TLS cannot go on, of an error of the kind `InvalidData`, for the log.
pub fn client_failure(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("it does not accept the relay's TLS, or tls_certificate: {alert:?}")
        }
        _ => format!("its TLS cannot be understood: {error}"),
    }
}

/// A connection with TLS on it. The lock is for the reader and the writer of one thread: they are
/// separate values, and TLS has one state for both.
pub struct TlsStream {
    socket: TcpStream,
    session: Mutex<Session>,
}

struct Session {
    tls: Connection,
    /// The peer has sent something.
    begun: bool,
    /// There may be more to read than the last call had room for.
    unread: bool,
}

impl TlsStream {
    /// Over a non-blocking socket.
    pub fn new(socket: TcpStream, tls: impl Into<Connection>) -> Self {
        let session = Session { tls: tls.into(), begun: false, unread: false };
        Self { socket, session: Mutex::new(session) }
    }

    /// What it runs on.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Whether the two sides are still agreeing on keys.
    pub fn is_handshaking(&self) -> bool {
        self.lock().tls.is_handshaking()
    }

    /// Goes on with the handshake as far as the socket lets it; `true` when it is over. Errors are
    /// those of [`TlsStream::read`].
    pub fn handshake(&self) -> io::Result<bool> {
        let mut session = self.lock();
        session.flush(&self.socket)?;
        while session.tls.is_handshaking() {
            match session.take_in(&self.socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        // The first words may have come with the last of the handshake.
        session.unread = true;
        session.flush(&self.socket)
    }

    /// Whether something that was accepted for writing has not left yet.
    pub fn is_pending(&self) -> bool {
        self.lock().tls.wants_write()
    }

    /// Whether a read may bring something although the socket has nothing.
    pub fn has_unread(&self) -> bool {
        self.lock().unread
    }

    /// Fills `buffer` as far as there is something; 0 is the end. A read that does not fill it has
    /// taken everything the socket had. Errors of TLS itself have the kind `InvalidData`, and
    /// [`NotTls`] or `rustls::Error` inside.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut session = self.lock();
        let mut filled = 0;
        session.unread = false;
        for _ in 0..MAX_READS {
            match session.tls.reader().read(&mut buffer[filled..]) {
                Ok(count) => {
                    filled += count;
                    if count > 0 && filled < buffer.len() {
                        continue;
                    }
                    // The end, behind what was read, is told next time.
                    session.unread = filled > 0;
                    return Ok(filled);
                }
                // Players close without a word; a message that is cut off shows by itself.
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(filled),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match session.take_in(&self.socket) {
                Ok(_) => {}
                Err(_) if filled > 0 => return Ok(filled),
                Err(error) => return Err(error),
            }
        }
        session.unread = true;
        if filled > 0 { Ok(filled) } else { Err(ErrorKind::WouldBlock.into()) }
    }

    /// Accepts as much of the slices as may wait here, and none while something does.
    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut session = self.lock();
        if !session.flush(&self.socket)? {
            return Err(ErrorKind::WouldBlock.into());
        }
        let accepted = session.tls.writer().write_vectored(slices)?;
        session.flush(&self.socket)?;
        Ok(accepted)
    }

    /// Sends what waits here; `true` when nothing is left.
    pub fn flush(&self) -> io::Result<bool> {
        self.lock().flush(&self.socket)
    }

    /// Says that nothing more will be written.
    pub fn shutdown_write(&self) -> io::Result<()> {
        let mut session = self.lock();
        session.tls.send_close_notify();
        session.flush(&self.socket)?;
        self.socket.shutdown(Shutdown::Write)
    }

    fn lock(&self) -> MutexGuard<'_, Session> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Takes some of what the socket has, 0 bytes at the end, and answers what needs an answer.
    fn take_in(&mut self, socket: &TcpStream) -> io::Result<usize> {
        if !self.begun {
            let mut first = [0];
            let count = socket.peek(&mut first)?;
            if count == 1 && first[0] != HANDSHAKE_RECORD {
                return Err(io::Error::new(ErrorKind::InvalidData, NotTls));
            }
            self.begun = true;
        }
        let count = self.tls.read_tls(&mut &*socket)?;
        let outcome = self.tls.process_new_packets();
        // Also the alert that says what was wrong. What does not go now goes with the next flush.
        let _ = self.flush(socket);
        match outcome {
            Ok(_) => Ok(count),
            Err(error) => Err(io::Error::new(ErrorKind::InvalidData, error)),
        }
    }

    fn flush(&mut self, socket: &TcpStream) -> io::Result<bool> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut &*socket) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream").field("socket", &self.socket).finish_non_exhaustive()
    }
}
