//! Reading what cameras send.

use std::fmt;

use super::{Attribute, MediaDescription, Origin, SessionDescription};
use crate::{Oddities, Oddity};

/// Lines that are read; a description with more is refused.
pub const MAX_LINES: usize = 2048;
/// Bytes of one line that are read; a longer line is passed over.
pub const MAX_LINE: usize = 8 * 1024;
/// Media descriptions that are read; a description with more is refused.
pub const MAX_MEDIA: usize = 32;

/// Why a description is of no use at all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SdpError {
    /// There is no `m=` line that can be read.
    NoMedia,
    /// More lines than [`MAX_LINES`].
    TooManyLines,
    /// More media descriptions than [`MAX_MEDIA`].
    TooManyMedia,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoMedia => f.write_str("the description has no media (m=)"),
            Self::TooManyLines => {
                write!(f, "the description has more than {MAX_LINES} lines")
            }
            Self::TooManyMedia => {
                write!(f, "the description has more than {MAX_MEDIA} media (m=)")
            }
        }
    }
}

impl std::error::Error for SdpError {}

impl SessionDescription {
    /// Reads a description. Lines end with CRLF, LF or CR; blanks around them and NULs are passed
    /// over; what is missing is left empty; of what stands twice the first counts, but for
    /// attributes and bandwidths, which are all kept. Bytes that are not UTF-8 are replaced.
    ///
    /// # Errors
    ///
    /// [`SdpError`] when there is nothing to be played, or far too much.
    pub fn parse(text: &[u8], oddities: &mut Oddities) -> Result<Self, SdpError> {
        let text = String::from_utf8_lossy(text);
        if matches!(text, std::borrow::Cow::Owned(_)) {
            oddities.note(Oddity::NotUtf8);
        }
        let mut sdp = Self::default();
        let mut in_lost_media = false;
        let lines = text.split(['\n', '\r', '\0']).map(str::trim).filter(|line| !line.is_empty());
        for (number, line) in lines.enumerate() {
            if number >= MAX_LINES {
                return Err(SdpError::TooManyLines);
            }
            if sdp.media.len() > MAX_MEDIA {
                return Err(SdpError::TooManyMedia);
            }
            let understood = match line.split_once('=') {
                Some((kind, value)) if line.len() <= MAX_LINE => {
                    sdp.line(kind.trim_end(), value.trim(), &mut in_lost_media)
                }
                _ => false,
            };
            if !understood {
                oddities.note(Oddity::OddSdpLine);
            }
        }
        match sdp.media.len() {
            0 => Err(SdpError::NoMedia),
            count if count > MAX_MEDIA => Err(SdpError::TooManyMedia),
            _ => Ok(sdp),
        }
    }

    /// Takes a line in; `false` when it could not be understood as it should be.
    /// `in_lost_media` holds while the lines belong to an `m=` that was passed over.
    fn line(&mut self, kind: &str, value: &str, in_lost_media: &mut bool) -> bool {
        if kind == "m" {
            let media = MediaDescription::parse(value);
            *in_lost_media = media.is_none();
            self.media.extend(media);
            return !*in_lost_media;
        }
        if *in_lost_media {
            return true;
        }
        match (kind, self.media.last_mut()) {
            ("a", Some(media)) => media.attributes.push(Attribute::parse(value)),
            ("a", None) => self.attributes.push(Attribute::parse(value)),
            ("b", Some(media)) => media.bandwidth.push(value.to_owned()),
            ("c", media) => {
                let connection = match media {
                    Some(media) => &mut media.connection,
                    None => &mut self.connection,
                };
                let first = connection.is_none();
                let address = connection_of(value);
                if first {
                    *connection = address.map(str::to_owned);
                }
                return first && address.is_some();
            }
            ("o", None) => {
                let origin = Origin::parse(value);
                let regular = origin.as_ref().is_some_and(Origin::is_regular);
                let first = self.origin.is_none();
                if first {
                    self.origin = origin;
                }
                return regular && first;
            }
            ("s", None) => {
                let first = self.name.is_empty();
                if first {
                    value.clone_into(&mut self.name);
                }
                return first;
            }
            ("v", None) => return value == "0",
            ("t", None) => {
                return value.split_ascii_whitespace().count() == 2
                    && value.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
            }
            ("b" | "i" | "u" | "e" | "p" | "r" | "z" | "k", None) | ("i" | "k", Some(_)) => {}
            _ => return false,
        }
        true
    }
}

