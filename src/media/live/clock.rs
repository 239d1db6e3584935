//! RTP timestamps of several tracks on one timeline.
//!
//! The timeline begins a little before the oldest picture that a mux gets, and counts in each
//! track's own ticks. How tracks belong together is what the relay's sender reports say (their NTP
//! times are one clock, see `source::wallclock`). The first report of a track sets its place. Those
//! after it show how the camera's clocks drift apart: the picture follows the sound, a millisecond
//! at a time, because a picture that is shown that much later is seen by nobody, and sound with
//! holes is heard.

use std::time::{Duration, Instant};

use rtsp_proto::rtcp::NtpTime;

/// Ticks from the begin that are counted; a report that says more is out of its mind.
const FARTHEST: i128 = 1 << 60;

/// The timeline's begin, on both clocks that packets come with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Epoch {
    at: Instant,
    ntp: u64,
}

impl Epoch {
    /// The moment `at`; `now` is the same as `wall` since 1970.
    pub(super) fn new(at: Instant, now: Instant, wall: Duration) -> Self {
        let ago = NtpTime::from_unix(wall.saturating_sub(now.saturating_duration_since(at)));
        Self { at, ntp: ago.0 }
    }

    fn ticks_at(&self, at: Instant, rate: u32) -> i64 {
        let passed = at.saturating_duration_since(self.at);
        let ticks = passed.as_nanos() * u128::from(rate) / 1_000_000_000;
        ticks.min(FARTHEST as u128) as i64
    }

    fn ticks_of(&self, ntp: NtpTime, rate: u32) -> i64 {
        let passed = ntp.0.wrapping_sub(self.ntp) as i64;
        let ticks = (i128::from(passed) * i128::from(rate)) >> 32;
        ticks.clamp(-FARTHEST, FARTHEST) as i64
    }
}

/// One track's place on the timeline.
#[derive(Debug)]
pub(super) struct TrackClock {
    epoch: Epoch,
    rate: u32,
    /// The last timestamp, and what it is without wrapping around.
    last: Option<(u32, i64)>,
    /// What is added to that.
    offset: Option<i64>,
    /// By how much the last report says that this is too little.
    error: Option<i64>,
}

impl TrackClock {
    pub(super) fn new(epoch: Epoch, rate: u32) -> Self {
        Self { epoch, rate: rate.max(1), last: None, offset: None, error: None }
    }

    /// Ticks a second.
    pub(super) fn rate(&self) -> u32 {
        self.rate
    }

    /// A sender report: this timestamp belongs to that time.
    pub(super) fn report(&mut self, timestamp: u32, ntp: NtpTime) {
        if ntp.is_unknown() {
            return;
        }
        let ticks = self.unwrap(timestamp);
        let expected = self.epoch.ticks_of(ntp, self.rate);
        match self.offset {
            None => self.offset = Some(expected - ticks),
            Some(offset) => self.error = Some(expected - ticks - offset),
        }
    }

    /// The place of a packet that came at this moment; not before the timeline's begin.
    pub(super) fn place(&mut self, timestamp: u32, arrived: Instant) -> u64 {
        let ticks = self.unwrap(timestamp);
        let offset =
            *self.offset.get_or_insert_with(|| self.epoch.ticks_at(arrived, self.rate) - ticks);
        u64::try_from(ticks + offset).unwrap_or(0)
    }

    /// By how many seconds the last report puts the track later than it is.
    pub(super) fn error_s(&self) -> Option<f64> {
        Some(self.error? as f64 / f64::from(self.rate))
    }

    /// Moves the track a little toward so many seconds later, if it is worth it.
    pub(super) fn follow(&mut self, seconds: f64) {
        let (Some(offset), Some(error)) = (&mut self.offset, &mut self.error) else { return };
        let ticks = (seconds * f64::from(self.rate)) as i64;
        let step = i64::from(self.rate / 1000).max(1);
        if ticks.unsigned_abs() > u64::from(self.rate / 100) {
            let step = ticks.clamp(-step, step);
            *offset += step;
            *error -= step;
        }
    }

    fn unwrap(&mut self, timestamp: u32) -> i64 {
        let ticks = match self.last {
            None => i64::from(timestamp),
            Some((last, ticks)) => ticks + i64::from(timestamp.wrapping_sub(last) as i32),
        };
        self.last = Some((timestamp, ticks));
        ticks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WALL: Duration = Duration::from_secs(1_700_000_000);

    fn ntp(ms: u64) -> NtpTime {
        NtpTime::from_unix(WALL + Duration::from_millis(ms))
    }

    #[test]
    fn tracks_with_reports_of_one_clock_stand_as_the_reports_say() {
        let now = Instant::now();
        let epoch = Epoch::new(now, now, WALL);
        let mut video = TrackClock::new(epoch, 90_000);
        let mut audio = TrackClock::new(epoch, 48_000);
        video.report(1000, ntp(2000));
        audio.report(u32::MAX, ntp(2000));
        assert_eq!(video.place(1000 + 90_000, now), 3 * 90_000);
        assert_eq!(audio.place(47_999, now), 3 * 48_000, "around the wrap");
    }

    #[test]
    fn without_a_report_the_arrival_counts_and_nothing_is_before_the_begin() {
        let now = Instant::now();
        let mut clock = TrackClock::new(Epoch::new(now, now, WALL), 90_000);
        assert_eq!(clock.place(5, now + Duration::from_secs(2)), 180_000);
        assert_eq!(clock.place(5 + 3600, now), 183_600);
        assert_eq!(clock.place(5u32.wrapping_sub(360_000), now), 0);
    }

    #[test]
    fn a_track_whose_clock_drifts_is_followed_in_small_steps() {
        let now = Instant::now();
        let mut clock = TrackClock::new(Epoch::new(now, now, WALL), 90_000);
        clock.report(0, ntp(1000));
        clock.report(90_000, ntp(2100));
        assert!((clock.error_s().unwrap() - 0.1).abs() < 1e-3);
        for _ in 0..200 {
            let error = clock.error_s().unwrap();
            clock.follow(error);
        }
        let left = 2.1 * 90_000.0 - clock.place(90_000, now) as f64;
        assert!((0.0..=900.0).contains(&left), "{left}");
    }
}
