//! Session descriptions ([RFC 8866]): tolerant in, strict out.
//!
//! What cameras send is read line by line, and no line is fatal: one that cannot be understood is
//! passed over and counted. What is written is what the grammar asks for.
//!
//! - [`SessionDescription`], [`MediaDescription`], [`Attribute`], [`Origin`]
//! - [`RtpMap`], with the static payload types of [RFC 3551]
//! - [`parameters`]: the inside of `a=fmtp`
//!
//! [RFC 8866]: https://www.rfc-editor.org/rfc/rfc8866
//! [RFC 3551]: https://www.rfc-editor.org/rfc/rfc3551

mod fmtp;
mod media;
mod origin;
mod parse;
mod rtpmap;
mod session;

pub use fmtp::parameters;
pub use media::{Direction, MediaDescription, MediaKind};
pub use origin::Origin;
pub use parse::{MAX_LINE, MAX_LINES, MAX_MEDIA, SdpError};
pub use rtpmap::RtpMap;
pub use session::{Attribute, SessionDescription};

/// Text as a value on one line: control characters would begin a line of their own.
fn on_one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().into()
}
