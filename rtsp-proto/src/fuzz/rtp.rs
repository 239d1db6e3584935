//! RTP packets and reception statistics from any bytes.

use std::time::Duration;

use crate::rtp::{Reception, RtpPacket, RtpPacketMut};

/// Reading and rewriting agree; statistics of any sequence stay within what was received.
pub fn rtp(data: &[u8]) {
    let mut copy = data.to_vec();
    match (RtpPacket::parse(data), RtpPacketMut::parse(&mut copy)) {
        (Ok(packet), Ok(mut rewritten)) => {
            assert!(packet.payload().len() + crate::rtp::HEADER_LEN <= data.len());
            assert!(packet.extension().is_none_or(|(_, words)| words.len() % 4 == 0));
            assert_eq!(rewritten.as_packet(), packet);
            rewritten.set_sequence(packet.sequence().wrapping_add(1));
            rewritten.set_timestamp(!packet.timestamp());
            rewritten.set_ssrc(!packet.ssrc());
            rewritten.set_marker(!packet.marker());
            rewritten.set_payload_type(!packet.payload_type());
            let seen = rewritten.as_packet();
            assert_eq!(seen.sequence(), packet.sequence().wrapping_add(1));
            assert_eq!(seen.timestamp(), !packet.timestamp());
            assert_eq!(seen.ssrc(), !packet.ssrc());
            assert_eq!(seen.marker(), !packet.marker());
            assert_eq!(seen.payload_type(), !packet.payload_type() & 0x7f);
            assert_eq!(seen.payload(), packet.payload());
        }
        (Err(a), Err(b)) => assert_eq!(a, b),
        (a, b) => assert_eq!(a.is_ok(), b.is_ok()),
    }

    let mut reception = Reception::new(90_000);
    let mut now = Duration::ZERO;
    let mut packets = 0;
    for chunk in data.chunks_exact(4) {
        let seq = u16::from_be_bytes([chunk[0], chunk[1]]);
        let ts = u32::from(chunk[2]) << 24;
        now += Duration::from_millis(chunk[3].into());
        reception.packet(seq, ts, now);
        packets += 1;
        let block = reception.report_block(1, None, now);
        assert!((-0x80_0000..=0x7f_ffff).contains(&block.lost));
    }
    assert!(reception.received() <= packets);
}
