//! One connection to the camera, from dialling to TEARDOWN.

mod farewell;
mod frames;
mod setup;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::dialog::{Dialog, Output};
use rtsp_proto::url::Scheme;
use rtsp_proto::{Limits, Oddities, Url};

use super::carrier::{Carrier, Choice};
use super::datagrams::Datagrams;
use super::dial::{dial, speaks_tls};
use super::feed::{Fed, Feed, REPORT_INTERVAL};
use super::slot::Slot;
use super::{Cause, Facts, Offline, OfflineKind};
use crate::config::model::TransportPolicy;
use crate::net::{Interest, Ready, Stream, Waker, wait_all};
use crate::{drill, entropy};

/// What is read from the socket at once: a key frame in a few calls.
const READ_SIZE: usize = 64 * 1024;
/// A camera that does not take our few bytes for this long is as good as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// A camera that has worked for this long is well again: the pauses begin anew.
const STABLE: Duration = Duration::from_secs(5);
/// As long is a camera's answer to SETUP waited for when nobody wants the stream any more.
const SESSION_PATIENCE: Duration = Duration::from_secs(1);
/// A presentation whose Content-Length is too large, or missing, is whole after this long.
const BODY_SILENCE: Duration = Duration::from_secs(1);

pub(super) struct Connection<'a> {
    slot: &'a Arc<Slot>,
    waker: &'a Waker,
    feed: &'a mut Feed,
    stream: Stream,
    /// Nothing was read from it yet.
    fresh: bool,
    decoder: Decoder,
    dialog: Dialog,
    choice: Choice,
    /// The ports for media, while UDP is asked for.
    datagrams: Option<Datagrams>,
    /// The UDP sockets that have something.
    readable: Vec<usize>,
    /// When UDP that brought nothing is given up.
    silent_at: Option<Instant>,
    oddities: Oddities,
    /// What of these and the dialog's the slot has been told.
    told: Oddities,
    state: State,
    /// Nothing but packets of a live stream has come since this was set.
    only_media: bool,
    /// The last moment at which there must have been media.
    deadline: Instant,
    next_report: Instant,
    stable_at: Option<Instant>,
    last_heard: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Starting,
    Live,
    Leaving,
    Left,
}

impl<'a> Connection<'a> {
    /// Pulls the camera until nobody wants it any more (`Ok`, the camera has been told) or it is
    /// lost.
    pub(super) fn run(
        slot: &'a Arc<Slot>,
        waker: &'a Waker,
        feed: &'a mut Feed,
    ) -> Result<(), Offline> {
        let config = &slot.stream;
        let now = Instant::now();
        let deadline = now + config.source_start_timeout;
        let name = &config.name;
        log::info!("connecting to the camera stream={name} url={}", config.url);
        let Some(stream) = dial(slot, waker, &config.url, deadline)? else { return Ok(()) };
        let mut dialog = Dialog::new(setup::options(slot), entropy::number(), now);
        dialog.connected(now);
        let mut connection = Self {
            slot,
            waker,
            feed,
            stream,
            fresh: true,
            decoder: Decoder::new(Peer::Camera, Limits::CAMERA),
            dialog,
            choice: choice(slot, &config.url),
            datagrams: None,
            readable: Vec::new(),
            silent_at: None,
            oddities: Oddities::new(),
            told: Oddities::new(),
            state: State::Starting,
            only_media: false,
            deadline,
            next_report: now + REPORT_INTERVAL,
            stable_at: None,
            last_heard: now,
        };
        let outcome = connection.pull();
        if let Some(datagrams) = &mut connection.datagrams {
            datagrams.flush(connection.feed, &mut connection.oddities);
        }
        connection.tell_oddities();
        connection.tell_facts();
        let worked = outcome.is_ok() || connection.state == State::Live;
        slot.judge_version(&connection.dialog, worked);
        if outcome.is_err() && connection.state != State::Left {
            connection.leave_in_haste();
        }
        connection.part();
        outcome
    }

