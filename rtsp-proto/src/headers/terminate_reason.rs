//! Terminate-Reason ([RFC 7826 section 18.52]): why a server ends a session.
//!
//! [RFC 7826 section 18.52]: https://www.rfc-editor.org/rfc/rfc7826#section-18.52

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Terminate-Reason";

/// The reason, with words for people if there are any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TerminateReason {
    /// The reason.
    pub cause: TerminateCause,
    /// `user-msg`.
    pub message: Option<String>,
}

/// Why a server ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TerminateCause {
    /// The client has shown no sign of life.
    SessionTimeout,
    /// Whoever runs the server wants it so.
    ServerAdmin,
    /// The server cannot go on.
    InternalError,
    /// A reason of some extension.
    Other(String),
}

impl TerminateCause {
    const NAMED: [(Self, &'static str); 3] = [
        (Self::SessionTimeout, "Session-Timeout"),
        (Self::ServerAdmin, "Server-Admin"),
        (Self::InternalError, "Internal-Error"),
    ];
}

impl TerminateReason {
    /// Parses a reason and its parameters; those other than `user-msg` are passed over.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let broken = |rule| HeaderError::new(NAME, rule, value);
        let mut pieces = lexer::split(value, ';').map(str::trim);
        let name = pieces.next().unwrap_or_default();
        if !lexer::is_token(name) {
            return Err(broken("a reason that is no token"));
        }
        let known = TerminateCause::NAMED.iter().find(|(_, own)| own.eq_ignore_ascii_case(name));
        let other = || TerminateCause::Other(name.to_owned());
        let cause = known.map_or_else(other, |(cause, _)| cause.clone());
        let mut message = None;
        for piece in pieces {
            match lexer::parameter(piece) {
                (name, Some(text)) if name.eq_ignore_ascii_case("user-msg") => {
                    let text = lexer::unquote(text).filter(|_| text.starts_with('"'));
                    let text = text.ok_or_else(|| broken("a user-msg without its quotes"))?;
                    message = Some(text.into_owned());
                }
                (name, Some(_)) if lexer::is_token(name) => {}
                _ => return Err(broken("a parameter without name and value")),
            }
        }
        Ok(Self { cause, message })
    }

    /// The reason a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }
}

impl fmt::Display for TerminateReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.cause {
            TerminateCause::Other(name) => name,
            known => {
                let named = TerminateCause::NAMED.iter().find(|(own, _)| own == known);
                named.map_or("", |(_, name)| name)
            }
        })?;
        match &self.message {
            Some(message) => write!(f, ";user-msg={}", lexer::quote(message)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reasons_are_read_with_their_words() {
        for (value, cause, message) in [
            ("Server-Admin", TerminateCause::ServerAdmin, None),
            ("session-timeout;time=\"20260101T000000Z\"", TerminateCause::SessionTimeout, None),
            (
                "Internal-Error; user-msg=\"gone; \\\"door\\\"\"",
                TerminateCause::InternalError,
                Some("gone; \"door\"".to_owned()),
            ),
            ("x-moved", TerminateCause::Other("x-moved".into()), None),
        ] {
            let reason = TerminateReason { cause, message };
            assert_eq!(TerminateReason::parse(value), Ok(reason.clone()), "{value}");
            assert_eq!(TerminateReason::parse(&reason.to_string()), Ok(reason), "{value}");
        }
    }

    #[test]
    fn bad_reasons_are_refused_by_name() {
        for value in ["", "a b", ";time=1", "Server-Admin;", "Server-Admin;user-msg=x"] {
            assert!(TerminateReason::parse(value).is_err(), "{value}");
        }
        let error = TerminateReason::parse("a b").unwrap_err().to_string();
        assert_eq!(error, "Terminate-Reason: a reason that is no token in `a b`");
        assert_eq!(TerminateReason::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(message in prop::option::of("[^\\x00-\\x1f\\x7f]*")) {
            let reason = TerminateReason { cause: TerminateCause::InternalError, message };
            prop_assert_eq!(TerminateReason::parse(&reason.to_string()), Ok(reason));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[a;=\"\\\\usermg -]*") {
            let _ = TerminateReason::parse(&value);
        }
    }
}
