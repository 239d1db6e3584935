//! Session ([RFC 2326 section 12.37], [RFC 7826 section 18.49]).
//!
//! [RFC 2326 section 12.37]: https://www.rfc-editor.org/rfc/rfc2326#section-12.37
//! [RFC 7826 section 18.49]: https://www.rfc-editor.org/rfc/rfc7826#section-18.49

use super::leniency::Leniency;
use super::{HeaderError, lexer};
use crate::{Headers, Oddities, Oddity};
use std::fmt;

const NAME: &str = "Session";

/// How many seconds a session lives without a sign of life when its header does not say
/// (RFC 2326 section 12.37).
pub const DEFAULT_TIMEOUT_S: u32 = 60;

/// The session a message belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The identifier; compared byte for byte.
    pub id: String,
    /// Seconds without a sign of life after which the server drops the session; at least 1.
    pub timeout_s: Option<u32>,
}

impl Session {
    /// Parses the value as a client must write it.
    ///
    /// The minimum of eight characters is not asked for: the identifier is the server's own, and
    /// one it did not give out is simply unknown.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        Self::read(value, Leniency::strict(NAME, value))
    }

    /// Parses the value as cameras write it: any identifier, and a timeout that is left out when
    /// it cannot be read.
    pub fn parse_camera(value: &str, oddities: &mut Oddities) -> Result<Self, HeaderError> {
        Self::read(value, Leniency::camera(NAME, value, oddities, Oddity::OddSession))
    }

    /// The session named in a client's message; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }

    /// The session named in a camera's message; `None` when it names none.
    pub fn from_camera(
        headers: &Headers,
        oddities: &mut Oddities,
    ) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(|value| Self::parse_camera(value, oddities)).transpose()
    }

    /// The timeout that holds, in seconds.
    pub fn timeout_or_default(&self) -> u32 {
        self.timeout_s.unwrap_or(DEFAULT_TIMEOUT_S)
    }

    fn read(value: &str, mut leniency: Leniency<'_>) -> Result<Self, HeaderError> {
        let mut pieces = value.split(';');
        let id = pieces.next().unwrap_or_default().trim();
        if id.is_empty() {
            return Err(leniency.broken("an empty identifier"));
        }
        if id.contains(char::is_whitespace) {
            return Err(leniency.broken("a blank inside the identifier"));
        }
        if !id.bytes().all(|b| b.is_ascii_alphanumeric() || b"$-_.+".contains(&b)) {
            leniency.depart("a character that no identifier may have")?;
        }
        let mut timeout_s = None;
        for piece in pieces {
            match lexer::parameter(piece) {
                (name, Some(text)) if name.eq_ignore_ascii_case("timeout") => {
                    match lexer::number(text).filter(|&seconds: &u32| seconds > 0) {
                        Some(seconds) if timeout_s.is_none() => timeout_s = Some(seconds),
                        Some(_) => leniency.depart("a second timeout")?,
                        None => leniency.depart("a timeout that is no number of seconds")?,
                    }
                }
                _ => leniency.depart("a parameter other than timeout")?,
            }
        }
        Ok(Self { id: id.to_owned(), timeout_s })
    }
}

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timeout_s {
            Some(seconds) => write!(f, "{};timeout={seconds}", self.id),
            None => f.write_str(&self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session(id: &str, timeout_s: Option<u32>) -> Session {
        Session { id: id.into(), timeout_s }
    }

    #[test]
    fn strict_a_session_is_found_again() {
        for (value, id, timeout_s) in [
            ("12345678", "12345678", None),
            ("a$-_.+Z;timeout=60", "a$-_.+Z", Some(60)),
            // Blanks around separators are the grammar's own; Hikvision and GW Security write them.
            ("  708345999 ; Timeout = 120 ", "708345999", Some(120)),
        ] {
            let expected = session(id, timeout_s);
            let mut oddities = Oddities::new();
            assert_eq!(Session::parse(value), Ok(expected.clone()), "{value}");
            assert_eq!(Session::parse_camera(value, &mut oddities), Ok(expected), "{value}");
            assert!(oddities.is_empty(), "{value}");
        }
    }

    #[test]
    fn loose_a_camera_with_an_odd_session_still_plays() {
        for (value, id, timeout_s) in [
            ("{4F2A:1}", "{4F2A:1}", None),
            ("1;timeout=60s", "1", None),
            ("1;timeout=0", "1", None),
            ("1;timeout=99999999999", "1", None),
            ("1;", "1", None),
            ("1;timeout=60;timeout=30;x", "1", Some(60)),
        ] {
            assert!(Session::parse(value).is_err(), "{value}");
            let mut oddities = Oddities::new();
            let parsed = Session::parse_camera(value, &mut oddities);
            assert_eq!(parsed, Ok(session(id, timeout_s)), "{value}");
            assert_eq!(oddities.count(Oddity::OddSession), 1, "{value}");
        }
    }

    #[test]
    fn bad_a_value_without_identifier_is_refused_by_name() {
        for value in ["", " ", ";timeout=60", "a b", "a b;timeout=60"] {
            assert!(Session::parse(value).is_err(), "{value}");
            assert!(Session::parse_camera(value, &mut Oddities::new()).is_err(), "{value}");
        }
        let error = Session::parse(";timeout=60").unwrap_err();
        assert_eq!(error.to_string(), "Session: an empty identifier in `;timeout=60`");
    }

    #[test]
    fn absent_is_no_error() {
        let mut headers = Headers::new();
        assert_eq!(Session::from_headers(&headers), Ok(None));
        assert_eq!(Session::from_camera(&headers, &mut Oddities::new()), Ok(None));
        headers.append("session", "1");
        assert_eq!(Session::from_headers(&headers), Ok(Some(session("1", None))));
        assert_eq!(session("1", None).timeout_or_default(), 60);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(id in "[A-Za-z0-9$_.+-]{1,40}", timeout_s in prop::option::of(1u32..)) {
            let session = session(&id, timeout_s);
            prop_assert_eq!(Session::parse(&session.to_string()), Ok(session));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[a1;=timeout ]*") {
            let _ = Session::parse(&value);
            let _ = Session::parse_camera(&value, &mut Oddities::new());
        }
    }
}