/// The value of `c=` if it is one: `IN IP4 address` with the type in any case.
fn connection_of(value: &str) -> Option<&str> {
    let mut words = value.split_ascii_whitespace();
    let network = words.next()?.eq_ignore_ascii_case("IN");
    let family = matches!(words.next()?.to_ascii_uppercase().as_str(), "IP4" | "IP6");
    (network && family && words.next().is_some() && words.next().is_none()).then_some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{Direction, MediaKind};
    use super::*;

    fn parsed(text: &str) -> (SessionDescription, u64) {
        let mut oddities = Oddities::new();
        let sdp = SessionDescription::parse(text.as_bytes(), &mut oddities).unwrap();
        (sdp, oddities.count(Oddity::OddSdpLine))
    }

    const REGULAR: &str = "v=0\r\no=- 1 2 IN IP4 10.0.0.1\r\ns=Camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
        a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP 96\r\nb=AS:4000\r\n\
        a=rtpmap:96 H264/90000\r\na=control:trackID=0\r\na=recvonly\r\n\
        m=audio 0 RTP/AVP 8\r\na=control:trackID=1\r\n";

    #[test]
    fn a_regular_description_is_read_whole_and_written_back_as_it_was() {
        let (sdp, odd) = parsed(REGULAR);
        assert_eq!(odd, 0);
        assert_eq!((sdp.name.as_str(), sdp.control()), ("Camera", Some("*")));
        assert_eq!(sdp.attribute("range"), Some("npt=now-"));
        assert_eq!(sdp.media.len(), 2);
        let video = &sdp.media[0];
        assert_eq!(video.kind, MediaKind::Video);
        assert_eq!(video.bandwidth, ["AS:4000"]);
        assert_eq!(video.control(), Some("trackID=0"));
        assert_eq!(video.direction(), Direction::RecvOnly);
        assert_eq!(sdp.encode(), REGULAR);
    }

    #[test]
    fn lines_may_end_anyhow_and_have_blanks_around_them() {
        let regular = parsed(REGULAR).0;
        for (from, to) in
            [("\r\n", "\n"), ("\r\n", "\r"), ("\r\n", "\r\n\r\n"), ("\r\n", " \r\n  ")]
        {
            assert_eq!(parsed(&REGULAR.replace(from, to)), (regular.clone(), 0), "{to:?}");
        }
        assert_eq!(parsed(REGULAR.trim_end()).0, regular);
        assert_eq!(parsed(&format!("{REGULAR}\0\0\0")).0, regular);
    }

    /// Each line stands in front of a description that is fine: it costs itself and nothing else.
    #[test]
    fn no_line_is_fatal() {
        for line in [
            "o=- 1 2 IN IPV4 10.0.0.1",          // wrong address type
            "o=- 1 2 IP IP4 10.0.0.1",           // wrong network type
            "o=- 1 2 IN IP4",                    // no address
            "o=- -9 2 IN IP4 1.2.3.4",           // negative id
            "o=- 0x5f 1.5 IN IP4 1.2.3.4",       // hex, decimals
            "o=RTSP Session 1 2 IN IP4 0.0.0.0", // blanks in the name
            "o=- 1 1 1 IN IP4 127.0.0.1",        // TP-Link, Mercury: a fourth number
            "c=IN c=IN IP4 0.0.0.0",             // Hikvision
            "c=IN",
            "c=IN 198.51.100.1",
            "c=SM SM spk0_trackID2", // Avigilon
            "t=now-",                // FLIR
            "v=1",
            "garbage without any sign",
            "=",
            "ü=x",
            "x=unknown",
        ] {
            let (sdp, odd) = parsed(&format!("{line}\r\nm=video 0 RTP/AVP 96\r\n"));
            assert_eq!((sdp.media.len(), odd), (1, 1), "{line}");
        }
        // Fritzbox: `In`; regular but for the case.
        assert_eq!(parsed("c=In IP4 1.2.3.4\nm=video 0 RTP/AVP 96").1, 0);
    }

    #[test]
    fn macro_video_begins_with_its_media() {
        let (sdp, odd) = parsed("m=video 0 RTP/AVP 96\r\na=control:trackID=1\r\n");
        assert_eq!((sdp.origin, sdp.media.len(), odd), (None, 1, 0));
    }

    #[test]
    fn tp_links_own_media_are_kept_as_they_are_and_a_broken_one_takes_its_attributes_along() {
        let (sdp, _) = parsed(
            "m=video 0 RTP/AVP 96\r\na=control:track1\r\n\
             m=application/TP-LINK 0 RTP/AVP smart/1/90000\r\na=control:track3\r\n\
             m=broken\r\na=control:nowhere\r\nm=audio 0 RTP/AVP 8\r\na=control:track2\r\n",
        );
        let controls: Vec<_> = sdp.media.iter().map(|media| media.control().unwrap()).collect();
        assert_eq!(controls, ["track1", "track3", "track2"]);
        assert_eq!(sdp.media[1].kind, MediaKind::Other("application/TP-LINK".into()));
    }

    #[test]
    fn of_several_names_the_first_counts() {
        let (sdp, odd) = parsed("s=one\ns=two\nm=video 0 RTP/AVP 96");
        assert_eq!((sdp.name.as_str(), odd), ("one", 1));
    }

    #[test]
    fn what_is_far_too_much_or_nothing_at_all_is_refused_with_the_limit() {
        let refused = |text: &str| {
            SessionDescription::parse(text.as_bytes(), &mut Oddities::new())
                .unwrap_err()
                .to_string()
        };
        assert_eq!(refused(""), "the description has no media (m=)");
        assert_eq!(refused("v=0\r\ns=x"), "the description has no media (m=)");
        let many = "m=video 0 RTP/AVP 96\n".repeat(MAX_MEDIA + 1);
        assert_eq!(refused(&many), "the description has more than 32 media (m=)");
        let long = format!("m=video 0 RTP/AVP 96\n{}", "a=x\n".repeat(MAX_LINES));
        assert_eq!(refused(&long), "the description has more than 2048 lines");
        let wide = format!("m=video 0 RTP/AVP 96\na={}\n", "x".repeat(MAX_LINE));
        assert!(parsed(&wide).0.media[0].attributes.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            crate::fuzz::sdp(&bytes);
        }

        #[test]
        fn likely_lines_in_any_order_are_written_so_that_they_read_back(
            lines in prop::collection::vec("[vosctbamik]?=?[ -~]{0,30}|m=[a-z]{0,8} [0-9/]{0,6} [A-Z/]{0,9} [0-9 ]{0,9}|a=(rtpmap|fmtp|control):[ -~]{0,20}", 0..40),
        ) {
            crate::fuzz::sdp(lines.join("\n").as_bytes());
        }
    }
}