    fn pull(&mut self) -> Result<(), Offline> {
        while self.state != State::Left {
            let now = Instant::now();
            let release_at = self.slot.release_at();
            // A session that the camera is just making must be known before it can be ended.
            let patience =
                if self.dialog.awaits_session() { SESSION_PATIENCE } else { Duration::ZERO };
            let release_at = release_at.map(|at| at + patience);
            if self.state != State::Leaving && release_at.is_some_and(|at| at <= now) {
                self.state = State::Leaving;
                self.dialog.teardown(now);
            }
            self.due(now)?;
            // Right before waiting, so that nothing the dialog asks for waits, too.
            self.outputs()?;
            if self.state == State::Left {
                break;
            }
            let wake_at = [
                // A body whose announced length is wrong ends with the silence behind it.
                self.decoder.awaits_body().then(|| self.last_heard + BODY_SILENCE),
                self.dialog.deadline(),
                (self.state != State::Leaving).then_some(self.deadline),
                (self.state == State::Live).then_some(self.next_report),
                self.stable_at,
                release_at.filter(|_| self.state != State::Leaving),
                self.silent_at.filter(|_| self.state == State::Starting),
                self.datagrams.as_ref().and_then(Datagrams::deadline),
            ];
            let wake_at = wake_at.into_iter().flatten().min();
            // As long as packets come and nothing else, none of the above changes but that the
            // silence would end later.
            self.only_media = self.state == State::Live && self.datagrams.is_none();
            loop {
                let ready = self.wait(wake_at).map_err(|error| lost(&error))?;
                if self.state == State::Live {
                    drill::pass("source");
                }
                self.receive_datagrams()?;
                if ready.readable || ready.hangup {
                    self.receive()?;
                }
                self.only_media &= ready.readable && !ready.hangup && !ready.woken;
                self.only_media &= !self.decoder.awaits_body();
                if !self.only_media || wake_at.is_some_and(|at| self.last_heard >= at) {
                    break;
                }
            }
            self.dialog.poll(Instant::now())?;
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
        if self.state != State::Leaving && now >= self.deadline {
            return Err(self.silence());
        }
        if let Some(datagrams) = &mut self.datagrams {
            let meant = datagrams.expire(now, self.feed, &mut self.oddities);
            self.fed(meant, Carrier::Udp, now)?;
        }
        if self.silent_at.is_some_and(|at| now >= at) && self.state == State::Starting {
            self.give_up_udp(now)?;
        }
        if self.decoder.awaits_body() && now >= self.last_heard + BODY_SILENCE {
            self.finish_body(now)?;
        }
        if self.stable_at.is_some_and(|at| now >= at) {
            self.stable_at = None;
            self.slot.stable();
        }
        if self.state == State::Live && now >= self.next_report {
            self.next_report = now + REPORT_INTERVAL;
            self.tell_oddities();
            for (track, report) in self.feed.reports(now) {
                if let Some(channel) = self.control_channel(track) {
                    let mut frame = vec![b'$', channel];
                    frame.extend_from_slice(&(report.len() as u16).to_be_bytes());
                    frame.extend_from_slice(&report);
                    self.send(&frame)?;
                } else if let Some(datagrams) = &self.datagrams {
                    datagrams.report(track, &report);
                }
            }
        }
        Ok(())
    }

    /// Nothing came in time.
    fn silence(&self) -> Offline {
        let stream = &self.slot.stream;
        if self.state == State::Live {
            let what = if self.feed.has_video() { "video" } else { "media" };
            let seconds = stream.source_timeout.as_secs();
            return Offline::new(
                OfflineKind::Lost,
                format!("the camera sent no {what} for {seconds} s"),
            );
        }
        let seconds = stream.source_start_timeout.as_secs();
        if self.dialog.is_playing() && self.datagrams.is_some() {
            // The next attempt shall not begin with what brings nothing.
            self.slot.remember(None);
            let hint = match stream.transport {
                TransportPolicy::Udp => ": does a firewall block it? transport=auto tries TCP, too",
                _ => "",
            };
            let text =
                format!("the camera accepted PLAY but sent nothing over UDP for {seconds} s{hint}");
            return Offline::new(OfflineKind::StartTimeout, text).at(Cause::Silence);
        }
        let (what, cause) = match self.dialog.is_playing() {
            true => ("accepted PLAY but sent nothing", Cause::Silence),
            false => ("did not finish the handshake", Cause::Other),
        };
        let text = format!("the camera {what} within {seconds} s");
        Offline::new(OfflineKind::StartTimeout, text).at(cause)
    }

    /// Does what the dialog asks for.
    fn outputs(&mut self) -> Result<(), Offline> {
        while let Some(output) = self.dialog.output() {
            let now = Instant::now();
            match output {
                Output::Send(bytes) => {
                    // It may be PLAY: the way for the packets must be open before.
                    let tracks = self.dialog.tracks();
                    let channels = tracks.iter().filter_map(|track| track.transport.interleaved);
                    let channels = channels.flat_map(|(rtp, rtcp)| [Some(rtp), rtcp]).flatten();
                    self.decoder.expect_channels(channels);
                    self.datagrams.take_if(|datagrams| !datagrams.agree(tracks));
                    self.send(&bytes)?;
                }
                Output::Described(sdp) => self.described(&sdp, now)?,
                Output::Playing => self.playing(now),
                Output::Reconnect => self.reconnect(&self.dialog.url().clone())?,
                Output::Redirect(url) => {
                    log::info!("the camera redirects stream={} to={url}", self.slot.stream.name);
                    self.reconnect(&url)?;
                }
                Output::TransportRefused { .. } => {
                    let refused = self.choice.current();
                    self.change_carrier(&format!("the camera refuses {refused}"), now)?;
                }
                Output::TornDown => self.state = State::Left,
            }
        }
        Ok(())
    }

    /// Dials anew within the same handshake.
    fn reconnect(&mut self, url: &Url) -> Result<(), Offline> {
        match dial(self.slot, self.waker, url, self.deadline)? {
            Some(stream) => {
                if self.stream.is_tls() != stream.is_tls() {
                    self.choice = choice(self.slot, url);
                }
                self.stream = stream;
                self.fresh = true;
                self.decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
                self.dialog.connected(Instant::now());
            }
            None => self.state = State::Left,
        }
        Ok(())
    }

    /// Reads the datagrams that are there, and feeds them.
    fn receive_datagrams(&mut self) -> Result<(), Offline> {
        let Some(datagrams) = &mut self.datagrams else { return Ok(()) };
        let mut meant = Fed::Nothing;
        for socket in self.readable.drain(..) {
            meant = meant.max(datagrams.receive(socket, self.feed, &mut self.oddities));
        }
        self.fed(meant, Carrier::Udp, Instant::now())
    }

    /// Reads what is there, and feeds it.
    fn receive(&mut self) -> Result<(), Offline> {
        loop {
            let room = self.decoder.spare(READ_SIZE);
            let size = room.len();
            let count = match self.stream.read(room) {
                Ok(0) => return self.hung_up(),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    // A reset before the first answer says no more than a close does.
                    let unheard = self.fresh;
                    self.dialog.disconnected(Instant::now()).map_err(|ended| match unheard {
                        true => ended.into(),
                        false => lost(&error),
                    })?;
                    return Ok(());
                }
            };
            if std::mem::take(&mut self.fresh) && speaks_tls(room.get(..count).unwrap_or_default())
            {
                let text = "the camera speaks TLS on this port: the URL must begin with rtsps://";
                return Err(Offline::new(OfflineKind::Refused, text).at(Cause::SpeaksTls));
            }
            self.decoder.advance(count);
            self.last_heard = Instant::now();
            self.decode()?;
            if count < size {
                return Ok(());
            }
        }
    }

