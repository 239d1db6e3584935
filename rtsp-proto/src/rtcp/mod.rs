//! RTCP ([RFC 3550 section 6]): reports, names and farewells.
//!
//! Cameras get the wrong length, leave out the end of SDES lists, or add bytes after the last
//! packet; [`parse_compound`] takes what can be understood. Clients get [`parse_strict`].
//! Neither asks that a compound packet begins with a report: reduced-size RTCP ([RFC 5506]) is
//! common, and nothing here depends on the order.
//!
//! [RFC 3550 section 6]: https://www.rfc-editor.org/rfc/rfc3550#section-6
//! [RFC 5506]: https://www.rfc-editor.org/rfc/rfc5506

mod ntp;
mod parse;
mod write;

pub use ntp::NtpTime;
pub use parse::{MAX_PACKETS, RtcpError, parse_compound, parse_strict};

/// Most report blocks, SDES chunks or BYE sources in one packet: the count field has 5 bits.
pub const MAX_COUNT: usize = 31;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;

const SDES_END: u8 = 0;
const SDES_CNAME: u8 = 1;

/// Whether a packet is RTCP rather than RTP, where the two come the same way
/// ([RFC 5761 section 4]).
///
/// [RFC 5761 section 4]: https://www.rfc-editor.org/rfc/rfc5761#section-4
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

/// One packet of a compound packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RtcpPacket {
    /// SR: what a sender sent, and when.
    SenderReport(SenderReport),
    /// RR: what a receiver received.
    ReceiverReport {
        /// The receiver.
        ssrc: u32,
        /// One block for each sender it hears.
        reports: Vec<ReportBlock>,
    },
    /// SDES: who the sources are.
    SourceDescription {
        /// Source and its CNAME, if it gives one; other items are not kept.
        chunks: Vec<(u32, Option<String>)>,
    },
    /// BYE: sources that leave.
    Bye {
        /// Who leaves.
        ssrcs: Vec<u32>,
        /// Why, in words.
        reason: Option<String>,
    },
    /// APP, feedback (RFC 4585) and anything else; never written.
    Other {
        /// The packet type.
        kind: u8,
    },
}

/// A sender report ([RFC 3550 section 6.4.1]).
///
/// [RFC 3550 section 6.4.1]: https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderReport {
    /// The sender.
    pub ssrc: u32,
    /// Wall-clock time of the report; zero from cameras that do not know it.
    pub ntp: NtpTime,
    /// The same moment in the units of the stream's timestamps.
    pub rtp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Payload bytes sent.
    pub octets: u32,
    /// What the sender itself receives.
    pub reports: Vec<ReportBlock>,
}

/// What one receiver knows about one sender.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReportBlock {
    /// The sender.
    pub ssrc: u32,
    /// Packets lost since the last report, in 256ths of those expected.
    pub fraction_lost: u8,
    /// Packets lost since the beginning, 24 bits with a sign: duplicates count against it.
    pub lost: i32,
    /// Highest sequence number, extended by the count of wraps.
    pub highest: u32,
    /// Jitter in ticks.
    pub jitter: u32,
    /// The middle 32 bits of the last sender report's NTP time; 0 without one.
    pub last_sr: u32,
    /// Time since that report in 1/65,536 s.
    pub delay_since_last_sr: u32,
}
