//! The thread `v<id>` of one viewer of MP4: waits for the camera, then for the viewer.

mod parting;

use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::Builder;
use std::time::{Duration, Instant, SystemTime};

use super::claim::{self, Claim, Refused, Share};
use super::farewell::Farewell;
use super::outlet::{Framing, LiveOutlet, Still};
use super::socket::{self, Socket};
use super::{Form, MP4, Wish, words};
use crate::clients::Registered;
use crate::drill;
use crate::events;
use crate::limits::Reason;
use crate::media::live::LivePass;
use crate::media::live::message::{Opcode, message};
use crate::media::{Progress, Subscriber};
use crate::net::{Interest, Stream, Waker};
use crate::source::{Brief, Slot, Standing};
use crate::web::Web;
use crate::web::response::HttpResponse;

/// As in RTSP: only touched pages count.
const STACK: usize = 256 * 1024;
/// A browser is asked for a sign of life so often, and twice within `client_timeout_s`.
const PING_INTERVAL: Duration = Duration::from_secs(15);
/// Bytes of answers that a browser leaves unread before it is not read any more.
const MAX_OWED: usize = 64 * 1024;

/// A request for MP4 with the connection it came on.
pub(in crate::web) struct Arrival {
    pub(in crate::web) web: Arc<Web>,
    pub(in crate::web) stream: Arc<Stream>,
    pub(in crate::web) waker: Arc<Waker>,
    pub(in crate::web) peer: SocketAddr,
    /// What was read behind the request.
    pub(in crate::web) rest: Vec<u8>,
    pub(in crate::web) wish: Wish,
}

/// One viewer.
struct Viewer {
    web: Arc<Web>,
    registered: Registered,
    stream: Arc<Stream>,
    waker: Arc<Waker>,
    slot: Arc<Slot>,
    form: Form,
    socket: Option<Socket>,
    subscriber: Arc<Subscriber<LiveOutlet>>,
    /// In this order: the share in the mux goes before the camera.
    pass: Option<LivePass>,
    claim: Option<Claim>,
    /// Why there is no claim, for a browser that has to be told.
    refused: Option<Farewell>,
    /// Something has been answered.
    answered: bool,
    /// The failure was before this viewer's time, and has been forgiven.
    asked_again: bool,
    /// When to look again.
    look_at: Option<Instant>,
    told: Option<Brief>,
    last_heard: Instant,
    pinged: Instant,
    since: Instant,
    skipped_told: (u64, Instant),
}

impl Arrival {
    /// Gives the connection to a thread of its own, if there is a place; else the answer.
    pub(in crate::web) fn begin(self) -> Result<(), HttpResponse> {
        let Self { web, stream, waker, peer, rest, wish } = self;
        let Wish { slot, form, user, agent } = wish;
        let mut refused = None;
        let is_socket = matches!(form, Form::Socket(_));
        let claim = if is_socket && !slot.is_enabled() {
            refused = Some(Farewell::Closed(slot.brief().reason.unwrap_or_default()));
            None
        } else {
            match claim::claim(&web, &slot, peer, &waker) {
                Ok(claim) => Some(claim),
                Err(Refused::Offline(offline, retry_in)) => {
                    let farewell = Farewell::Offline(offline, retry_in);
                    if !is_socket {
                        return Err(parting::answer(&farewell));
                    }
                    refused = Some(farewell);
                    None
                }
                Err(Refused::Answer(response)) => return Err(response),
            }
        };
        let id = web.clients.next_id();
        let registered = Registered::new(&web.clients, id, peer, Arc::clone(&waker));
        registered.entry.update(|details| {
            details.stream = Some(slot.stream.name.clone());
            details.agent = agent;
            details.user = user;
        });
        web.tick.want();
        let framing = match form {
            Form::Socket(_) => Framing::Messages,
            Form::File => Framing::Plain,
            Form::Snapshot => Framing::Kept(Still::default(), Arc::clone(&waker)),
        };
        let outlet = LiveOutlet::new(Arc::clone(&stream), Arc::clone(&slot), framing);
        let handoff = web.handoff && !stream.is_tls();
        let now = Instant::now();
        let viewer = Viewer {
            subscriber: Arc::new(Subscriber::new(id, outlet, Arc::clone(&waker), handoff)),
            socket: is_socket.then(|| Socket::new(Arc::clone(&stream), rest)),
            web,
            registered,
            stream,
            waker,
            slot,
            form,
            pass: None,
            claim,
            refused,
            answered: false,
            asked_again: false,
            look_at: None,
            told: None,
            last_heard: now,
            pinged: now,
            since: now,
            skipped_told: (0, now),
        };
        spawn(viewer, id, peer).map_err(|error| {
            log::error!("viewer refused, the system is out of resources: {error} address={peer}");
            claim::unavailable(503, "the system is out of resources", Some(Duration::from_secs(5)))
        })
    }
}

