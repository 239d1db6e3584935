//! Pipelined-Requests ([RFC 7826 section 18.33]): the number that stands for a session whose id the
//! client does not know yet. It means something on its own connection only.
//!
//! The grammar allows eight digits; GStreamer 1.22 draws any number of 32 bits.
//!
//! [RFC 7826 section 18.33]: https://www.rfc-editor.org/rfc/rfc7826#section-18.33

use super::{HeaderError, lexer};
use crate::Headers;
use std::fmt;

const NAME: &str = "Pipelined-Requests";

/// The client's name for a session that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PipelinedRequests(pub u32);

impl PipelinedRequests {
    /// Parses a number below 2³².
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let error = || HeaderError::new(NAME, "a number that is not 0 to 4294967295", value);
        lexer::number(value).map(Self).ok_or_else(error)
    }

    /// The number a message carries; `None` when it carries none.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(Self::parse).transpose()
    }
}

impl fmt::Display for PipelinedRequests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_numbers_are_refused_by_name() {
        assert_eq!(PipelinedRequests::parse("07654321"), Ok(PipelinedRequests(7_654_321)));
        let gstreamer = PipelinedRequests::parse("1793142060");
        assert_eq!(gstreamer, Ok(PipelinedRequests(1_793_142_060)));
        for value in ["", "-1", "1 2", "x", "4294967296", "1;2"] {
            assert!(PipelinedRequests::parse(value).is_err(), "{value}");
        }
        let error = PipelinedRequests::parse("one").unwrap_err().to_string();
        assert_eq!(error, "Pipelined-Requests: a number that is not 0 to 4294967295 in `one`");
    }

    #[test]
    fn absent_is_no_error() {
        assert_eq!(PipelinedRequests::from_headers(&Headers::new()), Ok(None));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(number: u32) {
            let header = PipelinedRequests(number);
            prop_assert_eq!(PipelinedRequests::parse(&header.to_string()), Ok(header));
        }
    }
}
