//! Compound packets from bytes.

use std::fmt;

use super::{
    BYE, NtpTime, RECEIVER_REPORT, ReportBlock, RtcpPacket, SDES_CNAME, SDES_END, SENDER_REPORT,
    SOURCE_DESCRIPTION, SenderReport,
};
use crate::{Oddities, Oddity};

/// Packets read from one compound packet; what follows is not looked at.
pub const MAX_PACKETS: usize = 32;

const HEADER_LEN: usize = 4;
const BLOCK_LEN: usize = 24;
/// SSRC, NTP time, RTP time, packets, octets.
const SENDER_INFO_LEN: usize = 24;
const PADDING: u8 = 0x20;

/// Why bytes are no compound packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtcpError {
    /// Where the packet that is wrong begins.
    pub offset: usize,
    /// The rule it breaks, in words.
    pub rule: &'static str,
}

impl fmt::Display for RtcpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RTCP at byte {}: {}", self.offset, self.rule)
    }
}

impl std::error::Error for RtcpError {}

/// Reads what a camera sent, as far as it can be understood; counts [`Oddity::BadRtcp`] once
/// when something could not.
///
/// Tolerated: a length beyond the end (what is there is read) or shorter than a report must be
/// (Hikvision), fewer report blocks than announced, an SDES chunk without its end, padding
/// that makes no sense, bytes after the last packet.
pub fn parse_compound(bytes: &[u8], oddities: &mut Oddities) -> Vec<RtcpPacket> {
    let mut packets = Vec::new();
    let mut odd = false;
    let mut rest = bytes;
    while !rest.is_empty() && packets.len() < MAX_PACKETS {
        let Some(Header { count, kind, len, padded }) = Header::read(rest) else {
            odd = true;
            break;
        };
        let needed = HEADER_LEN + fixed_len(kind);
        let end = if len > rest.len() || len < needed {
            odd = true;
            len.max(needed).min(rest.len())
        } else {
            len
        };
        let mut body = &rest[HEADER_LEN..end];
        if padded {
            match body.split_last() {
                Some((&count, _)) if count > 0 && usize::from(count) <= body.len() => {
                    body = &body[..body.len() - usize::from(count)];
                }
                _ => odd = true,
            }
        }
        match packet(kind, count, body) {
            (Some(packet), whole) => {
                packets.push(packet);
                odd |= !whole;
            }
            (None, _) => odd = true,
        }
        rest = &rest[end..];
    }
    if odd {
        oddities.note(Oddity::BadRtcp);
    }
    packets
}

/// Reads a compound packet by the rules ([RFC 3550 appendix A.2]): version 2, lengths that add
/// up, everything announced within its packet, padding in the last packet alone.
///
/// # Errors
///
/// The first rule that is broken, and where.
///
/// [RFC 3550 appendix A.2]: https://www.rfc-editor.org/rfc/rfc3550#appendix-A.2
pub fn parse_strict(bytes: &[u8]) -> Result<Vec<RtcpPacket>, RtcpError> {
    let mut packets = Vec::new();
    let mut offset = 0;
    while offset < bytes.len() {
        let wrong = |rule| RtcpError { offset, rule };
        if packets.len() == MAX_PACKETS {
            return Err(wrong("more packets than the limit of 32"));
        }
        let rest = &bytes[offset..];
        let header = Header::read(rest).ok_or_else(|| wrong("no header of version 2"))?;
        if header.len > rest.len() {
            return Err(wrong("the length leads beyond the end"));
        }
        let mut body = &rest[HEADER_LEN..header.len];
        if header.padded {
            if header.len != rest.len() {
                return Err(wrong("padding in another packet than the last"));
            }
            match body.last() {
                Some(&n) if n > 0 && n % 4 == 0 && usize::from(n) <= body.len() => {
                    body = &body[..body.len() - usize::from(n)];
                }
                _ => return Err(wrong("padding that is no multiple of 4 bytes or too long")),
            }
        }
        match packet(header.kind, header.count, body) {
            (Some(packet), true) => packets.push(packet),
            _ => return Err(wrong("shorter than what it announces")),
        }
        offset += header.len;
    }
    if packets.is_empty() {
        return Err(RtcpError { offset: 0, rule: "no packet at all" });
    }
    Ok(packets)
}

struct Header {
    count: usize,
    kind: u8,
    /// In bytes, this header included.
    len: usize,
    padded: bool,
}

