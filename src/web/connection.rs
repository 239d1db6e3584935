//! One HTTP connection in its thread `h<id>`: requests one after another, each within its time.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant};

use super::entry::Visitor;
use super::live::{Arrival, Entrance, Wish};
use super::request::{HttpRequest, MAX_HEAD, Verb};
use super::response::HttpResponse;
use super::{Reply, Web};
use crate::clients::Registered;
use crate::drill;
use crate::net::tls_stream::client_failure;
use crate::net::{Interest, Stream, Waker, tcp};

const STACK: usize = 256 * 1024;
/// How long a connection may wait for another request.
pub(super) const IDLE: Duration = Duration::from_secs(30);
const READ_SIZE: usize = 4096;
/// How long, and how much, a peer that was refused may go on sending.
const LINGER: Duration = Duration::from_secs(1);
const MAX_LINGER_BYTES: usize = 256 * 1024;

/// The peer is gone, was too slow, or the relay ends: there is nobody to answer.
#[derive(Debug)]
pub(super) struct Gone;

/// A connection; reads and writes end when the relay does.
pub(super) struct Connection {
    pub(super) web: Arc<Web>,
    pub(super) stream: Arc<Stream>,
    pub(super) waker: Arc<Waker>,
    pub(super) peer: SocketAddr,
    pub(super) registered: Registered,
    /// What was read and is not used yet.
    buffer: Vec<u8>,
}

/// Starts the thread of a connection.
pub(super) fn spawn(web: &Arc<Web>, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    tcp::prepare_viewer(&stream)?;
    let waker = Arc::new(Waker::new()?);
    let id = web.connections.next_id();
    let registered = Registered::new(&web.connections, id, peer, Arc::clone(&waker));
    let web = Arc::clone(web);
    let stream = Arc::new(stream.into());
    let connection = Connection { web, stream, waker, peer, registered, buffer: Vec::new() };
    Builder::new().name(format!("h{id}")).stack_size(STACK).spawn(move || {
        let mut connection = connection;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            connection.open()?;
            connection.serve()
        }));
        if let Err(panic) = outcome {
            let reason = drill::reason(&*panic);
            log::error!("internal failure, an HTTP connection ends: {reason} address={peer}");
        }
    })?;
    Ok(())
}

impl Connection {
    /// Serves requests until the connection ends.
    fn serve(&mut self) -> Result<(), Gone> {
        loop {
            let Some(request) = self.request()? else { return Ok(()) };
            let wait = |at| self.wait_until(at);
            let connection = self.registered.entry.id;
            let secure = self.stream.is_tls();
            let visitor = Visitor { peer: self.peer, connection, secure, wait: &wait };
            match self.web.enter_live(&request, &visitor) {
                None => match self.web.respond(&request, &visitor) {
                    Reply::Whole(response) => self.respond(&request, &response)?,
                    Reply::Events(follower) => self.follow(&follower, &request)?,
                },
                Some(Entrance::Answer(response)) => self.respond(&request, &response)?,
                Some(Entrance::Head(head)) => {
                    self.write(&head)?;
                    return self.close();
                }
                Some(Entrance::Viewer(wish)) => match self.begin_viewer(wish) {
                    Ok(()) => return Ok(()),
                    Err(response) => self.respond(&request, &response)?,
                },
            }
            if !request.keep_alive {
                return self.close();
            }
        }
    }

    /// The next request, its body passed over; `None` when one was refused.
    fn request(&mut self) -> Result<Option<HttpRequest>, Gone> {
        let mut deadline = Instant::now() + IDLE;
        let mut begun = false;
        loop {
            // Blank lines between requests are allowed (RFC 9112 section 2.2).
            let blank = self.buffer.iter().take_while(|byte| b"\r\n".contains(byte)).count();
            self.buffer.drain(..blank);
            if !begun && !self.buffer.is_empty() {
                begun = true;
                deadline = Instant::now() + self.web.config.get().request_timeout;
            }
            match HttpRequest::parse(&self.buffer) {
                Ok(Some((request, length))) => {
                    self.buffer.drain(..length);
                    self.pass_over(request.body, deadline)?;
                    return Ok(Some(request));
                }
                Ok(None) => self.read(Some(deadline))?,
                Err(error) => {
                    log::debug!("HTTP request refused: {error} address={}", self.peer);
                    let response = HttpResponse::message(error.status(), &error.to_string());
                    let with_body = !self.buffer.starts_with(b"HEAD ");
                    self.write(&response.encode(with_body, false))?;
                    self.let_read();
                    return Ok(None);
                }
            }
        }
    }

