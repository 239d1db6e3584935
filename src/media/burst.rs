//! The cached group of pictures as a joining viewer gets it.
//!
//! The decoder needs every picture since the key frame, but the viewer must not be late for ever
//! by the age of that key frame. So the pictures keep their order and their consecutive sequence
//! numbers, which end just before the next live packet, while their timestamps are squeezed
//! together in front of the newest one that no other will be shown before: a player shows that at
//! once. That one is as old as
//! it is, up to a whole picture's time, and a player that starts its clock with it would be so late
//! for ever. So all of them are shifted by that age, and the delay from then on is that of a viewer
//! who joined on a key frame. With sound beside the picture they are not: how the tracks belong
//! together is worth more, and GStreamer was seen to lose it for seconds.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Kind, PREFIX};
use super::gop::Gop;

/// The squeezed pictures take this much of a picture's own time at the most, unless there are so
/// many that they would be less than a tick apart.
const SHARE_OF_INTERVAL: u32 = 8;
/// Ticks of all video in a millisecond (RFC 6184 section 8.1, RFC 7798 section 7.1).
const TICKS_PER_MS: u32 = 90;

/// A batch as one viewer gets it.
#[derive(Clone, Debug)]
pub struct Item {
    /// The shared bytes.
    pub batch: Arc<Batch>,
    /// The timestamp to show instead of the batch's own.
    pub timestamp: Option<u32>,
}

impl Item {
    /// The batch as it is.
    pub fn live(batch: Arc<Batch>) -> Self {
        Self { batch, timestamp: None }
    }
}

/// The group with its timestamps squeezed, and with `now` shifted toward that moment;
/// `parameter_sets` (RTP payloads) in front when the group does not begin with its own.
pub fn squeeze(gop: &Gop, parameter_sets: &[Vec<u8>], now: Option<Instant>) -> Vec<Item> {
    let batches = &closed_up(gop.batches());
    let Some(first) = batches.first() else { return Vec::new() };
    let latest = batches.iter().fold(first.timestamp, |newest, batch| {
        if ahead(batch.timestamp, newest) > 0 { batch.timestamp } else { newest }
    });
    // Distances from the newest, without repeats, farthest first: a picture's rank is its place.
    let mut ages: Vec<i32> = batches.iter().map(|b| ahead(latest, b.timestamp)).collect();
    ages.sort_unstable_by(|a, b| b.cmp(a));
    ages.dedup();
    let interval = ages.windows(2).map(|pair| pair[0].abs_diff(pair[1])).min().unwrap_or(0);
    // Those that are shown after pictures that are still to come stay where they are.
    let edge = edge(batches, &ages, latest, interval);
    let whole = edge + 1 == ages.len();
    let step = (interval / SHARE_OF_INTERVAL / ages.len() as u32).max(1);
    let shift = now.filter(|_| whole).map_or(0, |now| shift(batches, interval, now));
    let squeezed = |batch: &Batch| {
        let age = ahead(latest, batch.timestamp);
        let rank = ages.partition_point(|&other| other > age);
        if rank > edge {
            return batch.timestamp;
        }
        let newest = latest.wrapping_add(shift).wrapping_sub(ages[edge] as u32);
        newest.wrapping_sub((edge - rank) as u32 * step)
    };
    let mut items = Vec::with_capacity(batches.len() + 1);
    if !parameter_sets.is_empty() && !first.parameter_sets {
        let timestamp = Some(squeezed(first));
        let batch = Arc::new(sets_before(first, parameter_sets));
        items.push(Item { batch, timestamp });
    }
    items.extend(
        batches
            .iter()
            .map(|batch| Item { timestamp: Some(squeezed(batch)), batch: Arc::clone(batch) }),
    );
    items
}

/// The batches with consecutive numbers that end where they do: what the group lacks of the stream
/// leaves no gap, and what comes next fits as it is.
fn closed_up(batches: &[Arc<Batch>]) -> Cow<'_, [Arc<Batch>]> {
    let missing = |pair: &[Arc<Batch>]| pair[1].preceding.wrapping_sub(pair[0].next_sequence);
    if batches.windows(2).all(|pair| missing(pair) == 0) {
        return Cow::Borrowed(batches);
    }
    let mut batches = batches.to_vec();
    for at in (1..batches.len()).rev() {
        // The one behind is raised already.
        let numbers = missing(&batches[at - 1..=at]);
        if numbers != 0 {
            let batch = &batches[at - 1];
            let mut copy = batch.again(batch.arrived);
            copy.renumber(batch.first_sequence.wrapping_add(numbers), batch.timestamp);
            batches[at - 1] = Arc::new(copy);
        }
    }
    Cow::Owned(batches)
}

