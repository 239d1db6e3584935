//! `max_bandwidth_kbps`: pictures are left out, whole, so that a stream stays under its limit.
//!
//! Decided once, in front of all viewers and of the cached group. What is left out costs the
//! viewer time and nothing else: sequence numbers close up, and no picture is shown whose
//! references are missing. Sound and reports always pass. Of what they leave, key frames have the
//! first claim, then pictures that others refer to, then those that no other refers to; each
//! claims what it took, or would have taken, in the last `SPAN`, so the least important go
//! first. Once a picture that others refer to is left out, all are up to the next key frame.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::rtp::sequence;

use super::MAX_TRACKS;
use super::batch::{Batch, Kind};

/// What the limit is held over.
const HELD_OVER: Duration = Duration::from_secs(2);
/// What it is counted over: packets may catch up with each other by the difference on their way.
const SPAN: Duration = Duration::from_millis(2100);
/// A stream that has brought nothing for so long begins anew.
const PAUSE: Duration = Duration::from_secs(1);
/// Batches that come within this time are counted as one.
const GRAIN: Duration = Duration::from_millis(10);

/// Who has a claim before whom.
const ALWAYS: usize = 0;
const KEY: usize = 1;
const REFERENCE: usize = 2;
const DISPOSABLE: usize = 3;
const CLAIMS: usize = 4;

/// Keeps one stream under its limit.
#[derive(Debug)]
pub struct Thinner {
    /// Bytes in [`SPAN`].
    most: u64,
    /// What came, and what of it went on.
    wanted: [Window; CLAIMS],
    passed: [Window; CLAIMS],
    /// When the stream began, or went on after a pause.
    since: Option<Instant>,
    latest: Option<Instant>,
    tracks: [Track; MAX_TRACKS],
    thinned: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    /// A picture that others refer to was left out, and no key frame has come since.
    broken: bool,
    /// The last key frame came after something that others refer to was left out, so pictures that
    /// refer beyond it are left out, too.
    anew: bool,
    /// Whether the current picture goes on, once that is decided, and what it is.
    decided: Option<(bool, usize)>,
    /// Bytes of the current picture so far.
    bytes: u64,
    /// Bytes of the last whole picture, by claim: pictures come in parts, the last part late.
    last: [u64; CLAIMS],
    /// When the last key frame came, and how long after the one before.
    key: Option<(Instant, Duration)>,
    place: Option<Place>,
}

/// How far the numbers are, of what came and of what viewers got of it.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// [`Batch::next_sequence`] of the last batch that came.
    came: u16,
    /// The number with which viewers go on behind it.
    next: u16,
    /// The farthest number with which they could have gone on.
    farthest: u16,
}

impl Place {
    fn before(batch: &Batch) -> Self {
        Self { came: batch.preceding, next: batch.preceding, farthest: batch.preceding }
    }

    /// A batch comes: gives the number for that of the batch before it. One that does not follow its
    /// predecessor follows the farthest there was, which viewers may not have got.
    fn take(&mut self, batch: &Batch) -> u16 {
        if batch.preceding != self.came {
            self.next = self.farthest;
        }
        self.came = batch.next_sequence;
        self.next
    }

    /// It went on with these numbers.
    fn passed(&mut self, next_sequence: u16) {
        self.next = next_sequence;
        if sequence::distance(self.farthest, next_sequence) > 0 {
            self.farthest = next_sequence;
        }
    }
}

/// Bytes within the last [`SPAN`].
#[derive(Debug, Default)]
struct Window {
    entries: VecDeque<(Instant, u64)>,
    sum: u64,
}

/// Bytes that `kbps` leaves for [`SPAN`].
fn most(kbps: u32) -> u64 {
    u64::from(kbps) * 1000 / 8 * HELD_OVER.as_secs()
}

impl Thinner {
    /// For so many kilobits per second.
    pub fn new(kbps: u32) -> Self {
        Self {
            most: most(kbps),
            wanted: Default::default(),
            passed: Default::default(),
            since: None,
            latest: None,
            tracks: [Track::default(); MAX_TRACKS],
            thinned: 0,
        }
    }

    /// For so many kilobits per second from now on.
    pub fn change(&mut self, kbps: u32) {
        self.most = most(kbps);
    }

    /// Other tracks begin, with numbers of their own.
    pub fn reset(&mut self) {
        self.tracks = [Track::default(); MAX_TRACKS];
    }

    /// Pictures that were left out.
    pub fn thinned(&self) -> u64 {
        self.thinned
    }

