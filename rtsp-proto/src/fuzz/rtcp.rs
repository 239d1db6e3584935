//! RTCP compound packets from any bytes.

use crate::{
    Oddities,
    rtcp::{MAX_PACKETS, RtcpPacket, parse_compound, parse_strict},
};

/// What the strict reader takes, the tolerant one takes as well and without a complaint; what
/// was read and written again reads the same.
pub fn rtcp(data: &[u8]) {
    let mut oddities = Oddities::new();
    let tolerant = parse_compound(data, &mut oddities);
    assert!(tolerant.len() <= MAX_PACKETS);
    if let Ok(strict) = parse_strict(data) {
        assert_eq!(strict, tolerant);
        assert!(oddities.is_empty());
    }

    let known: Vec<_> = tolerant.into_iter().map(shortened).collect();
    let mut bytes = Vec::new();
    known.iter().for_each(|packet| packet.encode(&mut bytes));
    let known: Vec<_> =
        known.into_iter().filter(|packet| !matches!(packet, RtcpPacket::Other { .. })).collect();
    assert_eq!(parse_strict(&bytes).unwrap_or_default(), known);
}

/// Replacing bytes that are not UTF-8 lengthens a text, possibly beyond what fits: cut it here.
fn shortened(packet: RtcpPacket) -> RtcpPacket {
    let cut = |text: String| text.chars().take(60).collect::<String>();
    match packet {
        RtcpPacket::SourceDescription { chunks } => RtcpPacket::SourceDescription {
            chunks: chunks.into_iter().map(|(ssrc, name)| (ssrc, name.map(cut))).collect(),
        },
        RtcpPacket::Bye { ssrcs, reason } => RtcpPacket::Bye { ssrcs, reason: reason.map(cut) },
        other => other,
    }
}
