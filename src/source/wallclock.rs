//! The camera's clock against ours.
//!
//! Players line up audio and video by the sender reports' pairs of NTP time and RTP timestamp.
//! The NTP times that viewers get are the camera's, shifted by one constant for all its tracks:
//! the tracks keep their exact relation, and the clock goes on evenly when the camera reconnects
//! with its own clock set to 1970, or sets it in mid-stream.

use std::time::Duration;

use rtsp_proto::rtcp::NtpTime;

/// What is off by more than this is no delay: the camera has set its clock.
const CLOCK_WAS_SET: Duration = Duration::from_secs(2);
/// What is off by less than this is the network's unevenness.
const TOLERANCE: Duration = Duration::from_millis(20);
/// By how much a report may correct those before it: players follow without a stumble, and a clock
/// that is wrong by a second in a day is followed many times over.
const CORRECTION: Duration = Duration::from_millis(5);

/// A track that was told by arrival is not further off than this.
const MAX_GUESS: Duration = Duration::from_secs(1);

/// The shift of one connection's sender reports.
#[derive(Debug, Default)]
pub(super) struct WallClock {
    shift: Option<u64>,
    /// The shift has grown, and viewers of other tracks have not been told yet.
    advanced: bool,
}

/// What viewers take the time of a track to be before a report of the camera is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Belief {
    /// Nothing.
    None,
    /// By the time of arrival: it was made up until the camera said more.
    Guess(NtpTime),
    /// By the camera's reports.
    Told(NtpTime),
}

impl Belief {
    fn ntp(self) -> Option<NtpTime> {
        match self {
            Self::None => None,
            Self::Guess(ntp) | Self::Told(ntp) => Some(ntp),
        }
    }
}

impl WallClock {
    /// A camera's NTP time as viewers get it; `now` is the relay's time since 1970 when it came, and
    /// `belief` what viewers take it to be from the track's reports before this. A camera that
    /// sends no time (0) has none to keep.
    ///
    /// A guess that turns out to be too late is kept: to turn a track back would play sound twice. All
    /// other tracks go forward instead, see [`WallClock::take_advance`].
    pub(super) fn shift(
        &mut self,
        camera: NtpTime,
        belief: Belief,
        now: Duration,
    ) -> Option<NtpTime> {
        if camera.0 == 0 {
            return None;
        }
        let now = NtpTime::from_unix(now);
        let known = self.peek(camera).filter(|&ntp| apart(ntp, now) <= ticks(CLOCK_WAS_SET));
        let ntp = match (known, belief) {
            (None, belief) => belief.ntp().unwrap_or(now),
            (Some(known), Belief::Guess(guess)) if is_later(guess, known) => {
                self.advanced = true;
                guess
            }
            // How the tracks belong together comes first.
            (Some(known), Belief::Guess(_)) => known,
            (Some(known), _) => toward(known, now),
        };
        self.shift = Some(ntp.0.wrapping_sub(camera.0));
        Some(ntp)
    }

    /// Whether all tracks but the last one that was told are to be told anew.
    pub(super) fn take_advance(&mut self) -> bool {
        std::mem::take(&mut self.advanced)
    }

    /// The same without taking note of it: what is known from the reports so far.
    pub(super) fn peek(&self, camera: NtpTime) -> Option<NtpTime> {
        Some(NtpTime(camera.0.wrapping_add(self.shift?))).filter(|_| camera.0 != 0)
    }
}

/// `ntp`, corrected a little if `true_time` is beyond what the network does.
pub(super) fn toward(ntp: NtpTime, true_time: NtpTime) -> NtpTime {
    let off = true_time.0.wrapping_sub(ntp.0) as i64;
    if off.unsigned_abs() <= ticks(TOLERANCE) {
        return ntp;
    }
    let most = ticks(CORRECTION) as i64;
    NtpTime(ntp.0.wrapping_add_signed(off.clamp(-most, most)))
}

/// Which moment a timestamp of a track is, as its viewers were told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) ntp: NtpTime,
    pub(super) rtp: u32,
}

impl Moment {
    /// The time of another timestamp, by a clock of `clock_rate` Hz.
    pub(super) fn ntp_at(self, rtp: u32, clock_rate: u32) -> NtpTime {
        let ticks = i128::from(rtp.wrapping_sub(self.rtp) as i32);
        let passed = (ticks << 32) / i128::from(clock_rate.max(1));
        NtpTime(self.ntp.0.wrapping_add_signed(passed as i64))
    }

    /// The timestamp of another time.
    pub(super) fn rtp_at(self, ntp: NtpTime, clock_rate: u32) -> u32 {
        let passed = i128::from(ntp.0.wrapping_sub(self.ntp.0) as i64);
        // To the nearest tick: two such steps shall not lose one.
        let ticks = (passed * i128::from(clock_rate) + (1 << 31)) >> 32;
        self.rtp.wrapping_add(ticks as u32)
    }
}

