//! What a camera's bytes mean and what is said to it, from the first answer to the last packet:
//! without sockets and with the time as an argument, so that whatever a camera may send can be
//! tried in a moment.

mod frames;
mod setup;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::decoder::{Decoder, Event, Peer};
use rtsp_proto::dialog::{Dialog, Output, TrackSetup};
use rtsp_proto::headers::Lower;
use rtsp_proto::url::Scheme;
use rtsp_proto::{Limits, Oddities, Url};

use super::announced::Announced;
use super::carrier::{Carrier, Choice};
use super::dial::speaks_tls;
use super::feed::{Fed, Feed, REPORT_INTERVAL};
use super::memory::Parting;
use super::offline::lost;
use super::slot::Slot;
use super::version::Outcome;
use super::{Cause, Facts, Offline, OfflineKind};
use crate::config::model::TransportPolicy;

/// What is read from the socket at once: a key frame in a few calls.
const READ_SIZE: usize = 64 * 1024;
/// A camera that has worked for this long is well again: the pauses begin anew.
const STABLE: Duration = Duration::from_secs(5);
/// A presentation whose Content-Length is too large, or missing, is whole after this long.
const BODY_SILENCE: Duration = Duration::from_secs(1);

/// One connection to a camera, but for its sockets.
pub(super) struct Ingest<'a> {
    slot: &'a Arc<Slot>,
    pub(super) feed: &'a mut Feed,
    /// Nothing was read from the connection yet.
    fresh: bool,
    decoder: Decoder,
    dialog: Dialog,
    choice: Choice,
    /// What the camera described says of multicast groups.
    announced: Announced,
    /// When UDP that brought nothing is given up.
    silent_at: Option<Instant>,
    pub(super) oddities: Oddities,
    /// What of these and the dialog's the slot has been told.
    told: Oddities,
    state: State,
    /// Media came.
    has_lived: bool,
    /// Nothing but frames has come since this was set.
    only_frames: bool,
    /// The last moment at which there must have been media.
    deadline: Instant,
    next_report: Instant,
    stable_at: Option<Instant>,
    last_heard: Instant,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing has come that counts as life of the stream.
    Starting,
    /// Media comes.
    Live,
    /// The camera has been told that nobody wants it any more.
    Leaving,
    /// There is nothing more to be said.
    Left,
}

/// What the connection is to do.
pub(super) enum Errand {
    /// These bytes go to the camera.
    Send(Vec<u8>),
    /// It goes on with another connection, to this URL.
    Dial(Url),
    /// These media, by the places of their descriptions, are to be asked for with
    /// [`Ingest::set_up`]; what carries them tells [`Ingest::carrier`].
    SetUp(Vec<usize>),
}

impl<'a> Ingest<'a> {
    /// The connection that was dialled at `dialled` is there. `random` makes the dialog's secrets.
    pub(super) fn new(
        slot: &'a Arc<Slot>,
        feed: &'a mut Feed,
        random: u64,
        dialled: Instant,
        now: Instant,
    ) -> Self {
        let mut dialog = Dialog::new(setup::options(slot, now), random, now);
        dialog.connected(now);
        Self {
            slot,
            feed,
            fresh: true,
            decoder: Decoder::new(Peer::Camera, Limits::CAMERA),
            dialog,
            choice: choice(slot, &slot.stream.now().url),
            announced: Announced::default(),
            silent_at: None,
            oddities: Oddities::new(),
            told: Oddities::new(),
            state: State::Starting,
            has_lived: false,
            only_frames: false,
            deadline: dialled + slot.stream.now().source_start_timeout,
            next_report: now + REPORT_INTERVAL,
            stable_at: None,
            last_heard: now,
        }
    }

    /// How far it is.
    pub(super) fn state(&self) -> State {
        self.state
    }

    /// The last moment at which there must have been media.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    /// When the camera last sent anything on the connection.
    pub(super) fn last_heard(&self) -> Instant {
        self.last_heard
    }

    /// Whether the camera is just making a session, which can be ended only when it is known.
    pub(super) fn awaits_session(&self) -> bool {
        self.dialog.awaits_session()
    }

    /// The answers to SETUP so far.
    pub(super) fn tracks(&self) -> &[TrackSetup] {
        self.dialog.tracks()
    }

    /// The stream's name.
    pub(super) fn stream(&self) -> &str {
        &self.slot.stream.name
    }

    /// What its SDP says of multicast groups.
    pub(super) fn announced(&self) -> &Announced {
        &self.announced
    }

    /// What is asked for to carry the media, by the choice now.
    pub(super) fn carrier(&self) -> Carrier {
        self.choice.current()
    }

    /// Asks the camera to end the session, if there is one.
    pub(super) fn leave(&mut self, now: Instant) {
        self.state = State::Leaving;
        self.dialog.teardown(now);
    }

    /// Nothing can be said to the camera any more, nor is it necessary.
    pub(super) fn left(&mut self) {
        self.state = State::Left;
    }