/// The rank of the last picture that none will be shown before any more. Behind it are those that were
/// sent ahead of pictures that are shown before them. `ages` are the distances from `latest`, farthest
/// first, and `interval` is the shortest between two of them.
fn edge(batches: &[Arc<Batch>], ages: &[i32], latest: u32, interval: u32) -> usize {
    // The newest was sent when this was the newest, so all others up to that have come.
    let before = batches.iter().take_while(|batch| batch.timestamp != latest);
    let Some(before) = before.map(|batch| ahead(latest, batch.timestamp)).min() else { return 0 };
    let complete = ages.partition_point(|&age| age > before);
    let follows = |pair: &&[i32]| {
        ages.len() > 2 && pair[0].abs_diff(pair[1]) <= interval.saturating_add(interval / 2)
    };
    let more = ages.get(complete..).unwrap_or_default();
    complete + more.windows(2).take_while(follows).count()
}

/// How far the group is shifted toward now: by the age of its newest picture, but not as far as the
/// next picture's place. Pictures that are shown in another order than they are sent leave no room.
fn shift(batches: &[Arc<Batch>], interval: u32, now: Instant) -> u32 {
    let in_order = batches.windows(2).all(|pair| ahead(pair[1].timestamp, pair[0].timestamp) >= 0);
    let newest = batches.iter().rev().find(|batch| batch.unit_start);
    let Some(newest) = newest.filter(|_| in_order) else { return 0 };
    let age = now.saturating_duration_since(newest.arrived).min(Duration::from_secs(1));
    let ticks = age.as_micros() as u32 * TICKS_PER_MS / 1000;
    // A picture that has been standing still for longer is not the live edge.
    if ticks > interval.saturating_mul(2) {
        return 0;
    }
    ticks.min(interval.saturating_sub(interval / SHARE_OF_INTERVAL))
}

fn ahead(of: u32, other: u32) -> i32 {
    of.wrapping_sub(other) as i32
}

/// A batch of one packet for each payload, numbered so that `first` follows.
pub(super) fn sets_before(first: &Batch, payloads: &[Vec<u8>]) -> Batch {
    let count = payloads.len() as u16;
    let header = first.wire.get(PREFIX..PREFIX + 12).unwrap_or_default();
    let field = |at: usize| header.get(at).copied().unwrap_or_default();
    let ssrc = first.ssrc().unwrap_or_default();
    let begin = first.first_sequence.wrapping_sub(count);
    let mut wire = Vec::new();
    for (payload, index) in payloads.iter().zip(0..) {
        wire.extend_from_slice(&[b'$', 2 * first.track]);
        wire.extend_from_slice(&(12 + payload.len() as u16).to_be_bytes());
        rtsp_proto::rtp::write_header(
            &mut wire,
            false,
            field(1) & 0x7f,
            begin.wrapping_add(index),
            first.timestamp,
            ssrc,
        );
        wire.extend_from_slice(payload);
    }
    Batch {
        wire: wire.into(),
        packets: count,
        track: first.track,
        kind: Kind::Config,
        video: true,
        unit_start: true,
        leading: false,
        parameter_sets: true,
        first_sequence: begin,
        next_sequence: first.first_sequence,
        preceding: begin,
        timestamp: first.timestamp,
        arrived: Instant::now(),
    }
}

#[cfg(test)]
mod tests {
    use rtsp_proto::codec::Codec;
    use rtsp_proto::rtp::RtpPacket;

    use super::super::batcher::Batcher;
    use super::super::batcher::tests::{B, IDR, P, SPS, frame};
    use super::*;

    /// As a viewer gets it who joins so many milliseconds after the newest picture.
    fn squeezed(gop: &Gop, age_ms: u64) -> Vec<u32> {
        let newest = gop.batches().last().unwrap().arrived;
        let items = squeeze(gop, &[], Some(newest + Duration::from_millis(age_ms)));
        items.iter().map(|item| item.timestamp.unwrap()).collect()
    }

    fn gop(pictures: &[(u32, &[u8])]) -> Gop {
        let mut gop = Gop::default();
        let mut batcher = Batcher::new(0, Codec::H264, true);
        for (&(timestamp, payload), sequence) in pictures.iter().zip(100..) {
            let frame = frame(sequence, timestamp, true, payload);
            let scan = Codec::H264.scan(payload);
            batcher.push(&frame, &scan, Instant::now(), &mut |batch| {
                let _ = gop.push(&Arc::new(batch), usize::MAX);
            });
        }
        gop
    }

    #[test]
    fn ten_seconds_of_pictures_take_less_than_one_pictures_time() {
        let pictures: Vec<(u32, &[u8])> = (0..250)
            .map(|n| ((u32::MAX - 9000).wrapping_add(n * 3600), if n == 0 { IDR } else { P }))
            .collect();
        let newest = pictures[249].0;
        let gop = gop(&pictures);
        for (age_ms, shift) in [(0, 0), (20, 1800), (35, 3150), (60, 3150), (90, 0)] {
            let shown = squeezed(&gop, age_ms);
            let last = *shown.last().unwrap();
            assert_eq!(last.wrapping_sub(newest), shift, "the newest is as old as it is");
            assert!(last.wrapping_sub(shown[0]) <= 3600 / SHARE_OF_INTERVAL);
            let in_order = shown.windows(2).all(|pair| ahead(pair[1], pair[0]) > 0);
            assert!(in_order, "in order, all distinct");
        }
    }