    /// The batch, with numbers that follow what went on before; `None` when it is left out.
    pub fn admit(&mut self, batch: Arc<Batch>) -> Option<Arc<Batch>> {
        let now = batch.arrived;
        for window in self.wanted.iter_mut().chain(&mut self.passed) {
            window.expire(now);
        }
        if self.latest.is_none_or(|latest| now.saturating_duration_since(latest) > PAUSE) {
            self.since = Some(now);
        }
        self.latest = Some(now);
        let passes = self.decide(&batch);
        let Some(track) = self.tracks.get_mut(usize::from(batch.track)) else {
            return Some(batch);
        };
        if batch.kind == Kind::Control {
            return Some(batch);
        }
        let place = track.place.get_or_insert_with(|| Place::before(&batch));
        let preceding = place.take(&batch);
        if !passes {
            return None;
        }
        // Not the sum of what was left out: its packets may have come in any order.
        let left_out = batch.preceding.wrapping_sub(preceding);
        place.passed(batch.next_sequence.wrapping_sub(left_out));
        if left_out == 0 {
            return Some(batch);
        }
        let mut copy = batch.again(batch.arrived);
        copy.renumber(batch.first_sequence.wrapping_sub(left_out), batch.timestamp);
        Some(Arc::new(copy))
    }

    fn decide(&mut self, batch: &Batch) -> bool {
        let (bytes, at) = (batch.wire.len() as u64, batch.arrived);
        let Some(claim) = claim(batch) else {
            self.wanted[ALWAYS].add(at, bytes);
            self.passed[ALWAYS].add(at, bytes);
            return true;
        };
        let Some(track) = self.tracks.get_mut(usize::from(batch.track)) else { return true };
        if batch.unit_start || batch.kind == Kind::RandomAccess {
            if let Some((_, claim)) = track.decided.take() {
                track.last[claim] = track.bytes;
            }
            track.bytes = 0;
            if claim == KEY {
                let since = track.key.map(|(last, _)| at.saturating_duration_since(last));
                track.key = Some((at, since.unwrap_or(Duration::MAX)));
            }
        }
        track.bytes += bytes;
        let (passes, claim) = match track.decided {
            Some(decided) => decided,
            None => {
                let track = *track;
                let expected = match batch.ends_picture() {
                    true => bytes,
                    false => bytes.max(track.likely(claim)),
                };
                let lacks = batch.leading && track.anew;
                let passes = !lacks && self.has_room(&track, claim, expected, at);
                self.thinned += u64::from(!passes);
                (passes, claim)
            }
        };
        let Some(track) = self.tracks.get_mut(usize::from(batch.track)) else { return true };
        track.decided = Some((passes, claim));
        match claim {
            KEY => {
                if batch.kind == Kind::RandomAccess {
                    track.anew = track.broken;
                }
                track.broken = !passes;
            }
            // Only their like refer to them.
            _ if batch.leading => track.anew |= !passes && claim == REFERENCE,
            REFERENCE => track.broken |= !passes,
            _ => {}
        }
        // What alone is more than may pass counts for as long as that much takes.
        let excess = track.bytes.saturating_sub(self.most) as f64 / self.most as f64;
        self.wanted[claim].add(at, bytes);
        if passes {
            self.passed[claim].add(at + SPAN.mul_f64(excess), bytes);
        }
        passes
    }

    /// Whether a picture of so many bytes fits.
    fn has_room(&self, track: &Track, claim: usize, bytes: u64, now: Instant) -> bool {
        let passed: u64 = self.passed.iter().map(|window| window.sum).sum();
        if claim == KEY {
            // One that is larger than all there is goes on all the same when it has waited long
            // enough: a picture now and then is better than none.
            return passed + bytes <= self.most || passed == self.passed[ALWAYS].sum;
        }
        // Room for a key frame is never given away, because the next would have to wait as long
        // again.
        let before = self.wanted[ALWAYS].sum + self.wanted[KEY].sum.max(track.likely_keys());
        let before = match claim {
            REFERENCE => before,
            _ => before + self.wanted_references(now) + track.likely(REFERENCE),
        };
        let own = self.passed[claim].sum + bytes;
        !track.broken && passed + bytes <= self.most && before + own <= self.most
    }

    /// What a whole [`SPAN`] of the pictures is that others refer to; of a stream that has only
    /// begun, going by what came so far.
    fn wanted_references(&self, now: Instant) -> u64 {
        let since = self.since.map_or(SPAN, |since| now.saturating_duration_since(since));
        let share = since.clamp(SPAN / 8, SPAN).as_secs_f64() / SPAN.as_secs_f64();
        (self.wanted[REFERENCE].sum as f64 / share) as u64
    }
}

