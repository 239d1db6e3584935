//! Seek-Style ([RFC 7826 section 18.47]): with which picture playing begins.
//!
//! [RFC 7826 section 18.47]: https://www.rfc-editor.org/rfc/rfc7826#section-18.47

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Seek-Style";

/// Where playing begins, relative to the point that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeekStyle {
    /// With the last random access point before it.
    Rap,
    /// The same, unless that is further away than what was played last.
    CoRap,
    /// With the last whole unit before it, decodable or not.
    FirstPrior,
    /// With the first whole unit behind it.
    Next,
    /// A policy of some extension.
    Other(String),
}

impl SeekStyle {
    const NAMED: [(Self, &'static str); 4] = [
        (Self::Rap, "RAP"),
        (Self::CoRap, "CoRAP"),
        (Self::FirstPrior, "First-Prior"),
        (Self::Next, "Next"),
    ];

    /// Parses a token; a name that is not known is no error.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        if !lexer::is_token(value) {
            return Err(HeaderError::new(NAME, "a policy that is no token", value));
        }
        let known = Self::NAMED.iter().find(|(_, name)| name.eq_ignore_ascii_case(value));
        Ok(known.map_or_else(|| Self::Other(value.to_owned()), |(style, _)| style.clone()))
    }

    /// The policy a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }
}

impl fmt::Display for SeekStyle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other(name) => name,
            known => Self::NAMED.iter().find(|(style, _)| style == known).map_or("", |(_, n)| n),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn policies_are_known_in_any_case_and_written_in_one() {
        for (value, style, written) in [
            ("RAP", SeekStyle::Rap, "RAP"),
            ("corap", SeekStyle::CoRap, "CoRAP"),
            ("first-prior", SeekStyle::FirstPrior, "First-Prior"),
            ("NEXT", SeekStyle::Next, "Next"),
            ("x-exact", SeekStyle::Other("x-exact".into()), "x-exact"),
        ] {
            assert_eq!(SeekStyle::parse(value), Ok(style.clone()), "{value}");
            assert_eq!(style.to_string(), written);
        }
    }

    #[test]
    fn bad_policies_are_refused_by_name() {
        for value in ["", "a b", "RAP, Next", "\"RAP\""] {
            assert!(SeekStyle::parse(value).is_err(), "{value}");
        }
        let error = SeekStyle::parse("").unwrap_err();
        assert_eq!((error.header(), error.reason()), ("Seek-Style", "a policy that is no token"));
        assert_eq!(SeekStyle::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(value in "[A-Za-z-]{1,12}") {
            let style = SeekStyle::parse(&value).unwrap();
            prop_assert_eq!(SeekStyle::parse(&style.to_string()), Ok(style));
        }
    }
}