    /// The connection that [`Errand::Dial`] asked for is there. If the camera was playing on the one
    /// before, viewers go on at its next key frame.
    pub(super) fn connected(&mut self, url: &Url, secure_before: bool, secure: bool, now: Instant) {
        if secure_before != secure {
            self.choice = choice(self.slot, url);
        }
        self.feed.interrupt(true);
        self.fresh = true;
        self.decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
        self.dialog.connected(now);
    }

    /// From here on [`Ingest::only_frames_came`] counts.
    pub(super) fn watch_for_messages(&mut self) {
        self.only_frames = true;
    }

    /// Whether nothing that could change [`Ingest::wake_at`], but for the end of the silence, has
    /// come since [`Ingest::watch_for_messages`].
    pub(super) fn only_frames_came(&self) -> bool {
        self.only_frames && !self.decoder.awaits_body()
    }

    /// When [`Ingest::due`], [`Ingest::poll`] or [`Ingest::reports`] has something to do.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let wake_at = [
            // A body whose announced length is wrong ends with the silence behind it.
            self.decoder.awaits_body().then(|| self.last_heard + BODY_SILENCE),
            self.dialog.deadline(),
            (self.state != State::Leaving).then_some(self.deadline),
            (self.state == State::Live).then_some(self.next_report),
            self.stable_at,
            self.silent_at.filter(|_| self.state == State::Starting),
        ];
        wake_at.into_iter().flatten().min()
    }

    /// What is to be done at this moment because of the time.
    pub(super) fn due(&mut self, now: Instant) -> Result<(), Offline> {
        if self.state != State::Leaving && now >= self.deadline {
            return Err(self.silence());
        }
        if self.decoder.awaits_body() && now >= self.last_heard + BODY_SILENCE {
            self.finish_body(now)?;
        }
        if self.stable_at.is_some_and(|at| now >= at) {
            self.stable_at = None;
            self.slot.stable();
        }
        Ok(())
    }

    /// What the dialog has waited for long enough.
    pub(super) fn poll(&mut self, now: Instant) -> Result<(), Offline> {
        Ok(self.dialog.poll(now)?)
    }

    /// UDP, to whomever, has brought nothing for too long.
    pub(super) fn is_udp_silent(&self, now: Instant) -> bool {
        self.silent_at.is_some_and(|at| now >= at) && self.state == State::Starting
    }

    /// The receiver reports that are due, by track.
    pub(super) fn reports(&mut self, now: Instant) -> Vec<(u8, Vec<u8>)> {
        if self.state != State::Live || now < self.next_report {
            return Vec::new();
        }
        self.next_report = now + REPORT_INTERVAL;
        self.tell_oddities();
        self.feed.reports(now)
    }

    /// A report of a track as a frame, if the track is on the connection.
    pub(super) fn report_frame(&self, track: u8, report: &[u8]) -> Option<Vec<u8>> {
        let of_track = |setup: &&TrackSetup| self.feed.track_of_media(setup.media) == Some(track);
        let setup = self.dialog.tracks().iter().find(of_track)?;
        let (rtp, rtcp) = setup.transport.interleaved?;
        let channel = rtcp.unwrap_or(rtp.wrapping_add(1));
        let mut frame = vec![b'$', channel];
        frame.extend_from_slice(&(report.len() as u16).to_be_bytes());
        frame.extend_from_slice(report);
        Some(frame)
    }

    /// Nothing came in time.
    fn silence(&self) -> Offline {
        let stream = self.slot.stream.now();
        if self.state == State::Live {
            let what = if self.feed.has_video() { "video" } else { "media" };
            let seconds = stream.source_timeout.as_secs();
            return Offline::new(
                OfflineKind::Lost,
                format!("the camera sent no {what} for {seconds} s"),
            );
        }
        let seconds = stream.source_start_timeout.as_secs();
        if self.dialog.is_playing() && self.dialog.tracks().iter().any(is_udp) {
            // The next attempt shall not begin with what brings nothing.
            self.slot.remember(None);
            let hint = match stream.transport {
                TransportPolicy::Udp => ": does a firewall block it? transport=auto tries TCP, too",
                TransportPolicy::Multicast => {
                    ": does a switch or a firewall let the group through? transport=auto tries \
                     TCP, too"
                }
                _ => "",
            };
            let carrier = self.carried();
            let text = format!(
                "the camera accepted PLAY but sent nothing over {carrier} for {seconds} s{hint}"
            );
            return Offline::new(OfflineKind::StartTimeout, text).at(Cause::Silence);
        }
        let (what, cause) = match self.dialog.is_playing() {
            true => ("accepted PLAY but sent nothing", Cause::Silence),
            false => ("did not finish the handshake", Cause::Other),
        };
        let text = format!("the camera {what} within {seconds} s");
        Offline::new(OfflineKind::StartTimeout, text).at(cause)
    }

    /// What the dialog asks for next; `None` when there is nothing more.
    pub(super) fn errand(&mut self, now: Instant) -> Result<Option<Errand>, Offline> {
        while let Some(output) = self.dialog.output() {
            return Ok(Some(match output {
                Output::Send(bytes) => {
                    let tracks = self.dialog.tracks();
                    let channels = tracks.iter().filter_map(|track| track.transport.interleaved);
                    let channels = channels.flat_map(|(rtp, rtcp)| [Some(rtp), rtcp]).flatten();
                    self.decoder.expect_channels(channels);
                    Errand::Send(bytes)
                }
                Output::Described(sdp) => Errand::SetUp(self.described(&sdp, now)?),
                Output::Playing => {
                    self.playing(now);
                    continue;
                }
                Output::Reconnect => Errand::Dial(self.dialog.url().clone()),
                Output::Redirect(url) => {
                    log::info!("the camera redirects stream={} to={url}", self.slot.stream.name);
                    Errand::Dial(url)
                }
                Output::TransportRefused { .. } => {
                    let refused = self.choice.current();
                    Errand::SetUp(self.change_carrier(&format!("the camera refuses {refused}"))?)
                }
                Output::TornDown => {
                    self.state = State::Left;
                    continue;
                }
            }));
        }
        Ok(None)
    }

    /// Takes what `read` gives, and feeds it. `true` if there may be more.
    pub(super) fn receive(
        &mut self,
        now: Instant,
        read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
    ) -> Result<bool, Offline> {
        let room = self.decoder.spare(READ_SIZE);
        let size = room.len();
        let count = match read(room) {
            Ok(0) => return self.hung_up(now).map(|()| false),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(true),
            Err(error) => {
                // A reset before the first answer says no more than a close does.
                let unheard = self.fresh;
                self.dialog.disconnected(now).map_err(|ended| match unheard {
                    true => ended.into(),
                    false => lost(&error),
                })?;
                return Ok(false);
            }
        };
        if std::mem::take(&mut self.fresh) && speaks_tls(room.get(..count).unwrap_or_default()) {
            let text = "the camera speaks TLS on this port: the URL must begin with rtsps://";
            return Err(Offline::new(OfflineKind::Refused, text).at(Cause::SpeaksTls));
        }
        self.decoder.advance(count);
        self.last_heard = now;
        self.decode(now)?;
        Ok(count >= size)
    }

    fn hung_up(&mut self, now: Instant) -> Result<(), Offline> {
        if self.state == State::Leaving {
            self.state = State::Left;
            return Ok(());
        }
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

    fn decode(&mut self, now: Instant) -> Result<(), Offline> {
        let mut meant = Fed::Nothing;
        loop {
            let event = self.decoder.next().map_err(|error| {
                Offline::new(
                    OfflineKind::Lost,
                    format!("the camera's stream cannot be read: {error}"),
                )
            })?;
            self.only_frames &= matches!(event, None | Some(Event::Frame(_)));
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

    /// What carries the media, by the camera's answers: UDP, if anything comes by it.
    pub(super) fn carried(&self) -> Carrier {
        Carrier::of(self.dialog.tracks()).unwrap_or(self.choice.current())
    }

    /// What was fed meant this for the stream.
    pub(super) fn fed(&mut self, fed: Fed, carrier: Carrier, now: Instant) -> Result<(), Offline> {
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
                    self.has_lived = true;
                    self.stable_at = Some(now + STABLE);
                    self.silent_at = None;
                    self.slot.remember(Some(carrier));
                    self.tell_facts();
                    self.slot.live();
                    let name = &self.slot.stream.name;
                    log::info!("stream live stream={name} transport={carrier}");
                }
                self.deadline = now + self.slot.stream.now().source_timeout;
            }
        }
        Ok(())
    }

    /// The connection is over, and has failed for this reason if there is one. What was learned is
    /// noted.
    pub(super) fn conclude(&mut self, failure: Option<&Offline>, now: Instant) {
        self.tell_oddities();
        self.tell_facts();
        let outcome = match failure {
            _ if self.has_lived => Outcome::Media,
            None => Outcome::Unwanted,
            Some(offline) => Outcome::Failure(offline),
        };
        self.slot.judge_version(self.dialog.rtsp2(), outcome, now);
    }

    /// Notes how the session ended, if there was one.
    pub(super) fn part(&self) {
        if self.dialog.was_granted() {
            self.slot.parted(match self.dialog.is_dismissed() {
                true => Parting::Farewell,
                false => Parting::Loss,
            });
        }
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

    /// Bytes that wait for more to mean anything.
    #[cfg(any(test, feature = "fuzz"))]
    pub(super) fn buffered(&self) -> usize {
        self.decoder.buffered()
    }
}

fn is_udp(track: &TrackSetup) -> bool {
    track.transport.lower == Lower::Udp
}

/// What carries the media. With TLS only the operator can choose datagrams, which would cross the
/// network readable.
fn choice(slot: &Slot, url: &Url) -> Choice {
    let policy = match (slot.stream.now().transport, url.scheme()) {
        (TransportPolicy::Auto, Scheme::Rtsps) => TransportPolicy::Tcp,
        (chosen, _) => chosen,
    };
    Choice::new(policy, slot.carrier())
}
