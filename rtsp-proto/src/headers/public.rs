//! Public and Allow ([RFC 2326 section 12.28], [RFC 7826 section 18.39]): lists of methods.
//!
//! [RFC 2326 section 12.28]: https://www.rfc-editor.org/rfc/rfc2326#section-12.28
//! [RFC 7826 section 18.39]: https://www.rfc-editor.org/rfc/rfc7826#section-18.39

use super::{HeaderError, lexer};
use crate::{Headers, Method};
use std::fmt;

/// The methods a server speaks, in its order. What a camera lists it need not do well: some crash
/// on a GET_PARAMETER they announce.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Public(pub Vec<Method>);

impl Public {
    /// Parses a list of tokens separated by commas.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let mut methods = Vec::new();
        for piece in value.split(',') {
            match piece.trim() {
                "" => {}
                name if lexer::is_token(name) => methods.push(Method::from_name(name)),
                _ => return Err(HeaderError::new("Public", "a method that is no token", value)),
            }
        }
        Ok(Self(methods))
    }

    /// Parses the list as cameras write it: blanks and semicolons separate as well, names come
    /// in any case. Never fails; what is no token is left out. Nothing is counted, since nothing
    /// relies on the list.
    pub fn parse_camera(value: &str) -> Self {
        let separator = |c: char| c == ',' || c == ';' || c.is_whitespace();
        let names = value.split(separator).filter(|name| lexer::is_token(name));
        Self(
            names
                .map(|name| match Method::from_name(&name.to_ascii_uppercase()) {
                    Method::Other(_) => Method::Other(name.to_owned()),
                    known => known,
                })
                .collect(),
        )
    }

    /// The methods of all Public lines of a camera's answer; `None` when there is no such line.
    pub fn from_camera(headers: &Headers) -> Option<Self> {
        headers.get("Public")?;
        Some(Self(
            headers.get_all("Public").flat_map(|value| Self::parse_camera(value).0).collect(),
        ))
    }

    /// The methods of all Public lines; `None` when there is no such line.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        let mut all = None;
        for value in headers.get_all("Public") {
            all.get_or_insert_with(Self::default).0.extend(Self::parse(value)?.0);
        }
        Ok(all)
    }

    /// Whether the method is listed.
    pub fn lists(&self, method: &Method) -> bool {
        self.0.contains(method)
    }
}

impl fmt::Display for Public {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, method) in self.0.iter().enumerate() {
            write!(f, "{}{method}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strict_the_list_keeps_its_order_and_unknown_methods() {
        let public = Public::parse("OPTIONS,DESCRIBE , GET_PARAMETER, X_ZOOM").unwrap();
        assert!(public.lists(&Method::GetParameter));
        assert!(public.lists(&Method::Other("X_ZOOM".into())));
        assert!(!public.lists(&Method::SetParameter));
        assert_eq!(public.to_string(), "OPTIONS, DESCRIBE, GET_PARAMETER, X_ZOOM");
        assert_eq!(Public::parse(""), Ok(Public::default()));
    }

    #[test]
    fn loose_a_keepalive_method_is_found_in_a_sloppy_list() {
        for value in ["OPTIONS PLAY", "options,play,", "OPTIONS;PLAY", ", OPTIONS ,, Play"] {
            assert_eq!(Public::parse_camera(value).0, [Method::Options, Method::Play], "{value}");
        }
    }

    #[test]
    fn bad_a_list_of_something_else_is_refused() {
        for value in ["OPTIONS PLAY", "\"PLAY\"", "PLAY;SETUP"] {
            assert!(Public::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn absent_differs_from_empty() {
        let mut headers = Headers::new();
        assert_eq!(Public::from_headers(&headers), Ok(None));
        assert_eq!(Public::from_camera(&headers), None);
        headers.append("Public", "");
        assert_eq!(Public::from_headers(&headers), Ok(Some(Public::default())));
        headers.append("public", "PLAY");
        headers.append("Public", "SETUP");
        let expected = Public(vec![Method::Play, Method::Setup]);
        assert_eq!(Public::from_camera(&headers), Some(expected));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(names in prop::collection::vec("[A-Za-z_]{1,12}", 0..8)) {
            let public = Public(names.iter().map(|name| Method::from_name(name)).collect());
            prop_assert_eq!(Public::parse(&public.to_string()), Ok(public));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*") {
            let _ = Public::parse(&value);
            let _ = Public::parse_camera(&value);
        }
    }
}
