//! Opus packets ([RFC 6716 section 3.1]): an RTP payload is one of them ([RFC 7587 section 4.2]).
//!
//! [RFC 6716 section 3.1]: https://www.rfc-editor.org/rfc/rfc6716#section-3.1
//! [RFC 7587 section 4.2]: https://www.rfc-editor.org/rfc/rfc7587#section-4.2

/// No packet is longer than 120 ms ([RFC 6716 section 3.2.5]).
///
/// [RFC 6716 section 3.2.5]: https://www.rfc-editor.org/rfc/rfc6716#section-3.2.5
const MAX_DURATION: u32 = 5760;

/// How long a packet plays, in samples of 48 kHz; `None` for what is no packet.
pub fn opus_duration(packet: &[u8]) -> Option<u32> {
    let (&toc, rest) = packet.split_first()?;
    let config = u32::from(toc >> 3);
    let frame = match config {
        // SILK: 10, 20, 40, 60 ms.
        0..=11 => [480, 960, 1920, 2880][config as usize % 4],
        // Hybrid: 10, 20 ms.
        12..=15 => [480, 960][config as usize % 2],
        // CELT: 2.5, 5, 10, 20 ms.
        _ => [120, 240, 480, 960][config as usize % 4],
    };
    let frames = match toc & 3 {
        0 => 1,
        1 | 2 => 2,
        _ => u32::from(rest.first()? & 0x3f),
    };
    Some(frame * frames).filter(|duration| (1..=MAX_DURATION).contains(duration))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_how_long_a_packet_plays() {
        for (packet, duration) in [
            (&[0x78, 1, 2][..], Some(960)),     // CELT, 20 ms
            (&[0xfc][..], Some(960)),           // CELT fullband, 20 ms, stereo
            (&[0x08][..], Some(960)),           // SILK narrowband, 20 ms
            (&[0x18 | 1, 0][..], Some(5760)),   // twice 60 ms
            (&[0xe0 | 3, 0x04][..], Some(480)), // four times 2.5 ms
            (&[0x18 | 3, 3][..], None),         // 180 ms cannot be
            (&[0x78 | 3, 0][..], None),
            (&[0x78 | 3][..], None),
            (&[][..], None),
        ] {
            assert_eq!(opus_duration(packet), duration, "{packet:?}");
        }
    }
}
