//! A path at work: one thread sends its pictures to all sessions by absolute time, so that all of
//! them see the same moment of the clip, as with a real camera. Without sessions it sleeps.

use super::delivery::Delivery;
use super::faults::Switches;
use super::groups::Groups;
use super::options::{self, Path, Reports, Start};
use super::picture::Picture;
use super::random::Random;
use super::sdp;
use super::sei::Stamp;
use super::stats::Counters;
use super::timeline::{Beat, Epoch, Timeline, unix_now};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Time between sender reports.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// A delay beyond this (the machine slept) is not caught up by a burst.
const MAX_LATE: Duration = Duration::from_secs(1);

const VIDEO: usize = 0;

/// One path and its pacing.
#[derive(Debug)]
pub struct Feed {
    /// How it was set up; the pictures have moved into the tracks.
    pub path: Path,
    /// The SDP.
    pub presentation: String,
    /// Where its tracks go for those who ask for multicast.
    pub groups: Groups,
    epoch: Epoch,
    switches: Arc<Switches>,
    counters: Arc<Counters>,
    random: Arc<Random>,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug)]
struct State {
    tracks: Vec<Track>,
    /// Added to the beat to find the picture; grows when a key frame is forced.
    shift: u64,
    subscribers: Vec<Subscriber>,
    garbage: usize,
    stopping: bool,
}

#[derive(Debug)]
struct Track {
    timeline: Timeline,
    pictures: Vec<Picture>,
    next_report: Instant,
    video: bool,
}

/// A playing session.
#[derive(Debug)]
struct Subscriber {
    session: u64,
    since: Instant,
    /// Where each track goes, and whether it had its first sender report.
    tracks: Vec<(Option<Delivery>, bool)>,
    waits_for_key: bool,
}

impl Feed {
    /// Packs the clip of a path, which is the camera's stream of this number; [`Feed::run`] plays it.
    pub fn new(
        number: u32,
        mut path: Path,
        groups: Groups,
        switches: Arc<Switches>,
        counters: Arc<Counters>,
        random: Arc<Random>,
    ) -> Self {
        let presentation = sdp::write(&path, &groups);
        let epoch = Epoch::of_stream(number);
        let mut tracks = Vec::new();
        for track in path.tracks() {
            let mut numbers = random.rtp_numbers();
            if tracks.is_empty() {
                numbers.1 = path.first_sequence.unwrap_or(numbers.1);
                numbers.2 = path.first_timestamp.unwrap_or(numbers.2);
            }
            tracks.push(Track::new(track, &path, epoch, numbers));
        }
        path.clip.pictures.clear();
        path.more.clear();
        Self {
            presentation,
            groups,
            path,
            epoch,
            switches,
            counters,
            random,
            state: Mutex::new(State {
                tracks,
                shift: 0,
                subscribers: Vec::new(),
                garbage: 0,
                stopping: false,
            }),
            wake: Condvar::new(),
        }
    }

