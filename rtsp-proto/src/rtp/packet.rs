//! One RTP packet, checked once, read and rewritten in place.

use std::{fmt, ops::Range};

/// Length of the fixed header in bytes.
pub const HEADER_LEN: usize = 12;

const PADDING: u8 = 0x20;
const EXTENSION: u8 = 0x10;
const MARKER: u8 = 0x80;

/// Why bytes are no RTP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RtpError {
    /// Fewer bytes than the fixed header has.
    TooShort {
        /// Bytes there are.
        len: usize,
    },
    /// The version field is not 2.
    Version {
        /// What it is.
        version: u8,
    },
    /// The list of contributing sources ends after the packet.
    Sources {
        /// Bytes the packet would need up to the end of the list.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The header extension ends after the packet.
    Extension {
        /// Bytes the packet would need up to the end of the extension.
        needed: usize,
        /// Bytes there are.
        len: usize,
    },
    /// The padding is empty or longer than what it pads.
    Padding {
        /// The count in the last byte.
        count: u8,
        /// Bytes after the headers.
        available: usize,
    },
}

impl fmt::Display for RtpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TooShort { len } => {
                write!(f, "an RTP packet of {len} bytes, shorter than its {HEADER_LEN}-byte header")
            }
            Self::Version { version } => write!(f, "RTP version {version} instead of 2"),
            Self::Sources { needed, len } => write!(
                f,
                "the contributing sources end at byte {needed} of an RTP packet of {len} bytes"
            ),
            Self::Extension { needed, len } => {
                write!(f, "the extension ends at byte {needed} of an RTP packet of {len} bytes")
            }
            Self::Padding { count, available } => {
                write!(f, "{count} bytes of padding in an RTP payload of {available} bytes")
            }
        }
    }
}

impl std::error::Error for RtpError {}

/// A valid RTP packet ([RFC 3550 section 5.1]).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |V=2|P|X|  CC   |M|     PT      |       sequence number         |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                           timestamp                           |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |           synchronization source (SSRC) identifier            |
/// +=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+
/// |      contributing source (CSRC) identifiers, CC of them       |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | with X: profile (16 bits)     | length in words (16 bits) ... |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// | payload ...   | with P: padding, its length in the last byte  |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// ```
///
/// An empty payload is valid: some cameras send such packets, and a sequence number is taken.
///
/// [RFC 3550 section 5.1]: https://www.rfc-editor.org/rfc/rfc3550#section-5.1
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpPacket<'a> {
    header: &'a [u8; HEADER_LEN],
    /// Everything after the fixed header, padding included.
    rest: &'a [u8],
    /// The payload, in `rest`.
    payload: (usize, usize),
}

impl<'a> RtpPacket<'a> {
    /// Checks version, contributing sources, extension and padding against the bounds.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, RtpError> {
        let Some((header, rest)) = bytes.split_first_chunk() else {
            return Err(RtpError::TooShort { len: bytes.len() });
        };
        let payload = payload_range(header, rest)?;
        Ok(Self { header, rest, payload: (payload.start, payload.end) })
    }

    /// The sequence number.
    pub fn sequence(&self) -> u16 {
        let [_, _, a, b, ..] = *self.header;
        u16::from_be_bytes([a, b])
    }

    /// The timestamp, in ticks of the payload type's clock.
    pub fn timestamp(&self) -> u32 {
        let [_, _, _, _, a, b, c, d, ..] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The synchronization source.
    pub fn ssrc(&self) -> u32 {
        let [.., a, b, c, d] = *self.header;
        u32::from_be_bytes([a, b, c, d])
    }

    /// The marker bit; for video, the last packet of a picture.
    pub fn marker(&self) -> bool {
        self.header[1] & MARKER != 0
    }

    /// The payload type, 0 to 127.
    pub fn payload_type(&self) -> u8 {
        self.header[1] & !MARKER
    }

    /// The payload without padding; may be empty.
    pub fn payload(&self) -> &'a [u8] {
        &self.rest[self.payload.0..self.payload.1]
    }

    /// The header extension: its profile's 16 bits, and its data.
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        if self.header[0] & EXTENSION == 0 {
            return None;
        }
        let words = self.rest.get(sources_len(self.header)..self.payload.0)?;
        let ([a, b, _, _], data) = words.split_first_chunk()?;
        Some((u16::from_be_bytes([*a, *b]), data))
    }
}

