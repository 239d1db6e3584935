//! The picture that stands still while a camera is away.
//!
//! What is repeated is the last key frame that came whole: nothing else can be decoded twice. It
//! is kept beside the cached group of pictures and apart from its bound, because the group is
//! forgotten when it grows too large, and its key frame with it. The bytes are shared with the
//! group, so it costs nothing as long as both have it.

use std::sync::Arc;
use std::time::Instant;

use super::batch::{Batch, Kind};

/// A key frame beyond this size is not held; the largest of 4K cameras have 2 MiB.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// The last key frame of one video track.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// The parts of the last one that is complete.
    whole: Vec<Arc<Batch>>,
    /// Those of one whose end has not come yet.
    open: Vec<Arc<Batch>>,
    bytes: usize,
}

impl Held {
    /// Takes note of what viewers get.
    pub(super) fn note(&mut self, batch: &Arc<Batch>) {
        match batch.kind {
            Kind::RandomAccess => {
                self.close();
                self.bytes = 0;
            }
            Kind::Control => return,
            _ if self.open.is_empty() => return,
            _ if batch.unit_start => return self.close(),
            _ => {}
        }
        self.bytes += batch.wire.len();
        if self.bytes > MAX_BYTES {
            self.open.clear();
        } else {
            self.open.push(Arc::clone(batch));
        }
    }

    /// Nothing more comes: a key frame whose end is missing cannot be shown.
    pub(super) fn finish(&mut self) {
        match self.open.last().is_some_and(|last| last.ends_picture()) {
            true => self.close(),
            false => self.open.clear(),
        }
    }

    fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        if !open.is_empty() && is_gapless(&open) {
            self.whole = open;
        }
    }

    /// Whether there is no picture.
    pub(super) fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }

    /// The batch that it begins with.
    pub(super) fn first(&self) -> Option<&Arc<Batch>> {
        self.whole.first()
    }

    /// The picture once more, with these numbers.
    pub(super) fn again(&self, sequence: u16, timestamp: u32, now: Instant) -> Vec<Batch> {
        let mut next = sequence;
        let copy = |batch: &Arc<Batch>| {
            let mut copy = batch.again(now);
            copy.renumber(next, timestamp);
            copy.preceding = next;
            next = copy.next_sequence;
            copy
        };
        self.whole.iter().map(copy).collect()
    }
}

/// Whether no packet of the picture was lost on the camera's network.
fn is_gapless(parts: &[Arc<Batch>]) -> bool {
    let span = |part: &Batch| part.next_sequence.wrapping_sub(part.first_sequence);
    parts.iter().all(|part| span(part) == part.packets)
        && parts.windows(2).all(|pair| pair[0].next_sequence == pair[1].first_sequence)
}

#[cfg(test)]
mod tests {
    use rtsp_proto::codec::Codec;
    use rtsp_proto::rtp::RtpPacket;

    use super::super::batch::PREFIX;
    use super::super::batcher::Batcher;
    use super::super::batcher::tests::{IDR, P, frame};
    use super::*;

    /// Feeds packets: sequence number, timestamp, marker, payload. Nothing is flushed.
    fn held(packets: &[(u16, u32, bool, &[u8])]) -> Held {
        let mut held = Held::default();
        let mut batcher = Batcher::new(0, Codec::H264, true);
        for &(sequence, timestamp, marker, payload) in packets {
            let frame = frame(sequence, timestamp, marker, payload);
            let scan = Codec::H264.scan(payload);
            batcher.push(&frame, &scan, Instant::now(), &mut |batch| held.note(&Arc::new(batch)));
        }
        held.finish();
        held
    }

    fn first(held: &Held) -> Option<u16> {
        held.first().map(|batch| batch.first_sequence)
    }

    #[test]
    fn the_last_whole_key_frame_is_held_and_nothing_else() {
        assert_eq!(first(&held(&[(1, 0, true, P)])), None);
        assert_eq!(first(&held(&[(1, 0, true, IDR), (2, 1, true, P)])), Some(1));
        assert_eq!(first(&held(&[(1, 0, true, IDR), (2, 1, true, IDR)])), Some(2));
        let gap = [(1, 0, true, IDR), (2, 1, false, IDR), (4, 1, true, IDR)];
        assert_eq!(first(&held(&gap)), Some(1), "a damaged one does not replace a good one");
    }

    #[test]
    fn a_key_frame_of_several_parts_counts_only_with_its_end() {
        let big = [IDR, &[7; 1400]].concat();
        let mut packets = vec![(1, 0, true, IDR)];
        packets.extend((2..100).map(|n| (n, 1, false, big.as_slice())));
        assert_eq!(first(&held(&packets)), Some(1));
        packets.push((100, 1, true, big.as_slice()));
        let whole = held(&packets);
        assert_eq!(first(&whole), Some(2));
        let again = whole.again(u16::MAX, 77, Instant::now());
        assert!(again.len() > 1);
        let numbers: Vec<_> = again
            .iter()
            .flat_map(Batch::frames)
            .map(|frame| RtpPacket::parse(&frame[PREFIX..]).unwrap())
            .map(|packet| (packet.sequence(), packet.timestamp(), packet.ssrc()))
            .collect();
        let want: Vec<_> = (0..99).map(|n| (u16::MAX.wrapping_add(n), 77, 7)).collect();
        assert_eq!(numbers, want);
        assert!(again.windows(2).all(|pair| pair[0].next_sequence == pair[1].preceding));
    }
}
