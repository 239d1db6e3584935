//! A camera whose every byte may be wrong, from its first answer to its last packet, over
//! connection after connection, toward the whole of the relay's side of cameras: dialog, decoder,
//! feed, timeline, batcher, program and hub, with viewers who check what they get. Without sockets
//! and threads, and by a clock that runs as the script says.

mod device;
mod studio;
#[cfg(test)]
mod tests;
mod witness;

pub use self::studio::Studio;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rtsp_proto::Limits;
use rtsp_proto::decoder::{Decoder, Event, FRAME_PREFIX, Peer};
use rtsp_proto::fuzz::script::{mistake, take};
use rtsp_proto::headers::Lower;

use self::device::{Device, OWN_REQUEST, Picture};
use self::witness::{Terms, Way, Witness};
use super::Offline;
use super::carrier::Carrier;
use super::feed::Feed;
use super::guard::SourceGuard;
use super::ingest::{Errand, Ingest, State};
use super::inlet::Inlet;
use super::slot::{Showing, Slot, Step};
use crate::config::model::{OnOffline, Stream, TransportPolicy};
use crate::config::{Sources, Surroundings, load_in};
use crate::media::batch::PREFIX;
use crate::media::live::LiveView;
use crate::media::live::fuzz::Browser;
use crate::media::{Progress, Subscriber, Viewer};
use crate::net::Waker;
use crate::net::udp::Half;

/// Of an answer or a frame that is sent with mistakes.
const MAX_MISTAKES: u8 = 4;
/// Connections of one camera: each failure is followed by another attempt.
const MAX_CONNECTIONS: usize = 6;
/// What one event may have the relay say; more would be a loop.
const MAX_ERRANDS: usize = 64;
/// The largest that can be waited for: a message, or a frame behind garbage that is being skipped.
const MAX_BUFFERED: usize = Limits::CAMERA.head
    + Limits::CAMERA.body
    + Limits::CAMERA.resync
    + FRAME_PREFIX
    + u16::MAX as usize;
/// What our own requests may need, with what the camera gave us to repeat.
const LIMITS: Limits = Limits { head: 256 * 1024, ..Limits::CAMERA };
/// The cache of pictures in these tests, and what its last picture may be beyond it.
const CACHE_KB: usize = 64;
const MAX_CACHED: usize = CACHE_KB * 1024 + 256 * 1024;
const CAMERA: ([u8; 4], u16) = ([192, 0, 2, 1], 6000);

/// Takes `data` as a script: what the camera sends or does next, and the mistakes in it.
///
/// # Panics
/// When anything panics; holds more bytes than its limits; says anything to the camera but
/// well-formed messages, or without end; gives viewers anything but frames of packets; breaks the
/// order of batches; when a camera without mistakes, however it restarts and jumps, leads to numbers
/// that are not consecutive or to a clock that goes back; or when something is left at the end.
pub fn camera(data: &[u8]) {
    let mut script = data;
    let mut world = World::new(&mut script);
    let mut feed = Feed::new(Arc::clone(&world.slot), world.now);
    for _ in 0..MAX_CONNECTIONS {
        world.connect(&mut feed, &mut script);
        if script.is_empty() {
            break;
        }
    }
    world.end();
}

/// One stream, with its camera and its viewers.
struct World {
    slot: Arc<Slot>,
    guard: Option<SourceGuard>,
    device: Device,
    terms: Arc<Terms>,
    witness: Arc<Witness>,
    viewer: Option<Arc<Subscriber<Way>>>,
    view: Arc<LiveView>,
    browser: Option<Browser>,
    waker: Arc<Waker>,
    now: Instant,
}

/// How a script's step ends.
enum Turn {
    GoesOn,
    Over,
}

