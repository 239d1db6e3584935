//! A connection and its thread: reads requests and RTCP, ends the session that shows no life.

use super::outlet::Outlet;
use super::session::Session;
use super::stats::{add, sub};
use super::udp::count_reports;
use super::world::World;
use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::{Limits, Method, Request, Response, StatusCode, Version};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// Room for one read.
const READ: usize = 4096;

/// Of a connection's thread.
const STACK: usize = 256 * 1024;

/// Everything a connection's thread knows.
pub struct Connection {
    pub(super) world: Arc<World>,
    pub(super) outlet: Arc<Outlet>,
    pub(super) peer: SocketAddr,
    pub(super) session: Option<Session>,
    closing: bool,
}

/// Gives a new connection its thread.
pub fn start(world: &Arc<World>, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
    let outlet = Arc::new(Outlet::new(stream, Arc::clone(&world.switches))?);
    let mut connection = Connection::new(Arc::clone(world), Arc::clone(&outlet), peer);
    let mut connections = world.connections();
    connections.retain(|(_, thread)| !thread.is_finished());
    let thread = std::thread::Builder::new()
        .name("cam:connection".into())
        .stack_size(STACK)
        .spawn(move || connection.run())?;
    connections.push((outlet, thread));
    Ok(())
}

impl Connection {
    fn new(world: Arc<World>, outlet: Arc<Outlet>, peer: SocketAddr) -> Self {
        add(&world.counters.connections_open);
        add(&world.counters.connections_total);
        Self { world, outlet, peer, session: None, closing: false }
    }

    /// Serves until one side closes.
    fn run(&mut self) {
        let result = self.serve();
        log::debug!("{}: connection ended: {result:?}", self.peer);
        // The session must be gone before the connection counts as closed.
        self.session = None;
        self.outlet.close();
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut decoder = Decoder::new(Peer::Client, Limits::CLIENT);
        while !self.closing {
            if !self.wait()? {
                continue;
            }
            let read = {
                let room = decoder.spare(READ);
                rustix::net::recv(self.outlet.stream(), room, RecvFlags::DONTWAIT)
            };
            match read {
                Ok((0, _)) => return Ok(()),
                Ok((size, _)) => decoder.advance(size),
                Err(Errno::AGAIN | Errno::INTR) => continue,
                Err(error) => return Err(error.into()),
            }
            loop {
                match decoder.next() {
                    Ok(None) => break,
                    Ok(Some(Event::Request(request))) => self.request(&request),
                    // Nothing is ever asked of a client, so nothing is answered.
                    Ok(Some(Event::Response(_))) => {}
                    Ok(Some(Event::Frame(frame))) => self.frame(frame.payload()),
                    Err(error) => {
                        log::debug!("{}: {error}", self.peer);
                        self.send(&Response::new(error.status(), Version::V1_0));
                        return Ok(());
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until there is something to read, and lets out what waits; `false` for nothing yet.
    fn wait(&mut self) -> io::Result<bool> {
        let mut timeout = None;
        if let Some(session) = &self.session {
            let left = self.world.options.session_timeout.checked_sub(session.pulse.silence());
            let Some(left) = left else {
                log::debug!("{}: session expired", self.peer);
                add(&self.world.counters.sessions_expired);
                self.closing = true;
                return Ok(false);
            };
            timeout = Timespec::try_from(left + Duration::from_millis(1)).ok();
        }
        let out = if self.outlet.is_waiting() { PollFlags::OUT } else { PollFlags::empty() };
        let mut fds = [PollFd::new(self.outlet.stream(), PollFlags::IN | out)];
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let events = fds[0].revents();
        if events.contains(PollFlags::OUT) {
            self.outlet.flush();
        }
        Ok(!(events - PollFlags::OUT).is_empty())
    }

    /// RTCP of the client, on whatever channel.
    fn frame(&self, payload: &[u8]) {
        count_reports(payload, &self.world.counters);
        if let Some(session) = self.session.as_ref().filter(|_| self.world.options.rtcp_is_life) {
            session.pulse.beat();
        }
    }

    fn request(&mut self, request: &Request) {
        let switches = &self.world.switches;
        add(&self.world.counters.requests);
        log::debug!("{}: {} {}", self.peer, request.method, request.uri);
        if let Some(delay) = switches.delay(&request.method) {
            self.doze(delay);
        }
        if let Some(session) = &self.session {
            session.pulse.beat();
        }
        let status = switches.status(&request.method).and_then(StatusCode::from_code);
        match status {
            Some(status) => self.reply(request, Response::new(status, Version::V1_0)),
            None if request.method == Method::Play => self.play(request),
            None => {
                let response = self.answer(request);
                self.reply(request, response);
            }
        }
    }

    /// Sleeps, but not longer than the connection lives.
    fn doze(&self, time: Duration) {
        let mut fds = [PollFd::new(self.outlet.stream(), PollFlags::empty())];
        let _ = poll(&mut fds, Timespec::try_from(time).ok().as_ref());
    }

    /// Sends the answer to a request, unless the camera is to swallow it.
    pub(super) fn reply(&self, request: &Request, mut response: Response) {
        if self.world.switches.unanswered(&request.method) {
            return;
        }
        if let Some(number) = request.headers.get("CSeq") {
            response.headers.set("CSeq", number);
        }
        if self.world.options.rtsp2 {
            response.version = request.version;
        }
        self.send(&response);
    }

    fn send(&self, response: &Response) {
        log::debug!("{}: {}", self.peer, response.status);
        let mut out = Vec::new();
        response.encode(&mut out);
        self.outlet.send(&out);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.session = None;
        sub(&self.world.counters.connections_open);
    }
}
