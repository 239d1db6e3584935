//! What the viewers of one track are told of its time, in sender reports.
//!
//! There is a report in front of the first packet, so that a player never has to guess how sound
//! and picture belong together: the camera's own if it has come, else one by the time of arrival.
//! What was told once goes on to hold: a camera that comes back, with whatever numbers and clock,
//! is put where its tracks belong, and reports that the relay makes itself go on from those before.

use std::time::{Duration, Instant};

use rtsp_proto::rtcp::{NtpTime, SenderReport};

use super::wallclock::{Belief, Moment, WallClock, toward};
use crate::media::timeline::Timeline;

/// As long do timestamps tell the time: those of 90 kHz wrap after 13 hours.
const MOMENT_HOLDS: Duration = Duration::from_secs(3600);
/// A camera that is this much off its own reports when it begins is not believed.
const MAX_OFF: Duration = Duration::from_secs(1);

/// The reports of one track.
#[derive(Debug)]
pub(super) struct Reports {
    clock_rate: u32,
    /// The camera's last one on this connection.
    heard: Option<Heard>,
    /// What viewers were told last, and when.
    told: Option<(Moment, Instant)>,
    /// That was by the time of arrival.
    guessed: bool,
}

/// A report of the camera.
#[derive(Clone, Copy, Debug)]
struct Heard {
    ssrc: u32,
    moment: Moment,
    /// The time since 1970 when it came.
    came: Duration,
}

impl Reports {
    pub(super) fn new(clock_rate: u32) -> Self {
        Self { clock_rate, heard: None, told: None, guessed: false }
    }

    /// The connection is gone: what its camera said is about other numbers.
    pub(super) fn interrupt(&mut self) {
        self.heard = None;
    }

    /// When viewers were told last.
    pub(super) fn told_at(&self) -> Option<Instant> {
        self.told.map(|(_, at)| at)
    }

    /// The camera has sent a report; `unix_now` is the time since 1970.
    pub(super) fn hear(&mut self, report: &SenderReport, unix_now: Duration) {
        let moment = Moment { ntp: report.ntp, rtp: report.rtp };
        self.heard = Some(Heard { ssrc: report.ssrc, moment, came: unix_now });
    }

    /// The timestamp for viewers with which a track begins again whose first packet has the
    /// camera's `timestamp`: `None` if there is nothing that tells, or if it cannot be.
    pub(super) fn beginning(
        &self,
        ssrc: u32,
        timestamp: u32,
        timeline: &Timeline,
        clock: &WallClock,
        now: Instant,
    ) -> Option<u32> {
        let heard = self.heard.filter(|heard| heard.ssrc == ssrc)?.moment;
        let reported = Moment { ntp: clock.peek(heard.ntp)?, rtp: heard.rtp };
        let ntp = reported.ntp_at(timestamp, self.clock_rate);
        let begins = self.moment(now)?.rtp_at(ntp, self.clock_rate);
        let (last, _) = timeline.last()?;
        let off = begins.wrapping_sub(timeline.timestamp_at(now)) as i32;
        let most = MAX_OFF.as_secs() * u64::from(self.clock_rate);
        let follows = begins.wrapping_sub(last) as i32 > 0;
        (follows && u64::from(off.unsigned_abs()) <= most).then_some(begins)
    }

    /// The pair of time and timestamp to tell by the camera's last report; `None` before the first
    /// packet, and if the camera sends no time.
    pub(super) fn by_camera(
        &mut self,
        timeline: &Timeline,
        clock: &mut WallClock,
        now: Instant,
    ) -> Option<Moment> {
        let Heard { moment, came, .. } = self.heard?;
        let rtp = timeline.map_timestamp(moment.rtp)?;
        let belief = match self.moment(now).map(|moment| moment.ntp_at(rtp, self.clock_rate)) {
            None => Belief::None,
            Some(ntp) if self.guessed => Belief::Guess(ntp),
            Some(ntp) => Belief::Told(ntp),
        };
        let ntp = clock.shift(moment.ntp, belief, came)?;
        self.guessed = false;
        Some(self.tell(Moment { ntp, rtp }, now))
    }

    /// The same pair once more, by what is known of the camera's clock by now.
    pub(super) fn anew(
        &mut self,
        timeline: &Timeline,
        clock: &WallClock,
        now: Instant,
    ) -> Option<Moment> {
        let moment = self.heard?.moment;
        let rtp = timeline.map_timestamp(moment.rtp)?;
        Some(self.tell(Moment { ntp: clock.peek(moment.ntp)?, rtp }, now))
    }

