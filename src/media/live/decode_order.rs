//! When a picture is decoded.
//!
//! RTP tells when a picture is shown, and pictures come in the order in which they are decoded. MP4
//! wants both times. As long as pictures are shown in the order in which they come, the two are the
//! same. With pictures that are shown earlier than some before them (B-frames), the pictures are
//! decoded at the times that the sorted pictures before them are shown: regular, and never late.
//! How many pictures must be looked back at is learned from the pictures, for what parameter sets
//! say about it is an upper bound, if they say anything.
//!
//! The duration of a picture is known when the next one comes, which is too late. A browser takes
//! it for a break of the stream when the next picture is decoded more than twice the duration after
//! it, and then drops pictures up to the next key frame (Media Source Extensions, coded frame
//! processing). So the duration is one of the longest of late, and a picture that comes after a
//! longer pause is decoded early enough; when it is shown stays as it is.

use std::collections::VecDeque;

use crate::media::mp4::fragment::Times;

/// Pictures between one and those it refers to: more no profile allows.
const MAX_DEPTH: usize = 16;
/// Intervals that are remembered.
const INTERVALS: usize = 8;

/// Finds the times of decoding of one track.
#[derive(Debug)]
pub(super) struct DecodeOrder {
    rate: u32,
    /// When the latest pictures are shown, in the order in which they came.
    shown: VecDeque<u64>,
    /// How many pictures come before one that is shown earlier.
    depth: usize,
    /// The times of showing that are no pictures' times of decoding yet, and the last that is one.
    sorted: Vec<u64>,
    last: Option<Times>,
    intervals: VecDeque<u32>,
}

impl DecodeOrder {
    pub(super) fn new(rate: u32) -> Self {
        Self {
            rate,
            shown: VecDeque::with_capacity(MAX_DEPTH + 1),
            depth: 0,
            sorted: Vec::with_capacity(MAX_DEPTH + 1),
            last: None,
            intervals: VecDeque::with_capacity(INTERVALS),
        }
    }

    /// The times of the next picture, which is shown at `shown`; `sync`: a decoder can begin here.
    pub(super) fn next(&mut self, shown: u64, sync: bool) -> Times {
        let later = self.shown.iter().rev().filter(|&&other| other > shown).count();
        self.depth = self.depth.max(later).min(MAX_DEPTH);
        self.shown.push_back(shown);
        while self.shown.len() > MAX_DEPTH + 1 {
            self.shown.pop_front();
        }
        if self.sorted.len() > self.depth {
            self.sorted.remove(0);
        }
        let at = self.sorted.partition_point(|&other| other <= shown);
        self.sorted.insert(at, shown);
        let mut decode = self.sorted.first().copied().unwrap_or(shown);
        if let Some(last) = self.last {
            if !sync {
                decode = decode.min(last.decode + 2 * u64::from(last.duration));
            }
            // What has to be squeezed in while the depth is being learned is no interval.
            if decode > last.decode {
                if self.intervals.len() == INTERVALS {
                    self.intervals.pop_front();
                }
                let interval = u32::try_from(decode - last.decode).unwrap_or(u32::MAX);
                self.intervals.push_back(interval);
            }
            decode = decode.max(last.decode + 1);
        }
        let offset = (shown as i64 - decode as i64).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let times = Times { decode, offset, duration: self.duration() };
        self.last = Some(times);
        times
    }

    /// The longest interval of late but one: a single pause is no interval.
    fn duration(&self) -> u32 {
        let mut sorted: Vec<u32> = self.intervals.iter().copied().collect();
        sorted.sort_unstable();
        match *sorted.as_slice() {
            [] => (self.rate / 25).max(1),
            [only] => only.min(self.rate),
            [.., second, _] => second,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 90_000;

    fn times(shown: &[u64]) -> Vec<Times> {
        let mut order = DecodeOrder::new(RATE);
        shown.iter().map(|&at| order.next(at, at == 0)).collect()
    }

    /// What a browser takes for a break of the stream.
    fn has_break(times: &[Times]) -> bool {
        times.windows(2).any(|pair| {
            pair[1].decode <= pair[0].decode
                || pair[1].decode - pair[0].decode > 2 * u64::from(pair[0].duration)
        })
    }

    #[test]
    fn pictures_in_order_are_decoded_when_they_are_shown() {
        let shown: Vec<u64> = (0..50).map(|n| n * 3600).collect();
        let times = times(&shown);
        assert!(times.iter().zip(&shown).all(|(t, at)| t.decode == *at && t.offset == 0));
        assert!(times.iter().skip(3).all(|t| t.duration == 3600));
    }

    #[test]
    fn b_frames_are_decoded_at_a_regular_pace_and_never_late() {
        // I P B B P B B…, and a pyramid.
        for pattern in [&[3u64, 1, 2][..], &[4, 2, 1, 3]] {
            let length = pattern.len() as u64;
            let shown: Vec<u64> = (0..40)
                .flat_map(|group| pattern.iter().map(move |at| (group * length + at) * 3600))
                .collect();
            let times = times(&[&[0], shown.as_slice()].concat());
            assert!(!has_break(&times[8..]), "{times:?}");
            for pair in times[16..].windows(2) {
                assert_eq!(pair[1].decode - pair[0].decode, 3600);
                assert!(pair[0].offset >= 0);
            }
        }
    }

    #[test]
    fn a_pause_is_no_break_and_shows_each_picture_when_it_is_due() {
        let mut shown: Vec<u64> = (0..20).map(|n| n * 3600).collect();
        shown.extend((0..60).map(|n| 20 * 3600 + 45_000 + n * 3600));
        let times = times(&shown);
        assert!(!has_break(&times), "{times:?}");
        for (times, at) in times.iter().zip(&shown) {
            assert_eq!(times.decode as i64 + i64::from(times.offset), *at as i64);
        }
        assert_eq!(times.last().unwrap().offset, 0, "the pause is made up for");
    }

    #[test]
    fn an_uneven_pace_is_no_break() {
        let mut at = 0;
        let shown: Vec<u64> = (0..200u64)
            .map(|n| {
                at += [3000, 9000, 4500, 6000, 18_000][(n * 7 % 5) as usize];
                at
            })
            .collect();
        assert!(!has_break(&times(&shown)));
    }
}
