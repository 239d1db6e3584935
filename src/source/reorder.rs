//! Packets that came in another order than they were sent, put back into it.
//!
//! A packet that is ahead of its turn waits for those before it, but not for long: most gaps are
//! packets that never come. One that comes after its turn was given away is not delivered, as
//! viewers get packets in order; duplicates are not either.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtsp_proto::rtp::sequence::distance;
use rtsp_proto::rtp::{MAX_DROPOUT, MAX_MISORDER};

/// How long a packet waits for those before it: what networks reorder comes within a few
/// milliseconds, and viewers wait with it.
pub(super) const PATIENCE: Duration = Duration::from_millis(30);

/// How many packets may wait; more than a key frame's worth means that the gap is a loss.
pub(super) const MAX_HELD: usize = 512;

/// Buffers that are kept for the next gap.
const MAX_SPARE: usize = 32;

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// It was delivered: its turn.
    InOrder,
    /// It was delivered: others had been waiting for it.
    Reordered,
    /// It waits.
    Held,
    /// Its turn has passed: it is late, or was delivered already.
    Behind,
    /// The same packet is waiting already.
    Duplicate,
}

/// The window of one track.
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Whose packets, and the number whose turn it is.
    turn: Option<(u32, u16)>,
    /// By number, all of them after the turn.
    held: VecDeque<Held>,
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
struct Held {
    sequence: u16,
    arrived: Instant,
    bytes: Vec<u8>,
}

/// Takes a packet whose turn it is, and the moment when it arrived.
pub(super) type Deliver<'a> = &'a mut dyn FnMut(&mut [u8], Instant);

impl Window {
    /// Takes a packet; gives it, and those that waited for it, to `deliver` when it is their turn.
    ///
    /// A number that is too far off for reordering, or another SSRC, is a stream that begins anew.
    pub(super) fn push(
        &mut self,
        (ssrc, sequence): (u32, u16),
        bytes: &mut [u8],
        now: Instant,
        deliver: Deliver<'_>,
    ) -> Placed {
        let turn = self.turn.filter(|&(known, _)| known == ssrc).map(|(_, turn)| turn);
        let ahead = turn.map(|turn| distance(turn, sequence)).filter(|ahead| {
            let limit = if *ahead < 0 { MAX_MISORDER } else { MAX_DROPOUT };
            ahead.unsigned_abs() <= limit
        });
        match ahead {
            Some(..0) => return Placed::Behind,
            Some(1..) => return self.hold(sequence, bytes, now, deliver),
            Some(0) => {}
            None => self.flush(deliver),
        }
        self.turn = Some((ssrc, sequence.wrapping_add(1)));
        deliver(bytes, now);
        let was_missed = !self.held.is_empty();
        self.drain(deliver);
        if was_missed { Placed::Reordered } else { Placed::InOrder }
    }

