//! A listening socket with its thread.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 1024;
/// How long the loop rests after an error that will not go away by itself at once, such as no
/// descriptors left.
const PAUSE: Duration = Duration::from_millis(100);
const STACK: usize = 64 * 1024;

/// Accepts connections in a thread `accept:PORT` until it is stopped or dropped.
#[derive(Debug)]
pub struct Acceptor {
    address: SocketAddr,
    listener: Arc<TcpListener>,
    stopping: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Acceptor {
    /// Listens on `address` and gives each connection to `serve`, in the acceptor's thread.
    ///
    /// An IPv6 address takes IPv6 connections only, so that `0.0.0.0` and `::` can stand side by
    /// side whatever the system's default.
    pub fn start(
        address: SocketAddr,
        serve: impl FnMut(TcpStream, SocketAddr) + Send + 'static,
    ) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        let listener = Arc::new(TcpListener::from(socket));
        let address = listener.local_addr()?;
        let stopping = Arc::new(AtomicBool::new(false));
        let thread =
            Builder::new().name(format!("accept:{}", address.port())).stack_size(STACK).spawn({
                let (listener, stopping) = (Arc::clone(&listener), Arc::clone(&stopping));
                move || accept_all(&listener, &stopping, serve)
            })?;
        Ok(Self { address, listener, stopping, thread: Some(thread) })
    }

    /// Where it listens, with the port the system chose if it was asked to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops listening; returns when the thread has ended.
    pub fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stopping.store(true, Ordering::SeqCst);
            // Ends a blocked accept(2) with an error.
            let _ = SockRef::from(&*self.listener).shutdown(Shutdown::Both);
            let _ = thread.join();
        }
    }
}

impl Drop for Acceptor {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept_all(
    listener: &TcpListener,
    stopping: &AtomicBool,
    mut serve: impl FnMut(TcpStream, SocketAddr),
) {
    let mut failing = false;
    while !stopping.load(Ordering::SeqCst) {
        match listener.accept() {
            Ok((stream, peer)) => {
                failing = false;
                serve(stream, peer);
            }
            Err(_) if stopping.load(Ordering::SeqCst) => return,
            // The peer was gone before we looked; the next one may be fine.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !failing {
                    log::warn!("cannot accept connections for now: {error}");
                }
                failing = true;
                std::thread::sleep(PAUSE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn it_accepts_until_it_is_stopped_and_then_frees_the_port() {
        let (sender, receiver) = mpsc::channel();
        let mut acceptor = Acceptor::start("127.0.0.1:0".parse().unwrap(), move |_, peer| {
            sender.send(peer).unwrap();
        })
        .unwrap();
        let address = acceptor.address();
        let stream = TcpStream::connect(address).unwrap();
        let seen = receiver.recv_timeout(Duration::from_secs(10)).unwrap();
        assert_eq!(seen, stream.local_addr().unwrap());
        acceptor.stop();
        drop(acceptor);
        assert!(TcpStream::connect(address).is_err());
        TcpListener::bind(address).unwrap();
    }
}