    fn pass_over(&mut self, mut body: u64, deadline: Instant) -> Result<(), Gone> {
        loop {
            let here = self.buffer.len().min(body as usize);
            self.buffer.drain(..here);
            body -= here as u64;
            if body == 0 {
                return Ok(());
            }
            self.read(Some(deadline))?;
        }
    }

    /// Answers a request.
    pub(super) fn respond(
        &self,
        request: &HttpRequest,
        response: &HttpResponse,
    ) -> Result<(), Gone> {
        let with_body = request.verb != Verb::Head;
        self.write(&response.encode(with_body, request.keep_alive))
    }

    /// The connection goes on as a viewer's, in another thread; or the answer that says why not.
    fn begin_viewer(&self, wish: Wish) -> Result<(), HttpResponse> {
        let arrival = Arrival {
            web: Arc::clone(&self.web),
            stream: Arc::clone(&self.stream),
            waker: Arc::clone(&self.waker),
            peer: self.peer,
            rest: self.buffer.clone(),
            wish,
        };
        arrival.begin()
    }

    /// Reads what there is into the buffer, waiting for it if need be.
    fn read(&mut self, deadline: Option<Instant>) -> Result<(), Gone> {
        loop {
            let before = self.buffer.len();
            self.buffer.resize((before + READ_SIZE).min(2 * MAX_HEAD), 0);
            let outcome = self.stream.read(&mut self.buffer[before..]);
            self.buffer.truncate(before + *outcome.as_ref().unwrap_or(&0));
            match outcome {
                Ok(0) => return Err(Gone),
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Interest::Read, deadline)?;
                }
                Err(error) => {
                    if error.kind() == io::ErrorKind::InvalidData {
                        self.refuse(&client_failure(&error));
                    }
                    return Err(Gone);
                }
            }
        }
    }

    /// Writes all of it, waiting for the peer as long as it may take nothing.
    pub(super) fn write(&self, mut bytes: &[u8]) -> Result<(), Gone> {
        let patience = self.web.config.get().write_timeout;
        let mut deadline = Instant::now() + patience;
        while !bytes.is_empty() {
            match self.stream.write(bytes) {
                Ok(0) => return Err(Gone),
                Ok(count) => {
                    bytes = &bytes[count..];
                    deadline = Instant::now() + patience;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.wait(Interest::Write, Some(deadline))?;
                }
                Err(_) => return Err(Gone),
            }
        }
        // TLS has accepted more than has left.
        while !self.stream.flush().map_err(|_| Gone)? {
            self.wait(Interest::Write, Some(deadline))?;
        }
        Ok(())
    }

    /// Ends the connection behind an answer. In TLS the end is said: else it could be anybody's.
    fn close(&self) -> Result<(), Gone> {
        if self.stream.is_tls() {
            self.stream.shutdown_write().map_err(|_| Gone)?;
        }
        Ok(())
    }

    /// Takes what the peer is still sending, for a while: closing on unread bytes would reset the
    /// connection, and the answer would be lost (RFC 9112 section 9.6).
    pub(super) fn let_read(&mut self) {
        let _ = self.stream.shutdown_write();
        let deadline = Instant::now() + LINGER;
        let mut left = MAX_LINGER_BYTES;
        while left > 0 {
            self.buffer.clear();
            if self.read(Some(deadline)).is_err() {
                return;
            }
            left = left.saturating_sub(self.buffer.len());
        }
    }

    /// Waits until the waker is woken or the deadline has passed, while the peer is there.
    pub(super) fn rest(&self, deadline: Instant) -> Result<(), Gone> {
        let ready = self.stream.wait(Interest::Hangup, &self.waker, Some(deadline));
        let ready = ready.map_err(|_| Gone)?;
        if ready.hangup || self.registered.entry.is_stopping() { Err(Gone) } else { Ok(()) }
    }

    /// Waits for a moment; `false` when the peer is gone before, or the relay ends.
    fn wait_until(&self, at: Instant) -> bool {
        while Instant::now() < at {
            if self.rest(at).is_err() {
                return false;
            }
        }
        true
    }

    pub(super) fn wait(&self, interest: Interest, deadline: Option<Instant>) -> Result<(), Gone> {
        let ready = self.stream.wait(interest, &self.waker, deadline).map_err(|_| Gone)?;
        let timed_out = !ready.readable && !ready.writable && !ready.hangup && !ready.woken;
        if timed_out || self.registered.entry.is_stopping() { Err(Gone) } else { Ok(()) }
    }
}