    fn hung_up(&mut self) -> Result<(), Offline> {
        if self.state == State::Leaving {
            self.state = State::Left;
            return Ok(());
        }
        let now = Instant::now();
        self.finish_body(now)?;
        self.dialog.disconnected(now)?;
        Ok(())
    }

    /// Takes what there is of a body as the whole of it.
    fn finish_body(&mut self, now: Instant) -> Result<(), Offline> {
        while let Ok(Some(event)) = self.decoder.finish() {
            if let Event::Response(response) = event {
                self.dialog.response(&response, now)?;
            }
        }
        Ok(())
    }

    fn decode(&mut self) -> Result<(), Offline> {
        let now = Instant::now();
        let mut meant = Fed::Nothing;
        loop {
            let event = self.decoder.next().map_err(|error| {
                Offline::new(
                    OfflineKind::Lost,
                    format!("the camera's stream cannot be read: {error}"),
                )
            })?;
            self.only_media &= matches!(event, None | Some(Event::Frame(_)));
            match event {
                None => return self.fed(meant, Carrier::Tcp, now),
                Some(Event::Response(response)) => {
                    self.fed(std::mem::replace(&mut meant, Fed::Nothing), Carrier::Tcp, now)?;
                    self.dialog.response(&response, now)?;
                }
                Some(Event::Request(request)) => self.dialog.request(&request, now)?,
                Some(Event::Frame(frame)) => {
                    let (dialog, oddities) = (&self.dialog, &mut self.oddities);
                    let fed = frames::feed(frame, dialog, self.feed, now, oddities);
                    meant = meant.max(fed.unwrap_or(Fed::Nothing));
                }
            }
        }
    }