    /// The pair by the time of arrival of the last packet; `None` before the first.
    pub(super) fn by_arrival(
        &mut self,
        timeline: &Timeline,
        unix_now: Duration,
        now: Instant,
    ) -> Option<Moment> {
        let (rtp, at) = timeline.last()?;
        let arrived = NtpTime::from_unix(unix_now.saturating_sub(now - at));
        let ntp = match self.moment(now) {
            Some(moment) => toward(moment.ntp_at(rtp, self.clock_rate), arrived),
            None => arrived,
        };
        self.guessed = true;
        Some(self.tell(Moment { ntp, rtp }, now))
    }

    fn tell(&mut self, moment: Moment, now: Instant) -> Moment {
        self.told = Some((moment, now));
        moment
    }

    fn moment(&self, now: Instant) -> Option<Moment> {
        let recent = |at: Instant| now.saturating_duration_since(at) < MOMENT_HOLDS;
        self.told.filter(|&(_, at)| recent(at)).map(|(moment, _)| moment)
    }
}

#[cfg(test)]
mod tests {
    use rtsp_proto::rtp::RtpPacketMut;

    use super::*;

    const UNIX: Duration = Duration::from_secs(1_700_000_000);

    /// A track, and what its viewers take a time of the camera's own clock for.
    struct Track {
        timeline: Timeline,
        reports: Reports,
        clock_rate: u32,
        /// The camera's timestamp at its begin.
        began: u32,
    }

    impl Track {
        fn new(clock_rate: u32, began: u32) -> Self {
            let timeline = Timeline::new(clock_rate, 1, 100, 5000);
            Self { timeline, reports: Reports::new(clock_rate), clock_rate, began }
        }

        fn ticks(&self, ms: u64) -> u32 {
            self.began.wrapping_add((ms * u64::from(self.clock_rate) / 1000) as u32)
        }

        /// A packet of this time of the camera's comes at that of ours.
        fn packet(&mut self, sequence: u16, sent_ms: u64, now: Instant) {
            let mut bytes = Vec::new();
            rtsp_proto::rtp::write_header(&mut bytes, true, 96, sequence, self.ticks(sent_ms), 9);
            let mut packet = RtpPacketMut::parse(&mut bytes).unwrap();
            self.timeline.map(&mut packet, now);
        }

        /// The camera's report of a time.
        fn hear(&mut self, ms: u64) {
            let ntp = NtpTime::from_unix(Duration::from_secs(77) + Duration::from_millis(ms));
            let (rtp, reports) = (self.ticks(ms), Vec::new());
            let report = SenderReport { ssrc: 9, ntp, rtp, packets: 1, octets: 1, reports };
            self.reports.hear(&report, UNIX + Duration::from_millis(ms));
        }

        /// When viewers show what the camera sent at its begin, in seconds.
        fn shown_s(&self, now: Instant) -> f64 {
            let rtp = self.timeline.map_timestamp(self.began).unwrap();
            let ntp = self.reports.moment(now).unwrap().ntp_at(rtp, self.clock_rate);
            ntp.0.wrapping_sub(NtpTime::from_unix(UNIX).0) as i64 as f64 / 2f64.powi(32)
        }
    }

    #[test]
    fn a_late_first_report_brings_the_tracks_together_and_turns_none_back() {
        // By how much the sound's first packet is later on its way than the picture's.
        for sound_ms in [0u64, 7, 20, 35] {
            for sound_first in [false, true] {
                let begun = Instant::now();
                let at = |ms: u64| begun + Duration::from_millis(ms);
                let unix = |ms: u64| UNIX + Duration::from_millis(ms);
                let mut tracks = [Track::new(90_000, 77), Track::new(48_000, 4_000_000_000)];
                let late = [10, 10 + sound_ms];
                for (track, late) in tracks.iter_mut().zip(late) {
                    track.packet(1, 0, at(late));
                    track.reports.by_arrival(&track.timeline, unix(late), at(late)).unwrap();
                }
                let now = at(700);
                let before = tracks.each_ref().map(|track| track.shown_s(now));
                assert!((before[1] - before[0] - sound_ms as f64 / 1000.0).abs() < 1e-6);
                let mut clock = WallClock::default();
                let order = if sound_first { [1, 0] } else { [0, 1] };
                for index in order {
                    let track = &mut tracks[index];
                    track.hear(690);
                    track.reports.by_camera(&track.timeline, &mut clock, now).unwrap();
                    if clock.take_advance() {
                        let other = &mut tracks[1 - index];
                        other.reports.anew(&other.timeline, &clock, now);
                    }
                }
                let after = tracks.each_ref().map(|track| track.shown_s(now));
                let why = format!("{sound_ms} {sound_first} {before:?} {after:?}");
                assert!((after[1] - after[0]).abs() < 0.0001, "{why}");
                for (before, after) in before.iter().zip(after) {
                    assert!(after > before - 0.0001, "turned back: {why}");
                    assert!(after < before + sound_ms as f64 / 1000.0 + 0.0001, "{why}");
                }
            }
        }
    }
}