fn spawn(viewer: Viewer, id: u64, peer: SocketAddr) -> io::Result<()> {
    let name = format!("v{id}");
    drill::may_spawn(&name)?;
    Builder::new().name(name).stack_size(STACK).spawn(move || {
        let mut viewer = viewer;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let farewell = viewer.run();
            viewer.leave(&farewell);
        }));
        if let Err(panic) = outcome {
            let reason = drill::reason(&*panic);
            log::error!(
                "internal failure, the viewer's connection ends: {reason} client={id} address={peer}"
            );
        }
    })?;
    Ok(())
}

impl Drop for Viewer {
    fn drop(&mut self) {
        // After a panic nobody else takes the viewer off its stream.
        self.stop_playing();
    }
}

impl Viewer {
    fn run(&mut self) -> Farewell {
        if let Form::Socket(key) = &self.form {
            let head = socket::accept(key);
            self.reply(&head);
            self.answered = true;
        }
        if let Some(refused) = self.refused.take() {
            return refused;
        }
        loop {
            if let Err(farewell) = self.advance() {
                return farewell;
            }
            let progress = self.subscriber.pump();
            if let Some(farewell) = self.must_end(progress) {
                return farewell;
            }
            if progress == Progress::Clear && !self.subscriber.may_sleep() {
                continue;
            }
            let deaf = self.subscriber.outbox().outlet.owed() > MAX_OWED;
            let interest = match progress {
                Progress::Held if deaf => Interest::Write,
                Progress::Held => Interest::ReadWrite,
                _ => Interest::Read,
            };
            let deadline = self.deadline(progress).map(|(at, _)| at);
            let due = [deadline, self.ping_at(), self.look_at].into_iter().flatten().min();
            let ready = self.stream.wait(interest, &self.waker, due);
            self.subscriber.awake();
            let Ok(ready) = ready else { return Farewell::Gone };
            if ready.readable || ready.hangup {
                drill::pass("live");
                if let Err(farewell) = self.receive() {
                    return farewell;
                }
            }
        }
    }

    /// Does what can be done now: tells what has changed, and joins as soon as there is something.
    fn advance(&mut self) -> Result<(), Farewell> {
        let now = Instant::now();
        self.look_at = None;
        self.tell_state(now, false);
        if self.ping_at().is_some_and(|at| at <= now) {
            self.pinged = now;
            self.reply(&message(Opcode::Ping, b""));
        }
        if self.pass.is_some() {
            return Ok(());
        }
        let Some(claim) = &mut self.claim else { return Err(Farewell::Gone) };
        let presentation = loop {
            match claim.guard.standing() {
                Standing::Live(presentation, ..) => break presentation,
                Standing::Pending | Standing::Described(..) => {
                    self.asked_again = true;
                    return Ok(());
                }
                Standing::Closed(reason) => return Err(Farewell::Closed(reason)),
                // A failure that this viewer was not waiting for: it asks anew now.
                Standing::Failed(..) if !self.asked_again && claim.guard.is_stale() => {
                    self.asked_again = true;
                    claim.guard.try_again();
                }
                Standing::Failed(offline, retry_in) => {
                    self.web.gatekeeper.refusals.count(Reason::Camera);
                    return Err(Farewell::Offline(offline, retry_in));
                }
            }
        };
        match claim.share(now) {
            Share::Granted => {}
            Share::Unknown(until) => {
                self.look_at = Some(until);
                return Ok(());
            }
            Share::Refused => {
                self.web.gatekeeper.refusals.count(Reason::Egress);
                return Err(Farewell::NoBandwidth);
            }
        }
        let gop_limit = self.slot.stream.now().gop_cache_bytes;
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let pass = self
            .slot
            .live
            .enter(&presentation, gop_limit, now, wall)
            .map_err(Farewell::Unplayable)?;
        if self.form == Form::Snapshot && !pass.mux().has_video() {
            return Err(Farewell::Unplayable("the stream has no picture".to_owned()));
        }
        self.join(pass, now);
        Ok(())
    }

    fn join(&mut self, pass: LivePass, now: Instant) {
        let mut outbox = self.subscriber.outbox();
        if self.form == Form::File {
            outbox.outlet.reply(&HttpResponse::endless_head(MP4));
            self.answered = true;
        }
        let instant = self.slot.stream.now().instant_start || self.form == Form::Snapshot;
        pass.mux().join(&self.subscriber, &mut outbox, instant);
        drop(outbox);
        for left_out in pass.mux().left_out() {
            log::debug!("left out of MP4: {left_out} stream={}", self.slot.stream.name);
        }
        self.pass = Some(pass);
        self.since = now;
        self.registered.entry.update(|details| details.playing = true);
        self.web.registry.events.joined(self.as_viewer());
    }

