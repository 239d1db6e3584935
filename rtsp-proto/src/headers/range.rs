//! Range ([RFC 2326 section 12.29], [RFC 7826 section 18.40]).
//!
//! Only normal play time is understood; clock times and frame numbers are kept as text.
//!
//! [RFC 2326 section 12.29]: https://www.rfc-editor.org/rfc/rfc2326#section-12.29
//! [RFC 7826 section 18.40]: https://www.rfc-editor.org/rfc/rfc7826#section-18.40

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Range";

/// The part of a presentation to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Range {
    /// Normal play time.
    Npt {
        /// Where to begin. A range without a beginning (`-20`) begins where the presentation
        /// stands, which is [`NptTime::Now`].
        start: NptTime,
        /// Where to end; `None` plays on.
        end: Option<NptTime>,
    },
    /// Any other unit, such as `clock` or `smpte`.
    Other {
        /// The unit's name.
        unit: String,
        /// What stands behind the `=`.
        value: String,
    },
}

/// A point of normal play time ([RFC 2326 section 3.6]).
///
/// [RFC 2326 section 3.6]: https://www.rfc-editor.org/rfc/rfc2326#section-3.6
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NptTime {
    /// The live edge.
    Now,
    /// Milliseconds since the beginning; finer digits are cut off.
    Millis(u64),
}

impl Range {
    /// From now on: what a live stream can play.
    pub const LIVE: Self = Self::Npt { start: NptTime::Now, end: None };

    /// Parses the value; the `time` parameter of RTSP 1.0 is passed over.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let broken = |rule| HeaderError::new(NAME, rule, value);
        let mut pieces = lexer::split(value, ';');
        let (unit, Some(text)) = lexer::parameter(pieces.next().unwrap_or_default()) else {
            return Err(broken("a unit without a range"));
        };
        for piece in pieces {
            let (name, text) = lexer::parameter(piece);
            if !lexer::is_token(name) || text.is_none() {
                return Err(broken("a parameter without name and value"));
            }
        }
        if !lexer::is_token(unit) {
            return Err(broken("a unit that is no token"));
        }
        if !unit.eq_ignore_ascii_case("npt") {
            return Ok(Self::Other { unit: unit.to_owned(), value: text.to_owned() });
        }
        let (start, end) = text.split_once('-').ok_or_else(|| broken("a time without `-`"))?;
        let time = |text| NptTime::parse(text).ok_or_else(|| broken("a time that cannot be read"));
        let start = start.trim();
        let end = Some(end.trim()).filter(|end| !end.is_empty()).map(time).transpose()?;
        match (start, end) {
            ("", None) => Err(broken("neither beginning nor end")),
            ("", end) => Ok(Self::Npt { start: NptTime::Now, end }),
            (start, end) => Ok(Self::Npt { start: time(start)?, end }),
        }
    }

    /// The range a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }
}

impl NptTime {
    fn parse(text: &str) -> Option<Self> {
        if text.eq_ignore_ascii_case("now") {
            return Some(Self::Now);
        }
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if !fraction.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let millis: u64 = format!("{:0<3.3}", fraction).parse().ok()?;
        let mut fields = whole.split(':');
        let mut seconds: u64 = lexer::number(fields.next()?)?;
        let mut sexagesimals = 0;
        for field in fields {
            let field: u64 = lexer::number(field).filter(|&n| n < 60)?;
            seconds = seconds.checked_mul(60)?.checked_add(field)?;
            sexagesimals += 1;
        }
        if sexagesimals != 0 && sexagesimals != 2 {
            return None;
        }
        Some(Self::Millis(seconds.checked_mul(1000)?.checked_add(millis)?))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Npt { start, end: Some(end) } => write!(f, "npt={start}-{end}"),
            Self::Npt { start, end: None } => write!(f, "npt={start}-"),
            Self::Other { unit, value } => write!(f, "{unit}={value}"),
        }
    }
}

impl fmt::Display for NptTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Now => f.write_str("now"),
            Self::Millis(millis) => write!(f, "{}.{:03}", millis / 1000, millis % 1000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::NptTime::{Millis, Now};
    use super::*;
    use proptest::prelude::*;

    fn npt(start: NptTime, end: Option<NptTime>) -> Range {
        Range::Npt { start, end }
    }

    #[test]
    fn strict_players_say_where_to_begin() {
        for (value, range) in [
            ("npt=0.000-", npt(Millis(0), None)),
            ("npt=0-", npt(Millis(0), None)),
            ("npt=now-", Range::LIVE),
            ("NPT = NOW - ", Range::LIVE),
            ("npt=10.5-20", npt(Millis(10_500), Some(Millis(20_000)))),
            ("npt=1:02:03.04567-", npt(Millis(3_723_045), None)),
            ("npt=-20", npt(Now, Some(Millis(20_000)))),
            ("npt=5.-;time=19970123T143720Z", npt(Millis(5000), None)),
            (
                "clock=19961108T142300Z-",
                Range::Other { unit: "clock".into(), value: "19961108T142300Z-".into() },
            ),
        ] {
            assert_eq!(Range::parse(value), Ok(range.clone()), "{value}");
            assert_eq!(Range::parse(&range.to_string()), Ok(range), "{value}");
        }
        assert_eq!(npt(Millis(1), Some(Now)).to_string(), "npt=0.001-now");
    }

    #[test]
    fn bad_ranges_are_refused_by_name() {
        for value in [
            "",
            "npt",
            "npt=",
            "npt=-",
            "npt=1",
            "npt=1:2-",
            "npt=0:60:00-",
            "npt=a-",
            "npt=1-2-3",
            "npt=+1-",
            "npt=1.x-",
            "npt=99999999999999999999-",
            "=1-",
            "npt=0-;time",
            "n t=0-",
        ] {
            assert!(Range::parse(value).is_err(), "{value}");
        }
        let error = Range::parse("npt=abc-").unwrap_err().to_string();
        assert_eq!(error, "Range: a time that cannot be read in `npt=abc-`");
    }

    #[test]
    fn absent_is_no_error() {
        assert_eq!(Range::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(start in prop::option::of(0u64..1 << 50), end in prop::option::of(0u64..1 << 50)) {
            let range = npt(start.map_or(Now, Millis), end.map(Millis));
            prop_assert_eq!(Range::parse(&range.to_string()), Ok(range));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|npt=[0-9:.é-]*") {
            if let Ok(range) = Range::parse(&value) {
                prop_assert_eq!(Range::parse(&range.to_string()), Ok(range));
            }
        }
    }
}
