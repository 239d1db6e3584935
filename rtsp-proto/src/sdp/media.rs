//! Media descriptions: an `m=` line and what follows it.

use std::fmt;

use super::{
    Attribute, Direction, RtpMap,
    attribute::{self, named},
};

/// What kind of media.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaKind {
    /// `video`
    Video,
    /// `audio`
    Audio,
    /// `application`: ONVIF metadata, mostly.
    Application,
    /// Any other token.
    Other(String),
}

impl MediaKind {
    pub(super) fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "video" => Self::Video,
            "audio" => Self::Audio,
            "application" => Self::Application,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The word in the `m=` line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Application => "application",
            Self::Other(word) => word,
        }
    }
}

impl fmt::Display for MediaKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One stream of a session ([RFC 8866 section 5.14]).
///
/// [RFC 8866 section 5.14]: https://www.rfc-editor.org/rfc/rfc8866#section-5.14
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MediaDescription {
    /// What kind of media.
    pub kind: MediaKind,
    /// The port; 0 in RTSP, except for multicast.
    pub port: u16,
    /// `RTP/AVP` and the like, in upper case.
    pub protocol: String,
    /// The formats; for RTP, payload types. At least one.
    pub formats: Vec<String>,
    /// The value of the `c=` line, as in [`super::SessionDescription::connection`].
    pub connection: Option<String>,
    /// The values of the `b=` lines: `AS:4096`.
    pub bandwidth: Vec<String>,
    /// The attributes, in their order.
    pub attributes: Vec<Attribute>,
}

impl MediaDescription {
    /// The payload types, in order of preference.
    pub fn payload_types(&self) -> Vec<u8> {
        let number = |format: &String| format.parse().ok().filter(|&number: &u8| number < 128);
        self.formats.iter().filter_map(number).collect()
    }

    /// What a payload type stands for: by its `rtpmap` as the camera sent it; without one, by
    /// the static table of RFC 3551, or by H.264 and H.265 parameter sets in its `fmtp`.
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap> {
        self.described(payload_type)
            .map(|(map, _)| map)
            .or_else(|| RtpMap::fixed(payload_type))
            .or_else(|| RtpMap::guessed(self.fmtp(payload_type)?))
    }

    /// The `rtpmap` that is there, and whether it is right.
    pub(super) fn described(&self, payload_type: u8) -> Option<(RtpMap, bool)> {
        named(&self.attributes, "rtpmap").find_map(|value| RtpMap::parse(value, payload_type))
    }

    /// The format parameters of a payload type; `None` when there are none, or the line is
    /// empty (Ubiquiti).
    pub fn fmtp(&self, payload_type: u8) -> Option<&str> {
        named(&self.attributes, "fmtp").find_map(|value| {
            let (number, parameters) = value.split_once(|c: char| c.is_ascii_whitespace())?;
            let parameters = parameters.trim();
            (number.parse() == Ok(payload_type) && !parameters.is_empty()).then_some(parameters)
        })
    }

    /// One of the format parameters, its name in any case; empty for one without a value.
    pub fn fmtp_param(&self, payload_type: u8, name: &str) -> Option<&str> {
        super::parameters(self.fmtp(payload_type)?)
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.unwrap_or_default())
    }

    /// The value of the first attribute of this name; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute::find(&self.attributes, name)
    }

    /// The URL for this media alone, as it stands there: absolute or relative.
    pub fn control(&self) -> Option<&str> {
        attribute::control(&self.attributes)
    }

    /// Which way it flows; `sendrecv` when nothing is said here.
    pub fn direction(&self) -> Direction {
        Direction::of(&self.attributes).unwrap_or_default()
    }

    /// Whether this is RTP with a payload type, and so can be relayed.
    pub fn is_rtp(&self) -> bool {
        self.protocol.starts_with("RTP/") && !self.payload_types().is_empty()
    }
}
