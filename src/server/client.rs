//! The thread `c<id>` of one connection: waits, reads, writes, and notices silence.

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Builder;
use std::time::{Duration, Instant};

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::{Limits, Response, StatusCode, Version};

use super::Server;
use super::farewell::Farewell;
use super::session::Session;
use super::way_in::{Input, WayIn};
use super::way_out::WayOut;
use crate::clients::{Entry, Registered};
use crate::drill;
use crate::events::Happening;
use crate::limits::Seat;
use crate::logging::Quoted;
use crate::media::{Outlet, Progress, Subscriber};
use crate::net::{Interest, Stream, Waker, tcp};
use crate::source::SourceGuard;

/// Only touched pages count, and a viewer touches few of them.
const STACK: usize = 256 * 1024;
/// Bytes of answers that a client leaves unread before its requests wait as well.
const MAX_OWED: usize = 64 * 1024;
/// How long a client has to take the last words and close.
const FAREWELL: Duration = Duration::from_millis(500);

/// One connection.
pub(super) struct Client {
    pub(super) server: Arc<Server>,
    /// In the list as long as this lives, or the tunnel that it was given to.
    pub(super) registered: Option<Registered>,
    pub(super) entry: Arc<Entry>,
    pub(super) local: SocketAddr,
    pub(super) stream: Arc<Stream>,
    pub(super) way_in: WayIn,
    pub(super) waker: Arc<Waker>,
    pub(super) out: Out,
    pub(super) session: Option<Session>,
    pub(super) guard: Option<SourceGuard>,
    pub(super) seat: Option<Seat>,
    /// The client has logged in on this connection.
    pub(super) authenticated: bool,
    /// When the client last said anything.
    last_heard: Instant,
    /// Since when a request is incomplete.
    partial_since: Option<Instant>,
    /// When playing began, and what had been written by then.
    pub(super) playing_since: Option<(Instant, u64)>,
    skipped_told: (u64, Instant),
    /// It plays in a thread that has begun anew.
    settled: bool,
}

/// Why a client's thread ends.
enum Turn {
    /// The connection ends.
    End(Farewell),
    /// It plays, and goes on in a fresh thread: of a viewer that plays for hours, what the handshake
    /// has left on the stack and in malloc's store of the thread would be most of its memory.
    Settle,
}

/// The way out: the connection itself, or, once something was played, shared with the source.
pub(super) enum Out {
    Direct(Box<WayOut>),
    Shared(Arc<Subscriber<WayOut>>),
    /// Only while one becomes the other.
    Moving,
}

/// Serves a connection in a thread of its own.
pub(super) fn spawn(
    server: &Arc<Server>,
    stream: &Arc<Stream>,
    peer: SocketAddr,
) -> io::Result<()> {
    tcp::prepare_viewer(stream.socket())?;
    let local = stream.local_addr()?;
    let waker = Arc::new(Waker::new()?);
    let id = server.clients.next_id();

    let client = Client::new(server, id, Arc::clone(stream), local, peer, waker);
    go_on(Box::new(client)).map_err(|(error, _)| error)
}

/// Gives a client to a thread of its own; if there is none to be had, gives it back.
fn go_on(client: Box<Client>) -> Result<(), (io::Error, Option<Box<Client>>)> {
    let (id, peer) = (client.entry.id, client.entry.address);
    let name = format!("c{id}");
    if let Err(error) = drill::may_spawn(&name) {
        return Err((error, Some(client)));
    }
    let parcel = Arc::new(Mutex::new(Some(client)));
    let take = |parcel: &Mutex<Option<Box<Client>>>| {
        parcel.lock().unwrap_or_else(PoisonError::into_inner).take()
    };
    let thread = Builder::new().name(name).stack_size(STACK).spawn({
        let parcel = Arc::clone(&parcel);
        move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| take(&parcel).map(serve)));
            if let Err(panic) = outcome {
                let reason = drill::reason(&*panic);
                log::error!(
                    "internal failure, the client's connection ends: {reason} client={id} address={peer}"
                );
            }
        }
    });
    thread.map(drop).map_err(|error| (error, take(&parcel)))
}

