//! The sending side of a connection: answers and media of several threads, whole one after
//! another, and nobody ever waits for the peer.

use super::faults::Switches;
use rustix::net::SendFlags;
use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What may wait for a peer that does not read; a picture beyond it is dropped.
const MAX_BACKLOG: usize = 1 << 20;

/// Shared by the connection's thread and the threads that pace media.
#[derive(Debug)]
pub struct Outlet {
    stream: TcpStream,
    switches: Arc<Switches>,
    /// What the kernel has not taken yet.
    backlog: Mutex<Vec<u8>>,
}

impl Outlet {
    /// Takes over a connection.
    pub fn new(stream: TcpStream, switches: Arc<Switches>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { stream, switches, backlog: Mutex::new(Vec::new()) })
    }

    /// The socket, for reading and waiting.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes that must not be lost.
    pub fn send(&self, bytes: &[u8]) {
        let mut backlog = self.backlog();
        backlog.extend_from_slice(bytes);
        self.drain(&mut backlog);
    }

    /// Sends a picture with one write; `false` if it was dropped because the peer does not read.
    pub fn media(&self, bytes: &[u8]) -> bool {
        let mut backlog = self.backlog();
        self.drain(&mut backlog);
        if backlog.len() > MAX_BACKLOG {
            return false;
        }
        let sent = if backlog.is_empty() { self.write(bytes) } else { 0 };
        backlog.extend_from_slice(&bytes[sent..]);
        true
    }

    /// Tries again what is waiting.
    pub fn flush(&self) {
        self.drain(&mut self.backlog());
    }

    /// Something is waiting that may be sent as soon as the peer reads.
    pub fn is_waiting(&self) -> bool {
        !self.switches.stalled() && !self.backlog().is_empty()
    }

    fn backlog(&self) -> MutexGuard<'_, Vec<u8>> {
        self.backlog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drain(&self, backlog: &mut Vec<u8>) {
        if !backlog.is_empty() && !self.switches.stalled() {
            let sent = self.write(backlog);
            backlog.drain(..sent);
        }
    }

    /// One write. On a broken connection everything counts as sent; its own thread will notice.
    fn write(&self, bytes: &[u8]) -> usize {
        use rustix::io::Errno;
        loop {
            match rustix::net::send(&self.stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL)
            {
                Ok(sent) => return sent,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return 0,
                Err(_) => {
                    self.close();
                    return bytes.len();
                }
            }
        }
    }

    /// Ends the connection in order: what the kernel has is still delivered.
    pub fn close(&self) {
        // It may be closed already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Resets the connection at once, although other threads still hold the socket: dissolving
    /// its association makes the kernel send RST and throw away what it has.
    pub fn reset(&self) {
        let _ = socket2::SockRef::from(&self.stream).set_linger(Some(std::time::Duration::ZERO));
        if let Err(error) = rustix::net::connect_unspec(&self.stream) {
            log::warn!("cannot reset a connection: {error}");
            self.close();
        }
    }
}
