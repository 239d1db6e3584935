//! TCP connections as a relay needs them.

use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::{Interest, Waker, wait};

/// Bytes that the kernel may hold unsent for one viewer, beyond what is in flight.
///
/// A viewer on a thin link must fall behind in our queue, where it can be skipped forward to a key
/// frame, not in the kernel's buffer, where it would be shown seconds late (TCP_NOTSENT_LOWAT).
/// The value is a quarter of a second at 4 Mbit/s, and one large key frame.
pub const UNSENT_LIMIT: u32 = 128 * 1024;

/// After this long without an answer to anything, a vanished peer's connection is given up.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// How a wait for a connection ended without one.
#[derive(Debug)]
pub enum ConnectError {
    /// The name has no address.
    Resolve(io::Error),
    /// No address could be reached; of several failures the last.
    Connect(io::Error),
    /// The deadline passed.
    TimedOut,
    /// The waker was woken and `give_up` said yes.
    GivenUp,
}

/// Connects to the first address of `host` that answers before the deadline.
///
/// Looking the name up blocks for as long as the system's resolver takes; the rest ends at once
/// when `waker` is woken and `give_up` is true. The socket is non-blocking and has TCP_NODELAY.
pub fn connect(
    host: &str,
    port: u16,
    deadline: Instant,
    waker: &Waker,
    give_up: &dyn Fn() -> bool,
) -> Result<TcpStream, ConnectError> {
    let addresses = (host, port).to_socket_addrs().map_err(ConnectError::Resolve)?;
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in addresses {
        match connect_to(address, deadline, waker, give_up) {
            Ok(stream) => return Ok(stream),
            Err(ConnectError::Connect(error)) => last = error,
            Err(other) => return Err(other),
        }
    }
    Err(ConnectError::Connect(last))
}

fn connect_to(
    address: SocketAddr,
    deadline: Instant,
    waker: &Waker,
    give_up: &dyn Fn() -> bool,
) -> Result<TcpStream, ConnectError> {
    let failed = ConnectError::Connect;
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP)).map_err(failed)?;
    socket.set_nonblocking(true).map_err(failed)?;
    match socket.connect(&address.into()) {
        Ok(()) => {}
        Err(error) if error.raw_os_error() == Some(IN_PROGRESS) => loop {
            if give_up() {
                return Err(ConnectError::GivenUp);
            }
            if Instant::now() >= deadline {
                return Err(ConnectError::TimedOut);
            }
            let ready = wait(&socket, Interest::Write, waker, Some(deadline)).map_err(failed)?;
            if ready.writable {
                match socket.take_error().map_err(failed)? {
                    Some(error) => return Err(failed(error)),
                    None => break,
                }
            }
        },
        Err(error) => return Err(failed(error)),
    }
    let stream = TcpStream::from(socket);
    tune(&stream).map_err(failed)?;
    Ok(stream)
}

const IN_PROGRESS: i32 = rustix::io::Errno::INPROGRESS.raw_os_error();

/// What every connection gets: no waiting for more bytes, and an end to peers that vanished.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = SockRef::from(stream);
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(30))
        .with_interval(Duration::from_secs(10))
        .with_retries(3);
    socket.set_tcp_keepalive(&keepalive)?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Prepares an accepted connection of a viewer: non-blocking, and a short backlog in the kernel.
pub fn prepare_viewer(stream: &TcpStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    tune(stream)?;
    SockRef::from(stream).set_tcp_notsent_lowat(UNSENT_LIMIT)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_closed_port_is_told_at_once_and_not_after_the_deadline() {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let waker = Waker::new().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let error = connect("127.0.0.1", port, deadline, &waker, &|| false).unwrap_err();
        assert!(
            matches!(error, ConnectError::Connect(e) if e.kind() == io::ErrorKind::ConnectionRefused)
        );
        assert!(Instant::now() < deadline);
    }

    #[test]
    fn an_open_port_connects() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let waker = Waker::new().unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        let stream = connect("localhost", port, deadline, &waker, &|| false).unwrap();
        assert!(stream.nodelay().unwrap());
    }

    #[test]
    fn a_viewer_that_vanished_is_looked_for_and_given_up() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let _viewer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        prepare_viewer(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.keepalive().unwrap());
        // Idle: 30 s and three probes 10 s apart. With bytes on their way: 30 s.
        let probes = socket.tcp_keepalive_retries().unwrap();
        let idle = socket.tcp_keepalive_time().unwrap();
        let search = socket.tcp_keepalive_interval().unwrap() * probes;
        assert!(idle + search <= Duration::from_secs(60));
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }
}