    /// As those see it who follow the events.
    fn as_viewer(&self) -> events::Viewer {
        let details = self.registered.entry.details();
        events::Viewer {
            stream: self.slot.stream.name.clone(),
            client: self.registered.entry.id,
            address: self.registered.entry.address,
            transport: match self.form {
                Form::Socket(_) => "websocket",
                Form::File => "mp4",
                Form::Snapshot => "snapshot",
            },
            user: details.user,
            agent: details.agent,
        }
    }

    /// Tells a browser the stream's state, if it has changed or `anyway`.
    fn tell_state(&mut self, now: Instant, anyway: bool) {
        if self.socket.is_none() {
            return;
        }
        let brief = self.slot.brief();
        if anyway || self.told.as_ref() != Some(&brief) {
            let text = words::state(&brief, now);
            self.told = Some(brief);
            self.reply(&text);
        }
    }

    fn reply(&mut self, bytes: &[u8]) {
        self.subscriber.outbox().outlet.reply(bytes);
    }

    /// Takes what the viewer says: a browser its signs of life, a player nothing that matters.
    fn receive(&mut self) -> Result<(), Farewell> {
        let Some(socket) = &mut self.socket else { return self.pass_over() };
        let answers = match socket.receive() {
            Ok(answers) => answers,
            Err((answers, farewell)) => {
                self.reply(&answers);
                return Err(farewell);
            }
        };
        self.last_heard = Instant::now();
        if !answers.is_empty() {
            self.reply(&answers);
        }
        Ok(())
    }

    fn pass_over(&self) -> Result<(), Farewell> {
        let mut sink = [0; 1024];
        match self.stream.read(&mut sink) {
            Ok(0) => Err(Farewell::Gone),
            Ok(_) => Ok(()),
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted => Ok(()),
                _ => Err(Farewell::Gone),
            },
        }
    }

    /// Whether, and why, the connection ends now.
    fn must_end(&mut self, progress: Progress) -> Option<Farewell> {
        if progress == Progress::Broken || self.subscriber.is_broken() {
            return Some(Farewell::Gone);
        }
        if self.registered.entry.is_stopping() {
            return Some(match self.web.clients.is_stopping() {
                true => Farewell::Stopping,
                false => Farewell::Dismissed(self.registered.entry.reason()),
            });
        }
        let still =
            self.form == Form::Snapshot && self.subscriber.outbox().outlet.still().is_some();
        if still {
            return Some(Farewell::Served);
        }
        if let Some(reason) = self.subscriber.ended() {
            return Some(Farewell::Ended(Arc::clone(reason)));
        }
        self.tell_skipped();
        let (at, farewell) = self.deadline(progress)?;
        (Instant::now() >= at).then_some(farewell)
    }

    /// When, and why, the connection ends unless something happens.
    fn deadline(&self, progress: Progress) -> Option<(Instant, Farewell)> {
        let config = self.web.config.get();
        let write = (progress == Progress::Held).then(|| {
            let since = self.subscriber.outbox().outlet.last_progress();
            (since + config.write_timeout, Farewell::TimedOut("it takes no data"))
        });
        let silence = self.socket.is_some().then(|| {
            let at = self.last_heard + config.client_timeout;
            (at, Farewell::TimedOut("it has been silent"))
        });
        let picture = (self.form == Form::Snapshot).then(|| {
            let start = self.registered.entry.since;
            (start + self.slot.stream.now().source_start_timeout, Farewell::NoPicture)
        });
        [write, silence, picture].into_iter().flatten().min_by_key(|(at, _)| *at)
    }

    /// When a browser is asked next for a sign of life.
    fn ping_at(&self) -> Option<Instant> {
        let interval = PING_INTERVAL.min(self.web.config.get().client_timeout / 3);
        self.socket.is_some().then(|| self.pinged + interval)
    }

    /// Says that the viewer is slow, at most once a second.
    fn tell_skipped(&mut self) {
        let skipped = self.subscriber.skipped();
        let (told, at) = self.skipped_told;
        if skipped > told && at.elapsed() >= Duration::from_secs(1) {
            self.skipped_told = (skipped, Instant::now());
            let count = skipped - told;
            self.slot.stats.frames_skipped.add(count);
            let (id, address) = (self.registered.entry.id, self.registered.entry.address);
            log::warn!(
                "viewer too slow, skipping to a key frame client={id} address={address} pictures={count}"
            );
        }
    }
}
