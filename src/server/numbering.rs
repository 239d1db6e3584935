//! How one track's packets are numbered for one viewer.
//!
//! A viewer that has missed nothing gets the shared numbers. What the relay skipped for a viewer
//! is closed up, so a gap that a viewer sees is always one that the camera's network made.

use rtsp_proto::rtcp::RtcpPacket;

use crate::media::batch::{Kind, PREFIX};
use crate::media::burst::Item;
use crate::media::hub::FirstPacket;

/// Characters of a reason in BYE, whose length is one byte.
const BYE_REASON: usize = 60;

/// Interleaved prefix and the fixed part of the RTP header: what differs between viewers.
pub(super) const HEAD: usize = PREFIX + rtsp_proto::rtp::HEADER_LEN;

/// Heads that there is room for at least, see the same in the TCP outlet.
const ROOM: usize = 128;

/// Where one track is with one viewer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Numbering {
    /// Added to each sequence number.
    shift: u16,
    /// The shared number after the last packet that went out.
    next: Option<u16>,
    /// The SSRC of what went out last.
    ssrc: Option<u32>,
}

impl Numbering {
    /// Takes note of a batch that goes out now; `true` when its bytes may go as they are, `false`
    /// when the viewer needs a [`Numbering::copy`].
    pub(super) fn pass(&mut self, item: &Item) -> bool {
        let batch = &item.batch;
        if batch.kind == Kind::Control {
            return true;
        }
        self.shift = self.shift_at(batch.preceding);
        self.next = Some(batch.next_sequence);
        self.ssrc = batch.ssrc();
        self.shift == 0 && item.timestamp.is_none()
    }

    /// The number under which the viewer will see this packet, if it comes next on its track.
    pub(super) fn sequence_of(&self, first: &FirstPacket) -> u16 {
        first.sequence.wrapping_add(self.shift_at(first.preceding))
    }

    /// The source and the number of the packet that went out last.
    pub(super) fn last_packet(&self) -> Option<(u32, u16)> {
        Some((self.ssrc?, self.next?.wrapping_sub(1).wrapping_add(self.shift)))
    }

    /// The shift for a batch that follows this number: what the viewer did not get leaves no gap.
    fn shift_at(&self, preceding: u16) -> u16 {
        let skipped = self.next.map_or(0, |next| preceding.wrapping_sub(next));
        self.shift.wrapping_sub(skipped)
    }

    /// The first [`HEAD`] bytes of each frame of the batch, with this viewer's numbers and times,
    /// on these channels (RTP and RTCP). What is behind them is the same for everybody.
    pub(super) fn heads(&self, item: &Item, channels: (u8, u8)) -> Vec<[u8; HEAD]> {
        let control = item.batch.kind == Kind::Control;
        let channel = if control { channels.1 } else { channels.0 };
        let head = |frame: &[u8]| {
            let mut head = [0; HEAD];
            let length = frame.len().min(HEAD);
            head[..length].copy_from_slice(&frame[..length]);
            head[1] = channel;
            if !control {
                let sequence = u16::from_be_bytes([head[6], head[7]]).wrapping_add(self.shift);
                head[6..8].copy_from_slice(&sequence.to_be_bytes());
                if let Some(timestamp) = item.timestamp {
                    head[8..12].copy_from_slice(&timestamp.to_be_bytes());
                }
            }
            head
        };
        let mut heads = Vec::with_capacity(usize::from(item.batch.packets).max(ROOM));
        heads.extend(item.batch.frames().map(head));
        heads
    }

    /// The whole batch as [`Numbering::heads`] has it.
    pub(super) fn copy(&self, item: &Item, channels: (u8, u8)) -> Vec<u8> {
        let mut copy = Vec::with_capacity(item.batch.wire.len());
        for (frame, head) in item.batch.frames().zip(self.heads(item, channels)) {
            let length = frame.len().min(HEAD);
            copy.extend_from_slice(&head[..length]);
            copy.extend_from_slice(&frame[length..]);
        }
        copy
    }

    /// RTCP BYE ([RFC 3550 section 6.6]): no more packets, and why.
    ///
    /// [RFC 3550 section 6.6]: https://www.rfc-editor.org/rfc/rfc3550#section-6.6
    pub(super) fn bye(&self, reason: &str) -> Vec<u8> {
        let mut packet = Vec::new();
        let ssrc = self.ssrc.unwrap_or_default();
        RtcpPacket::ReceiverReport { ssrc, reports: Vec::new() }.encode(&mut packet);
        let reason = Some(reason.chars().take(BYE_REASON).collect());
        RtcpPacket::Bye { ssrcs: self.ssrc.into_iter().collect(), reason }.encode(&mut packet);
        packet
    }
}
