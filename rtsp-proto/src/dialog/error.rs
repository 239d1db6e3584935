//! Why a dialog ended, in one sentence for the person who runs the relay.

use std::fmt;

use crate::{Response, StatusCode};

/// Longest piece of a camera's own text that is repeated in a message, in characters.
const MAX_QUOTE: usize = 120;

/// Why a dialog cannot go on.
///
/// The first three are for whoever configured the login, [`DialogError::NotFound`] for whoever
/// configured the URL, the others tell of the camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DialogError {
    /// The camera asked for a login and rejected the one it got. Nothing was tried twice.
    LoginRefused {
        /// The request that was rejected.
        step: &'static str,
        /// The scheme the login was sent with.
        scheme: Option<&'static str>,
    },
    /// The camera asks for a login and there is none.
    LoginNeeded,
    /// The camera asks for a login in schemes that are not known; their names.
    UnknownLogin(String),
    /// 404: the camera has no such stream.
    NotFound,
    /// The camera answered with another status than success.
    Refused {
        /// The request that was refused.
        step: &'static str,
        /// The status of the answer.
        status: StatusCode,
        /// The camera's own words for it; the standard's when it had none.
        reason: String,
    },
    /// The presentation has no media, or none of those that were to be set up.
    NoMedia,
    /// The presentation cannot be read; why.
    BadPresentation(String),
    /// No answer in time.
    Timeout {
        /// The request that was not answered.
        step: &'static str,
    },
    /// One redirect led to the next, more than [`super::MAX_REDIRECTS`] times.
    TooManyRedirects,
    /// The camera asks for something the relay does not do.
    Unsupported {
        /// The request it asked it in answer to.
        step: &'static str,
        /// What it asked.
        what: String,
    },
    /// The camera ended the session, or the connection.
    Ended {
        /// How.
        reason: String,
    },
    /// The camera's answer makes no sense.
    Protocol {
        /// The request it was an answer to.
        step: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

impl DialogError {
    /// The camera answered `step` with a status that ends the dialog.
    pub(super) fn refused(step: &'static str, response: &Response) -> Self {
        let reason = match response.reason.trim() {
            "" => response.status.reason().to_owned(),
            own => quote(own),
        };
        Self::Refused { step, status: response.status, reason }
    }

    pub(super) fn ended(reason: impl Into<String>) -> Self {
        Self::Ended { reason: reason.into() }
    }
}

/// A camera's text for a message: control characters escaped, bounded in length.
pub(super) fn quote(text: &str) -> String {
    let mut quoted: String = text.chars().take(MAX_QUOTE).flat_map(escaped).collect();
    if text.chars().nth(MAX_QUOTE).is_some() {
        quoted.push('…');
    }
    quoted
}

/// A URL of the camera's for a message, without the login it may hold.
pub(super) fn quote_url(text: &str) -> String {
    quote(text.rsplit_once('@').map_or(text, |(_, rest)| rest))
}

fn escaped(c: char) -> impl Iterator<Item = char> {
    let (plain, escape) =
        if c.is_control() { (None, Some(c.escape_default())) } else { (Some(c), None) };
    plain.into_iter().chain(escape.into_iter().flatten())
}

impl fmt::Display for DialogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LoginRefused { step, scheme: Some(scheme) } => {
                write!(f, "{step}: the camera refused the login ({scheme}): wrong user or password")
            }
            Self::LoginRefused { step, scheme: None } => {
                write!(f, "{step}: the camera refused the login: wrong user or password")
            }
            Self::LoginNeeded => f.write_str("the camera asks for a login and none is configured"),
            Self::UnknownLogin(schemes) if schemes.is_empty() => {
                f.write_str("the camera asks for a login without saying how (no WWW-Authenticate)")
            }
            Self::UnknownLogin(schemes) => {
                write!(f, "the camera asks for a login in a way that is not known: {schemes}")
            }
            Self::NotFound => {
                f.write_str("DESCRIBE: the camera has no stream of this name (404 Not Found)")
            }
            Self::Refused { step, status, reason }
                if *status == StatusCode::NOT_ENOUGH_BANDWIDTH =>
            {
                write!(
                    f,
                    "{step}: the camera has no free session ({} {reason}); \
                     an old one may live on for up to a minute",
                    status.code()
                )
            }
            Self::Refused { step, status, reason } => {
                write!(f, "{step}: the camera answered {} {reason}", status.code())
            }
            Self::NoMedia => f.write_str("DESCRIBE: the camera's presentation has no usable media"),
            Self::BadPresentation(why) => {
                write!(f, "DESCRIBE: the camera's presentation cannot be read: {why}")
            }
            Self::Timeout { step } => write!(f, "{step}: the camera did not answer in time"),
            Self::TooManyRedirects => {
                write!(f, "the camera redirected more than {} times", super::MAX_REDIRECTS)
            }
            Self::Unsupported { step, what } | Self::Protocol { step, what } => {
                write!(f, "{step}: {what}")
            }
            Self::Ended { reason } => f.write_str(reason),
        }
    }
}

impl std::error::Error for DialogError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Version;

    #[test]
    fn an_operator_reads_the_step_and_what_happened() {
        let refused = |code, reason: &str| {
            let status = StatusCode::from_code(code).unwrap();
            let mut response = Response::new(status, Version::V1_0);
            response.reason = reason.into();
            DialogError::refused("SETUP", &response)
        };
        for (error, text) in [
            (
                DialogError::LoginRefused { step: "DESCRIBE", scheme: Some("Digest") },
                "DESCRIBE: the camera refused the login (Digest): wrong user or password",
            ),
            (
                DialogError::LoginRefused { step: "PLAY", scheme: None },
                "PLAY: the camera refused the login: wrong user or password",
            ),
            (DialogError::LoginNeeded, "the camera asks for a login and none is configured"),
            (
                DialogError::UnknownLogin(String::new()),
                "the camera asks for a login without saying how (no WWW-Authenticate)",
            ),
            (
                DialogError::UnknownLogin("NTLM".into()),
                "the camera asks for a login in a way that is not known: NTLM",
            ),
            (
                DialogError::NotFound,
                "DESCRIBE: the camera has no stream of this name (404 Not Found)",
            ),
            (refused(400, "Bad\u{7}Thing"), "SETUP: the camera answered 400 Bad\\u{7}Thing"),
            (refused(500, " "), "SETUP: the camera answered 500 Internal Server Error"),
            (
                refused(453, "Not Enough Bandwidth"),
                "SETUP: the camera has no free session (453 Not Enough Bandwidth); \
                 an old one may live on for up to a minute",
            ),
            (DialogError::NoMedia, "DESCRIBE: the camera's presentation has no usable media"),
            (
                DialogError::BadPresentation("no media".into()),
                "DESCRIBE: the camera's presentation cannot be read: no media",
            ),
            (
                DialogError::Timeout { step: "OPTIONS" },
                "OPTIONS: the camera did not answer in time",
            ),
            (DialogError::TooManyRedirects, "the camera redirected more than 5 times"),
            (
                DialogError::ended("the camera closed the connection"),
                "the camera closed the connection",
            ),
        ] {
            assert_eq!(error.to_string(), text);
        }
    }

    #[test]
    fn a_camera_cannot_flood_the_log_with_its_reason() {
        let quoted = quote(&"x".repeat(10_000));
        assert_eq!(quoted.chars().count(), MAX_QUOTE + 1);
        assert!(quoted.ends_with('…'));
    }
}
