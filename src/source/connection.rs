//! One connection to the camera, from dialling to TEARDOWN: the sockets and the waiting. What is
//! said on it is the matter of [`Ingest`].

mod farewell;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::Url;

use super::carrier::Carrier;
use super::datagrams::Datagrams;
use super::dial::dial;
use super::feed::{Fed, Feed};
use super::ingest::{Errand, Ingest, State};
use super::offline::lost;
use super::slot::Slot;
use super::{Cause, Offline, OfflineKind};
use crate::net::{Interest, Ready, Stream, Waker, wait_all};
use crate::system_error::words;
use crate::{drill, entropy};

/// A camera that does not take our few bytes for this long is as good as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// As long is a camera's answer to SETUP waited for when nobody wants the stream any more.
const SESSION_PATIENCE: Duration = Duration::from_secs(1);

pub(super) struct Connection<'a> {
    slot: &'a Arc<Slot>,
    waker: &'a Waker,
    ingest: Ingest<'a>,
    stream: Stream,
    /// The ports for media, while UDP is asked for.
    datagrams: Option<Datagrams>,
    /// The UDP sockets that have something.
    readable: Vec<usize>,
}

impl<'a> Connection<'a> {
    /// Pulls the camera until nobody wants it any more (`Ok`, the camera has been told) or it is
    /// lost.
    pub(super) fn run(
        slot: &'a Arc<Slot>,
        waker: &'a Waker,
        feed: &'a mut Feed,
    ) -> Result<(), Offline> {
        let config = slot.stream.now();
        let now = Instant::now();
        let deadline = now + config.source_start_timeout;
        let name = &config.name;
        log::info!("connecting to the camera stream={name} url={}", config.url);
        let Some(stream) = dial(slot, waker, &config.url, deadline)? else { return Ok(()) };
        let ingest = Ingest::new(slot, feed, entropy::number(), now, Instant::now());
        let mut connection =
            Self { slot, waker, ingest, stream, datagrams: None, readable: Vec::new() };
        let outcome = connection.pull();
        let Self { ingest, datagrams, .. } = &mut connection;
        if let Some(datagrams) = datagrams {
            datagrams.flush(ingest.feed, &mut ingest.oddities);
        }
        ingest.conclude(outcome.as_ref().err(), Instant::now());
        if outcome.is_err() && ingest.state() != State::Left {
            connection.leave_in_haste();
        }
        connection.ingest.part();
        outcome
    }

    fn pull(&mut self) -> Result<(), Offline> {
        while self.ingest.state() != State::Left {
            let now = Instant::now();
            let release_at = self.slot.release_at();
            // A session that the camera is just making must be known before it can be ended.
            let patience = match self.ingest.awaits_session() {
                true => SESSION_PATIENCE,
                false => Duration::ZERO,
            };
            let release_at = release_at.map(|at| at + patience);
            if self.ingest.state() != State::Leaving && release_at.is_some_and(|at| at <= now) {
                self.ingest.leave(now);
            }
            self.due(now)?;
            // Right before waiting, so that nothing the dialog asks for waits, too.
            self.errands()?;
            if self.ingest.state() == State::Left {
                break;
            }
            let wake_at = [
                self.ingest.wake_at(),
                release_at.filter(|_| self.ingest.state() != State::Leaving),
                self.datagrams.as_ref().and_then(Datagrams::deadline),
            ];
            let wake_at = wake_at.into_iter().flatten().min();
            // As long as packets come and nothing else, none of the above changes but that the
            // silence would end later.
            let steady = self.ingest.state() == State::Live && self.datagrams.is_none();
            self.ingest.watch_for_messages();
            loop {
                let ready = self.wait(wake_at).map_err(|error| lost(&error))?;
                if self.ingest.state() == State::Live {
                    drill::pass("source");
                }
                self.receive_datagrams()?;
                if ready.readable || ready.hangup {
                    self.receive()?;
                }
                let only_media = steady && ready.readable && !ready.hangup && !ready.woken;
                let late = wake_at.is_some_and(|at| self.ingest.last_heard() >= at);
                if !only_media || late || !self.ingest.only_frames_came() {
                    break;
                }
            }
            self.ingest.poll(Instant::now())?;
        }
        Ok(())
    }

    /// Waits for the camera, on whatever it sends.
    fn wait(&mut self, deadline: Option<Instant>) -> io::Result<Ready> {
        let Some(datagrams) = &self.datagrams else {
            return self.stream.wait(Interest::Read, self.waker, deadline);
        };
        if self.stream.has_unread() {
            self.readable.clear();
            return Ok(Ready { readable: true, ..Ready::default() });
        }
        let sockets: Vec<_> = datagrams.sockets().collect();
        wait_all(&self.stream, &sockets, self.waker, deadline, &mut self.readable)
    }