impl Header {
    /// `None` when there are fewer than 4 bytes or the version is not 2.
    fn read(bytes: &[u8]) -> Option<Self> {
        let &[first, kind, a, b] = bytes.first_chunk()?;
        (first >> 6 == 2).then(|| Self {
            count: usize::from(first & 0x1f),
            kind,
            len: HEADER_LEN + usize::from(u16::from_be_bytes([a, b])) * 4,
            padded: first & PADDING != 0,
        })
    }
}

/// The bytes after the header without which a packet of this kind says nothing.
fn fixed_len(kind: u8) -> usize {
    match kind {
        SENDER_REPORT => SENDER_INFO_LEN,
        RECEIVER_REPORT => 4,
        _ => 0,
    }
}

/// The packet, as far as it can be read, and whether all of it was there.
fn packet(kind: u8, count: usize, body: &[u8]) -> (Option<RtcpPacket>, bool) {
    let mut fields = Fields(body);
    match kind {
        SENDER_REPORT => {
            let Some(mut report) = sender_info(&mut fields) else { return (None, false) };
            report.reports = blocks(&mut fields, count);
            let whole = report.reports.len() == count;
            (Some(RtcpPacket::SenderReport(report)), whole)
        }
        RECEIVER_REPORT => {
            let Some(ssrc) = fields.u32() else { return (None, false) };
            let reports = blocks(&mut fields, count);
            let whole = reports.len() == count;
            (Some(RtcpPacket::ReceiverReport { ssrc, reports }), whole)
        }
        SOURCE_DESCRIPTION => {
            let (chunks, whole) = source_description(&mut fields, count);
            (Some(RtcpPacket::SourceDescription { chunks }), whole)
        }
        BYE => {
            let ssrcs: Vec<u32> = std::iter::from_fn(|| fields.u32()).take(count).collect();
            let mut whole = ssrcs.len() == count;
            let reason = fields.u8().filter(|&len| len > 0).and_then(|len| {
                let text = fields.take(len.into());
                whole &= text.is_some();
                text.map(|text| String::from_utf8_lossy(text).into_owned())
            });
            (Some(RtcpPacket::Bye { ssrcs, reason }), whole)
        }
        kind => (Some(RtcpPacket::Other { kind }), true),
    }
}

fn sender_info(fields: &mut Fields<'_>) -> Option<SenderReport> {
    Some(SenderReport {
        ssrc: fields.u32()?,
        ntp: NtpTime(u64::from(fields.u32()?) << 32 | u64::from(fields.u32()?)),
        rtp: fields.u32()?,
        packets: fields.u32()?,
        octets: fields.u32()?,
        reports: Vec::new(),
    })
}

fn blocks(fields: &mut Fields<'_>, count: usize) -> Vec<ReportBlock> {
    std::iter::from_fn(|| block(fields.take(BLOCK_LEN)?)).take(count).collect()
}

fn block(bytes: &[u8]) -> Option<ReportBlock> {
    let mut fields = Fields(bytes);
    let ssrc = fields.u32()?;
    let loss = fields.u32()?;
    Some(ReportBlock {
        ssrc,
        fraction_lost: (loss >> 24) as u8,
        // Shifted up and down again to spread the sign of 24 bits.
        lost: (loss << 8) as i32 >> 8,
        highest: fields.u32()?,
        jitter: fields.u32()?,
        last_sr: fields.u32()?,
        delay_since_last_sr: fields.u32()?,
    })
}

/// The chunks ([RFC 3550 section 6.5]) and whether all of them were there and ended.
///
/// [RFC 3550 section 6.5]: https://www.rfc-editor.org/rfc/rfc3550#section-6.5
fn source_description(fields: &mut Fields<'_>, count: usize) -> (Vec<(u32, Option<String>)>, bool) {
    let mut chunks = Vec::new();
    for _ in 0..count {
        let begin = fields.0.len();
        let Some(ssrc) = fields.u32() else { return (chunks, false) };
        let mut cname = None;
        let ended = loop {
            match fields.u8() {
                Some(SDES_END) => break true,
                Some(item) => {
                    let text = fields.u8().and_then(|len| fields.take(len.into()));
                    let Some(text) = text else { break false };
                    if item == SDES_CNAME && cname.is_none() {
                        cname = Some(String::from_utf8_lossy(text).into_owned());
                    }
                }
                None => break false,
            }
        };
        chunks.push((ssrc, cname));
        if !ended {
            return (chunks, false);
        }
        // A chunk ends on a 32-bit boundary.
        let used = begin - fields.0.len();
        if fields.take(used.next_multiple_of(4) - used).is_none() {
            return (chunks, false);
        }
    }
    (chunks, true)
}

