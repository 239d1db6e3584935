//! How one track's packets are numbered for one viewer.
//!
//! A viewer that has missed nothing gets the shared numbers. What the relay skipped for a viewer
//! is closed up, so a gap that a viewer sees is always one that the camera's network made.

use rtsp_proto::rtcp::RtcpPacket;
use rtsp_proto::rtp::RtpPacketMut;

use crate::media::batch::{Kind, PREFIX};
use crate::media::burst::Item;
use crate::media::hub::FirstPacket;

/// Characters of a reason in BYE, whose length is one byte.
const BYE_REASON: usize = 60;

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

    /// The shift for a batch that follows this number: what the viewer did not get leaves no gap.
    fn shift_at(&self, preceding: u16) -> u16 {
        let skipped = self.next.map_or(0, |next| preceding.wrapping_sub(next));
        self.shift.wrapping_sub(skipped)
    }

    /// The batch with this viewer's numbers and times, on these channels (RTP and RTCP).
    pub(super) fn copy(&self, item: &Item, channels: (u8, u8)) -> Vec<u8> {
        let batch = &item.batch;
        let control = batch.kind == Kind::Control;
        let channel = if control { channels.1 } else { channels.0 };
        let mut copy = batch.wire.to_vec();
        let mut rest = copy.as_mut_slice();
        while let &mut [_, ref mut own, high, low, ref mut more @ ..] = rest {
            *own = channel;
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some((packet, others)) = more.split_at_mut_checked(length) else { break };
            if let Some(mut packet) = (!control).then(|| RtpPacketMut::parse(packet).ok()).flatten()
            {
                let sequence = packet.as_packet().sequence().wrapping_add(self.shift);
                packet.set_sequence(sequence);
                if let Some(timestamp) = item.timestamp {
                    packet.set_timestamp(timestamp);
                }
            }
            rest = others;
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

const _: () = assert!(PREFIX == 4, "the pattern in `copy` takes four bytes");
