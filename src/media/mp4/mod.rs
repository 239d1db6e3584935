//! Fragmented MP4 from bytes to bytes ([ISO/IEC 14496-12], 14496-14, 14496-15): what a browser's
//! Media Source Extensions and every player take. No clock, no sockets.
//!
//! - `boxes`: boxes in boxes
//! - [`entry`]: the description of one codec: `avc1`, `hvc1`, `mp4a`, `Opus`
//! - [`init`]: the initialization segment, `ftyp` and `moov`
//! - [`fragment`]: one `moof` and `mdat`
//!
//! [ISO/IEC 14496-12]: https://www.iso.org/standard/83102.html

mod boxes;
pub mod entry;
pub mod fragment;
pub mod init;

pub use entry::SampleEntry;
pub use fragment::{Sample, append_fragment};
pub use init::{TrackInit, init_segment};
