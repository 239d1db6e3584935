//! RTP ([RFC 3550]): packets as views of their bytes, rewriting in place, and what a receiver
//! knows about a stream (loss, order, jitter).
//!
//! A relay reads every packet of every camera, so nothing here allocates and a packet is looked
//! at once: [`RtpPacket::parse`] checks all bounds, and the accessors after it cannot fail.
//!
//! [RFC 3550]: https://www.rfc-editor.org/rfc/rfc3550

mod packet;
mod reception;
pub mod sequence;

pub use packet::{HEADER_LEN, RtpError, RtpPacket, RtpPacketMut, write_header};
pub use reception::{Arrival, MAX_DROPOUT, MAX_MISORDER, Reception};
