//! Date ([RFC 2326 section 12.18], [RFC 7826 section 18.21]).
//!
//! [RFC 2326 section 12.18]: https://www.rfc-editor.org/rfc/rfc2326#section-12.18
//! [RFC 7826 section 18.21]: https://www.rfc-editor.org/rfc/rfc7826#section-18.21

use super::{HeaderError, lexer};
use std::fmt;

const NAME: &str = "Date";
const DAY_S: u64 = 86_400;
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// Days of 400 years, after which the calendar repeats.
const ERA_DAYS: u64 = 146_097;
/// Days from 1 March 0000 to 1 January 1970.
const BEFORE_1970: u64 = 719_468;
/// 31 December 9999, 23:59:59: years have four digits.
const LAST: u64 = 253_402_300_799;

/// A moment, to the second, by its seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(pub u64);

impl Date {
    /// Parses the one form that is written: `Sun, 06 Nov 1994 08:49:37 GMT`.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let date = read(value).filter(|date| date.to_string() == value);
        date.ok_or_else(|| {
            HeaderError::new(NAME, "no date of the form `Sun, 06 Nov 1994 08:49:37 GMT`", value)
        })
    }
}

fn read(value: &str) -> Option<Date> {
    let words: Vec<&str> = value.split(' ').collect();
    let &[_, day, month, year, time, "GMT"] = words.as_slice() else { return None };
    let month = MONTHS.iter().position(|known| *known == month)? as u64;
    let (day, year): (u64, u64) = (lexer::number(day)?, lexer::number(year)?);
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) {
        return None;
    }
    let mut seconds = 0;
    for field in time.split(':') {
        seconds = seconds * 60 + lexer::number::<u64>(field).filter(|&field| field < 60)?;
    }
    // A year that begins in March has its odd day at its end.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some(Date(days.checked_sub(BEFORE_1970)? * DAY_S + seconds))
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = self.0.min(LAST);
        let (days, seconds) = (moment / DAY_S, moment % DAY_S);
        let weekday = DAYS[(days % 7) as usize];
        let days = days + BEFORE_1970;
        let (era, day) = (days / ERA_DAYS, days % ERA_DAYS);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (year * 365 + year / 4 - year / 100);
        let month = (day * 5 + 2) / 153;
        let day = day - (month * 153 + 2) / 5 + 1;
        let year = era * 400 + year + u64::from(month >= 10);
        let month = MONTHS[((month + 2) % 12) as usize];
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strict_known_moments_are_written_as_everyone_reads_them() {
        for (seconds, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_782_399, "Mon, 28 Feb 2000 23:59:59 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
            (LAST, "Fri, 31 Dec 9999 23:59:59 GMT"),
        ] {
            assert_eq!(Date(seconds).to_string(), text);
            assert_eq!(Date::parse(text), Ok(Date(seconds)));
        }
    }

    #[test]
    fn bad_dates_are_refused_by_name() {
        for value in [
            "",
            "Mon, 06 Nov 1994 08:49:37 GMT",
            "Sun, 6 Nov 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 1994 08:49 GMT",
            "Wed, 31 Feb 2001 00:00:00 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Wed, 31 Dec 1969 23:59:59 GMT",
        ] {
            assert!(Date::parse(value).is_err(), "{value}");
        }
        let error = Date::parse("now").unwrap_err().to_string();
        assert_eq!(error, "Date: no date of the form `Sun, 06 Nov 1994 08:49:37 GMT` in `now`");
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(seconds in 0..=LAST) {
            prop_assert_eq!(Date::parse(&Date(seconds).to_string()), Ok(Date(seconds)));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[A-Za-z, 0-9:]*") {
            let _ = Date::parse(&value);
        }
    }
}
