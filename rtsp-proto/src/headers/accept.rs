//! Accept ([RFC 2326 section 12.1], [RFC 7826 section 18.1]): the presentation formats a client
//! understands.
//!
//! [RFC 2326 section 12.1]: https://www.rfc-editor.org/rfc/rfc2326#section-12.1
//! [RFC 7826 section 18.1]: https://www.rfc-editor.org/rfc/rfc7826#section-18.1

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Accept";

/// The media ranges of a client, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accept(pub Vec<MediaRange>);

/// One element, such as `application/sdp` or `application/*;q=0.5`. Parameters other than the
/// quality are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaRange {
    /// The type, `*` for any.
    pub kind: String,
    /// The subtype, `*` for any.
    pub subtype: String,
    /// The quality in thousandths, 0 (refused) to 1000.
    pub quality: u16,
}

impl Accept {
    /// Parses one header value. An empty list is an error: it would refuse everything.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let ranges = lexer::split(value, ',')
            .map(str::trim)
            .filter(|piece| !piece.is_empty())
            .map(|piece| MediaRange::parse(piece, value))
            .collect::<Result<Vec<_>, _>>()?;
        if ranges.is_empty() {
            return Err(HeaderError::new(NAME, "no media type", value));
        }
        Ok(Self(ranges))
    }

    /// The ranges of all Accept lines; `None` when there is none, and everything is accepted.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        let mut all = None;
        for value in headers.get_all(NAME) {
            all.get_or_insert_with(Self::default).0.extend(Self::parse(value)?.0);
        }
        Ok(all)
    }

    /// Whether `kind/subtype` is wanted: the most specific range that matches it decides.
    pub fn accepts(&self, kind: &str, subtype: &str) -> bool {
        self.0
            .iter()
            .filter_map(|range| Some((range.specificity(kind, subtype)?, range.quality)))
            .max()
            .is_some_and(|(_, quality)| quality > 0)
    }
}

impl MediaRange {
    fn parse(piece: &str, value: &str) -> Result<Self, HeaderError> {
        let broken = |rule| HeaderError::new(NAME, rule, value);
        let mut parts = lexer::split(piece, ';').map(str::trim);
        let (kind, subtype) = parts
            .next()
            .and_then(|name| name.split_once('/'))
            .filter(|(kind, subtype)| lexer::is_token(kind) && lexer::is_token(subtype))
            .ok_or_else(|| broken("a media type without type and subtype"))?;
        if kind == "*" && subtype != "*" {
            return Err(broken("a subtype of any type"));
        }
        let mut quality = 1000;
        for part in parts {
            if let (name, Some(text)) = lexer::parameter(part) {
                if name.eq_ignore_ascii_case("q") {
                    quality =
                        thousandths(text).ok_or_else(|| broken("a quality outside 0 to 1"))?;
                }
            }
        }
        Ok(Self { kind: kind.to_owned(), subtype: subtype.to_owned(), quality })
    }

    fn specificity(&self, kind: &str, subtype: &str) -> Option<u8> {
        match (self.kind.as_str(), self.subtype.as_str()) {
            ("*", _) => Some(0),
            (own, "*") if own.eq_ignore_ascii_case(kind) => Some(1),
            (own, sub) if own.eq_ignore_ascii_case(kind) && sub.eq_ignore_ascii_case(subtype) => {
                Some(2)
            }
            _ => None,
        }
    }
}

/// A number from 0 to 1 with at most three digits behind the point, times 1000.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let whole: u16 = lexer::number(whole).filter(|&n| n <= 1)?;
    let fraction: u16 = format!("{fraction:0<3}").parse().ok()?;
    Some(whole * 1000 + fraction).filter(|&n| n <= 1000)
}

impl fmt::Display for Accept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, range) in self.0.iter().enumerate() {
            write!(f, "{}{}/{}", if at == 0 { "" } else { ", " }, range.kind, range.subtype)?;
            if range.quality < 1000 {
                write!(f, ";q=0.{:03}", range.quality)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn takes_sdp(value: &str) -> bool {
        Accept::parse(value).unwrap().accepts("application", "sdp")
    }

    #[test]
    fn strict_a_player_that_takes_sdp_gets_it() {
        for value in [
            "application/sdp",
            "Application/SDP;level=2",
            "application/rtsl, application/sdp;q=0.5",
            "application/x-rtsp-mh;q=1.0 , */*;q=0.001",
            "application/*",
            "*/*;q=0, application/sdp",
        ] {
            assert!(takes_sdp(value), "{value}");
        }
        for value in ["text/parameters", "application/sdp;q=0, */*", "application/*;q=0.0,*/*"] {
            assert!(!takes_sdp(value), "{value}");
        }
    }

    #[test]
    fn loose_empty_elements_are_passed_over() {
        assert!(takes_sdp(", application/sdp,,"));
    }

    #[test]
    fn bad_ranges_are_refused_by_name() {
        for value in ["", ",", "sdp", "a/b/c", "*/sdp", "a/b;q=2", "a/b;q=1.5", "a/b;q=0.1234"] {
            assert!(Accept::parse(value).is_err(), "{value}");
        }
        let error = Accept::parse("sdp").unwrap_err().to_string();
        assert_eq!(error, "Accept: a media type without type and subtype in `sdp`");
    }

    #[test]
    fn absent_accepts_everything() {
        assert_eq!(Accept::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(ranges in prop::collection::vec(("[a-z]{1,8}", "[a-z.+-]{1,8}", 0u16..=1000), 1..5)) {
            let accept = Accept(ranges.into_iter().map(|(kind, subtype, quality)| MediaRange { kind, subtype, quality }).collect());
            prop_assert_eq!(Accept::parse(&accept.to_string()), Ok(accept));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[a/;q=0.1*,]*") {
            let _ = Accept::parse(&value);
        }
    }
}