    #[test]
    fn pictures_shown_out_of_order_stay_in_their_order() {
        let shown = squeezed(&gop(&[(0, IDR), (10_800, P), (3600, B), (7200, B)]), 20);
        assert_eq!(shown[1], 10_800, "no shift: a live picture may belong in front of it");
        let below = |a: usize, b: usize| ahead(shown[b], shown[a]) > 0;
        assert!(below(0, 2) && below(2, 3) && below(3, 1));
    }

    #[test]
    fn no_picture_overtakes_those_that_are_still_to_come() {
        // In order of decoding: those at 3 are shown last, and the ones before them come later.
        let film: Vec<(u32, &[u8])> = (0..40)
            .map(|n| match (n, n % 3) {
                (0, _) => (0, IDR),
                (_, 1) => ((n + 2) * 3600, P),
                _ => ((n - 1) * 3600, B),
            })
            .collect();
        for sent in 1..film.len() {
            let shown = squeezed(&gop(&film[..sent]), 20);
            let mut all: Vec<_> = film[..sent].iter().zip(&shown).map(|(p, &s)| (p.0, s)).collect();
            all.extend(film[sent..].iter().map(|picture| (picture.0, picture.0)));
            all.sort_unstable();
            let in_order = all.windows(2).all(|pair| ahead(pair[1].1, pair[0].1) > 0);
            assert!(in_order, "{sent}: {all:?}");
            // All but those that wait for others are at the live edge.
            let first = shown[0];
            let edge = film[..sent].iter().map(|picture| picture.0).max().unwrap();
            assert!(edge.wrapping_sub(first) <= 4 * 3600, "{sent}: {edge} {first}");
        }
    }

    #[test]
    fn a_group_that_lacks_pictures_ends_with_its_own_numbers_and_has_no_gap() {
        let mut gop = Gop::default();
        let mut batcher = Batcher::new(0, Codec::H265, true);
        // CRA, two RASL, two pictures behind them; what the network lost in front of the last stays
        // a gap.
        let pictures: [(u16, u32, u8); 5] =
            [(100, 10_800, 21), (101, 3600, 9), (102, 7200, 8), (103, 14_400, 1), (106, 18_000, 1)];
        for (sequence, timestamp, kind) in pictures {
            let payload = [kind << 1, 1, 0x80, 7];
            let frame = frame(sequence, timestamp, true, &payload);
            let scan = Codec::H265.scan(&payload);
            batcher.push(&frame, &scan, Instant::now(), &mut |batch| {
                let _ = gop.push(&Arc::new(batch), usize::MAX);
            });
        }
        let items = squeeze(&gop, &[vec![0x40, 1, 2]], None);
        let numbers: Vec<_> = items
            .iter()
            .flat_map(|item| item.batch.frames().map(|f| RtpPacket::parse(&f[PREFIX..]).unwrap()))
            .map(|packet| (packet.sequence(), packet.payload()[0] >> 1))
            .collect();
        assert_eq!(numbers, [(101, 32), (102, 21), (103, 1), (106, 1)]);
        assert!(
            items.windows(2).all(|pair| pair[1].batch.preceding == pair[0].batch.next_sequence)
        );
    }

    #[test]
    fn parameter_sets_known_only_from_the_sdp_come_first_and_are_numbered_before_the_rest() {
        let sets = [vec![0x67, 1, 2, 3], vec![0x68, 4]];
        let items = squeeze(&gop(&[(0, IDR), (3600, P)]), &sets, None);
        assert_eq!(items.len(), 3);
        let sets_batch = &items[0].batch;
        assert_eq!((sets_batch.first_sequence, sets_batch.next_sequence), (98, 100));
        let packets: Vec<_> =
            sets_batch.frames().map(|f| RtpPacket::parse(&f[PREFIX..]).unwrap()).collect();
        assert_eq!(packets[1].payload(), [0x68, 4]);
        assert_eq!(
            (packets[1].sequence(), packets[1].ssrc(), packets[1].payload_type()),
            (99, 7, 96)
        );
        assert_eq!(items[0].timestamp, items[1].timestamp);

        let mut with_own = Gop::default();
        let mut batcher = Batcher::new(0, Codec::H264, true);
        for (sequence, payload) in [(1, SPS), (2, IDR)] {
            let frame = frame(sequence, 0, sequence == 2, payload);
            let scan = Codec::H264.scan(payload);
            batcher.push(&frame, &scan, Instant::now(), &mut |batch| {
                let _ = with_own.push(&Arc::new(batch), usize::MAX);
            });
        }
        assert_eq!(squeeze(&with_own, &sets, None).len(), 1);
    }
}
