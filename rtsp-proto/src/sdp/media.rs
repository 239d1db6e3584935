//! A media description: `m=` and the lines behind it.

use std::fmt::Write;

use super::session::{Attribute, attribute, write_attributes};
use super::{RtpMap, on_one_line, parameters};

/// What kind of media it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `video`
    Video,
    /// `audio`
    Audio,
    /// `application`, such as ONVIF metadata
    Application,
    /// Any other word.
    Other(String),
}

impl MediaKind {
    fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "video" => Self::Video,
            "audio" => Self::Audio,
            "application" => Self::Application,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The word in `m=`.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
            Self::Other(word) => word,
        }
    }
}

/// Which way media flows, as the sender of the description sees its own side... except that in
/// RTSP it is told from the client's side: `recvonly` is what the client receives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways; also when nothing is said.
    SendRecv,
    /// From the client to the camera: a back channel.
    SendOnly,
    /// From the camera to the client.
    RecvOnly,
    /// Not at all.
    Inactive,
}

/// One media description ([RFC 8866 section 5.14]).
///
/// [RFC 8866 section 5.14]: https://www.rfc-editor.org/rfc/rfc8866#section-5.14
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription {
    /// Video, audio or else.
    pub kind: MediaKind,
    /// The port; 0 in RTSP, but for multicast.
    pub port: u16,
    /// The transport protocol, such as `RTP/AVP`.
    pub protocol: String,
    /// Payload types, if the protocol is RTP.
    pub formats: Vec<String>,
    /// The value of `c=`.
    pub connection: Option<String>,
    /// The values of `b=`.
    pub bandwidth: Vec<String>,
    /// The `a=` lines, in order.
    pub attributes: Vec<Attribute>,
}

impl MediaDescription {
    /// Reads the value of `m=`; `None` without kind, port, protocol and a format. The port may
    /// be `PORT/COUNT`; one that is no number is 0.
    pub(super) fn parse(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let kind = MediaKind::parse(words.next()?);
        let port = words.next()?.split('/').next()?.parse().unwrap_or(0);
        let protocol = words.next()?.to_owned();
        let formats: Vec<String> = words.map(str::to_owned).collect();
        if formats.is_empty() {
            return None;
        }
        Some(Self {
            kind,
            port,
            protocol,
            formats,
            connection: None,
            bandwidth: Vec::new(),
            attributes: Vec::new(),
        })
    }

    pub(super) fn write(&self, out: &mut String) {
        let formats = self.formats.join(" ");
        let line = format!("{} {} {} {formats}", self.kind.as_str(), self.port, self.protocol);
        let _ = write!(out, "m={}\r\n", on_one_line(&line));
        if let Some(connection) = &self.connection {
            let _ = write!(out, "c={}\r\n", on_one_line(connection));
        }
        for bandwidth in &self.bandwidth {
            let _ = write!(out, "b={}\r\n", on_one_line(bandwidth));
        }
        write_attributes(&self.attributes, out);
    }

    /// The formats that are RTP payload types (0 to 127).
    pub fn payload_types(&self) -> Vec<u8> {
        self.formats.iter().filter_map(|f| f.parse().ok()).filter(|number| *number < 128).collect()
    }

    /// Whether it is RTP, with at least one payload type.
    pub fn is_rtp(&self) -> bool {
        let protocol = self.protocol.to_ascii_uppercase();
        protocol.split('/').next() == Some("RTP") && !self.payload_types().is_empty()
    }