    /// When [`Window::expire`] has something to do; `None` while nothing waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.held.iter().map(|held| held.arrived + PATIENCE).min()
    }

    /// Gives up the gaps in front of what has waited long enough.
    pub(super) fn expire(&mut self, now: Instant, deliver: Deliver<'_>) {
        while self.deadline().is_some_and(|deadline| deadline <= now) {
            self.skip(deliver);
        }
    }

    /// Delivers all that waits, whatever is missing between.
    pub(super) fn flush(&mut self, deliver: Deliver<'_>) {
        while !self.held.is_empty() {
            self.skip(deliver);
        }
    }

    fn hold(
        &mut self,
        sequence: u16,
        bytes: &[u8],
        arrived: Instant,
        deliver: Deliver<'_>,
    ) -> Placed {
        // Most come behind all that waits.
        let place = self.held.partition_point(|held| distance(held.sequence, sequence) > 0);
        if self.held.get(place).is_some_and(|held| held.sequence == sequence) {
            return Placed::Duplicate;
        }
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.extend_from_slice(bytes);
        self.held.insert(place, Held { sequence, arrived, bytes: copy });
        if self.held.len() > MAX_HELD {
            self.skip(deliver);
        }
        Placed::Held
    }

    /// Gives up the first gap.
    fn skip(&mut self, deliver: Deliver<'_>) {
        if let (Some((_, turn)), Some(first)) = (&mut self.turn, self.held.front()) {
            *turn = first.sequence;
        }
        self.drain(deliver);
    }

    /// Delivers those whose turn has come.
    fn drain(&mut self, deliver: Deliver<'_>) {
        let Some((_, turn)) = &mut self.turn else { return };
        while self.held.front().is_some_and(|held| held.sequence == *turn) {
            let Some(mut held) = self.held.pop_front() else { return };
            *turn = turn.wrapping_add(1);
            deliver(&mut held.bytes, held.arrived);
            if self.spare.len() < MAX_SPARE {
                held.bytes.clear();
                self.spare.push(held.bytes);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A window with its clock, and what came out of it.
    struct Track {
        window: Window,
        start: Instant,
        out: Vec<u16>,
    }

    impl Track {
        fn new() -> Self {
            Self { window: Window::default(), start: Instant::now(), out: Vec::new() }
        }

        fn at(&mut self, ms: u64) {
            let Self { window, out, .. } = self;
            window.expire(self.start + Duration::from_millis(ms), &mut |bytes, _| {
                out.push(u16::from_be_bytes([bytes[0], bytes[1]]));
            });
        }

        fn push(&mut self, ms: u64, ssrc: u32, sequence: u16) -> Placed {
            self.at(ms);
            let Self { window, out, .. } = self;
            let now = self.start + Duration::from_millis(ms);
            let mut bytes = sequence.to_be_bytes();
            window.push((ssrc, sequence), &mut bytes, now, &mut |bytes, _| {
                out.push(u16::from_be_bytes([bytes[0], bytes[1]]));
            })
        }

        fn all(&mut self, ms: u64, sequences: &[u16]) -> Vec<Placed> {
            sequences.iter().map(|&sequence| self.push(ms, 1, sequence)).collect()
        }
    }

    #[test]
    fn swapped_and_doubled_packets_cost_nothing_over_the_wrap() {
        use Placed::{Behind, Duplicate, Held, InOrder, Reordered};
        let mut track = Track::new();
        let placed = track.all(0, &[65_534, 0, 1, 0, 65_535, 65_535, 3, 2]);
        assert_eq!(placed, [InOrder, Held, Held, Duplicate, Reordered, Behind, Held, Reordered]);
        assert_eq!(track.out, [65_534, 65_535, 0, 1, 2, 3]);
        assert_eq!(track.window.deadline(), None);
    }

    #[test]
    fn a_lost_packet_delays_those_after_it_for_no_longer_than_the_patience() {
        let mut track = Track::new();
        track.all(0, &[1, 3, 4]);
        track.all(20, &[6]);
        track.at(29);
        assert_eq!(track.out, [1]);
        track.at(30);
        assert_eq!(track.out, [1, 3, 4], "the second gap is younger");
        assert_eq!(track.push(31, 1, 2), Placed::Behind, "it came too late");
        track.at(50);
        assert_eq!(track.out, [1, 3, 4, 6]);
    }

    #[test]
    fn a_flood_behind_a_gap_is_bounded() {
        let mut track = Track::new();
        let flood: Vec<u16> = (2..2 + MAX_HELD as u16).collect();
        track.all(0, &[0]);
        track.all(0, &flood);
        assert_eq!((track.out.len(), track.window.held.len()), (1, MAX_HELD));
        track.all(0, &[2 + MAX_HELD as u16]);
        assert_eq!((track.out.len(), track.window.held.len()), (2 + MAX_HELD, 0));
    }

    #[test]
    fn a_camera_that_begins_anew_is_not_waited_for() {
        let mut track = Track::new();
        track.all(0, &[10, 12, 40_000, 40_001, 39_000]);
        assert_eq!(track.out, [10, 12, 40_000, 40_001, 39_000]);
        track.all(0, &[39_002]);
        assert_eq!(track.push(0, 2, 39_001), Placed::InOrder, "another SSRC");
        assert_eq!(track.out[5..], [39_002, 39_001]);
    }

    proptest! {
        /// Each packet is sent 1 ms after the one before and arrives up to `PATIENCE` later than
        /// that, once, twice or never.
        #[test]
        fn viewers_get_exactly_what_arrived_in_order(
            first: u16,
            fates in proptest::collection::vec((0u64..30, prop::option::weighted(0.1, 0u64..30), 0u8..100), 2..400),
        ) {
            let mut arrivals = Vec::new();
            let mut arrived = Vec::new();
            for (i, &(delay, again, luck)) in (0u64..).zip(&fates) {
                let sequence = first.wrapping_add(i as u16);
                // The first is not late, so that nothing comes from before the beginning.
                let delay = if i == 0 { 0 } else { delay };
                if i == 0 || luck >= 5 {
                    arrivals.push((i + delay, sequence));
                    arrivals.extend(again.map(|again| (i + delay + again, sequence)));
                    arrived.push(sequence);
                }
            }
            arrivals.sort_by_key(|&(ms, _)| ms);
            let mut track = Track::new();
            let mut placed = Vec::new();
            for (ms, sequence) in arrivals {
                placed.push(track.push(ms, 1, sequence));
            }
            track.at(10_000);
            prop_assert_eq!(&track.out, &arrived);
            prop_assert!(track.window.held.is_empty());
        }

        #[test]
        fn whatever_comes_leaves_in_order_and_only_once(sequences in proptest::collection::vec(0u16..90, 1..300)) {
            let mut track = Track::new();
            for (ms, sequence) in (0u64..).zip(sequences) {
                track.push(ms, 1, sequence);
            }
            track.at(10_000);
            prop_assert!(track.out.windows(2).all(|pair| pair[0] < pair[1]), "{:?}", track.out);
        }
    }
}
