//! The listening socket, which can be shut and opened again on the same port.

use super::connection;
use super::world::World;
use socket2::{Domain, Socket, Type};
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;

/// After an error of accept (no descriptor left, say).
const PAUSE: Duration = Duration::from_millis(100);

/// Open: a thread accepts. Shut: the port is kept by a socket that does not listen, so that
/// connections are refused and nobody else can take it.
pub struct Door {
    address: SocketAddr,
    kept: Option<Socket>,
    accepting: Option<(TcpListener, Arc<AtomicBool>, JoinHandle<()>)>,
}

fn bound(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

impl Door {
    /// Takes the port; not open yet.
    pub fn new(address: SocketAddr) -> io::Result<Self> {
        let socket = bound(address)?;
        let taken = socket.local_addr()?.as_socket();
        Ok(Self { address: taken.unwrap_or(address), kept: Some(socket), accepting: None })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts to accept.
    pub fn open(&mut self, world: &Arc<World>) -> io::Result<()> {
        let Some(socket) = self.kept.take() else { return Ok(()) };
        socket.listen(BACKLOG)?;
        let listener = TcpListener::from(socket);
        let (theirs, world) = (listener.try_clone()?, Arc::clone(world));
        let shut = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&shut);
        let thread = std::thread::Builder::new()
            .name("cam:accept".into())
            .spawn(move || accept(&theirs, &world, &flag))?;
        self.accepting = Some((listener, shut, thread));
        Ok(())
    }

    /// Stops to accept.
    pub fn shut(&mut self) -> io::Result<()> {
        let Some((listener, shut, thread)) = self.accepting.take() else { return Ok(()) };
        shut.store(true, Ordering::Release);
        // Wakes the thread out of accept.
        socket2::SockRef::from(&listener).shutdown(Shutdown::Both)?;
        let _ = thread.join();
        drop(listener);
        self.kept = Some(bound(self.address)?);
        Ok(())
    }
}

fn accept(listener: &TcpListener, world: &Arc<World>, shut: &AtomicBool) {
    loop {
        let accepted = listener.accept();
        if shut.load(Ordering::Acquire) {
            return;
        }
        let started = accepted.and_then(|(stream, peer)| connection::start(world, stream, peer));
        if let Err(error) = started {
            log::warn!("cannot take a connection: {error}");
            std::thread::sleep(PAUSE);
        }
    }
}