    /// What a payload type means: by its `a=rtpmap`, or by RFC 3551 when that is missing or
    /// cannot be read.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        self.of_format("rtpmap", payload_type)
            .find_map(RtpMap::parse)
            .or_else(|| RtpMap::of_static(payload_type))
    }

    /// The format parameters of a payload type; `None` when there are none. A line with nothing
    /// behind the number counts as none.
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        self.of_format("fmtp", payload_type).find(|value| !value.is_empty())
    }

    /// One format parameter by its name, without case.
    pub fn fmtp_param(&self, payload_type: u8, name: &str) -> Option<&str> {
        parameters(self.fmtp(payload_type)?)
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value)
    }

    /// The control attribute; `None` when it is missing or empty.
    pub fn control(&self) -> Option<&str> {
        attribute(&self.attributes, "control").map(str::trim).filter(|value| !value.is_empty())
    }

    /// The value of the first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// Which way media flows; the last word on it counts.
    pub fn direction(&self) -> Direction {
        let told = self.attributes.iter().rev().filter(|attribute| attribute.value.is_none());
        told.map(|attribute| attribute.name.to_ascii_lowercase())
            .find_map(|name| match name.as_str() {
                "sendrecv" => Some(Direction::SendRecv),
                "sendonly" => Some(Direction::SendOnly),
                "recvonly" => Some(Direction::RecvOnly),
                "inactive" => Some(Direction::Inactive),
                _ => None,
            })
            .unwrap_or(Direction::SendRecv)
    }

    /// The values of `a=NAME:FORMAT value` for one format.
    fn of_format<'a>(&'a self, name: &'a str, format: u8) -> impl Iterator<Item = &'a str> {
        self.attributes
            .iter()
            .filter(move |attribute| attribute.name.eq_ignore_ascii_case(name))
            .filter_map(|attribute| attribute.value.as_deref())
            .filter_map(move |value| {
                let value = value.trim();
                let end = value.find(|c: char| c.is_ascii_whitespace()).unwrap_or(value.len());
                let (number, rest) = value.split_at(end);
                (number.parse() == Ok(format)).then(|| rest.trim())
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn media(lines: &str) -> MediaDescription {
        let mut lines = lines.lines();
        let mut media = MediaDescription::parse(lines.next().unwrap()).unwrap();
        media.attributes.extend(lines.map(Attribute::parse));
        media
    }

    #[test]
    fn payload_types_have_the_meaning_that_is_told_or_the_static_one() {
        let video = media("video 0 RTP/AVP 96 97\nrtpmap:96 H264/90000 \nfmtp:96\nfmtp:96 a=1;B=2");
        assert_eq!(video.payload_types(), [96, 97]);
        let map = video.rtpmap(96).unwrap();
        assert_eq!((map.encoding.as_str(), map.clock_rate, map.channels), ("H264", 90_000, None));
        assert_eq!(video.rtpmap(97), None);
        assert_eq!(video.fmtp(96), Some("a=1;B=2"));
        assert_eq!(video.fmtp_param(96, "b"), Some("2"));
        let audio = media("audio 0 RTP/AVP 8\t \nrtpmap:8 PCMA/0");
        assert_eq!(audio.rtpmap(8).unwrap().encoding, "PCMA");
        let opus = media("audio 0 RTP/AVP 111\nrtpmap:111 opus/48000/2");
        assert_eq!(opus.rtpmap(111).unwrap().channels, Some(2));
        assert_eq!(media("x 0 RTP/AVP 123\nrtpmap:123 META /0").rtpmap(123), None);
    }

    #[test]
    fn what_is_no_rtp_is_told_apart() {
        assert!(media("video 5000/2 rtp/savp 96").is_rtp());
        assert!(!media("application/TP-LINK 0 RTP/AVP smart/1/90000").is_rtp());
        assert!(!media("video 0 MP2T/H2221/UDP 33").is_rtp());
        assert_eq!(MediaDescription::parse("video 0 RTP/AVP"), None);
        assert_eq!(MediaDescription::parse("video"), None);
    }

    #[test]
    fn the_last_word_on_the_direction_counts() {
        assert_eq!(media("audio 0 RTP/AVP 0").direction(), Direction::SendRecv);
        let both = media("audio 0 RTP/AVP 0\nrecvonly\nSendOnly");
        assert_eq!(both.direction(), Direction::SendOnly);
    }
}