fn serve(mut client: Box<Client>) {
    loop {
        match client.run() {
            Turn::End(farewell) => return client.leave(&farewell),
            Turn::Settle => {
                client.settled = true;
                match go_on(client) {
                    // It goes on in this thread, with what that has gathered.
                    Err((_, Some(kept))) => client = kept,
                    _ => return,
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // After a panic nobody else takes the viewer off its stream.
        if let (Out::Shared(subscriber), Some(guard)) = (&self.out, &self.guard) {
            guard.slot().hub.leave(subscriber);
        }
    }
}

impl Client {
    pub(super) fn new(
        server: &Arc<Server>,
        id: u64,
        stream: Arc<Stream>,
        local: SocketAddr,
        peer: SocketAddr,
        waker: Arc<Waker>,
    ) -> Self {
        let now = Instant::now();
        let registered = Registered::new(&server.clients, id, peer, Arc::clone(&waker));
        log::debug!("client connected client={id} address={peer}");
        Self {
            server: Arc::clone(server),
            entry: Arc::clone(&registered.entry),
            registered: Some(registered),
            local,
            out: Out::Direct(Box::new(WayOut::new(Arc::clone(&stream)))),
            way_in: WayIn::new(Arc::clone(&stream)),
            stream,
            waker,
            session: None,
            guard: None,
            seat: None,
            authenticated: false,
            last_heard: now,
            partial_since: None,
            playing_since: None,
            skipped_told: (0, now),
            settled: false,
        }
    }

    fn run(&mut self) -> Turn {
        let mut decoder = Decoder::new(Peer::Client, Limits::CLIENT);
        loop {
            let progress = self.pump();
            if let Some(farewell) = self.must_end(progress) {
                return Turn::End(farewell);
            }
            if progress == Progress::Clear && !self.may_sleep() {
                continue;
            }
            let plays = progress == Progress::Clear && self.playing_since.is_some();
            if plays && !self.settled && decoder.buffered() == 0 {
                self.awake();
                return Turn::Settle;
            }
            let (interest, resume) = match progress {
                Progress::Held => self.waits(),
                _ => (Interest::Read, None),
            };
            let deadline = self.deadline(progress).map(|(at, _)| at);
            let deadline = deadline.into_iter().chain(resume).min();
            let ready = self.way_in.wait(interest, &self.waker, deadline);
            self.awake();
            let ready = match ready {
                Ok(ready) => ready,
                Err(_) => return Turn::End(Farewell::Gone),
            };
            if ready.readable || ready.hangup {
                drill::pass("client");
                if let Err(farewell) = self.receive(&mut decoder) {
                    return Turn::End(farewell);
                }
            }
        }
    }

    /// Whether so many answers wait for the client that it must take some before it asks on. Its
    /// silence and its unfinished request are then ours: their time stands still.
    fn owes_too_much(&mut self) -> bool {
        let deaf = self.outlet(|outlet| outlet.owed()).unwrap_or_default() > MAX_OWED;
        if deaf {
            self.last_heard = Instant::now();
            self.partial_since = self.partial_since.map(|_| self.last_heard);
        }
        deaf
    }

    pub(super) fn receive(&mut self, decoder: &mut Decoder) -> Result<(), Farewell> {
        match self.way_in.receive(decoder)? {
            Input::Nothing | Input::Bytes => {}
            Input::Opening(opening, rest) => self.open(opening, rest)?,
            Input::NoTunnel(error) => return Err(self.refuse_opening(&error)),
            Input::Tls => {
                self.refuse(StatusCode::BAD_REQUEST, "TLS");
                let text = "it speaks TLS on the port for plain RTSP; rtsps_port is for that";
                return Err(Farewell::Foreign(text.to_owned()));
            }
            Input::NoBase64(error) => return Err(self.refuse(StatusCode::BAD_REQUEST, error)),
        }
        let mut complete = false;
        loop {
            let event = decoder.next();
            complete |= matches!(event, Ok(Some(_)));
            match event {
                Ok(None) => break,
                Ok(Some(Event::Request(request))) => self.request(&request)?,
                // Receiver reports, and answers to nothing: signs of life.
                Ok(Some(Event::Frame(_) | Event::Response(_))) => {}
                Err(error) => return Err(self.refuse(error.status(), error)),
            }
        }
        // Now, not when it was read: an answer may have waited for the camera.
        self.last_heard = Instant::now();
        let rest = decoder.buffered();
        if rest == 0 && !self.way_in.is_partial() {
            self.partial_since = None;
            decoder.shrink();
        } else if complete {
            self.partial_since = Some(self.last_heard);
        } else {
            self.partial_since.get_or_insert(self.last_heard);
        }
        Ok(())
    }

    /// Answers what cannot be read: where the next request begins cannot be known.
    fn refuse(&mut self, status: StatusCode, error: impl ToString) -> Farewell {
        let response = Response::new(status, Version::V1_0);
        self.reply(&response.with("Connection", "close"));
        Farewell::Refused(error.to_string())
    }

    /// How media gets to a client that has it on its connection.
    pub(super) fn carrier(&self) -> &'static str {
        match (self.way_in.is_tunnel(), self.stream.is_tls()) {
            (false, false) => "tcp",
            (false, true) => "tls",
            (true, false) => "http",
            (true, true) => "https",
        }
    }

    /// Sends a response; what does not go at once follows when the client takes it.
    pub(super) fn reply(&mut self, response: &Response) {
        let mut bytes = Vec::new();
        response.encode(&mut bytes);
        self.outlet(|outlet| outlet.reply(&bytes));
    }

    /// The write side, wherever it is.
    pub(super) fn outlet<T>(&mut self, with: impl FnOnce(&mut WayOut) -> T) -> Option<T> {
        match &mut self.out {
            Out::Direct(outlet) => Some(with(outlet)),
            Out::Shared(subscriber) => Some(with(&mut subscriber.outbox().outlet)),
            Out::Moving => None,
        }
    }

    /// What to wait for while something is held.
    fn waits(&mut self) -> (Interest, Option<Instant>) {
        let deaf = self.owes_too_much();
        match self.outlet(|outlet| outlet.waits()) {
            Some((false, resume)) => (Interest::Read, resume),
            Some((true, resume)) if deaf => (Interest::Write, resume),
            Some((true, resume)) => (Interest::ReadWrite, resume),
            None => (Interest::ReadWrite, None),
        }
    }

    pub(super) fn pump(&mut self) -> Progress {
        match &mut self.out {
            Out::Direct(outlet) => outlet.flush(),
            Out::Shared(subscriber) => subscriber.pump(),
            Out::Moving => Progress::Broken,
        }
    }

    fn may_sleep(&self) -> bool {
        match &self.out {
            Out::Shared(subscriber) => subscriber.may_sleep(),
            _ => true,
        }
    }

    fn awake(&self) {
        if let Out::Shared(subscriber) = &self.out {
            subscriber.awake();
        }
    }

    /// Whether, and why, the connection ends now.
    pub(super) fn must_end(&mut self, progress: Progress) -> Option<Farewell> {
        if progress == Progress::Broken {
            return Some(Farewell::Gone);
        }
        if self.entry.is_stopping() {
            return Some(Farewell::Ended(self.entry.reason()));
        }
        if let Out::Shared(subscriber) = &self.out {
            if subscriber.is_broken() {
                return Some(Farewell::Gone);
            }
            if let Some(reason) = subscriber.ended() {
                return Some(Farewell::Ended(Arc::clone(reason)));
            }
        }
        self.tell_skipped();
        let (deadline, reason) = self.deadline(progress)?;
        (Instant::now() >= deadline).then_some(Farewell::TimedOut(reason))
    }

    /// When, and why, the connection ends unless something happens; `None` while the viewer takes
    /// what it gets, which is its sign of life. Nobody sees whether packets over UDP are taken:
    /// there, a request or a report must come from time to time.
    fn deadline(&mut self, progress: Progress) -> Option<(Instant, &'static str)> {
        let config = self.server.config.get();
        let write = (progress == Progress::Held).then(|| {
            let since = self.outlet(|outlet| outlet.last_progress());
            (since.unwrap_or(self.last_heard) + config.write_timeout, "it takes no data")
        });
        let request = self.partial_since.map(|since| since + config.request_timeout);
        let what = match self.way_in.is_tunnel() && self.way_in.is_partial() {
            true => "its tunnel has no POST",
            false => "its request does not end",
        };
        let request = request.map(|at| (at, what));
        let handshake = self
            .stream
            .is_handshaking()
            .then(|| (self.entry.since + config.request_timeout, "its TLS handshake does not end"));
        let takes = |session: &Session| session.playing && !session.is_unseen();
        let silence = (!self.session.as_ref().is_some_and(takes)).then(|| {
            let heard = self.session.as_ref().and_then(Session::heard);
            let last = heard.map_or(self.last_heard, |heard| heard.max(self.last_heard));
            (last + config.client_timeout, "it has been silent")
        });
        [write, request, handshake, silence].into_iter().flatten().min_by_key(|&(at, _)| at)
    }

    /// Says that the viewer is slow, at most once a second.
    fn tell_skipped(&mut self) {
        let Out::Shared(subscriber) = &self.out else { return };
        let skipped = subscriber.skipped();
        let (told, at) = self.skipped_told;
        if skipped > told && at.elapsed() >= Duration::from_secs(1) {
            self.skipped_told = (skipped, Instant::now());
            if let Some(guard) = &self.guard {
                guard.slot().stats.frames_skipped.add(skipped - told);
            }
            let (id, address) = (self.entry.id, self.entry.address);
            let count = skipped - told;
            log::warn!(
                "viewer too slow, skipping to a key frame client={id} address={address} pictures={count}"
            );
        }
    }

    /// Ends the connection in good order: the viewer is told, then the places are free.
    pub(super) fn leave(&mut self, farewell: &Farewell) {
        let said_bye = self.stop_playing(&farewell.to_string());
        let last_words = self.last_words(farewell, said_bye);
        if said_bye && !matches!(farewell, Farewell::Gone) {
            self.outlet(|outlet| outlet.say_bye(&farewell.to_string()));
            if let Some(group) = self.session.as_ref().and_then(|session| session.group.as_ref()) {
                group.say_bye(&farewell.to_string());
            }
        }
        if !last_words.is_empty() {
            self.outlet(|outlet| outlet.reply(&last_words));
        }
        self.guard = None;
        self.seat = None;
        let (id, address) = (self.entry.id, self.entry.address);
        match farewell {
            Farewell::Gone | Farewell::Joined => {}
            other => {
                let clients = &self.server.clients;
                let news = match other {
                    Farewell::Foreign(_) => clients.foreign_is_news(),
                    _ => self.authenticated || clients.stranger_is_news(),
                };
                let level = if news { log::Level::Info } else { log::Level::Debug };
                log::log!(
                    level,
                    "connection closed client={id} address={address} reason={}",
                    Quoted(&other.to_string())
                );
                self.close_gently();
            }
        }
        log::debug!("client disconnected client={id} address={address}");
    }

    /// Takes the viewer off its stream; `true` if it was on one.
    pub(super) fn stop_playing(&mut self, reason: &str) -> bool {
        let was_playing =
            self.session.as_mut().is_some_and(|session| std::mem::take(&mut session.playing));
        let membership = self.session.as_mut().and_then(|session| session.membership.take());
        drop(membership);
        if let (Out::Shared(subscriber), Some(guard)) = (&self.out, &self.guard) {
            guard.slot().hub.leave(subscriber);
        }
        if let Some((since, before)) = self.playing_since.take() {
            let written = self.outlet(|outlet| outlet.written()).unwrap_or_default();
            let (viewer, played, bytes) = (self.as_viewer(), since.elapsed(), written - before);
            log::info!(
                "viewer left stream={} client={} address={} seconds={:.1} bytes={bytes} reason={}",
                viewer.stream,
                viewer.client,
                viewer.address,
                played.as_secs_f64(),
                Quoted(reason),
            );
            let reason = reason.to_owned();
            let left = Happening::Leave { viewer, played, bytes, reason };
            self.server.registry.events.report(left);
        }
        self.entry.update(|details| details.playing = false);
        was_playing
    }

    /// Closes so that the last words arrive: bytes of the client that nobody read would turn the
    /// close into a reset, which throws away what the client has not read yet.
    fn close_gently(&mut self) {
        let deadline = Instant::now() + FAREWELL;
        while self.outlet(|outlet| outlet.flush()) == Some(Progress::Held) {
            if Instant::now() >= deadline {
                return;
            }
            let _ = self.stream.wait(Interest::Write, &self.waker, Some(deadline));
        }
        let _ = self.stream.shutdown_write();
        let mut sink = [0; 1024];
        while Instant::now() < deadline {
            match self.stream.read(&mut sink) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = self.stream.wait(Interest::Read, &self.waker, Some(deadline));
                }
                Err(_) => return,
            }
        }
    }
}
