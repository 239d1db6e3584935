//! The 64-bit wall-clock time of sender reports.

use std::time::Duration;

/// Seconds from 1900 to 1970.
const UNIX_EPOCH_S: u64 = 2_208_988_800;

/// Seconds and 2^-32 seconds since 1900 ([RFC 3550 section 4]); zero means unknown.
///
/// [RFC 3550 section 4]: https://www.rfc-editor.org/rfc/rfc3550#section-4
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// From the time since 1970; wraps in 2036, as the field does.
    pub fn from_unix(since_1970: Duration) -> Self {
        let seconds = since_1970.as_secs().wrapping_add(UNIX_EPOCH_S) << 32;
        // Rounded up, so that whole nanoseconds come back as they were.
        let fraction = (u64::from(since_1970.subsec_nanos()) << 32).div_ceil(1_000_000_000);
        Self(seconds | fraction)
    }

    /// The time since 1970; `None` when unknown or earlier than that.
    ///
    /// Seconds with the top bit clear are taken for those after the wrap of 2036. A camera
    /// without a clock that counts from its start lands there as well: differences are right,
    /// dates are not.
    pub fn to_unix(self) -> Option<Duration> {
        if self.0 == 0 {
            return None;
        }
        let seconds = self.0 >> 32;
        let since_1900 = if seconds >> 31 == 0 { seconds + (1 << 32) } else { seconds };
        let nanos = ((self.0 & 0xffff_ffff) * 1_000_000_000) >> 32;
        Some(Duration::new(since_1900.checked_sub(UNIX_EPOCH_S)?, nanos as u32))
    }

    /// The low half of the seconds and the high half of the fraction: the short form in report
    /// blocks.
    pub fn middle32(self) -> u32 {
        (self.0 >> 16) as u32
    }

    /// Whether a sender does not know the time.
    pub fn is_unknown(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_moments_convert() {
        // 1970-01-01 and 2036-02-07T06:28:16Z, the wrap.
        assert_eq!(NtpTime::from_unix(Duration::ZERO).0, 0x83aa_7e80_0000_0000);
        let wrap = Duration::from_secs((1 << 32) - UNIX_EPOCH_S);
        assert_eq!(NtpTime::from_unix(wrap).0, 0);
        let later = wrap + Duration::from_millis(1_500);
        assert_eq!(NtpTime::from_unix(later).0, 0x0000_0001_8000_0000);
        assert_eq!(NtpTime::from_unix(later).to_unix(), Some(later));
        assert_eq!(NtpTime(0x1234_5678_9abc_def0).middle32(), 0x5678_9abc);
    }

    #[test]
    fn a_camera_without_a_clock_gives_no_time() {
        assert!(NtpTime(0).is_unknown());
        assert_eq!(NtpTime(0).to_unix(), None);
        assert_eq!(NtpTime(0x8000_0000_0000_0001).to_unix(), None, "1968");
    }

    proptest! {
        #[test]
        fn moments_of_this_age_come_back(seconds in 0u64..3_000_000_000, nanos in 0u32..1_000_000_000) {
            let moment = Duration::new(seconds, nanos);
            prop_assume!(NtpTime::from_unix(moment).0 != 0);
            prop_assert_eq!(NtpTime::from_unix(moment).to_unix(), Some(moment));
        }
    }
}
