//! The protocol version of a message.

use std::fmt;

/// `RTSP/1.0` ([RFC 2326]), `RTSP/2.0` ([RFC 7826]), or a version this crate does not speak.
///
/// [RFC 2326]: https://www.rfc-editor.org/rfc/rfc2326#section-3.1
/// [RFC 7826]: https://www.rfc-editor.org/rfc/rfc7826#section-4.1
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// `RTSP/1.0`
    #[default]
    V1_0,
    /// `RTSP/2.0`
    V2_0,
    /// Any other well-formed `RTSP/major.minor`; answered with 505.
    Other {
        /// The digit before the dot.
        major: u8,
        /// The digit after the dot.
        minor: u8,
    },
}

impl Version {
    /// Parses `RTSP/x.y` with one digit each; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("RTSP/")?.as_bytes() {
            b"1.0" => Some(Self::V1_0),
            b"2.0" => Some(Self::V2_0),
            [major @ b'0'..=b'9', b'.', minor @ b'0'..=b'9'] => {
                Some(Self::Other { major: major - b'0', minor: minor - b'0' })
            }
            _ => None,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V1_0 => f.write_str("RTSP/1.0"),
            Self::V2_0 => f.write_str("RTSP/2.0"),
            Self::Other { major, minor } => write!(f, "RTSP/{major}.{minor}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_reads_back_as_it_was_written() {
        for text in ["RTSP/1.0", "RTSP/2.0", "RTSP/3.1"] {
            assert_eq!(Version::parse(text).unwrap().to_string(), text);
        }
        for text in ["", "RTSP/", "RTSP/1", "RTSP/10.0", "HTTP/1.0", "rtsp/1.0", "RTSP/1.0 "] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
