//! Packets to bytes.

use super::{
    BYE, MAX_COUNT, RECEIVER_REPORT, ReportBlock, RtcpPacket, SDES_CNAME, SDES_END, SENDER_REPORT,
    SOURCE_DESCRIPTION,
};

/// Longest text of an SDES item or a BYE reason: its length field has 8 bits.
const MAX_TEXT: usize = 255;

impl RtcpPacket {
    /// Appends the wire form, a multiple of 4 bytes long.
    ///
    /// What a packet cannot hold is left out: blocks, chunks and sources beyond
    /// [`MAX_COUNT`], text beyond 255 bytes. [`RtcpPacket::Other`] writes nothing.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::SenderReport(report) => {
                packet(out, SENDER_REPORT, report.reports.len(), |out| {
                    put(out, report.ssrc);
                    out.extend_from_slice(&report.ntp.0.to_be_bytes());
                    put(out, report.rtp);
                    put(out, report.packets);
                    put(out, report.octets);
                    blocks(out, &report.reports);
                });
            }
            Self::ReceiverReport { ssrc, reports } => {
                packet(out, RECEIVER_REPORT, reports.len(), |out| {
                    put(out, *ssrc);
                    blocks(out, reports);
                });
            }
            Self::SourceDescription { chunks } => {
                packet(out, SOURCE_DESCRIPTION, chunks.len(), |out| {
                    for (ssrc, cname) in chunks.iter().take(MAX_COUNT) {
                        put(out, *ssrc);
                        if let Some(cname) = cname {
                            out.push(SDES_CNAME);
                            text(out, cname);
                        }
                        // At least one end byte, then up to the boundary.
                        out.push(SDES_END);
                        align(out);
                    }
                });
            }
            Self::Bye { ssrcs, reason } => {
                packet(out, BYE, ssrcs.len(), |out| {
                    ssrcs.iter().take(MAX_COUNT).for_each(|&ssrc| put(out, ssrc));
                    if let Some(reason) = reason {
                        text(out, reason);
                        align(out);
                    }
                });
            }
            Self::Other { .. } => {}
        }
    }
}

/// A header around a body. The body is written to a buffer of its own, so that alignment counts
/// from the packet's beginning wherever `out` stands.
fn packet(out: &mut Vec<u8>, kind: u8, count: usize, body: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = Vec::with_capacity(64);
    body(&mut bytes);
    // At most 31 chunks of 264 bytes, so the length in words fits 16 bits.
    let words = (bytes.len() / 4) as u16;
    out.extend_from_slice(&[0x80 | count.min(MAX_COUNT) as u8, kind]);
    out.extend_from_slice(&words.to_be_bytes());
    out.extend_from_slice(&bytes);
}

fn put(out: &mut Vec<u8>, number: u32) {
    out.extend_from_slice(&number.to_be_bytes());
}

fn align(out: &mut Vec<u8>) {
    out.resize(out.len().next_multiple_of(4), 0);
}

fn text(out: &mut Vec<u8>, text: &str) {
    let text = &text[..floor_char_boundary(text, MAX_TEXT)];
    out.push(text.len() as u8);
    out.extend_from_slice(text.as_bytes());
}

fn floor_char_boundary(text: &str, most: usize) -> usize {
    (0..=most.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

fn blocks(out: &mut Vec<u8>, blocks: &[ReportBlock]) {
    for block in blocks.iter().take(MAX_COUNT) {
        put(out, block.ssrc);
        let lost = block.lost.clamp(-0x80_0000, 0x7f_ffff) as u32 & 0xff_ffff;
        put(out, u32::from(block.fraction_lost) << 24 | lost);
        put(out, block.highest);
        put(out, block.jitter);
        put(out, block.last_sr);
        put(out, block.delay_since_last_sr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rtcp::parse_strict;

    #[test]
    fn too_much_for_a_packet_is_cut_and_the_rest_stays_readable() {
        let mut out = vec![0xff];
        let reason = Some("é".repeat(200));
        RtcpPacket::Bye { ssrcs: (0..40).collect(), reason }.encode(&mut out);
        let reason = Some("é".repeat(127));
        let want = RtcpPacket::Bye { ssrcs: (0..31).collect(), reason };
        assert_eq!(parse_strict(&out[1..]).unwrap(), [want]);
    }

    #[test]
    fn a_name_is_followed_by_its_end_even_on_a_boundary() {
        let mut out = Vec::new();
        RtcpPacket::SourceDescription { chunks: vec![(1, Some("ab".into()))] }.encode(&mut out);
        assert_eq!(out, [0x81, 202, 0, 3, 0, 0, 0, 1, 1, 2, b'a', b'b', 0, 0, 0, 0]);
    }
}