impl World {
    fn new(script: &mut &[u8]) -> Self {
        let now = Instant::now();
        let flags = take(script);
        let slot = Arc::new(Slot::new(stream(flags), &Arc::default()));
        let waker = Arc::new(Waker::new().unwrap_or_else(|error| unreachable!("{error}")));
        let reader = Arc::clone(&waker);
        let guard = slot.acquire::<()>(&waker, || Ok(reader)).ok().and_then(Result::ok);
        assert!(guard.is_some(), "a stream nobody wants yet can be had");
        let terms = Arc::new(Terms::default());
        terms.strict.store(true, SeqCst);
        let witness = Arc::new(Witness::new(&terms));
        slot.hub.attach(Arc::clone(&witness) as _);
        let device = Device::new(take(script), now);
        let view = LiveView::new(Arc::clone(&slot.hub));
        let (viewer, browser) = (None, None);
        Self { slot, guard, device, terms, witness, viewer, view, browser, waker, now }
    }

    /// One connection, until the camera or the script ends it.
    fn connect(&mut self, feed: &mut Feed, script: &mut &[u8]) {
        self.device.boot(script, self.now);
        let slot = Arc::clone(&self.slot);
        let random = u64::from(take(script));
        let mut ingest = Ingest::new(&slot, feed, random, self.now, self.now);
        let mut inlets = Vec::new();
        let outcome = loop {
            match self.step(&mut ingest, &mut inlets, script) {
                Ok(Turn::GoesOn) => {}
                Ok(Turn::Over) => break Ok(()),
                Err(offline) => break Err(offline),
            }
        };
        for inlet in &mut inlets {
            inlet.flush(ingest.feed, &mut ingest.oddities);
        }
        ingest.conclude(outcome.as_ref().err(), self.now);
        if ingest.state() != State::Left {
            self.part(&mut ingest, &mut inlets);
        }
        ingest.part();
        let facts = slot.facts().unwrap_or_else(|| unreachable!("they were just learned"));
        assert!(facts.refused_keepalives.len() <= 3, "a keepalive is one of three methods");
        let stay = slot.stream.now().on_offline == OnOffline::Hold;
        feed.interrupt(stay);
        if let Err(offline) = outcome {
            assert!(!offline.to_string().contains(char::is_control), "{offline}");
            slot.failed(&offline, Showing::Held, random);
            if !stay {
                slot.hub.end(&offline.text);
            }
        }
        self.look_after_viewers();
        for _ in 0..take(script) % 4 {
            self.now += Duration::from_millis(700);
            slot.program.repeat(self.now);
        }
    }

    /// The relay says goodbye; the camera answers or is gone.
    fn part(&mut self, ingest: &mut Ingest<'_>, inlets: &mut Vec<Inlet>) {
        ingest.leave(self.now);
        for _ in 0..4 {
            if self.errands(ingest, inlets).is_err() || ingest.state() == State::Left {
                return;
            }
            self.now = ingest.wake_at().unwrap_or(self.now).max(self.now);
            if ingest.due(self.now).is_err() || ingest.poll(self.now).is_err() {
                return;
            }
        }
        assert_eq!(ingest.state(), State::Left, "a farewell ends");
    }

