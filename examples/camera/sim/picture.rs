//! One access unit as RTP packets (RFC 6184, RFC 7798), made once and patched each time it is sent.
//!
//! The packets lie behind one another in the form of interleaved TCP (`$`, channel, length), so a
//! picture is one `write`; for UDP each packet is sent without its prefix.

use super::clip::AccessUnit;
use super::coding::Coding;
use super::options::{Marker, Packets};
use super::sei::{Stamp, TEXT};
use super::timeline::Timeline;

/// The largest RTP payload.
pub const MAX_PAYLOAD: usize = 1400;

const PREFIX: usize = 4;
const HEADER: usize = 12;

/// A picture ready for the wire.
#[derive(Clone, Debug)]
pub struct Picture {
    wire: Vec<u8>,
    /// Where in `wire` each packet's `$` stands.
    packets: Vec<usize>,
    /// Where in `wire` the text of the [`Stamp`] stands.
    stamp: Option<usize>,
    /// By how many pictures it is shown later than it is sent.
    lag: i32,
    /// Decoding can begin here.
    pub key: bool,
}

impl Picture {
    /// Cuts an access unit into packets of at most [`MAX_PAYLOAD`] bytes of payload: a NAL unit
    /// that is too large in fragments, small neighbours together, others alone.
    pub fn new(
        coding: Coding,
        unit: &AccessUnit,
        payload_type: u8,
        packets: Packets,
        marker: Marker,
    ) -> Self {
        let empty = Vec::with_capacity(unit.nal_units.iter().map(|nal| nal.len() + 64).sum());
        let (key, lag) = (unit.key, unit.lag);
        let mut picture = Self { wire: empty, packets: Vec::new(), stamp: None, lag, key };
        let mut rest = unit.nal_units.as_slice();
        while let [nal, others @ ..] = rest {
            let mut size = coding.header_len();
            let fits = |nal: &&Vec<u8>| {
                size += 2 + nal.len();
                size <= MAX_PAYLOAD
            };
            let together = match packets {
                Packets::Aggregated => rest.iter().take_while(fits).count(),
                Packets::Single => 1,
            };
            if nal.len() > MAX_PAYLOAD {
                picture.fragments(coding, nal, payload_type);
                rest = others;
            } else if together > 1 {
                picture.aggregate(coding, &rest[..together], payload_type);
                rest = &rest[together..];
            } else {
                picture.packet(payload_type, |payload| payload.extend_from_slice(nal));
                rest = others;
            }
        }
        let marked = match marker {
            Marker::Last => picture.packets.len().saturating_sub(1)..,
            Marker::Never => picture.packets.len()..,
            Marker::Every => 0..,
        };
        for &at in &picture.packets[marked] {
            picture.wire[at + PREFIX + 1] |= 0x80;
        }
        picture.stamp = Stamp::position(&picture.wire).filter(|at| at + TEXT <= picture.wire.len());
        picture
    }

    /// One packet that is whole by itself: a piece of audio.
    pub fn of_payload(bytes: &[u8], payload_type: u8, marker: bool) -> Self {
        let mut one =
            Self { wire: Vec::new(), packets: Vec::new(), stamp: None, lag: 0, key: true };
        one.packet(payload_type, |payload| payload.extend_from_slice(bytes));
        one.wire[PREFIX + 1] |= u8::from(marker) << 7;
        one.stamp = Stamp::position(&one.wire);
        one
    }

    fn packet(&mut self, payload_type: u8, write: impl FnOnce(&mut Vec<u8>)) {
        let at = self.wire.len();
        self.packets.push(at);
        self.wire.extend_from_slice(&[b'$', 0, 0, 0, 0x80, payload_type]);
        self.wire.resize(at + PREFIX + HEADER, 0);
        write(&mut self.wire);
        let length = (self.wire.len() - at - PREFIX) as u16;
        self.wire[at + 2..at + 4].copy_from_slice(&length.to_be_bytes());
    }

    fn aggregate(&mut self, coding: Coding, nal_units: &[Vec<u8>], payload_type: u8) {
        self.packet(payload_type, |payload| {
            payload.extend_from_slice(&coding.aggregate(nal_units));
            for nal in nal_units {
                payload.extend_from_slice(&(nal.len() as u16).to_be_bytes());
                payload.extend_from_slice(nal);
            }
        });
    }

    fn fragments(&mut self, coding: Coding, nal: &[u8], payload_type: u8) {
        let body = &nal[coding.header_len()..];
        let room = MAX_PAYLOAD - coding.header_len() - 1;
        let last = body.len().div_ceil(room) - 1;
        for (index, part) in body.chunks(room).enumerate() {
            self.packet(payload_type, |payload| {
                payload.extend_from_slice(&coding.fragment(nal, index == 0, index == last));
                payload.extend_from_slice(part);
            });
        }
    }

    /// How many packets it has.
    pub fn packets(&self) -> usize {
        self.packets.len()
    }

    /// Bytes of RTP, headers included.
    pub fn rtp_bytes(&self) -> usize {
        self.wire.len() - self.packets.len() * PREFIX
    }

    /// Writes the next sequence numbers, the time stamp and the SSRC of `timeline`, counts the
    /// packets there, and writes the stamp if the picture holds one.
    pub fn patch(&mut self, timeline: &mut Timeline, stamp: Stamp) {
        let timestamp = timeline.timestamp_at(self.lag).to_be_bytes();
        let ssrc = timeline.ssrc.to_be_bytes();
        for &at in &self.packets {
            let rtp = &mut self.wire[at + PREFIX..];
            rtp[2..4].copy_from_slice(&timeline.sequence.to_be_bytes());
            rtp[4..8].copy_from_slice(&timestamp);
            rtp[8..12].copy_from_slice(&ssrc);
            timeline.sequence = timeline.sequence.wrapping_add(1);
        }
        timeline.count(self.packets.len(), self.rtp_bytes() - self.packets.len() * HEADER);
        if let Some(at) = self.stamp {
            stamp.write(&mut self.wire[at..]);
        }
    }

    /// All packets for interleaved TCP on `channel`.
    pub fn interleaved(&mut self, channel: u8) -> &[u8] {
        if self.wire.get(1).is_some_and(|&current| current != channel) {
            self.packets.iter().for_each(|&at| self.wire[at + 1] = channel);
        }
        &self.wire
    }

    /// The packets one by one, for UDP.
    pub fn datagrams(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.packets.iter().skip(1).copied().chain([self.wire.len()]);
        self.packets.iter().zip(ends).map(|(&at, end)| &self.wire[at + PREFIX..end])
    }
}