    fn fed(&mut self, fed: Fed, carrier: Carrier, now: Instant) -> Result<(), Offline> {
        match fed {
            Fed::Nothing => {}
            Fed::Other => self.dialog.media(now),
            Fed::Bye if self.state == State::Leaving => {}
            Fed::Bye => {
                let text = "the camera ended the stream (RTCP BYE)";
                return Err(Offline::new(OfflineKind::Lost, text));
            }
            Fed::Media => {
                self.dialog.media(now);
                if self.state == State::Starting {
                    self.state = State::Live;
                    self.stable_at = Some(now + STABLE);
                    self.silent_at = None;
                    self.slot.remember(Some(carrier));
                    self.tell_facts();
                    self.slot.live();
                    let name = &self.slot.stream.name;
                    log::info!("stream live stream={name} transport={carrier}");
                }
                self.deadline = now + self.slot.stream.source_timeout;
            }
        }
        Ok(())
    }

    fn control_channel(&self, track: u8) -> Option<u8> {
        let setup = self
            .dialog
            .tracks()
            .iter()
            .find(|setup| self.feed.track_of_media(setup.media) == Some(track))?;
        let (rtp, rtcp) = setup.transport.interleaved?;
        Some(rtcp.unwrap_or(rtp.wrapping_add(1)))
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
                Err(_) if self.state == State::Leaving => self.state = State::Left,
                Err(error) => return Err(lost(&error)),
            }
            if self.state == State::Left {
                return Ok(());
            }
        }
        Ok(())
    }

    fn tell_oddities(&mut self) {
        self.oddities.merge(&self.decoder.take_oddities());
        let mut all = self.dialog.oddities().clone();
        all.merge(&self.oddities);
        for oddity in self.slot.tolerated(&all.since(&self.told)) {
            log::info!("tolerating {oddity} stream={}", self.slot.stream.name);
        }
        self.told = all;
    }

    fn tell_facts(&self) {
        self.slot.learned(Facts::of(&self.dialog));
    }
}

/// What carries the media. With TLS only the operator can choose datagrams, which would cross the
/// network readable.
fn choice(slot: &Slot, url: &Url) -> Choice {
    let policy = match (slot.stream.transport, url.scheme()) {
        (TransportPolicy::Auto, Scheme::Rtsps) => TransportPolicy::Tcp,
        (chosen, _) => chosen,
    };
    Choice::new(policy, slot.carrier())
}

fn lost(error: &io::Error) -> Offline {
    Offline::new(OfflineKind::Lost, format!("the connection to the camera failed: {error}"))
}