    /// One thing that the camera sends or does.
    fn step(
        &mut self,
        ingest: &mut Ingest<'_>,
        inlets: &mut Vec<Inlet>,
        script: &mut &[u8],
    ) -> Result<Turn, Offline> {
        for inlet in inlets.iter_mut() {
            let meant = inlet.expire(self.now, ingest.feed, &mut ingest.oddities);
            ingest.fed(meant, ingest.carried(), self.now)?;
        }
        ingest.due(self.now)?;
        if ingest.is_udp_silent(self.now) {
            let media = ingest.give_up_udp()?;
            self.set_up(ingest, inlets, media);
        }
        for (track, report) in ingest.reports(self.now) {
            if let Some(frame) = ingest.report_frame(track, &report) {
                assert_eq!(frame.len(), PREFIX + report.len());
            }
        }
        self.errands(ingest, inlets)?;
        if script.is_empty() || ingest.state() == State::Left {
            return Ok(Turn::Over);
        }
        let kind = take(script);
        let mistakes = (kind >> 4) % (MAX_MISTAKES + 1);
        let mut packets = Vec::new();
        let mut wire = Vec::new();
        match kind % 16 {
            0..=3 if self.device.is_asked() => wire = self.device.answer(),
            0 => packets = self.picture(Picture::Reference, script),
            1 => packets = self.picture(Picture::Key, script),
            2 => packets = self.picture(Picture::Disposable, script),
            3 => {
                self.now += Duration::from_millis(20);
                packets.push((1, Half::Rtp, self.device.sound(self.now)));
            }
            4 => {
                let which = take(script);
                let report = self.device.report(which & 1, which & 0xe0 == 0xe0, self.now);
                packets.push((which & 1, Half::Rtcp, report));
            }
            5 => self.now += Duration::from_millis(u64::from(take(script)) * 50),
            6 => self.now = ingest.wake_at().unwrap_or(self.now).max(self.now),
            7 => wire = OWN_REQUEST.into(),
            8 => wire = self.device.challenge(),
            9 => {
                self.terms.strict.store(false, SeqCst);
                wire = (0..take(script)).map(|_| take(script)).collect();
            }
            10 => wire = self.device.refusal(take(script)),
            11 => self.device.jump(script),
            12 => {
                // The network's faults.
                self.terms.strict.store(false, SeqCst);
                packets = self.picture(Picture::Reference, script);
                let at = usize::from(take(script)) % packets.len();
                match take(script) % 4 {
                    0 => drop(packets.remove(at)),
                    1 => packets.swap(at, 0),
                    2 => packets.insert(0, packets[at].clone()),
                    _ => packets.reverse(),
                }
            }
            13 => self.audience(take(script)),
            14 => {
                ingest.receive(self.now, |_| Ok(0))?;
            }
            _ => {
                let kind = io::ErrorKind::ConnectionReset;
                ingest.receive(self.now, |_| Err(kind.into()))?;
            }
        }
        if mistakes > 0 && (!wire.is_empty() || !packets.is_empty()) {
            self.terms.strict.store(false, SeqCst);
        }
        for _ in 0..mistakes {
            match packets.is_empty() {
                true => mistake(&mut wire, script),
                false => {
                    let at = usize::from(take(script)) % packets.len();
                    mistake(&mut packets[at].2, script);
                }
            }
        }
        for (track, half, mut packet) in packets {
            if let Some(inlet) = inlets.iter_mut().find(|inlet| inlet.track() == track) {
                packet.splice(0..0, [0; PREFIX]);
                let from = SocketAddr::from(CAMERA);
                let feed = (&mut *ingest.feed, &mut ingest.oddities);
                let meant = inlet.packet(half, &mut packet, from, self.now, feed.0, feed.1);
                ingest.fed(meant, ingest.carried(), self.now)?;
            } else {
                wire.extend(frame(channel(ingest, track, half), &packet));
            }
        }
        if !wire.is_empty() {
            let at = usize::from(take(script)) * wire.len() / 255;
            let (first, second) = wire.split_at(at.min(wire.len()));
            self.receive(ingest, first)?;
            self.errands(ingest, inlets)?;
            self.receive(ingest, second)?;
        }
        ingest.poll(self.now)?;
        self.check(ingest);
        Ok(Turn::GoesOn)
    }

    fn picture(&mut self, kind: Picture, script: &mut &[u8]) -> Vec<(u8, Half, Vec<u8>)> {
        self.now += Duration::from_millis(40);
        let packets = self.device.picture(kind, take(script), self.now);
        packets.into_iter().map(|packet| (0, Half::Rtp, packet)).collect()
    }