/// What is left of a packet's bytes.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn u32(&mut self) -> Option<u32> {
        let (&first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_be_bytes(first))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tolerant(bytes: &[u8]) -> (Vec<RtcpPacket>, u64) {
        let mut oddities = Oddities::new();
        let packets = parse_compound(bytes, &mut oddities);
        (packets, oddities.count(Oddity::BadRtcp))
    }

    fn sr(ssrc: u32) -> SenderReport {
        SenderReport { ssrc, ntp: NtpTime(5 << 32), rtp: 6, packets: 7, octets: 8, reports: vec![] }
    }

    fn encoded(packets: &[RtcpPacket]) -> Vec<u8> {
        let mut out = Vec::new();
        packets.iter().for_each(|packet| packet.encode(&mut out));
        out
    }

    #[test]
    fn a_usual_compound_packet_is_read() {
        // SR of a live555 camera: report, CNAME.
        let bytes = [
            0x80, 200, 0, 6, 0, 0, 0, 1, 0xe5, 0, 0, 0, 0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 9, 0,
            0, 2, 0, 0x81, 202, 0, 3, 0, 0, 0, 1, 1, 3, b'c', b'a', b'm', 0, 0, 0,
        ];
        let want = [
            RtcpPacket::SenderReport(SenderReport {
                ssrc: 1,
                ntp: NtpTime(0xe500_0000_8000_0000),
                rtp: 0x1_0000,
                packets: 9,
                octets: 512,
                reports: vec![],
            }),
            RtcpPacket::SourceDescription { chunks: vec![(1, Some("cam".into()))] },
        ];
        assert_eq!(parse_strict(&bytes).unwrap(), want);
        assert_eq!(tolerant(&bytes), (want.to_vec(), 0));
        assert_eq!(encoded(&want), bytes);
    }

    #[test]
    fn hikvision_a_wrong_length_does_not_hide_the_sender_report() {
        let want = vec![RtcpPacket::SenderReport(sr(3))];
        for words in [0u8, 1, 5, 7, 40, 255] {
            let mut bytes = encoded(&want);
            bytes[3] = words;
            let (packets, odd) = tolerant(&bytes);
            assert_eq!((packets, odd), (want.clone(), 1), "{words}");
            assert!(parse_strict(&bytes).is_err(), "{words}");
        }
    }

    #[test]
    fn a_source_description_without_its_end_still_gives_the_name() {
        let bytes = [0x81, 202, 0, 2, 0, 0, 0, 1, 1, 2, b'm', b'e'];
        let want = vec![RtcpPacket::SourceDescription { chunks: vec![(1, Some("me".into()))] }];
        assert_eq!(tolerant(&bytes), (want, 1));
        let error = parse_strict(&bytes).unwrap_err().to_string();
        assert_eq!(error, "RTCP at byte 0: shorter than what it announces");
    }

    #[test]
    fn bytes_after_the_last_packet_do_not_spoil_the_rest() {
        let mut bytes = encoded(&[RtcpPacket::SenderReport(sr(3))]);
        bytes.extend_from_slice(&[0, 0]);
        assert_eq!(tolerant(&bytes), (vec![RtcpPacket::SenderReport(sr(3))], 1));
        let error = parse_strict(&bytes).unwrap_err().to_string();
        assert_eq!(error, "RTCP at byte 28: no header of version 2");
    }

    #[test]
    fn a_farewell_is_understood_with_and_without_reason() {
        let bye = |bytes: &[u8]| tolerant(bytes).0;
        let plain = RtcpPacket::Bye { ssrcs: vec![9], reason: None };
        assert_eq!(bye(&[0x81, 203, 0, 1, 0, 0, 0, 9]), [plain]);
        let reason = RtcpPacket::Bye { ssrcs: vec![9], reason: Some("off".into()) };
        assert_eq!(bye(&[0x81, 203, 0, 2, 0, 0, 0, 9, 3, b'o', b'f', b'f']), [reason]);
        let cut = RtcpPacket::Bye { ssrcs: vec![9], reason: None };
        assert_eq!(bye(&[0x81, 203, 0, 2, 0, 0, 0, 9, 9, b'o', b'f', b'f']), [cut]);
    }

    #[test]
    fn fewer_report_blocks_than_announced_are_taken_as_they_are() {
        let block = ReportBlock { ssrc: 4, lost: -3, fraction_lost: 255, ..Default::default() };
        let mut bytes = encoded(&[RtcpPacket::ReceiverReport { ssrc: 1, reports: vec![block] }]);
        bytes[0] = 0x82;
        let want = vec![RtcpPacket::ReceiverReport { ssrc: 1, reports: vec![block] }];
        assert_eq!(tolerant(&bytes), (want, 1));
        assert!(parse_strict(&bytes).is_err());
    }

    #[test]
    fn feedback_and_application_packets_are_passed_over() {
        let bytes = [0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 201, 0, 1, 0, 0, 0, 5];
        let want = vec![
            RtcpPacket::Other { kind: 206 },
            RtcpPacket::ReceiverReport { ssrc: 5, reports: vec![] },
        ];
        assert_eq!(parse_strict(&bytes).unwrap(), want);
        assert_eq!(tolerant(&bytes), (want, 0));
    }

    #[test]
    fn padding_is_taken_off_the_last_packet_only() {
        let mut bytes = encoded(&[RtcpPacket::ReceiverReport { ssrc: 5, reports: vec![] }]);
        bytes[0] |= PADDING;
        bytes[3] += 1;
        bytes.extend_from_slice(&[0, 0, 0, 4]);
        let want = vec![RtcpPacket::ReceiverReport { ssrc: 5, reports: vec![] }];
        assert_eq!(parse_strict(&bytes).unwrap(), want);
        bytes[11] = 3;
        assert!(parse_strict(&bytes).is_err());
        bytes[11] = 4;
        bytes.extend_from_slice(&[0x80, 201, 0, 1, 0, 0, 0, 5]);
        assert!(parse_strict(&bytes).is_err());
        assert_eq!(tolerant(&bytes).0.len(), 2);
    }

    #[test]
    fn a_flood_of_packets_in_one_is_bounded() {
        let bytes = [0x80, 206, 0, 0].repeat(1_000);
        assert_eq!(tolerant(&bytes).0.len(), MAX_PACKETS);
        let error = parse_strict(&bytes).unwrap_err().to_string();
        assert_eq!(error, "RTCP at byte 128: more packets than the limit of 32");
        assert!(parse_strict(&[]).is_err());
    }

    fn any_block() -> impl Strategy<Value = ReportBlock> {
        (any::<(u32, u8, u32, u32)>(), -0x80_0000..0x80_0000i32, any::<(u32, u32)>()).prop_map(
            |((ssrc, fraction_lost, highest, jitter), lost, (last_sr, delay_since_last_sr))| {
                ReportBlock {
                    ssrc,
                    fraction_lost,
                    lost,
                    highest,
                    jitter,
                    last_sr,
                    delay_since_last_sr,
                }
            },
        )
    }

    fn any_packet() -> impl Strategy<Value = RtcpPacket> {
        let blocks = || proptest::collection::vec(any_block(), 0..32);
        let cname = proptest::option::of("[a-zA-Z0-9@._é-]{1,60}");
        prop_oneof![
            (any::<(u32, u64, u32, u32, u32)>(), blocks()).prop_map(
                |((ssrc, ntp, rtp, packets, octets), reports)| {
                    let ntp = NtpTime(ntp);
                    RtcpPacket::SenderReport(SenderReport {
                        ssrc,
                        ntp,
                        rtp,
                        packets,
                        octets,
                        reports,
                    })
                }
            ),
            (any::<u32>(), blocks())
                .prop_map(|(ssrc, reports)| RtcpPacket::ReceiverReport { ssrc, reports }),
            proptest::collection::vec((any::<u32>(), cname), 0..32)
                .prop_map(|chunks| RtcpPacket::SourceDescription { chunks }),
            (proptest::collection::vec(any::<u32>(), 0..32), proptest::option::of("[ -~é]{1,100}"))
                .prop_map(|(ssrcs, reason)| RtcpPacket::Bye { ssrcs, reason }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(packets in proptest::collection::vec(any_packet(), 1..6)) {
            let bytes = encoded(&packets);
            prop_assert_eq!(bytes.len() % 4, 0);
            prop_assert_eq!(&parse_strict(&bytes).unwrap(), &packets);
            prop_assert_eq!(tolerant(&bytes), (packets, 0));
        }

        #[test]
        fn no_bytes_lead_out_of_bounds(mut bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            crate::fuzz::rtcp::rtcp(&bytes);
            if let [first, kind, ..] = &mut bytes[..] {
                *first = *first & 0x3f | 0x80;
                *kind = 200 + *kind % 5;
                crate::fuzz::rtcp::rtcp(&bytes);
            }
        }
    }
}
