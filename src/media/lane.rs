//! One track as viewers see it, whatever feeds it at the moment.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::codec::Codec;
use rtsp_proto::rtp::{HEADER_LEN, sequence};

use super::batch::{Batch, PREFIX};
use super::batcher::MAX_WIRE;
use super::burst::sets_before;
use super::held::Held;
use super::presentation::Track;
use crate::entropy;

/// A source whose timestamps are this close to where the clock on the wall says they must be is
/// believed, so that the exact relation between its tracks is kept.
const TOLERANCE: Duration = Duration::from_secs(1);

/// RTCP packet types (RFC 3550 section 12.1), and bytes of a sender report without blocks.
const SENDER_REPORT: u8 = 200;
const SOURCE_DESCRIPTION: u8 = 202;
const SENDER_REPORT_LEN: usize = 28;

/// Where a timeline begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Start {
    /// What viewers see of whatever feeds the track.
    pub ssrc: u32,
    /// The next sequence number.
    pub sequence: u16,
    /// The timestamp of this moment.
    pub timestamp: u32,
}

/// The numbers of one track, and its last key frame.
#[derive(Debug)]
pub(super) struct Lane {
    ssrc: u32,
    payload_type: u8,
    clock_rate: u32,
    codec: Codec,
    pub(super) video: bool,
    next_sequence: u16,
    first_timestamp: u32,
    /// The newest timestamp that went out, and when it came.
    last: Option<(u32, Instant)>,
    /// From the numbers of what is on the air to ours; `None` until it has sent something.
    splice: Option<Splice>,
    /// The source's timestamp of the key frame after a cut, until a later picture comes.
    link: Option<u32>,
    packets: u32,
    octets: u32,
    /// The last batch was a part of a picture that goes on.
    unfinished: bool,
    pub(super) held: Held,
}

/// What is added to a source's numbers.
#[derive(Clone, Copy, Debug)]
struct Splice {
    sequence: u16,
    timestamp: u32,
    /// SSRC, payload type and track may not be ours.
    foreign: bool,
}

impl Lane {
    /// A track that begins at random numbers ([RFC 3550 section 5.1]).
    ///
    /// [RFC 3550 section 5.1]: https://www.rfc-editor.org/rfc/rfc3550#section-5.1
    pub(super) fn new(track: &Track) -> Self {
        let random = entropy::number();
        Self {
            ssrc: random as u32,
            payload_type: track.payload_type,
            clock_rate: track.clock_rate.max(1),
            codec: track.codec,
            video: track.is_video(),
            next_sequence: (random >> 32) as u16,
            first_timestamp: entropy::number() as u32,
            last: None,
            splice: None,
            link: None,
            packets: 0,
            octets: 0,
            unfinished: false,
            held: Held::default(),
        }
    }

    /// The numbers that a source has to begin with to fit without being changed.
    pub(super) fn start(&self, now: Instant) -> Start {
        Start { ssrc: self.ssrc, sequence: self.next_sequence, timestamp: self.timestamp_at(now) }
    }

    /// When something last went out.
    pub(super) fn last_at(&self) -> Option<Instant> {
        self.last.map(|(_, at)| at)
    }

    /// Whether the rest of a picture must still come.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// What comes next comes from elsewhere.
    pub(super) fn cut(&mut self) {
        self.splice = None;
        self.link = None;
        self.unfinished = false;
    }

    /// Whether what is on the air has sent something on this track.
    pub(super) fn is_spliced(&self) -> bool {
        self.splice.is_some()
    }

    /// Joins a batch onto what went out before, with `sets` (RTP payloads) in front if it is a
    /// video's first after a cut: gives the batch of these. A `foreign` source has SSRCs and payload
    /// types of its own. `after_others`: viewers have seen other pictures.
    pub(super) fn splice(
        &mut self,
        batch: &mut Batch,
        track: u8,
        sets: &[Vec<u8>],
        foreign: bool,
        after_others: bool,
    ) -> Option<Batch> {
        let count = sets.len() as u16;
        let timestamp = self.timestamp_for(batch);
        let first = self.next_sequence.wrapping_add(count);
        self.splice = Some(Splice {
            sequence: first.wrapping_sub(batch.first_sequence),
            timestamp: timestamp.wrapping_sub(batch.timestamp),
            foreign,
        });
        self.link = after_others.then_some(batch.timestamp);
        self.follow_cut(batch);
        self.place(batch, track);
        // What the source lost before it came on the air, nobody misses.
        batch.preceding = batch.first_sequence;
        (count > 0).then(|| {
            let sets = sets_before(batch, sets);
            self.went_out(&sets);
            sets
        })
    }

    /// Sees to what comes right after a cut at a key frame: `false` for pictures that are shown
    /// before it. They may refer to what the viewers have not seen, and are left out.
    pub(super) fn follow_cut(&mut self, batch: &mut Batch) -> bool {
        let Some(key) = self.link else { return true };
        match ahead(batch.timestamp, key) {
            0 => batch.break_link(self.codec),
            1.. => self.link = None,
            _ => {
                // With what the camera's network lost before it: nobody misses that either.
                let numbers = batch.next_sequence.wrapping_sub(batch.preceding);
                if let Some(splice) = &mut self.splice {
                    splice.sequence = splice.sequence.wrapping_sub(numbers);
                }
                return false;
            }
        }
        true
    }

