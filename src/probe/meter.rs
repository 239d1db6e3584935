//! What comes from the camera while it is looked at.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::media::{Batch, Kind, MAX_TRACKS, Viewer};
use crate::net::Waker;

/// So many key frames tell their distance twice.
const KEY_FRAMES: u32 = 3;
/// The least time for a frame rate and a bit rate.
const LEAST: Duration = Duration::from_secs(3);

/// A viewer that only counts.
pub(super) struct Meter {
    id: u64,
    /// Woken with each key frame.
    waker: Arc<Waker>,
    tracks: Mutex<[Count; MAX_TRACKS]>,
}

/// One track so far.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    bytes: u64,
    pictures: u32,
    key_frames: u32,
    /// When the first packet came, and the last.
    seen: Option<(Instant, Instant)>,
    /// Timestamp of the first picture, and the largest distance of another from it.
    pictures_at: Option<(u32, u32)>,
    /// The same of key frames.
    keys_at: Option<(u32, u32)>,
}

/// A track's rates, as far as enough came to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    pub(super) fps: Option<f64>,
    pub(super) kbps: Option<f64>,
    /// Mean distance of key frames.
    pub(super) gop: Option<Duration>,
    pub(super) key_frames: u32,
}

impl Meter {
    pub(super) fn new(waker: Arc<Waker>) -> Self {
        static IDS: AtomicU64 = AtomicU64::new(0);
        let id = IDS.fetch_add(1, Relaxed);
        Self { id, waker, tracks: Mutex::default() }
    }

    fn tracks(&self) -> MutexGuard<'_, [Count; MAX_TRACKS]> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a track has shown enough, `video` or not.
    pub(super) fn has_enough(&self, track: usize, video: bool) -> bool {
        let count = self.tracks().get(track).copied().unwrap_or_default();
        count.seen.is_some_and(|(first, last)| last - first >= LEAST)
            && (!video || count.key_frames >= KEY_FRAMES)
    }

    /// What a track with this clock has shown.
    pub(super) fn rates(&self, track: usize, clock_rate: u32) -> Rates {
        self.tracks().get(track).copied().unwrap_or_default().rates(clock_rate)
    }
}

impl Viewer for Meter {
    fn offer(&self, batch: &Arc<Batch>, _: Option<&Arc<Batch>>) {
        if batch.kind == Kind::Control {
            return;
        }
        if let Some(count) = self.tracks().get_mut(usize::from(batch.track)) {
            count.add(batch);
        }
        if batch.kind == Kind::RandomAccess || !batch.video {
            self.waker.wake();
        }
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn end(&self, _: &Arc<str>) {
        self.waker.wake();
    }

    fn id(&self) -> u64 {
        self.id
    }
}

impl Count {
    fn add(&mut self, batch: &Batch) {
        self.bytes += batch.wire.len() as u64;
        let (first, _) = self.seen.unwrap_or((batch.arrived, batch.arrived));
        self.seen = Some((first, batch.arrived.max(first)));
        if !batch.unit_start || batch.kind == Kind::Config {
            return;
        }
        self.pictures += 1;
        note(&mut self.pictures_at, batch.timestamp);
        if batch.kind == Kind::RandomAccess {
            self.key_frames += 1;
            note(&mut self.keys_at, batch.timestamp);
        }
    }

    fn rates(&self, clock_rate: u32) -> Rates {
        let ticks = f64::from(clock_rate.max(1));
        let span = |at: Option<(u32, u32)>| at.map(|(_, span)| f64::from(span) / ticks);
        let per = |span: Option<f64>, count: u32| {
            let steps = f64::from(count.checked_sub(1)?);
            span.filter(|&span| span > 0.0 && steps > 0.0).map(|span| span / steps)
        };
        let time = self.seen.map(|(first, last)| (last - first).as_secs_f64());
        Rates {
            fps: per(span(self.pictures_at), self.pictures).map(|step| 1.0 / step),
            kbps: time.filter(|&time| time > 0.0).map(|time| self.bytes as f64 / time / 125.0),
            gop: per(span(self.keys_at), self.key_frames).map(Duration::from_secs_f64),
            key_frames: self.key_frames,
        }
    }
}

/// Pictures are not in the order of their timestamps where there are B-frames, so the farthest
/// from the first counts.
fn note(at: &mut Option<(u32, u32)>, timestamp: u32) {
    let (first, span) = at.get_or_insert((timestamp, 0));
    let distance = timestamp.wrapping_sub(*first);
    if distance < u32::MAX / 2 {
        *span = (*span).max(distance);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(kind: Kind, timestamp: u32, arrived: Instant) -> Arc<Batch> {
        Arc::new(Batch {
            wire: vec![0; 1250].into(),
            packets: 1,
            track: 0,
            kind,
            video: true,
            unit_start: true,
            leading: false,
            parameter_sets: false,
            first_sequence: 0,
            next_sequence: 1,
            preceding: 0,
            timestamp,
            arrived,
        })
    }

    #[test]
    fn rates_are_those_of_the_cameras_clock_whatever_order_pictures_come_in() {
        let meter = Meter::new(Arc::new(Waker::new().unwrap()));
        let begin = Instant::now();
        for second in 0..4_u32 {
            for (place, step) in [0, 2, 1, 3].into_iter().enumerate() {
                let kind = if place == 0 { Kind::RandomAccess } else { Kind::Reference };
                let ticks = second * 90_000 + step * 22_500;
                let at = begin + Duration::from_micros(u64::from(ticks) * 100 / 9);
                // The timestamps wrap on the way.
                let timestamp = (u32::MAX - 100_000).wrapping_add(ticks);
                meter.offer(&batch(kind, timestamp, at), None);
            }
            assert_eq!(meter.has_enough(0, true), second == 3);
        }
        let rates = meter.rates(0, 90_000);
        assert!((rates.fps.unwrap() - 4.0).abs() < 0.01, "{rates:?}");
        assert_eq!(rates.gop, Some(Duration::from_secs(1)));
        assert_eq!(rates.key_frames, 4);
        let kbps = 16.0 * 1250.0 * 8.0 / 3.75 / 1000.0;
        assert!((rates.kbps.unwrap() - kbps).abs() < 0.1, "{rates:?}");
    }

    #[test]
    fn one_picture_tells_no_rate() {
        let meter = Meter::new(Arc::new(Waker::new().unwrap()));
        assert_eq!(meter.rates(0, 90_000), Rates::default());
        meter.offer(&batch(Kind::RandomAccess, 7, Instant::now()), None);
        assert_eq!(meter.rates(0, 90_000), Rates { key_frames: 1, ..Rates::default() });
    }
}