/// Whether a guess is later than what is known, by no more than a guess can be.
fn is_later(guess: NtpTime, known: NtpTime) -> bool {
    let by = guess.0.wrapping_sub(known.0) as i64;
    by > 0 && by.unsigned_abs() <= ticks(MAX_GUESS)
}

/// A time in units of NTP, 2^-32 s.
fn ticks(time: Duration) -> u64 {
    ((time.as_nanos() << 32) / 1_000_000_000) as u64
}

fn apart(one: NtpTime, other: NtpTime) -> u64 {
    (one.0.wrapping_sub(other.0) as i64).unsigned_abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn tracks_of_a_camera_with_a_wrong_clock_keep_their_relation() {
        let mut clock = WallClock::default();
        let video = clock.shift(NtpTime(5 << 32), Belief::None, NOW).unwrap();
        assert_eq!(video, NtpTime::from_unix(NOW));
        let audio = clock.shift(NtpTime((5 << 32) + 77), Belief::None, NOW + ms(3)).unwrap();
        assert_eq!(audio.0 - video.0, 77);
        assert_eq!(clock.shift(NtpTime(0), Belief::None, NOW), None);
        assert_eq!(clock.peek(NtpTime(5 << 32)), Some(video));
    }

    #[test]
    fn a_camera_that_comes_back_with_another_clock_goes_on_where_viewers_expect_it() {
        let expected = NtpTime::from_unix(NOW + ms(7));
        let mut clock = WallClock::default();
        assert_eq!(clock.shift(NtpTime(1), Belief::Told(expected), NOW), Some(expected));
    }

    #[test]
    fn a_camera_that_sets_its_clock_in_mid_stream_does_not_leap() {
        let mut clock = WallClock::default();
        clock.shift(NtpTime(5 << 32), Belief::None, NOW);
        let expected = NtpTime::from_unix(NOW + ms(4990));
        let set = NtpTime::from_unix(NOW + ms(3_600_000));
        assert_eq!(clock.shift(set, Belief::Told(expected), NOW + ms(5000)), Some(expected));
        // The other track's next report is by the new clock as well.
        assert_eq!(clock.peek(NtpTime(set.0 + 77)), Some(NtpTime(expected.0 + 77)));
    }

    #[test]
    fn a_guess_is_never_turned_back_and_the_tracks_keep_their_relation() {
        let later = |ntp: NtpTime, by: u64| NtpTime(ntp.0 + ticks(ms(by)));
        let (picture, sound) = (NtpTime(5 << 32), NtpTime((5 << 32) + ticks(ms(100))));
        let began = NtpTime::from_unix(NOW);
        // By its arrival the sound was told 20 ms too late, or too early.
        for (guess, told, advances) in [(120, 120, true), (80, 100, false), (100, 100, false)] {
            let mut clock = WallClock::default();
            assert_eq!(clock.shift(picture, Belief::Guess(began), NOW), Some(began));
            let belief = Belief::Guess(later(began, guess));
            let ntp = clock.shift(sound, belief, NOW + ms(100)).unwrap();
            assert!(apart(ntp, later(began, told)) < 8, "{guess}");
            assert_eq!(clock.take_advance(), advances, "{guess}");
            assert!(!clock.take_advance());
            // The picture is told anew, and exactly as far from the sound as the camera says.
            let anew = clock.peek(picture).unwrap();
            assert!(anew >= began && sound.0 - picture.0 == ntp.0 - anew.0, "{guess}");
        }
        // What is further off is no matter of arrival.
        let mut clock = WallClock::default();
        clock.shift(picture, Belief::None, NOW);
        let wild = Belief::Guess(later(began, 1500));
        let ntp = clock.shift(sound, wild, NOW + ms(100)).unwrap();
        assert_eq!(ntp.0 - began.0, sound.0 - picture.0);
    }

    #[test]
    fn a_clock_that_drifts_is_followed_in_small_steps_and_an_uneven_network_is_not() {
        let mut clock = WallClock::default();
        let begun = clock.shift(NtpTime(5 << 32), Belief::None, NOW).unwrap();
        assert_eq!(clock.shift(NtpTime(5 << 32), Belief::None, NOW + ms(15)), Some(begun));
        let step = clock.shift(NtpTime(5 << 32), Belief::None, NOW + ms(500)).unwrap().0 - begun.0;
        assert_eq!(step, ticks(CORRECTION));
        let back = clock.shift(NtpTime(6 << 32), Belief::None, NOW).unwrap();
        assert_eq!(back.0 - (1 << 32), begun.0);
    }

    #[test]
    fn timestamps_and_times_convert_both_ways_over_the_wrap() {
        let moment = Moment { ntp: NtpTime::from_unix(NOW), rtp: u32::MAX - 100 };
        for (rtp, clock_rate) in [(u32::MAX - 4000, 90_000), (47_899, 48_000), (3, 8000)] {
            let ntp = moment.ntp_at(rtp, clock_rate);
            assert_eq!(moment.rtp_at(ntp, clock_rate), rtp);
        }
        let second = moment.ntp_at(47_899, 48_000);
        assert_eq!(second, NtpTime::from_unix(NOW + ms(1000)));
    }
}
