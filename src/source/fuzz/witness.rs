//! Viewers for the fuzzer, who check what they get.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, PoisonError};

use rtsp_proto::Oddities;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::{RtpPacket, sequence};

use crate::media::batch::{Batch, Kind, PREFIX};
use crate::media::burst::Item;
use crate::media::{MAX_TRACKS, Outlet, Progress, Viewer};

/// What is expected of a stream, whoever watches it.
#[derive(Debug, Default)]
pub(super) struct Terms {
    /// The camera has kept to the rules but for restarts and jumps: numbers are consecutive and the
    /// clock never goes back.
    pub(super) strict: AtomicBool,
}

/// Sees everything that is published.
#[derive(Debug)]
pub(super) struct Witness {
    terms: Arc<Terms>,
    seen: Mutex<Vec<Track>>,
    ended: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
struct Track {
    ssrc: Option<u32>,
    /// Number and timestamp of the last packet.
    last: Option<(u16, u32)>,
    /// [`Batch::next_sequence`] of the last batch, and the farthest so far.
    next: Option<(u16, u16)>,
}

impl Witness {
    pub(super) fn new(terms: &Arc<Terms>) -> Self {
        let (seen, ended) =
            (Mutex::new(vec![Track::default(); MAX_TRACKS]), AtomicBool::new(false));
        Self { terms: Arc::clone(terms), seen, ended }
    }

    /// Whether the stream was ended for its viewers.
    pub(super) fn is_ended(&self) -> bool {
        self.ended.load(SeqCst)
    }
}

impl Viewer for Witness {
    fn offer(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let track = &mut seen[usize::from(batch.track)];
        if let Some(sets) = sets {
            well_formed(sets);
        }
        let numbers = well_formed(batch);
        if batch.kind == Kind::Control {
            return;
        }
        let ssrc = batch.ssrc();
        assert!(track.ssrc.is_none_or(|known| Some(known) == ssrc), "one SSRC a track");
        track.ssrc = ssrc;
        let (next, farthest) = track.next.unwrap_or((batch.preceding, batch.preceding));
        let follows = [next, farthest].contains(&batch.preceding);
        assert!(follows, "batches follow each other, {next} or {farthest}: {batch:?}");
        let ahead = sequence::distance(farthest, batch.next_sequence) > 0;
        let farthest = if ahead { batch.next_sequence } else { farthest };
        track.next = Some((batch.next_sequence, farthest));
        if self.terms.strict.load(SeqCst) {
            for number in numbers {
                if let Some((last, timestamp)) = track.last {
                    assert_eq!(number, last.wrapping_add(1), "consecutive numbers: {batch:?}");
                    let step = batch.timestamp.wrapping_sub(timestamp) as i32;
                    assert!(step >= 0, "the clock goes back by {step}: {batch:?}");
                }
                track.last = Some((number, batch.timestamp));
            }
        } else {
            track.last = None;
        }
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn end(&self, _: &Arc<str>) {
        self.ended.store(true, SeqCst);
    }

    fn id(&self) -> u64 {
        u64::MAX
    }
}

/// The way out of a viewer that takes what the script lets it take.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) terms: Arc<Terms>,
    /// What it says to what it gets next.
    pub(super) mood: Progress,
    kept: bool,
    last: [Option<u16>; MAX_TRACKS],
}

impl Way {
    pub(super) fn new(terms: &Arc<Terms>) -> Self {
        let (mood, last) = (Progress::Clear, [None; MAX_TRACKS]);
        Self { terms: Arc::clone(terms), mood, kept: false, last }
    }
}

impl Outlet for Way {
    fn send(&mut self, item: &Item) -> Progress {
        assert!(!self.kept, "nothing is sent while something is kept");
        let batch = &item.batch;
        well_formed(batch);
        if batch.kind != Kind::Control {
            let last = &mut self.last[usize::from(batch.track)];
            let ahead = last.map(|last| sequence::distance(last, batch.first_sequence));
            let strict = self.terms.strict.load(SeqCst);
            assert!(
                !strict || ahead.is_none_or(|ahead| ahead >= 0),
                "the order is kept: {batch:?}"
            );
            *last = Some(batch.next_sequence);
        }
        self.kept = self.mood == Progress::Held;
        self.mood
    }

    fn flush(&mut self) -> Progress {
        if self.mood == Progress::Clear {
            self.kept = false;
        }
        match self.kept {
            true => Progress::Held,
            false => self.mood,
        }
    }

    fn is_clear(&self) -> bool {
        !self.kept
    }
}

/// Checks a batch's framing and what it says of itself; gives the numbers of its RTP packets.
fn well_formed(batch: &Batch) -> Vec<u16> {
    let (mut packets, mut bytes, mut numbers) = (0, 0, Vec::new());
    let mut oddities = Oddities::new();
    for frame in batch.frames() {
        assert_eq!(frame[0], b'$', "a frame begins with its sign");
        packets += 1;
        bytes += frame.len();
        if batch.kind == Kind::Control {
            assert_eq!(frame[1], 2 * batch.track + 1);
            let reports = parse_compound(&frame[PREFIX..], &mut oddities);
            assert!(matches!(reports.first(), Some(RtcpPacket::SenderReport(_))), "{reports:?}");
            continue;
        }
        assert_eq!(frame[1], 2 * batch.track);
        let packet = RtpPacket::parse(&frame[PREFIX..]);
        let packet = packet.unwrap_or_else(|error| unreachable!("viewers get {error}: {batch:?}"));
        assert_eq!(packet.timestamp(), batch.timestamp);
        numbers.push(packet.sequence());
    }
    assert!(oddities.is_empty(), "reports for viewers: {oddities:?}");
    assert_eq!((packets, bytes), (batch.packets, batch.wire.len()), "nothing but frames");
    if batch.kind != Kind::Control {
        assert_eq!(numbers.first(), Some(&batch.first_sequence));
        assert_eq!(numbers.last().map(|last| last.wrapping_add(1)), Some(batch.next_sequence));
    }
    numbers
}
