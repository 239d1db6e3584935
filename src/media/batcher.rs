//! Packets of one track into batches.
//!
//! A batch ends after the packet with the marker bit; when the timestamp changes (cameras that
//! forget the marker); before a random access unit that follows a picture of the same timestamp;
//! and before it would exceed [`MAX_WIRE`]. It never ends because the camera's socket is empty for
//! the moment: a paced camera would turn every packet into a batch, at seven times the cost.

use std::time::Instant;

use rtsp_proto::codec::{Codec, Scan};
use rtsp_proto::rtp::{RtpPacket, sequence};

use super::batch::{Batch, Kind, PREFIX};

/// Bytes after which a picture goes on in another batch.
pub const MAX_WIRE: usize = 64 * 1024;
/// So many pictures can wait in a decoder of H.264 for one that is shown before them
/// (max_num_reorder_frames, ITU-T H.264 section E.2.1).
const MAX_REORDERED: u8 = 16;

/// Builds the batches of one track.
#[derive(Debug)]
pub struct Batcher {
    track: u8,
    codec: Codec,
    video: bool,
    open: Option<Open>,
    /// The wire bytes of the open batch, with room for one like those before. What it does not
    /// need goes back when it ends, which takes no copy: kept for a whole group of pictures, the
    /// room that a growing buffer has to spare would double it.
    wire: Vec<u8>,
    room: Room,
    /// Timestamp of the picture that was last begun, and whether its key frame was told.
    unit: Option<(u32, bool)>,
    next_sequence: Option<u16>,
    /// The last key frame, if pictures that are shown before it may follow and need not tell.
    entry: Option<Entry>,
}

/// A key frame of H.264 that is no IDR picture.
#[derive(Debug)]
struct Entry {
    timestamp: u32,
    /// So many pictures that are shown before it may still come.
    left: u8,
}

/// How large the latest batches were.
#[derive(Debug, Default)]
struct Room {
    key: usize,
    /// Of pictures of which there are parts before.
    part: usize,
    other: usize,
}

impl Room {
    /// The bytes to ask for: a little more than the latest had. Room that grows is copied; what is left
    /// over goes back without.
    fn of(&mut self, batch: &Batch) -> usize {
        let largest = *self.largest(batch);
        (largest + largest / 4).min(MAX_WIRE)
    }

    fn learn(&mut self, batch: &Batch, size: usize) {
        let largest = self.largest(batch);
        *largest = size.max(*largest - *largest / 16);
    }

    /// Of batches like this one, which may have just been begun: parameter sets say that a key frame
    /// follows.
    fn largest(&mut self, batch: &Batch) -> &mut usize {
        match batch {
            Batch { unit_start: false, .. } => &mut self.part,
            Batch { parameter_sets: true, .. } => &mut self.key,
            Batch { kind: Kind::RandomAccess, .. } => &mut self.key,
            _ => &mut self.other,
        }
    }
}

#[derive(Debug)]
struct Open {
    batch: Batch,
    slice: bool,
    reference: bool,
    random_access: bool,
    closed: bool,
}

impl Batcher {
    /// A batcher for the track with this index. Every packet of a track that is no video is a
    /// batch of its own.
    pub fn new(track: u8, codec: Codec, video: bool) -> Self {
        Self {
            track,
            codec,
            video,
            open: None,
            wire: Vec::new(),
            room: Room::default(),
            unit: None,
            next_sequence: None,
            entry: None,
        }
    }

    /// What a payload of this track holds; nothing of a track that is no video.
    pub fn scan(&self, payload: &[u8]) -> Scan {
        if self.video { self.codec.scan(payload) } else { Scan::default() }
    }

    /// Takes a packet of the relay's timeline, `frame` with its prefix, and what its payload was
    /// found to hold; gives finished batches to `finished`: none, one, or two.
    pub fn push(
        &mut self,
        frame: &[u8],
        scan: &Scan,
        arrived: Instant,
        finished: &mut impl FnMut(Batch),
    ) {
        let Ok(packet) = RtpPacket::parse(frame.get(PREFIX..).unwrap_or_default()) else { return };
        if self.must_end_before(&packet, scan, frame.len()) {
            self.flush(finished);
        }
        let open = match &mut self.open {
            Some(open) => open,
            None => {
                let sequence = packet.sequence();
                let timestamp = packet.timestamp();
                let unit_start = self.unit.is_none_or(|(unit, _)| unit != timestamp);
                if unit_start {
                    self.unit = Some((timestamp, false));
                }
                self.open.insert(Open {
                    batch: Batch {
                        wire: Box::default(),
                        packets: 0,
                        track: self.track,
                        kind: Kind::Media,
                        video: self.video,
                        unit_start,
                        leading: false,
                        parameter_sets: false,
                        first_sequence: sequence,
                        next_sequence: sequence,
                        preceding: self.next_sequence.unwrap_or(sequence),
                        timestamp,
                        arrived,
                    },
                    slice: false,
                    reference: false,
                    random_access: false,
                    closed: false,
                })
            }
        };
        open.batch.parameter_sets |= scan.parameter_sets;
        if self.wire.is_empty() {
            let room = self.room.of(&open.batch);
            self.wire.reserve_exact(room.max(frame.len()));
        }
        self.wire.extend_from_slice(frame);
        open.batch.packets += 1;
        open.batch.next_sequence = packet.sequence().wrapping_add(1);
        open.slice |= scan.slice;
        open.reference |= scan.reference && scan.slice;
        open.random_access |= scan.random_access;
        open.closed |= scan.closed;
        open.batch.leading |= scan.leading;
        if packet.marker() || !self.video {
            self.flush(finished);
        }
    }