impl Track {
    /// What the next picture may take: they differ a little in size.
    fn likely(&self, claim: usize) -> u64 {
        self.last[claim] * 5 / 4
    }

    /// What the key frames of a [`SPAN`] may take.
    fn likely_keys(&self) -> u64 {
        let interval = self.key.map_or(Duration::MAX, |(_, interval)| interval);
        let others = SPAN.as_millis() / interval.as_millis().max(1);
        self.last[KEY] * others as u64 + self.likely(KEY)
    }
}

/// What claim a batch has; `None` for what always passes.
fn claim(batch: &Batch) -> Option<usize> {
    match batch.kind {
        Kind::RandomAccess => Some(KEY),
        // Without NAL units to look at, each picture is taken to stand for itself.
        Kind::Media if batch.video => Some(KEY),
        Kind::Reference => Some(REFERENCE),
        Kind::Disposable => Some(DISPOSABLE),
        Kind::Media | Kind::Config | Kind::Control => None,
    }
}

impl Window {
    fn add(&mut self, at: Instant, bytes: u64) {
        self.sum += bytes;
        match self.entries.back_mut() {
            Some((first, sum)) if at.saturating_duration_since(*first) < GRAIN => *sum += bytes,
            _ => self.entries.push_back((at, bytes)),
        }
    }