/// A valid RTP packet whose header can be rewritten; the length never changes.
#[derive(Debug, PartialEq, Eq)]
pub struct RtpPacketMut<'a> {
    header: &'a mut [u8; HEADER_LEN],
    rest: &'a mut [u8],
    payload: (usize, usize),
}

impl<'a> RtpPacketMut<'a> {
    /// Checks as [`RtpPacket::parse`] does.
    ///
    /// # Errors
    ///
    /// The first rule that is broken.
    pub fn parse(bytes: &'a mut [u8]) -> Result<Self, RtpError> {
        let len = bytes.len();
        let Some((header, rest)) = bytes.split_first_chunk_mut() else {
            return Err(RtpError::TooShort { len });
        };
        let payload = payload_range(header, rest)?;
        Ok(Self { header, rest, payload: (payload.start, payload.end) })
    }

    /// The packet for reading.
    pub fn as_packet(&self) -> RtpPacket<'_> {
        RtpPacket { header: self.header, rest: self.rest, payload: self.payload }
    }

    /// The payload, whose length stays.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        let (start, end) = self.payload;
        &mut self.rest[start..end]
    }

    /// Replaces the sequence number.
    pub fn set_sequence(&mut self, sequence: u16) {
        self.header[2..4].copy_from_slice(&sequence.to_be_bytes());
    }

    /// Replaces the timestamp.
    pub fn set_timestamp(&mut self, timestamp: u32) {
        self.header[4..8].copy_from_slice(&timestamp.to_be_bytes());
    }

    /// Replaces the synchronization source.
    pub fn set_ssrc(&mut self, ssrc: u32) {
        self.header[8..12].copy_from_slice(&ssrc.to_be_bytes());
    }

    /// Replaces the payload type; only its low 7 bits count.
    pub fn set_payload_type(&mut self, payload_type: u8) {
        self.header[1] = self.header[1] & MARKER | payload_type & !MARKER;
    }

    /// Sets or clears the marker bit.
    pub fn set_marker(&mut self, marker: bool) {
        self.header[1] = self.header[1] & !MARKER | if marker { MARKER } else { 0 };
    }
}

/// Appends the 12 bytes of a header without sources, extension and padding.
///
/// Only the low 7 bits of `payload_type` count.
pub fn write_header(
    out: &mut Vec<u8>,
    marker: bool,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
) {
    out.extend_from_slice(&[0x80, payload_type & !MARKER | if marker { MARKER } else { 0 }]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&timestamp.to_be_bytes());
    out.extend_from_slice(&ssrc.to_be_bytes());
}

fn sources_len(header: &[u8; HEADER_LEN]) -> usize {
    usize::from(header[0] & 0x0f) * 4
}