    /// Ends the open batch, if there is one: the source is going away.
    pub fn flush(&mut self, finished: &mut impl FnMut(Batch)) {
        let Some(Open { mut batch, slice, reference, random_access, closed }) = self.open.take()
        else {
            return;
        };
        batch.kind = self.kind(slice, reference, random_access);
        batch.leading |= self.is_leading(&batch, closed);
        self.next_sequence = Some(batch.next_sequence);
        if self.video {
            self.room.learn(&batch, self.wire.len());
        }
        batch.wire = std::mem::take(&mut self.wire).into_boxed_slice();
        finished(batch);
    }

    /// Drops the open batch, if there is one: what follows is something else.
    pub fn abandon(&mut self) {
        self.open = None;
        self.wire.clear();
        self.next_sequence = None;
        self.entry = None;
    }

    /// When the open batch was begun; `None` when there is none.
    pub fn open_since(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.batch.arrived)
    }

    fn must_end_before(&self, packet: &RtpPacket<'_>, scan: &Scan, length: usize) -> bool {
        let Some(open) = &self.open else { return false };
        open.batch.timestamp != packet.timestamp()
            || self.wire.len() + length > MAX_WIRE
            || (open.slice && scan.delimiter)
            || (open.slice && scan.random_access && scan.picture_start && !open.random_access)
    }

    /// Whether a batch of H.264 is of a picture that is shown before the key frame in front of it. In
    /// H.265 its NAL units say so.
    fn is_leading(&mut self, batch: &Batch, closed: bool) -> bool {
        if self.codec != Codec::H264 {
            return false;
        }
        if batch.kind == Kind::RandomAccess {
            let entry = Entry { timestamp: batch.timestamp, left: MAX_REORDERED };
            self.entry = (!closed).then_some(entry);
            return false;
        }
        let is_picture = matches!(batch.kind, Kind::Reference | Kind::Disposable);
        let Some(entry) = self.entry.as_mut().filter(|_| is_picture) else { return false };
        match sequence::ts_distance(entry.timestamp, batch.timestamp) {
            // Another part of the key frame.
            0 if !closed => false,
            ..0 if entry.left > 0 => {
                entry.left -= u8::from(batch.unit_start);
                true
            }
            // They come before all that are shown after it.
            _ => {
                self.entry = None;
                false
            }
        }
    }

    fn kind(&mut self, slice: bool, reference: bool, random_access: bool) -> Kind {
        if !self.video || self.codec == Codec::Other {
            return Kind::Media;
        }
        if random_access {
            // Of a key frame in several parts only the first is where a decoder can begin.
            if let Some((_, told)) = &mut self.unit {
                if *told {
                    return Kind::Reference;
                }
                *told = true;
            }
            return Kind::RandomAccess;
        }
        match (slice, reference) {
            (false, _) => Kind::Config,
            (true, true) => Kind::Reference,
            (true, false) => Kind::Disposable,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn frame(sequence: u16, timestamp: u32, marker: bool, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        rtsp_proto::rtp::write_header(&mut packet, marker, 96, sequence, timestamp, 7);
        packet.extend_from_slice(payload);
        let mut frame = vec![b'$', 0];
        frame.extend_from_slice(&(packet.len() as u16).to_be_bytes());
        frame.extend_from_slice(&packet);
        frame
    }

    /// NAL units: parameter set, first slice of a key frame, first slices of other pictures.
    pub(crate) const SPS: &[u8] = &[0x67, 0x64, 0, 0x1f];
    pub(crate) const IDR: &[u8] = &[0x65, 0x88, 1, 2];
    pub(crate) const P: &[u8] = &[0x41, 0x9a, 1, 2];
    pub(crate) const B: &[u8] = &[0x01, 0x9a, 1, 2];

    fn batches(packets: &[(u16, u32, bool, &[u8])]) -> Vec<Batch> {
        let mut batcher = Batcher::new(0, Codec::H264, true);
        let mut out = Vec::new();
        for &(sequence, timestamp, marker, payload) in packets {
            let frame = frame(sequence, timestamp, marker, payload);
            let scan = Codec::H264.scan(payload);
            batcher.push(&frame, &scan, Instant::now(), &mut |batch| out.push(batch));
        }
        batcher.flush(&mut |batch| out.push(batch));
        out
    }

    #[test]
    fn the_packets_of_a_picture_are_one_batch_and_one_write() {
        let out = batches(&[
            (1, 0, false, SPS),
            (2, 0, false, IDR),
            (3, 0, true, IDR),
            (4, 3600, true, P),
            (5, 7200, true, B),
        ]);
        let kinds: Vec<_> = out.iter().map(|b| (b.kind, b.packets, b.first_sequence)).collect();
        assert_eq!(
            kinds,
            [(Kind::RandomAccess, 3, 1), (Kind::Reference, 1, 4), (Kind::Disposable, 1, 5)]
        );
        assert_eq!(out[0].frames().count(), 3);
        assert_eq!(out[0].next_sequence, 4);
    }

    #[test]
    fn pictures_of_changing_size_find_room_as_they_are_built() {
        let mut batcher = Batcher::new(0, Codec::H264, true);
        let sizes = (0..200_u16).map(|n| 900 + u32::from(n.wrapping_mul(37) % 200));
        for (size, n) in sizes.zip(0..) {
            let first: &[u8] = if n % 50 == 0 { IDR } else { P };
            let payload =
                [first, &vec![1; if n % 50 == 0 { 4 * size } else { size } as usize]].concat();
            let mut room = None;
            for part in 0..10_u16 {
                let frame = frame(10 * n + part, 3600 * u32::from(n), part == 9, &payload);
                batcher.push(&frame, &Codec::H264.scan(&payload), Instant::now(), &mut |batch| {
                    assert_eq!((batch.packets, batch.wire.len()), (10, 10 * frame.len()));
                });
                let known = *room.get_or_insert(batcher.wire.capacity());
                assert!(
                    n < 2 || part == 9 || n % 50 == 0 || batcher.wire.capacity() == known,
                    "{n}"
                );
            }
        }
    }

    #[test]
    fn cameras_that_forget_the_marker_get_pictures_by_timestamp() {
        let out = batches(&[(1, 0, false, IDR), (2, 3600, false, P), (3, 7200, false, P)]);
        assert_eq!(out.len(), 3);
        assert!(out.iter().all(|batch| batch.unit_start));
    }

    #[test]
    fn a_marker_on_every_packet_makes_parts_of_one_picture() {
        let out = batches(&[(1, 0, true, SPS), (2, 0, true, IDR), (3, 0, true, IDR)]);
        let kinds: Vec<_> = out.iter().map(|b| (b.kind, b.unit_start)).collect();
        assert_eq!(
            kinds,
            [(Kind::Config, true), (Kind::RandomAccess, false), (Kind::Reference, false)]
        );
    }

    #[test]
    fn a_large_key_frame_goes_out_in_parts_of_which_one_is_the_start() {
        let big = [IDR, &[0; 1400]].concat();
        let packets: Vec<_> = (0..100).map(|n| (n, 0, n == 99, big.as_slice())).collect();
        let out = batches(&packets);
        assert!(out.len() > 1 && out.iter().all(|batch| batch.wire.len() <= MAX_WIRE));
        assert_eq!(out[0].kind, Kind::RandomAccess);
        assert!(out[1..].iter().all(|b| b.kind == Kind::Reference && !b.unit_start));
        assert_eq!(out.iter().map(|b| usize::from(b.packets)).sum::<usize>(), 100);
    }

    /// Recovery point, and the first slice of a picture of an open group (H.264).
    const ENTRY: &[u8] = &[24, 0, 5, 6, 6, 1, 0xc4, 0x80, 0, 3, 0x41, 0x9a, 1];

    #[test]
    fn what_is_shown_before_an_open_key_frame_leads_it() {
        let leading = |packets: &[(u16, u32, bool, &[u8])]| {
            batches(packets).iter().map(|batch| batch.leading).collect::<Vec<_>>()
        };
        let b = |n: u16, ms: u32| (n, ms * 90, true, B);
        let start = [(1, 9000, true, ENTRY), b(2, 40), b(3, 80)];
        assert_eq!(leading(&start), [false, true, true]);
        // Once a picture is shown after it, the others belong to that.
        let more = [&start[..], &[(4, 18_000, true, P), b(5, 90)]].concat();
        assert_eq!(leading(&more), [false, true, true, false, false]);
        // An IDR picture closes what is before it.
        assert_eq!(leading(&[(1, 9000, true, IDR), b(2, 40)]), [false, false]);
        // A camera whose clock was turned back has no picture that leads for ever.
        let back: Vec<_> = (2..40).map(|n| b(n, 1)).collect();
        let back = back.iter().zip(0..).map(|(b, n)| (b.0, b.1 + n, true, B));
        let turned: Vec<_> = std::iter::once((1, 9000, true, ENTRY)).chain(back).collect();
        let count = leading(&turned).iter().filter(|leads| **leads).count();
        assert_eq!(count, usize::from(MAX_REORDERED));
    }

    #[test]
    fn what_the_camera_lost_is_told_and_what_it_did_not_lose_is_not() {
        let out = batches(&[(65535, 0, true, IDR), (0, 1, true, P), (5, 2, true, P)]);
        assert_eq!(out.iter().map(Batch::lost_before).collect::<Vec<_>>(), [0, 0, 4]);
    }
}