    /// What is to be done at this moment because of the time.
    fn due(&mut self, now: Instant) -> Result<(), Offline> {
        let Self { ingest, datagrams, .. } = self;
        if let Some(datagrams) = datagrams {
            let meant = datagrams.expire(now, ingest.feed, &mut ingest.oddities);
            ingest.fed(meant, datagrams.carrier(), now)?;
        }
        ingest.due(now)?;
        if ingest.is_udp_silent(now) {
            let media = ingest.give_up_udp()?;
            self.set_up(media, now)?;
        }
        for (track, report) in self.ingest.reports(now) {
            if let Some(frame) = self.ingest.report_frame(track, &report) {
                self.send(&frame)?;
            } else if let Some(datagrams) = &self.datagrams {
                datagrams.report(track, &report);
            }
        }
        Ok(())
    }

    /// Does what the dialog asks for.
    fn errands(&mut self) -> Result<(), Offline> {
        while let Some(errand) = self.ingest.errand(Instant::now())? {
            match errand {
                Errand::Send(bytes) => {
                    // It may be PLAY: the way for the packets must be open before.
                    self.agree()?;
                    self.send(&bytes)?;
                }
                Errand::SetUp(media) => self.set_up(media, Instant::now())?,
                Errand::Dial(url) => self.reconnect(&url)?,
            }
        }
        Ok(())
    }

    /// Asks for the media by what is the choice now.
    fn set_up(&mut self, media: Vec<usize>, now: Instant) -> Result<(), Offline> {
        self.readable.clear();
        self.datagrams = None;
        if self.ingest.carrier() != Carrier::Tcp {
            let camera = self.stream.peer_addr().map_err(|error| lost(&error))?;
            let local = self.stream.local_addr().map_err(|error| lost(&error))?.ip();
            // For a group, too: a camera that is asked for one says which only when it answers.
            let datagrams = Datagrams::bind(camera, local, media).map_err(|error| {
                let text = format!("no UDP ports for the camera's media: {}", words(&error));
                Offline::new(OfflineKind::Unreachable, text)
            })?;
            let ports = datagrams.ports().map(|(media, port)| (media, Some(port)));
            self.ingest.set_up(ports, now);
            self.datagrams = Some(datagrams);
        } else {
            self.ingest.set_up(media.into_iter().map(|media| (media, None)), now);
        }
        Ok(())
    }

    /// Takes over what the camera answered to SETUP so far.
    fn agree(&mut self) -> Result<(), Offline> {
        let Some(datagrams) = &mut self.datagrams else { return Ok(()) };
        let (tracks, announced) = (self.ingest.tracks(), self.ingest.announced());
        let any_left =
            datagrams.agree(tracks, announced, self.ingest.stream()).map_err(|text| {
                // The next attempt shall not begin with a group that cannot be joined.
                self.slot.remember(None);
                Offline::new(OfflineKind::Unreachable, text).at(Cause::Transport)
            })?;
        if !any_left {
            self.datagrams = None;
        }
        Ok(())
    }

    /// Dials anew within the same handshake.
    fn reconnect(&mut self, url: &Url) -> Result<(), Offline> {
        match dial(self.slot, self.waker, url, self.ingest.deadline())? {
            Some(stream) => {
                let before = std::mem::replace(&mut self.stream, stream).is_tls();
                self.ingest.connected(url, before, self.stream.is_tls(), Instant::now());
            }
            None => self.ingest.left(),
        }
        Ok(())
    }

    /// Reads the datagrams that are there, and feeds them.
    fn receive_datagrams(&mut self) -> Result<(), Offline> {
        let Self { ingest, datagrams, .. } = self;
        let Some(datagrams) = datagrams else { return Ok(()) };
        let mut meant = Fed::Nothing;
        for socket in self.readable.drain(..) {
            meant = meant.max(datagrams.receive(socket, ingest.feed, &mut ingest.oddities));
        }
        ingest.fed(meant, datagrams.carrier(), Instant::now())
    }

    /// Reads what is there, and feeds it.
    fn receive(&mut self) -> Result<(), Offline> {
        let Self { ingest, stream, .. } = self;
        while ingest.receive(Instant::now(), |room| stream.read(room))? {}
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), Offline> {
        let deadline = Instant::now() + WRITE_TIMEOUT;
        let mut rest = bytes;
        while !rest.is_empty() || self.stream.is_pending() {
            match self.stream.write(rest) {
                Ok(count) => rest = rest.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if Instant::now() >= deadline {
                        let text = "the camera takes no requests any more";
                        return Err(Offline::new(OfflineKind::Lost, text));
                    }
                    self.stream
                        .wait(Interest::Write, self.waker, Some(deadline))
                        .map_err(|error| lost(&error))?;
                }
                // The answer may already be in: reading tells what the camera meant.
                Err(_) if self.ingest.state() == State::Leaving => self.ingest.left(),
                Err(error) => return Err(lost(&error)),
            }
            if self.ingest.state() == State::Left {
                return Ok(());
            }
        }
        Ok(())
    }
}
