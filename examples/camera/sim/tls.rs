//! RTSP over TLS: a second port, whose connections are carried to the first one in the clear.
//!
//! The certificate is made at the start and signed by itself, as that of most cameras.

use rustix::event::{PollFd, PollFlags, poll};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

/// What is carried at once.
const PIECE: usize = 16 * 1024;

/// The port; a connection's thread ends with the camera's side of it.
pub struct TlsFront {
    address: SocketAddr,
    certificate: Vec<u8>,
    listener: TcpListener,
    shut: Arc<AtomicBool>,
    accepting: Option<JoinHandle<()>>,
}

impl TlsFront {
    /// Listens at `address` and carries to `camera`.
    pub fn open(address: SocketAddr, camera: SocketAddr) -> io::Result<Self> {
        let names = vec!["localhost".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
        let certificate = made.cert.der().to_vec();
        let key =
            PrivateKeyDer::try_from(made.key_pair.serialize_der()).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|builder| {
                builder.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key)
            })
            .map_err(io::Error::other)?;
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let shut = Arc::new(AtomicBool::new(false));
        let (theirs, flag, config) = (listener.try_clone()?, Arc::clone(&shut), Arc::new(config));
        let accepting = std::thread::Builder::new().name("cam:tls".into()).spawn(move || {
            while let Ok((socket, peer)) = theirs.accept() {
                if flag.load(Ordering::Acquire) {
                    return;
                }
                let config = Arc::clone(&config);
                let name = format!("cam:tls:{}", peer.port());
                let carry = move || {
                    if let Err(error) = carry(&socket, camera, config) {
                        log::debug!("{peer}: TLS ended: {error}");
                    }
                };
                if let Err(error) = std::thread::Builder::new().name(name).spawn(carry) {
                    log::warn!("cannot take a connection: {error}");
                }
            }
        })?;
        Ok(Self { address, certificate, listener, shut, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it shows, in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.shut.store(true, Ordering::Release);
        // Wakes the thread out of accept.
        let _ = socket2::SockRef::from(&self.listener).shutdown(Shutdown::Both);
        if let Some(thread) = self.accepting.take() {
            let _ = thread.join();
        }
    }
}

/// Carries bytes both ways until one side ends.
fn carry(client: &TcpStream, camera: SocketAddr, config: Arc<ServerConfig>) -> io::Result<()> {
    let mut session = ServerConnection::new(config).map_err(io::Error::other)?;
    session.set_buffer_limit(None);
    let camera = TcpStream::connect(camera)?;
    camera.set_nodelay(true)?;
    client.set_nodelay(true)?;
    client.set_nonblocking(true)?;
    let mut piece = vec![0; PIECE];
    loop {
        // What the client has not taken yet keeps the camera waiting, as it would without TLS.
        let (out, more) = match session.wants_write() {
            true => (PollFlags::OUT, PollFlags::empty()),
            false => (PollFlags::empty(), PollFlags::IN),
        };
        let mut fds = [PollFd::new(client, PollFlags::IN | out), PollFd::new(&camera, more)];
        poll(&mut fds, None)?;
        let (from_client, from_camera) = (fds[0].revents(), fds[1].revents());
        if !(from_client - PollFlags::OUT).is_empty() {
            if session.read_tls(&mut &*client)? == 0 {
                return Ok(());
            }
            let outcome = session.process_new_packets();
            flush(&mut session, client)?;
            outcome.map_err(io::Error::other)?;
            loop {
                match session.reader().read(&mut piece) {
                    Ok(0) => return Ok(()),
                    Ok(count) => (&camera).write_all(&piece[..count])?,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        if !from_camera.is_empty() {
            match (&camera).read(&mut piece)? {
                0 => {
                    session.send_close_notify();
                    return flush(&mut session, client);
                }
                count => session.writer().write_all(&piece[..count])?,
            }
        }
        flush(&mut session, client)?;
    }
}

fn flush(session: &mut ServerConnection, mut client: &TcpStream) -> io::Result<()> {
    while session.wants_write() {
        match session.write_tls(&mut client) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
