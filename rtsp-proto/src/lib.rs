//! RTSP 1.0 ([RFC 2326]) and 2.0 ([RFC 7826]), SDP ([RFC 8866]), RTP and RTCP ([RFC 3550]),
//! Basic and Digest logins ([RFC 7616]), and what a relay needs to know of H.264 and H.265.
//!
//! Bytes in, values out: nothing here opens a socket, starts a thread, reads a clock, draws a
//! random number or writes a log. Time and entropy are arguments, so that every exchange with a
//! camera is a table test.
//!
//! Two dialects meet in a relay. Toward cameras ([`decoder::Peer::Camera`]) everything that can
//! be understood is accepted and counted as an [`oddity::Oddity`]; toward clients
//! ([`decoder::Peer::Client`]) the parsers are strict and name the rule that was broken.
//!
//! [RFC 2326]: https://www.rfc-editor.org/rfc/rfc2326
//! [RFC 7826]: https://www.rfc-editor.org/rfc/rfc7826
//! [RFC 8866]: https://www.rfc-editor.org/rfc/rfc8866
//! [RFC 3550]: https://www.rfc-editor.org/rfc/rfc3550
//! [RFC 7616]: https://www.rfc-editor.org/rfc/rfc7616
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod auth;
pub mod codec;
pub mod decoder;
pub mod depacketizer;
pub mod dialog;
#[cfg(any(test, feature = "fuzz"))]
#[doc(hidden)]
pub mod fuzz;
pub mod header_map;
pub mod headers;
pub mod limits;
pub mod message;
pub mod method;
pub mod oddity;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
pub mod secret;
pub mod status;
pub mod tunnel;
pub mod url;
pub mod version;

pub use header_map::Headers;
pub use limits::Limits;
pub use message::{Request, Response};
pub use method::Method;
pub use oddity::{Oddities, Oddity};
pub use secret::Secret;
pub use status::StatusCode;
pub use url::Url;
pub use version::Version;