/// Where the payload is in `rest`; every accessor leans on this having been checked.
fn payload_range(header: &[u8; HEADER_LEN], rest: &[u8]) -> Result<Range<usize>, RtpError> {
    let version = header[0] >> 6;
    if version != 2 {
        return Err(RtpError::Version { version });
    }
    let len = HEADER_LEN + rest.len();
    let mut start = sources_len(header);
    if start > rest.len() {
        return Err(RtpError::Sources { needed: HEADER_LEN + start, len });
    }
    if header[0] & EXTENSION != 0 {
        let words = match rest.get(start + 2..start + 4) {
            Some(&[a, b]) => usize::from(u16::from_be_bytes([a, b])),
            _ => return Err(RtpError::Extension { needed: HEADER_LEN + start + 4, len }),
        };
        start += 4 + words * 4;
        if start > rest.len() {
            return Err(RtpError::Extension { needed: HEADER_LEN + start, len });
        }
    }
    let available = rest.len() - start;
    let padding = if header[0] & PADDING == 0 {
        0
    } else {
        match rest[start..].last() {
            Some(&count) if count > 0 && usize::from(count) <= available => usize::from(count),
            Some(&count) => return Err(RtpError::Padding { count, available }),
            None => return Err(RtpError::Padding { count: 0, available }),
        }
    };
    Ok(start..rest.len() - padding)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write_header(&mut bytes, true, 96, 0xfffe, 0x0102_0304, 0xdead_beef);
        bytes.extend_from_slice(payload);
        bytes
    }

    #[test]
    fn a_header_reads_back_as_it_was_written() {
        let bytes = plain(b"abc");
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!(packet.sequence(), 0xfffe);
        assert_eq!(packet.timestamp(), 0x0102_0304);
        assert_eq!(packet.ssrc(), 0xdead_beef);
        assert!(packet.marker());
        assert_eq!(packet.payload_type(), 96);
        assert_eq!(packet.payload(), b"abc");
        assert_eq!(packet.extension(), None);
    }

    #[test]
    fn sources_extension_and_padding_are_not_taken_for_media() {
        let mut bytes = plain(&[]);
        bytes[0] = 0x80 | PADDING | EXTENSION | 2;
        bytes.extend_from_slice(&[1; 8]);
        bytes.extend_from_slice(&[0xab, 0xac, 0, 1, 9, 9, 9, 9]);
        bytes.extend_from_slice(&[0x65, 0x88, 0, 0, 3]);
        let packet = RtpPacket::parse(&bytes).unwrap();
        assert_eq!(packet.payload(), [0x65, 0x88]);
        assert_eq!(packet.extension(), Some((0xabac, &[9; 4][..])));
    }

    #[test]
    fn an_empty_payload_and_one_of_padding_alone_are_valid() {
        assert_eq!(RtpPacket::parse(&plain(&[])).unwrap().payload(), b"");
        let mut bytes = plain(&[0, 0, 3]);
        bytes[0] |= PADDING;
        assert_eq!(RtpPacket::parse(&bytes).unwrap().payload(), b"");
    }

    #[test]
    fn broken_packets_name_the_rule() {
        let with = |first: u8, payload: &[u8]| {
            let mut bytes = plain(payload);
            bytes[0] = first;
            RtpPacket::parse(&bytes).unwrap_err().to_string()
        };
        assert_eq!(
            RtpPacket::parse(&[0x80; 11]).unwrap_err().to_string(),
            "an RTP packet of 11 bytes, shorter than its 12-byte header"
        );
        assert_eq!(with(0x00, b""), "RTP version 0 instead of 2");
        assert_eq!(
            with(0x82, b"1234"),
            "the contributing sources end at byte 20 of an RTP packet of 16 bytes"
        );
        assert_eq!(
            with(0x90, b"123"),
            "the extension ends at byte 16 of an RTP packet of 15 bytes"
        );
        assert_eq!(
            with(0x90, &[0, 0, 0, 2, 1, 2, 3, 4]),
            "the extension ends at byte 24 of an RTP packet of 20 bytes"
        );
        assert_eq!(with(0xa0, &[1, 4]), "4 bytes of padding in an RTP payload of 2 bytes");
        assert_eq!(with(0xa0, &[1, 0]), "0 bytes of padding in an RTP payload of 2 bytes");
        assert_eq!(with(0xa0, &[]), "0 bytes of padding in an RTP payload of 0 bytes");
    }

    #[test]
    fn rewriting_touches_the_named_field_alone() {
        let mut bytes = plain(b"payload");
        let mut packet = RtpPacketMut::parse(&mut bytes).unwrap();
        packet.set_payload_type(0xff);
        packet.set_marker(false);
        packet.set_sequence(7);
        packet.set_timestamp(8);
        packet.set_ssrc(9);
        let seen = packet.as_packet();
        assert_eq!(
            (seen.payload_type(), seen.marker(), seen.sequence(), seen.timestamp(), seen.ssrc()),
            (127, false, 7, 8, 9)
        );
        assert_eq!(seen.payload(), b"payload");
    }

    proptest! {
        #[test]
        fn no_bytes_lead_out_of_bounds(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            crate::fuzz::rtp::rtp(&bytes);
        }

        #[test]
        fn valid_headers_of_every_shape_are_read(
            mut bytes in proptest::collection::vec(any::<u8>(), 12..128)
        ) {
            bytes[0] = bytes[0] & 0x3f | 0x80;
            crate::fuzz::rtp::rtp(&bytes);
        }

        #[test]
        fn what_is_written_is_read(
            marker: bool, pt in 0u8..128, seq: u16, ts: u32, ssrc: u32, payload: Vec<u8>
        ) {
            let mut bytes = Vec::new();
            write_header(&mut bytes, marker, pt, seq, ts, ssrc);
            bytes.extend_from_slice(&payload);
            let packet = RtpPacket::parse(&bytes).unwrap();
            prop_assert_eq!(
                (packet.marker(), packet.payload_type(), packet.sequence()), (marker, pt, seq)
            );
            prop_assert_eq!((packet.timestamp(), packet.ssrc()), (ts, ssrc));
            prop_assert_eq!(packet.payload(), &payload[..]);
        }
    }
}