    /// Gives a batch of what is on the air the numbers that viewers see.
    pub(super) fn place(&mut self, batch: &mut Batch, track: u8) {
        let Some(splice) = self.splice else { return };
        if splice.foreign {
            batch.retag(track, self.ssrc, self.payload_type);
        }
        if (splice.sequence, splice.timestamp) != (0, 0) {
            batch.renumber(
                batch.first_sequence.wrapping_add(splice.sequence),
                batch.timestamp.wrapping_add(splice.timestamp),
            );
        }
    }

    /// Takes note of a batch that goes out.
    pub(super) fn went_out(&mut self, batch: &Batch) {
        if sequence::distance(self.next_sequence, batch.next_sequence) > 0 || self.last.is_none() {
            self.next_sequence = batch.next_sequence;
        }
        // Pictures that are shown before their predecessors do not turn the clock back.
        let newest = self.last.is_none_or(|(last, _)| ahead(batch.timestamp, last) >= 0);
        if newest {
            self.last = Some((batch.timestamp, batch.arrived));
        }
        self.packets = self.packets.wrapping_add(batch.packets.into());
        // A camera may set no markers at all: only what is large is a part.
        let large = self.video && batch.wire.len() > MAX_WIRE / 2;
        self.unfinished = large && !batch.ends_picture();
        let heads = usize::from(batch.packets) * (PREFIX + HEADER_LEN);
        self.octets = self.octets.wrapping_add(batch.wire.len().saturating_sub(heads) as u32);
    }

    /// Makes an RTCP compound of what is on the air one of ours.
    pub(super) fn place_report(&self, batch: &mut Batch, track: u8) {
        let Some(splice) = self.splice else { return };
        batch.track = track;
        batch.timestamp = batch.timestamp.wrapping_add(splice.timestamp);
        if let Some(channel) = batch.wire.get_mut(1) {
            *channel = 2 * track + 1;
        }
        let mut rest = batch.wire.get_mut(PREFIX..).unwrap_or_default();
        while let Some(&[_, kind, high, low]) = rest.first_chunk() {
            let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
            let Some((packet, more)) = rest.split_at_mut_checked(length) else { break };
            let mut put = |at: usize, word: u32| {
                if let Some(field) = packet.get_mut(at..at + 4) {
                    field.copy_from_slice(&word.to_be_bytes());
                }
            };
            match kind {
                SENDER_REPORT if length >= SENDER_REPORT_LEN => {
                    put(4, self.ssrc);
                    put(16, batch.timestamp);
                    put(20, self.packets);
                    put(24, self.octets);
                }
                SOURCE_DESCRIPTION => put(4, self.ssrc),
                _ => {}
            }
            rest = more;
        }
    }

    /// The last key frame once more, `sets` in front unless it has its own.
    pub(super) fn again(&mut self, sets: &[Vec<u8>], now: Instant) -> Vec<Batch> {
        let Some(first) = self.held.first() else { return Vec::new() };
        let sets = if first.parameter_sets { &[] } else { sets };
        let sequence = self.next_sequence.wrapping_add(sets.len() as u16);
        let mut batches = self.held.again(sequence, self.timestamp_at(now), now);
        batches.iter_mut().for_each(|batch| batch.break_link(self.codec));
        if let Some(first) = batches.first().filter(|_| !sets.is_empty()) {
            batches.insert(0, sets_before(first, sets));
        }
        batches
    }

    /// The timestamp for the first batch of another source: its own, if it fits in.
    fn timestamp_for(&self, batch: &Batch) -> u32 {
        let expected = self.timestamp_at(batch.arrived);
        let advances = self.last.is_none_or(|(last, _)| ahead(batch.timestamp, last) > 0);
        let off = u64::from(ahead(batch.timestamp, expected).unsigned_abs());
        let fits = off <= TOLERANCE.as_secs() * u64::from(self.clock_rate);
        if advances && fits { batch.timestamp } else { expected }
    }

    /// The timestamp that belongs to a moment.
    fn timestamp_at(&self, now: Instant) -> u32 {
        let Some((last, at)) = self.last else { return self.first_timestamp };
        let passed = now.saturating_duration_since(at);
        last.wrapping_add(sequence::ticks(passed, self.clock_rate).max(1))
    }
}

fn ahead(of: u32, other: u32) -> i32 {
    of.wrapping_sub(other) as i32
}

/// RTP payloads of a batch.
pub(super) fn payloads(batch: &Arc<Batch>) -> Vec<Vec<u8>> {
    let payload = |frame: &[u8]| {
        let packet = rtsp_proto::rtp::RtpPacket::parse(frame.get(PREFIX..)?).ok()?;
        Some(packet.payload().to_vec())
    };
    batch.frames().filter_map(payload).collect()
}
