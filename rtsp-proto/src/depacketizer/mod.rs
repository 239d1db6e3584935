//! RTP payloads back into what the encoder made: access units, frames of sound.
//!
//! A relay that passes packets on needs none of this; what writes files and feeds browsers does.
//! Any bytes are harmless. What is missing or broken is left out, never made up.
//!
//! - [`AccessUnit`]: NAL units of H.264 ([RFC 6184]) and H.265 ([RFC 7798]), each with its length
//!   in front, as MP4 has them
//! - [`Aac`]: frames of AAC ([RFC 3640])
//! - [`opus_duration`]: how long an Opus packet ([RFC 7587]) is
//!
//! [RFC 6184]: https://www.rfc-editor.org/rfc/rfc6184
//! [RFC 7798]: https://www.rfc-editor.org/rfc/rfc7798
//! [RFC 3640]: https://www.rfc-editor.org/rfc/rfc3640
//! [RFC 7587]: https://www.rfc-editor.org/rfc/rfc7587

mod aac;
mod opus;
mod video;

pub use aac::{Aac, AacConfig, AacError};
pub use opus::opus_duration;
pub use video::AccessUnit;