    fn expire(&mut self, now: Instant) {
        while let Some(&(at, bytes)) = self.entries.front() {
            if now.saturating_duration_since(at) < SPAN + GRAIN {
                return;
            }
            self.sum -= bytes;
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::PREFIX;
    use super::*;

    /// Pictures 40 ms apart, as bytes and kind, of a stream with a limit.
    struct Stream {
        thinner: Thinner,
        begin: Instant,
        pictures: u32,
        sequence: u16,
        leading: bool,
    }

    const PACKET: usize = PREFIX + 12;

    impl Stream {
        fn new(kbps: u32) -> Self {
            let begin = Instant::now();
            Self {
                thinner: Thinner::new(kbps),
                begin,
                pictures: 0,
                sequence: 65_000,
                leading: false,
            }
        }

        /// What became of the next batch: its numbers, if it went on.
        fn send(&mut self, kind: Kind, bytes: usize, unit_start: bool) -> Option<(u16, u16)> {
            self.pictures += u32::from(unit_start);
            let mut wire = vec![b'$', 0];
            wire.extend_from_slice(&((bytes - PREFIX) as u16).to_be_bytes());
            rtsp_proto::rtp::write_header(&mut wire, false, 96, self.sequence, 0, 7);
            wire.resize(bytes, 0);
            let first = self.sequence;
            self.sequence = self.sequence.wrapping_add(1);
            let batch = Batch {
                wire: wire.into(),
                packets: 1,
                track: 0,
                kind,
                video: true,
                unit_start,
                leading: self.leading,
                parameter_sets: false,
                first_sequence: first,
                next_sequence: self.sequence,
                preceding: first,
                timestamp: self.pictures * 3600,
                arrived: self.begin + Duration::from_millis(40) * self.pictures,
            };
            let passed = self.thinner.admit(Arc::new(batch))?;
            let shown = u16::from_be_bytes([passed.wire[PREFIX + 2], passed.wire[PREFIX + 3]]);
            assert_eq!(shown, passed.first_sequence);
            Some((passed.preceding, passed.first_sequence))
        }
    }

    #[test]
    fn a_stream_under_its_limit_is_left_alone() {
        let mut stream = Stream::new(450);
        for n in 0..500 {
            let (kind, bytes) =
                if n % 25 == 0 { (Kind::RandomAccess, 8000) } else { (Kind::Reference, 1500) };
            let sequence = stream.sequence;
            assert_eq!(stream.send(kind, bytes, true), Some((sequence, sequence)), "{n}");
        }
        assert_eq!(stream.thinner.thinned(), 0);
    }

    /// Every second picture may be left out by itself, and the limit leaves room for the others.
    #[test]
    fn pictures_that_nobody_refers_to_go_first() {
        let mut stream = Stream::new(500);
        let mut seen = [0, 0, 0];
        for n in 0..500 {
            let (kind, place) = match n % 50 {
                0 => (Kind::RandomAccess, 0),
                n if n % 2 == 0 => (Kind::Reference, 1),
                _ => (Kind::Disposable, 2),
            };
            seen[place] += usize::from(stream.send(kind, 3000, true).is_some());
        }
        assert_eq!(seen[..2], [10, 240]);
        assert!((10..200).contains(&seen[2]), "{seen:?}");
    }

    #[test]
    fn no_two_seconds_hold_more_and_nothing_is_shown_without_what_it_refers_to() {
        for (kbps, gop) in [(120, 25), (300, 25), (300, 250), (450, 50), (250, 10), (30, 25)] {
            let mut stream = Stream::new(kbps);
            let (mut intact, mut next, mut keys) = (false, None, 0);
            let mut sent: Vec<(u32, usize)> = Vec::new();
            for n in 0..1500 {
                let key = n % gop == 0;
                let kind = match n % gop {
                    0 => Kind::RandomAccess,
                    n if n % 3 == 1 => Kind::Disposable,
                    _ => Kind::Reference,
                };
                let whole = if key { 8000 } else { 2000 + n % 7 * 100 };
                let mut parts = [Some(whole / 2), Some(whole / 2)].into_iter().flatten();
                let first = stream.send(kind, parts.next().unwrap(), true);
                let kind = if key { Kind::Reference } else { kind };
                let second = stream.send(kind, parts.next().unwrap(), false);
                assert_eq!(first.is_some(), second.is_some(), "pictures stay whole");
                let Some((preceding, sequence)) = first else {
                    intact &= kind == Kind::Disposable && !key;
                    continue;
                };
                intact |= key;
                keys += u32::from(key);
                assert!(intact, "{kbps} {gop}: picture {n}");
                assert_eq!(preceding, sequence);
                assert!(next.is_none_or(|next| next == sequence), "numbers close up");
                next = second.map(|(_, sequence)| sequence.wrapping_add(1));
                sent.push((stream.pictures * 40, whole));
            }
            assert!(keys as usize >= 1500 / gop / 3, "{kbps} {gop}: {keys} key frames");
            let bytes = kbps as usize * 1000 / 8 * 2;
            for (at, &(begin, _)) in sent.iter().enumerate() {
                let within = sent[at..].iter().take_while(|(time, _)| time - begin < 2000);
                let sum: usize = within.map(|(_, bytes)| bytes).sum();
                assert!(sum <= bytes.max(8000), "{kbps} {gop}: {sum} bytes of {bytes}");
            }
            // After a cut the next key frame is waited for, whatever the limit leaves meanwhile.
            let all: usize = sent.iter().map(|(_, bytes)| bytes).sum();
            assert!(gop > 50 || all * 2 > bytes * 30, "{kbps} {gop}: only {all} bytes in 60 s");
        }
    }

    #[test]
    fn a_key_frame_larger_than_all_there_is_comes_now_and_then() {
        let mut stream = Stream::new(16);
        let passed = (0..1500).filter(|_| stream.send(Kind::RandomAccess, 16_000, true).is_some());
        // Each takes 8 s of the limit.
        assert!((6..=8).contains(&passed.count()));
    }

    #[test]
    fn behind_a_gap_nothing_refers_beyond_the_key_frame() {
        let mut stream = Stream::new(200);
        let mut gaps = 0;
        for _ in 0..100 {
            let mut send = |kind, leading| {
                stream.leading = leading;
                stream.send(kind, 2000, true).is_some()
            };
            // Never cut: what is shown before a key frame has all that it needs.
            let broken = stream_is_broken(&mut send);
            let key = send(Kind::RandomAccess, false);
            let leads = send(Kind::Reference, true);
            assert!(!(broken && leads), "it refers to what was left out");
            // Whatever became of it, the pictures behind the key frame do not need it.
            gaps += u32::from(key && broken && !leads && send(Kind::Reference, false));
        }
        assert!(gaps > 5, "{gaps}");
    }

    /// Sends pictures; whether one that others refer to was left out.
    fn stream_is_broken(send: &mut impl FnMut(Kind, bool) -> bool) -> bool {
        (0..20).filter(|_| !send(Kind::Reference, false)).count() > 0
    }

    #[test]
    fn sound_always_passes_and_pictures_make_room_for_it() {
        let mut stream = Stream::new(200);
        let mut pictures = 0;
        for _ in 0..500 {
            assert!(stream.send(Kind::Config, 900, false).is_some());
            pictures += u32::from(stream.send(Kind::RandomAccess, 900, true).is_some());
        }
        assert!(pictures < 100, "{pictures}");
    }

    #[test]
    fn a_packet_is_at_least_a_header() {
        assert!(Stream::new(1000).send(Kind::RandomAccess, PACKET, true).is_some());
    }
}
