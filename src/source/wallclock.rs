//! The camera's clock against ours.
//!
//! Players line up audio and video by the sender reports' pairs of NTP time and RTP timestamp.
//! The NTP times that viewers get are the camera's, shifted by one constant for all its tracks:
//! the tracks keep their exact relation, and the clock goes on evenly when the camera reconnects
//! with its own clock set to 1970.

use std::time::Duration;

use rtsp_proto::rtcp::NtpTime;

/// The shift of one connection's sender reports.
#[derive(Debug, Default)]
pub(super) struct WallClock {
    shift: Option<u64>,
}

impl WallClock {
    /// A camera's NTP time as viewers get it; `now` is the relay's time since 1970 when the first
    /// report came. A camera that sends no time (0) has none to keep.
    pub(super) fn shift(&mut self, camera: NtpTime, now: Duration) -> Option<NtpTime> {
        if camera.0 == 0 {
            return None;
        }
        let shift =
            *self.shift.get_or_insert_with(|| NtpTime::from_unix(now).0.wrapping_sub(camera.0));
        Some(NtpTime(camera.0.wrapping_add(shift)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_of_a_camera_with_a_wrong_clock_keep_their_relation() {
        let mut clock = WallClock::default();
        let now = Duration::from_secs(1_700_000_000);
        let video = clock.shift(NtpTime(5 << 32), now).unwrap();
        assert_eq!(video, NtpTime::from_unix(now));
        let audio = clock.shift(NtpTime((5 << 32) + 77), now + Duration::from_millis(3)).unwrap();
        assert_eq!(audio.0 - video.0, 77);
        assert_eq!(clock.shift(NtpTime(0), now), None);
    }
}
