//! What a server tells with PLAY_NOTIFY: Notify-Reason ([RFC 7826 section 18.32]) and
//! Request-Status (section 18.42).
//!
//! [RFC 7826 section 18.32]: https://www.rfc-editor.org/rfc/rfc7826#section-18.32

use super::{HeaderError, lexer};
use crate::{Headers, StatusCode};
use std::fmt;

/// Why a server sends PLAY_NOTIFY.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotifyReason {
    /// The stream is over, or about to be.
    EndOfStream,
    /// The media's properties have changed.
    MediaPropertiesUpdate,
    /// The scale has changed.
    ScaleChange,
    /// A reason of some extension.
    Other(String),
}

impl NotifyReason {
    const NAME: &'static str = "Notify-Reason";

    const NAMED: [(Self, &'static str); 3] = [
        (Self::EndOfStream, "end-of-stream"),
        (Self::MediaPropertiesUpdate, "media-properties-update"),
        (Self::ScaleChange, "scale-change"),
    ];

    /// Parses a token; a name that is not known is no error.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        if !lexer::is_token(value) {
            return Err(HeaderError::new(Self::NAME, "a reason that is no token", value));
        }
        let known = Self::NAMED.iter().find(|(_, name)| name.eq_ignore_ascii_case(value));
        Ok(known.map_or_else(|| Self::Other(value.to_owned()), |(reason, _)| reason.clone()))
    }

    /// The reason a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(Self::NAME).map(Self::parse).transpose()
    }
}

impl fmt::Display for NotifyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Other(name) => name,
            known => Self::NAMED.iter().find(|(own, _)| own == known).map_or("", |(_, name)| name),
        })
    }
}

/// How the request ended that the notification is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestStatus {
    /// The request's number.
    pub cseq: u32,
    /// The outcome.
    pub status: StatusCode,
    /// The outcome, for people.
    pub reason: String,
}

impl RequestStatus {
    const NAME: &'static str = "Request-Status";

    /// Parses `cseq=1 status=200 reason="OK"`.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let read = || {
            let (cseq, rest) = value.strip_prefix("cseq=")?.split_once(' ')?;
            let (status, rest) = rest.trim_start().strip_prefix("status=")?.split_once(' ')?;
            let reason = rest.trim_start().strip_prefix("reason=")?;
            Some(Self {
                cseq: lexer::number(cseq)?,
                status: StatusCode::from_code(lexer::number(status)?)?,
                reason: lexer::unquote(reason).filter(|_| reason.starts_with('"'))?.into_owned(),
            })
        };
        let rule = "not of the form `cseq=1 status=200 reason=\"OK\"`";
        read().ok_or_else(|| HeaderError::new(Self::NAME, rule, value))
    }

    /// The outcome a message names; `None` when it names none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(Self::NAME).map(Self::parse).transpose()
    }
}

impl fmt::Display for RequestStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cseq, status) = (self.cseq, self.status.code());
        write!(f, "cseq={cseq} status={status} reason={}", lexer::quote(&self.reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reasons_are_known_in_any_case() {
        for (value, reason) in [
            ("end-of-stream", NotifyReason::EndOfStream),
            ("Media-Properties-Update", NotifyReason::MediaPropertiesUpdate),
            ("scale-change", NotifyReason::ScaleChange),
            ("x-battery-low", NotifyReason::Other("x-battery-low".into())),
        ] {
            assert_eq!(NotifyReason::parse(value), Ok(reason.clone()));
            assert_eq!(NotifyReason::parse(&reason.to_string()), Ok(reason));
        }
        let error = NotifyReason::parse("a b").unwrap_err().to_string();
        assert_eq!(error, "Notify-Reason: a reason that is no token in `a b`");
    }

    #[test]
    fn bad_statuses_are_refused_by_name() {
        let text = "cseq=853 status=200 reason=\"OK\"";
        let status = RequestStatus { cseq: 853, status: StatusCode::OK, reason: "OK".into() };
        assert_eq!(RequestStatus::parse(text), Ok(status.clone()));
        assert_eq!(status.to_string(), text);
        for value in [
            "",
            "cseq=1",
            "cseq=1 status=200",
            "cseq=1 status=200 reason=OK",
            "cseq=x status=200 reason=\"OK\"",
            "cseq=1 status=20 reason=\"OK\"",
            "status=200 cseq=1 reason=\"OK\"",
            "cseq=1 status=200 reason=\"OK",
        ] {
            assert!(RequestStatus::parse(value).is_err(), "{value}");
        }
        let error = RequestStatus::parse("").unwrap_err();
        assert_eq!(error.reason(), "not of the form `cseq=1 status=200 reason=\"OK\"`");
    }

    #[test]
    fn absent_is_no_error() {
        assert_eq!(NotifyReason::from_headers(&Headers::new()), Ok(None));
        assert_eq!(RequestStatus::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(cseq: u32, code in 100u16..=999, reason in "[^\\x00-\\x1f\\x7f]*") {
            let status = StatusCode::from_code(code).unwrap();
            let header = RequestStatus { cseq, status, reason };
            prop_assert_eq!(RequestStatus::parse(&header.to_string()), Ok(header));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|(cseq=|status=|reason=|[0-9 \"\\\\])*") {
            let _ = NotifyReason::parse(&value);
            let _ = RequestStatus::parse(&value);
        }
    }
}
