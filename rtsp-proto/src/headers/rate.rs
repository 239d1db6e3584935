//! Scale and Speed ([RFC 7826 section 18.46 and 18.50]): how fast the presentation goes, and how fast
//! it is delivered.
//!
//! Rates are kept in thousandths; finer digits are cut off.
//!
//! [RFC 7826 section 18.46 and 18.50]: https://www.rfc-editor.org/rfc/rfc7826#section-18.46

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

/// Digits before the point.
const MAX_DIGITS: usize = 8;
/// The usual rate.
const ONE: u64 = 1000;

/// The rate of the presentation's time, negative for backwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    /// Backwards.
    pub reverse: bool,
    /// Thousandths.
    pub millis: u64,
}

/// The bounds within which the rate of delivery is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speed {
    /// Thousandths, the slowest.
    pub lower: u64,
    /// Thousandths, the fastest; not below `lower`.
    pub upper: u64,
}

impl Scale {
    /// As it was recorded.
    pub const NORMAL: Self = Self { reverse: false, millis: ONE };

    /// Parses a number with or without a minus.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let (reverse, digits) = value.strip_prefix('-').map_or((false, value), |rest| (true, rest));
        let millis = rate(digits).filter(|&millis| millis > 0);
        let error = || HeaderError::new("Scale", "a scale that is no number, or is 0", value);
        millis.map(|millis| Self { reverse, millis }).ok_or_else(error)
    }

    /// The scale a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get("Scale").map(Self::parse).transpose()
    }
}

impl Speed {
    /// As it happens.
    pub const LIVE: Self = Self { lower: ONE, upper: ONE };

    /// Parses `lower-upper`.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let bounds = value.split_once('-').and_then(|(lower, upper)| {
            let (lower, upper) = (rate(lower.trim())?, rate(upper.trim())?);
            (lower <= upper && upper > 0).then_some(Self { lower, upper })
        });
        bounds.ok_or_else(|| HeaderError::new("Speed", "not two numbers, the lower first", value))
    }

    /// The bounds a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get("Speed").map(Self::parse).transpose()
    }

    /// Whether these bounds allow delivery as it happens.
    pub fn allows_live(&self) -> bool {
        (self.lower..=self.upper).contains(&ONE)
    }
}

fn rate(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.len() > MAX_DIGITS || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u64 = format!("{fraction:0<3.3}").parse().ok()?;
    Some(lexer::number::<u64>(whole)? * ONE + thousandths)
}

/// Thousandths as a number with a point: `1.0`, `0.125`.
fn write(f: &mut fmt::Formatter<'_>, millis: u64) -> fmt::Result {
    let digits = format!("{:03}", millis % ONE);
    let fraction = match digits.trim_end_matches('0') {
        "" => "0",
        digits => digits,
    };
    write!(f, "{}.{fraction}", millis / ONE)
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.reverse { "-" } else { "" })?;
        write(f, self.millis)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write(f, self.lower)?;
        f.write_str("-")?;
        write(f, self.upper)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rates_are_read_to_the_thousandth() {
        for (value, reverse, millis, written) in [
            ("1", false, 1000, "1.0"),
            ("-2.5", true, 2500, "-2.5"),
            ("0.1259", false, 125, "0.125"),
            ("16.", false, 16_000, "16.0"),
        ] {
            let scale = Scale { reverse, millis };
            assert_eq!(Scale::parse(value), Ok(scale), "{value}");
            assert_eq!(scale.to_string(), written);
        }
        let speed = Speed { lower: 500, upper: 2500 };
        assert_eq!(Speed::parse("0.5 - 2.5"), Ok(speed));
        assert!(speed.allows_live() && Speed::LIVE.allows_live());
        assert!(!Speed { lower: 1001, upper: 2000 }.allows_live());
        assert_eq!(
            (speed.to_string(), Speed::LIVE.to_string()),
            ("0.5-2.5".into(), "1.0-1.0".into())
        );
        assert_eq!(Scale::NORMAL.to_string(), "1.0");
    }

    #[test]
    fn bad_rates_are_refused_by_name() {
        for value in ["", "-", "0", "0.0001", "1x", "+1", "--1", "1.x", "123456789"] {
            assert!(Scale::parse(value).is_err(), "{value}");
        }
        for value in ["", "1", "1-", "-1", "2-1", "0-0", "1-2-3"] {
            assert!(Speed::parse(value).is_err(), "{value}");
        }
        let error = Scale::parse("fast").unwrap_err().to_string();
        assert_eq!(error, "Scale: a scale that is no number, or is 0 in `fast`");
        let error = Speed::parse("2-1").unwrap_err().to_string();
        assert_eq!(error, "Speed: not two numbers, the lower first in `2-1`");
    }

    #[test]
    fn absent_is_no_error() {
        assert_eq!(Scale::from_headers(&Headers::new()), Ok(None));
        assert_eq!(Speed::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(reverse: bool, lower in 1u64..99_999_999_999, more in 0u64..1000) {
            let scale = Scale { reverse, millis: lower };
            prop_assert_eq!(Scale::parse(&scale.to_string()), Ok(scale));
            let speed = Speed { lower, upper: (lower + more).min(99_999_999_999) };
            prop_assert_eq!(Speed::parse(&speed.to_string()), Ok(speed));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[0-9.-]*") {
            let _ = Scale::parse(&value);
            let _ = Speed::parse(&value);
        }
    }
}