    fn receive(&mut self, ingest: &mut Ingest<'_>, mut bytes: &[u8]) -> Result<(), Offline> {
        while !bytes.is_empty() && ingest.state() != State::Left {
            ingest.receive(self.now, |room| {
                let count = room.len().min(bytes.len());
                let (now, later) = bytes.split_at(count);
                room[..count].copy_from_slice(now);
                bytes = later;
                Ok(count)
            })?;
        }
        Ok(())
    }

    /// Does what the relay wants of a connection.
    fn errands(&mut self, ingest: &mut Ingest<'_>, inlets: &mut Vec<Inlet>) -> Result<(), Offline> {
        for _ in 0..MAX_ERRANDS {
            let Some(errand) = ingest.errand(self.now)? else { return Ok(()) };
            match errand {
                Errand::Send(bytes) => {
                    self.agree(ingest, inlets);
                    self.said(&bytes);
                }
                Errand::SetUp(media) => self.set_up(ingest, inlets, media),
                Errand::Dial(url) => ingest.connected(&url, false, false, self.now),
            }
        }
        unreachable!("the relay talks without end");
    }

    /// The relay says this to the camera.
    fn said(&mut self, bytes: &[u8]) {
        let mut decoder = Decoder::new(Peer::Client, LIMITS);
        decoder.push(bytes);
        match decoder.next() {
            Ok(Some(Event::Request(request))) => self.device.ask(&request),
            Ok(Some(Event::Response(_))) => {}
            other => unreachable!("the relay says {other:?}"),
        }
        assert_eq!(decoder.buffered(), 0, "one message at a time");
    }

    fn set_up(&self, ingest: &mut Ingest<'_>, inlets: &mut Vec<Inlet>, media: Vec<usize>) {
        inlets.clear();
        let udp = ingest.carrier() != Carrier::Tcp;
        if udp {
            inlets.extend((0..media.len() as u8).map(Inlet::new));
        }
        let ports = (5000u16..).step_by(2).map(|port| udp.then_some(port));
        ingest.set_up(media.into_iter().zip(ports), self.now);
    }

    /// What was asked for by UDP may have been granted on the connection.
    fn agree(&self, ingest: &Ingest<'_>, inlets: &mut Vec<Inlet>) {
        for setup in ingest.tracks() {
            let Some(track) = ingest.feed.track_of_media(setup.media) else { continue };
            if setup.transport.lower != Lower::Udp {
                inlets.retain(|inlet| inlet.track() != track);
            } else if setup.transport.is_multicast() {
                // Whatever it is, it is told, and no reason to panic.
                let _ = ingest.announced().group(setup.media, &setup.transport);
                let inlet = inlets.iter_mut().find(|inlet| inlet.track() == track);
                inlet.into_iter().for_each(|inlet| inlet.report_to_group(CAMERA.into()));
            }
        }
    }

    /// Viewers come, go and tire.
    fn audience(&mut self, what: u8) {
        match what % 8 {
            0 | 1 if what & 32 != 0 => {
                self.browser = None;
                if let Some(told) = self.slot.presentation() {
                    self.browser = Browser::come(&self.view, &told, &self.waker, self.now);
                }
            }
            0 | 1 => {
                self.leave();
                let waker = Arc::clone(&self.waker);
                let way = Way::new(&self.terms);
                let viewer = Arc::new(Subscriber::new(7, way, waker, what & 8 == 0));
                let mut outbox = viewer.outbox();
                self.slot.hub.join(&viewer, &mut outbox, what & 16 == 0, |_| true);
                drop(outbox);
                self.viewer = Some(viewer);
            }
            2 if what & 32 != 0 => self.browser = None,
            2 => self.leave(),
            3 => self.slot.hub.shrink_cache(),
            4 => self.slot.hub.restore_cache(),
            mood => {
                if let Some(viewer) = &self.viewer {
                    let moods = [Progress::Clear, Progress::Held, Progress::Broken];
                    viewer.outbox().outlet.mood = moods[usize::from(mood) - 5];
                    let busy = || viewer.pump() == Progress::Clear && !viewer.may_sleep();
                    while viewer.ended().is_none() && busy() {}
                }
            }
        }
    }

