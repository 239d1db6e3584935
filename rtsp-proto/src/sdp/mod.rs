//! SDP ([RFC 8866]): what a camera describes, and what the relay describes to its viewers.
//!
//! Reading is tolerant, because hardly any camera writes SDP by the rules: a line that cannot be
//! understood is mended or skipped and counted, never fatal ([`SessionDescription::parse`]).
//! Writing is strict ([`SessionDescription::encode`]): a mended description stays mended.
//!
//! Kept is what a relay has a use for. Information, URI, mail, phone, times, time zones, keys
//! and the bandwidth of the whole session are read over; every description is written with
//! `t=0 0`, a stream without an end.
//!
//! [RFC 8866]: https://www.rfc-editor.org/rfc/rfc8866

mod attribute;
mod connection;
mod fmtp;
mod media;
mod origin;
mod parse;
mod rtpmap;
mod write;

pub use attribute::{Attribute, Direction};
pub use fmtp::parameters;
pub use media::{MediaDescription, MediaKind};
pub use origin::Origin;
pub use parse::{MAX_LINE_LEN, MAX_LINES, MAX_MEDIA, SdpError};
pub use rtpmap::RtpMap;

/// A session and its media.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionDescription {
    /// Who made it; `None` from cameras that do not say, written as unknown.
    pub origin: Option<Origin>,
    /// The title; may be empty.
    pub name: String,
    /// The value of the `c=` line: `IN IP4 0.0.0.0`. When neither the session nor a media
    /// description has one, that is what is written.
    pub connection: Option<String>,
    /// The session's attributes, in their order.
    pub attributes: Vec<Attribute>,
    /// The media descriptions, in their order.
    pub media: Vec<MediaDescription>,
}

impl SessionDescription {
    /// The value of the first attribute of this name; empty for one without a value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute::find(&self.attributes, name)
    }

    /// The URL for the whole session, as it stands there: absolute, relative or `*`.
    pub fn control(&self) -> Option<&str> {
        attribute::control(&self.attributes)
    }
}
