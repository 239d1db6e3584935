//! The unit that travels: wire bytes that are built once and written as they are to everybody.

use std::time::Instant;

use rtsp_proto::codec::Codec;
use rtsp_proto::rtp::{HEADER_LEN, RtpPacketMut, sequence};

/// Bytes in front of each packet: `$`, channel, length ([RFC 2326 section 10.12]).
///
/// [RFC 2326 section 10.12]: https://www.rfc-editor.org/rfc/rfc2326#section-10.12
pub const PREFIX: usize = 4;

/// The packets of one access unit of one track (or a part of at most 64 KiB of it), or one RTCP
/// compound, each with its interleaved prefix.
///
/// The prefix of track `i` says channel `2·i` for RTP and `2·i + 1` for RTCP; most viewers ask for
/// just these and get the bytes untouched.
#[derive(Debug)]
pub struct Batch {
    /// The packets with their prefixes, ready to be written.
    pub wire: Box<[u8]>,
    /// How many packets `wire` holds.
    pub packets: u16,
    /// Index of the track in the presentation.
    pub track: u8,
    /// What it is to a viewer.
    pub kind: Kind,
    /// Whether the track is video, so that pictures must come whole and from a key frame on.
    pub video: bool,
    /// The first packet begins a picture; false for a picture's second and later parts.
    pub unit_start: bool,
    /// It is of a picture that is shown before the key frame in front of it and may refer to what was
    /// before that: nothing for who begins at that key frame, nor does anything else need it.
    pub leading: bool,
    /// It holds parameter sets.
    pub parameter_sets: bool,
    /// RTP sequence number of the first packet, on the relay's timeline. Unused for RTCP.
    pub first_sequence: u16,
    /// The number after the last packet's.
    pub next_sequence: u16,
    /// [`Batch::next_sequence`] of the batch before this one on the same track: a difference to
    /// `first_sequence` is what the camera's network lost.
    pub preceding: u16,
    /// RTP timestamp of all its packets, on the relay's timeline.
    pub timestamp: u32,
    /// When its first packet was read from the camera.
    pub arrived: Instant,
}

/// What a batch is to a viewer that has missed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A decoder can begin here.
    RandomAccess,
    /// Parameter sets and the like without a picture: small, and always passed on.
    Config,
    /// A picture that others refer to.
    Reference,
    /// A picture that no other refers to.
    Disposable,
    /// Packets of a track that is no video.
    Media,
    /// RTCP.
    Control,
}

impl Batch {
    /// Packets that the camera's network lost just before this batch.
    pub fn lost_before(&self) -> u16 {
        sequence::distance(self.preceding, self.first_sequence).max(0) as u16
    }

    /// The SSRC of its packets; `None` for RTCP.
    pub fn ssrc(&self) -> Option<u32> {
        let field =
            self.wire.get(PREFIX + 8..PREFIX + 12).filter(|_| self.kind != Kind::Control)?;
        Some(u32::from_be_bytes(field.try_into().ok()?))
    }

    /// Each packet with its prefix, in order.
    pub fn frames(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &*self.wire;
        std::iter::from_fn(move || {
            let length = usize::from(u16::from_be_bytes([*rest.get(2)?, *rest.get(3)?]));
            let (frame, more) = rest.split_at_checked(PREFIX + length)?;
            rest = more;
            Some(frame)
        })
    }

    /// Whether its last packet has the marker bit.
    pub(super) fn ends_picture(&self) -> bool {
        let last = self.frames().last();
        last.and_then(|frame| frame.get(PREFIX + 1)).is_some_and(|byte| byte & 0x80 != 0)
    }

    /// A copy that comes now.
    pub(super) fn again(&self, now: Instant) -> Self {
        Self { wire: self.wire.clone(), arrived: now, ..*self }
    }

    /// Gives its RTP packets other numbers, consecutive where they were, and one timestamp.
    pub(super) fn renumber(&mut self, first_sequence: u16, timestamp: u32) {
        let step = first_sequence.wrapping_sub(self.first_sequence);
        self.each_head(|head| {
            let sequence = u16::from_be_bytes([head[6], head[7]]).wrapping_add(step);
            head[6..8].copy_from_slice(&sequence.to_be_bytes());
            head[8..12].copy_from_slice(&timestamp.to_be_bytes());
        });
        self.first_sequence = first_sequence;
        self.next_sequence = self.next_sequence.wrapping_add(step);
        self.preceding = self.preceding.wrapping_add(step);
        self.timestamp = timestamp;
    }

    /// Makes its RTP packets those of another track.
    pub(super) fn retag(&mut self, track: u8, ssrc: u32, payload_type: u8) {
        self.each_head(|head| {
            head[1] = 2 * track;
            head[5] = head[5] & 0x80 | payload_type & 0x7f;
            head[12..16].copy_from_slice(&ssrc.to_be_bytes());
        });
        self.track = track;
    }

    /// Makes its key frame one that begins anew for a decoder that has seen other pictures.
    pub(super) fn break_link(&mut self, codec: Codec) {
        let mut rest = &mut *self.wire;
        while let Some(&[_, _, high, low]) = rest.first_chunk() {
            let length = PREFIX + usize::from(u16::from_be_bytes([high, low]));
            let Some((frame, more)) = rest.split_at_mut_checked(length) else { return };
            let payload = RtpPacketMut::parse(&mut frame[PREFIX..]);
            if let Ok(mut packet) = payload {
                codec.break_link(packet.payload_mut());
            }
            rest = more;
        }
    }

    /// Shows the prefix and the fixed RTP header of each packet.
    fn each_head(&mut self, mut change: impl FnMut(&mut [u8; PREFIX + HEADER_LEN])) {
        let mut at = 0;
        while let Some(head) = self.wire.get_mut(at..).and_then(<[u8]>::first_chunk_mut) {
            change(head);
            at += PREFIX + usize::from(u16::from_be_bytes([head[2], head[3]]));
        }
    }

    /// What it costs to keep.
    pub fn bytes(&self) -> usize {
        self.wire.len() + size_of::<Self>()
    }
}