    fn leave(&mut self) {
        if let Some(viewer) = self.viewer.take() {
            self.slot.hub.leave(&*viewer);
        }
    }

    /// Those whom the stream was ended for come again.
    fn look_after_viewers(&mut self) {
        if self.viewer.as_ref().is_some_and(|viewer| viewer.ended().is_some()) {
            self.leave();
        }
        if self.browser.as_ref().is_some_and(Browser::is_over) {
            self.browser = None;
        }
        if self.witness.is_ended() {
            self.witness = Arc::new(Witness::new(&self.terms));
            self.slot.hub.attach(Arc::clone(&self.witness) as _);
        }
    }

    fn check(&mut self, ingest: &Ingest<'_>) {
        self.look_after_viewers();
        let buffered = ingest.buffered();
        assert!(buffered <= MAX_BUFFERED, "{buffered} bytes are held");
        let cached = self.slot.hub.cached_bytes();
        assert!(cached <= MAX_CACHED, "{cached} bytes are cached");
        if let Some(browser) = &self.browser {
            browser.look();
            let cached = browser.cached_bytes();
            assert!(cached <= MAX_CACHED, "{cached} bytes of fragments are cached");
        }
        if let Some(viewer) = &self.viewer {
            let held = viewer.held_bytes();
            assert!(held <= 2 * MAX_CACHED + 96 * 128 * 1024, "{held} bytes wait for a viewer");
        }
    }

    /// Nobody wants the stream any more.
    fn end(mut self) {
        self.leave();
        self.browser = None;
        assert!(self.view.mux().is_none(), "fragments for nobody");
        self.guard = None;
        assert_eq!(self.slot.next_step(|| ()), Step::Exit, "nobody wants it any more");
        let status = self.slot.status();
        assert_eq!((status.state, status.guards), ("idle", 0));
        self.slot.hub.end(&Arc::from("over"));
        assert_eq!(self.slot.hub.viewers(), 0);
    }
}

/// The channel of a track: the one agreed on, else the usual one.
fn channel(ingest: &Ingest<'_>, track: u8, half: Half) -> u8 {
    let of_track = |setup: &&rtsp_proto::dialog::TrackSetup| {
        ingest.feed.track_of_media(setup.media) == Some(track)
    };
    let setup = ingest.tracks().iter().find(of_track);
    let pair = setup.and_then(|setup| setup.transport.interleaved);
    let (rtp, rtcp) = pair.unwrap_or((2 * track, None));
    match half {
        Half::Rtp => rtp,
        Half::Rtcp => rtcp.unwrap_or(rtp.wrapping_add(1)),
    }
}

fn frame(channel: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u16).to_be_bytes();
    [&[b'$', channel, length[0], length[1]], payload].concat()
}

/// The operator's decisions.
fn stream(flags: u8) -> Stream {
    let url = match flags & 1 {
        0 => "rtsp://cam/s",
        _ => "rtsp://u:p@cam/s",
    };
    let mut set = vec![("gop_cache_kb", CACHE_KB.to_string())];
    if flags & 8 != 0 {
        set.push(("max_bandwidth_kbps", "100".to_owned()));
    }
    let sources = Sources {
        set: set.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        streams: vec![("door".to_owned(), url.to_owned())],
        ..Sources::default()
    };
    let loaded = load_in(&sources, Surroundings::default());
    let config = loaded.unwrap_or_else(|errors| unreachable!("{errors:?}")).config;
    let mut stream = config.streams["door"].clone();
    stream.on_offline = if flags & 2 == 0 { OnOffline::Hold } else { OnOffline::Disconnect };
    stream.transport = match flags >> 4 & 3 {
        0 => TransportPolicy::Auto,
        1 => TransportPolicy::Udp,
        2 => TransportPolicy::Tcp,
        _ => TransportPolicy::Multicast,
    };
    stream
}