    /// The SSRC of each track, in their order.
    pub fn ssrcs(&self) -> Vec<u32> {
        self.state().tracks.iter().map(|track| track.timeline.ssrc).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends until [`Feed::stop`].
    pub fn run(&self) {
        let mut state = self.state();
        while !state.stopping {
            let now = Instant::now();
            let (track, due) = state.next();
            if state.subscribers.is_empty() {
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            } else if now < due {
                let waited = self.wake.wait_timeout(state, due - now);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            } else if now - due > MAX_LATE {
                // Pictures are left out that those behind them refer to.
                self.counters.catch_ups.fetch_add(1, Ordering::Relaxed);
                state.catch_up(now);
            } else {
                self.tick(&mut state, track, now);
            }
        }
    }

    /// Ends [`Feed::run`] after a BYE to all sessions.
    pub fn stop(&self) {
        self.bye();
        self.state().stopping = true;
        self.wake.notify_all();
    }

    /// Adds a playing session. `answer` is called with the sequence number and RTP time of the
    /// first packet of each track, before any of them is sent.
    pub fn subscribe(
        &self,
        session: u64,
        tracks: Vec<Option<Delivery>>,
        answer: impl FnOnce(&[(u16, u32)]),
    ) {
        let mut state = self.state();
        if state.subscribers.is_empty() {
            state.catch_up(Instant::now());
        }
        if self.path.start == Start::ForcedKeyFrame {
            state.shift += state.beats_to_key();
        }
        let waits_for_key = self.path.start == Start::NextKeyFrame;
        answer(&state.first_packets(waits_for_key));
        let tracks = tracks.into_iter().map(|delivery| (delivery, false)).collect();
        let since = Instant::now();
        state.subscribers.push(Subscriber { session, since, tracks, waits_for_key });
        self.wake.notify_all();
    }

    /// Takes a session away; nothing is sent to it afterwards.
    pub fn unsubscribe(&self, session: u64) {
        self.state().subscribers.retain(|subscriber| subscriber.session != session);
    }

    /// All tracks begin anew, see [`super::Fault::Reboot`].
    pub fn reboot(&self) {
        let epoch = self.epoch.unset();
        for track in &mut self.state().tracks {
            track.timeline.reboot(epoch, self.random.rtp_numbers());
        }
    }

    /// Puts garbage before the next picture.
    pub fn garbage(&self, bytes: usize) {
        self.state().garbage += bytes;
    }

    /// Sends RTCP BYE to all sessions and forgets them.
    pub fn bye(&self) {
        let mut state = self.state();
        for subscriber in std::mem::take(&mut state.subscribers) {
            for (track, (delivery, _)) in state.tracks.iter().zip(&subscriber.tracks) {
                if let Some(delivery) = delivery {
                    delivery.rtcp(&track.timeline.bye());
                }
            }
        }
    }

    /// Sends one beat of one track to everybody.
    fn tick(&self, state: &mut State, index: usize, now: Instant) {
        let garbage = std::mem::take(&mut state.garbage);
        let Some(track) = state.tracks.get_mut(index) else { return };
        let beat = track.timeline.beat;
        let position = (beat + state.shift) % track.pictures.len() as u64;
        let report_all = now >= track.next_report;
        if report_all {
            track.next_report = now + REPORT_EVERY;
        }
        let report = track.timeline.report();
        let picture = &mut track.pictures[position as usize];
        picture.patch(&mut track.timeline, Stamp::new(unix_now(), beat));
        track.timeline.beat += 1;
        if self.switches.silent() || index == VIDEO && self.switches.blind() {
            return;
        }
        // What goes to a group goes there once.
        let mut served = false;
        for subscriber in &mut state.subscribers {
            let Some((Some(delivery), reported)) = subscriber.tracks.get_mut(index) else {
                continue;
            };
            if delivery.is_to_group() && std::mem::replace(&mut served, true) {
                continue;
            }
            if garbage > 0 {
                delivery.garbage(&self.random.bytes(garbage));
            }
            subscriber.waits_for_key &= index != VIDEO || !picture.key;
            if subscriber.waits_for_key && index == VIDEO {
                continue;
            }
            let may = match self.path.reports {
                Reports::First => true,
                Reports::After(time) => now - subscriber.since >= time,
                Reports::Never => false,
            };
            if may && (report_all || !*reported) {
                *reported = true;
                delivery.rtcp(&report);
            }
            let sent = delivery.picture(picture);
            self.count(picture, sent, track.video);
        }
    }

    fn count(&self, picture: &Picture, sent: bool, video: bool) {
        let add = |counter: &std::sync::atomic::AtomicU64, more: usize| {
            counter.fetch_add(more as u64, Ordering::Relaxed);
        };
        if sent {
            add(&self.counters.packets_sent, picture.packets());
            add(&self.counters.bytes_sent, picture.rtp_bytes());
            add(&self.counters.pictures_sent, usize::from(video));
        } else {
            add(&self.counters.pictures_dropped, usize::from(video));
        }
    }
}

impl Track {
    fn new(track: options::Track, path: &Path, epoch: Epoch, numbers: (u32, u16, u32)) -> Self {
        let video = matches!(track, options::Track::Video(_));
        let (beat, clock_rate, pictures) = match track {
            options::Track::Video(mut clip) => {
                if path.stamp {
                    clip = clip.stamped();
                }
                let pack = |unit| {
                    let (packets, marker) = (path.packets, path.marker);
                    Picture::new(clip.coding, unit, sdp::VIDEO_TYPE, packets, marker)
                };
                let beat = Beat { of: 1, per_second: clip.fps };
                (beat, sdp::VIDEO_CLOCK, clip.pictures.iter().map(pack).collect())
            }
            options::Track::Sound(sound) => {
                let pack = |payload: &Vec<u8>| {
                    Picture::of_payload(payload, sound.payload_type, sound.marker)
                };
                let beat = Beat { of: sound.ticks, per_second: sound.clock_rate };
                (beat, sound.clock_rate, sound.payloads.iter().map(pack).collect())
            }
        };
        let timeline = Timeline::new(epoch, beat, clock_rate, numbers);
        Self { timeline, pictures, next_report: Instant::now(), video }
    }
}

impl State {
    /// The track whose turn is next, and when.
    fn next(&self) -> (usize, Instant) {
        let due = |(index, track): (usize, &Track)| (index, track.timeline.due());
        let soonest = self.tracks.iter().enumerate().map(due).min_by_key(|&(_, due)| due);
        soonest.expect("every path has a video track")
    }

    fn catch_up(&mut self, now: Instant) {
        self.tracks.iter_mut().for_each(|track| track.timeline.catch_up(now));
    }

    /// How many pictures come before the next key frame.
    fn beats_to_key(&self) -> u64 {
        let video = &self.tracks[VIDEO];
        let position = (video.timeline.beat + self.shift) % video.pictures.len() as u64;
        let mut coming = video.pictures.iter().cycle().skip(position as usize);
        coming.position(|picture| picture.key).unwrap_or(0) as u64
    }

    /// Sequence number and RTP time with which a new session begins.
    fn first_packets(&self, waits_for_key: bool) -> Vec<(u16, u32)> {
        let skipped = if waits_for_key { self.beats_to_key() } else { 0 };
        let first = |(index, track): (usize, &Track)| {
            let line = &track.timeline;
            if index != VIDEO || skipped == 0 {
                return (line.sequence, line.timestamp());
            }
            let position = (line.beat + self.shift) % track.pictures.len() as u64;
            let coming = track.pictures.iter().cycle().skip(position as usize);
            let packets: usize = coming.take(skipped as usize).map(Picture::packets).sum();
            (line.sequence.wrapping_add(packets as u16), line.timestamp_after(skipped))
        };
        self.tracks.iter().enumerate().map(first).collect()
    }
}
