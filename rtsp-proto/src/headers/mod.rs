//! The header values a relay reads and writes, one type a file.
//!
//! | header | type | RTSP 1.0 | RTSP 2.0 |
//! | --- | --- | --- | --- |
//! | Accept | [`Accept`] | [RFC 2326 section 12.1] | [RFC 7826 section 18.1] |
//! | Public, Allow | [`Public`] | section 12.28, 12.4 | section 18.39, 18.6 |
//! | Range | [`Range`] | section 12.29 | section 18.40 |
//! | RTP-Info | [`RtpInfo`] | section 12.33 | section 18.45 |
//! | Session | [`Session`] | section 12.37 | section 18.49 |
//! | Transport | [`Transport`], [`TransportSpec`] | section 12.39 | section 18.54 |
//! | Date | [`Date`] | section 12.18 | section 18.21 |
//! | Media-Properties | [`MediaProperties`] | | section 18.29 |
//! | Notify-Reason, Request-Status | [`NotifyReason`], [`RequestStatus`] | | section 18.32, 18.42 |
//! | Pipelined-Requests | [`PipelinedRequests`] | | section 18.33 |
//! | Scale, Speed | [`Scale`], [`Speed`] | | section 18.46, 18.50 |
//! | Seek-Style | [`SeekStyle`] | | section 18.47 |
//! | Terminate-Reason | [`TerminateReason`] | | section 18.52 |
//! | Require, Supported, … | [`tokens`] | section 12.32 | section 18.43 |
//!
//! Each type has `parse`, which follows the grammar and names the rule a client broke, and
//! `from_headers`, for which an absent header is `Ok(None)`. Where cameras are known to depart
//! from the grammar there is also `parse_camera`, which takes what can be understood and counts
//! the departure once per header. `Display` writes the strict form; what it writes reads back as
//! the same value.
//!
//! The login headers have their own module, [`crate::auth`].
//!
//! [RFC 2326 section 12.1]: https://www.rfc-editor.org/rfc/rfc2326#section-12
//! [RFC 7826 section 18.1]: https://www.rfc-editor.org/rfc/rfc7826#section-18

mod accept;
mod date;
mod leniency;
pub(crate) mod lexer;
mod media_properties;
mod notify;
mod pipelined_requests;
mod public;
mod range;
mod rate;
mod rtp_info;
mod seek_style;
mod session;
mod terminate_reason;
mod transport;

pub use accept::{Accept, MediaRange};
pub use date::Date;
pub use media_properties::{MediaProperties, MediaProperty};
pub use notify::{NotifyReason, RequestStatus};
pub use pipelined_requests::PipelinedRequests;
pub use public::Public;
pub use range::{NptTime, Range};
pub use rate::{Scale, Speed};
pub use rtp_info::{RtpInfo, RtpInfoEntry};
pub use seek_style::SeekStyle;
pub use session::{DEFAULT_TIMEOUT_S, Session};
pub use terminate_reason::{TerminateCause, TerminateReason};
pub use transport::{Delivery, Lower, MAX_SPECS, Profile, Transport, TransportSpec};

use crate::Headers;
use std::fmt;

/// Characters of a refused value that an error shows.
const SHOWN: usize = 80;

/// A header value that breaks the grammar of its header.
///
/// `Display` is one line that is safe to print: the header, the rule, and the value with
/// everything unprintable escaped and at most 80 characters long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeaderError {
    header: &'static str,
    reason: &'static str,
    value: String,
}

impl HeaderError {
    pub(crate) fn new(header: &'static str, reason: &'static str, value: &str) -> Self {
        let mut shown: String = value.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        if value.chars().nth(SHOWN).is_some() {
            shown.push('…');
        }
        Self { header, reason, value: shown }
    }

    /// An error about a value that may hold a password, and is therefore not repeated.
    pub(crate) fn redacted(header: &'static str, reason: &'static str) -> Self {
        Self { header, reason, value: String::new() }
    }

    /// The name of the header.
    pub fn header(&self) -> &'static str {
        self.header
    }

    /// The rule that was broken, as the end of a sentence.
    pub fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.header, self.reason)?;
        if self.value.is_empty() { Ok(()) } else { write!(f, " in `{}`", self.value) }
    }
}

impl std::error::Error for HeaderError {}

/// The elements of a comma-separated header (Require, Supported, Accept-Ranges, …), those of
/// repeated lines behind one another, empty ones left out; none when the header is absent.
pub fn tokens(headers: &Headers, name: &str) -> Vec<String> {
    headers
        .get_all(name)
        .flat_map(|value| lexer::split(value, ','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_option_tag_is_found_wherever_the_client_put_it() {
        let mut headers = Headers::new();
        assert!(tokens(&headers, "Require").is_empty());
        headers.append("Require", "play.basic, ,setup.rtp");
        headers.append("require", "\"a,b\"");
        assert_eq!(tokens(&headers, "REQUIRE"), ["play.basic", "setup.rtp", "\"a,b\""]);
    }

    #[test]
    fn an_error_cannot_garble_the_log() {
        let error = HeaderError::new("Session", "an empty id", "\u{1b}[2J;x=1\r\n");
        assert_eq!(error.to_string(), "Session: an empty id in `\\u{1b}[2J;x=1\\r\\n`");
        let long = HeaderError::new("Session", "an empty id", &"é".repeat(500)).to_string();
        assert!(long.chars().count() < 120, "{long}");
        let hidden = HeaderError::redacted("Authorization", "no user name");
        assert_eq!(hidden.to_string(), "Authorization: no user name");
    }
}
