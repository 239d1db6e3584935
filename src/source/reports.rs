//! What the viewers of one track are told of its time, in sender reports.
//!
//! There is a report in front of the first packet, so that a player never has to guess how sound
//! and picture belong together: the camera's own if it has come, else one by the time of arrival.
//! What was told once goes on to hold: a camera that comes back, with whatever numbers and clock,
//! is put where its tracks belong, and reports that the relay makes itself go on from those before.

use std::time::{Duration, Instant};

use rtsp_proto::rtcp::{NtpTime, SenderReport};

use super::wallclock::{Moment, WallClock, toward};
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
        Self { clock_rate, heard: None, told: None }
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
        let expected = self.moment(now).map(|moment| moment.ntp_at(rtp, self.clock_rate));
        let ntp = clock.shift(moment.ntp, expected, came)?;
        Some(self.tell(Moment { ntp, rtp }, now))
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
