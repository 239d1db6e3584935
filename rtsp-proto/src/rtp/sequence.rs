//! Arithmetic of numbers that wrap: 16-bit sequence numbers and 32-bit timestamps.
//!
//! Both wrap in normal operation ([RFC 3550 section 5.1]): sequence numbers every few minutes,
//! timestamps of video every 13 hours. "Before" and "after" therefore mean the shorter way round.
//!
//! [RFC 3550 section 5.1]: https://www.rfc-editor.org/rfc/rfc3550#section-5.1

use std::time::Duration;

/// How many packets `to` is after `from`; negative when it is before.
///
/// Exactly half the circle apart is neither; it is given as before (`i16::MIN`).
pub fn distance(from: u16, to: u16) -> i16 {
    to.wrapping_sub(from) as i16
}

/// How many clock ticks `to` is after `from`; negative when it is before.
///
/// Exactly half the circle apart is neither; it is given as before (`i32::MIN`).
pub fn ts_distance(from: u32, to: u32) -> i32 {
    to.wrapping_sub(from) as i32
}

/// How many ticks a clock of `clock_rate` ticks a second goes on in a time, round the circle.
pub fn ticks(time: Duration, clock_rate: u32) -> u32 {
    let rate = u64::from(clock_rate);
    // Done for each packet, so without numbers of 128 bits.
    let whole = time.as_secs().wrapping_mul(rate);
    let part = u64::from(time.subsec_nanos()) * rate / 1_000_000_000;
    whole.wrapping_add(part) as u32
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_stream_survives_the_wrap_of_its_counters() {
        assert_eq!(distance(65_535, 0), 1);
        assert_eq!(distance(0, 65_535), -1);
        assert_eq!(distance(65_000, 500), 1_036);
        assert_eq!(ts_distance(u32::MAX - 1_799, 1_800), 3_600);
        assert_eq!(ts_distance(1_800, u32::MAX - 1_799), -3_600);
    }

    proptest! {
        #[test]
        fn going_the_distance_arrives(from: u16, to: u16, a: u32, b: u32) {
            prop_assert_eq!(from.wrapping_add_signed(distance(from, to)), to);
            prop_assert_eq!(a.wrapping_add_signed(ts_distance(a, b)), b);
        }

        #[test]
        fn ticks_are_those_of_the_whole_time(time: Duration, rate: u32) {
            let exact = time.as_nanos().wrapping_mul(u128::from(rate)) / 1_000_000_000;
            prop_assert_eq!(ticks(time, rate), exact as u32);
        }
    }
}
