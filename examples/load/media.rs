//! What a viewer sees of its video, from packet headers alone (RFC 3550, RFC 6184).

use super::sei::Stamp;

const IDR: u8 = 5;
const SEI: u8 = 6;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// One access unit while it comes in.
#[derive(Clone, Copy, Debug, Default)]
struct Unit {
    timestamp: u32,
    /// Its first slice began here, and no packet was missing since.
    whole: bool,
    key: bool,
    stamp: Option<Stamp>,
}

/// One whole or broken access unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Picture {
    /// RTP time.
    pub(crate) timestamp: u32,
    /// An IDR picture of which nothing was missing.
    pub(crate) whole_key: bool,
    /// A decoder that did not lose anything since its last key frame shows it.
    pub(crate) decodable: bool,
    /// When the camera sent it.
    pub(crate) sent_ns: Option<u64>,
}

/// The video of one viewer.
#[derive(Debug, Default)]
pub(crate) struct Media {
    next: Option<u16>,
    unit: Option<Unit>,
    /// The packet at hand ends its access unit.
    marker: bool,
    last_count: Option<u64>,
    /// Something was missed since the last key frame, or there was none yet.
    waits_for_key: bool,
    /// Packets that the sequence numbers say are missing.
    pub(crate) lost_packets: u64,
    /// Pictures that the stamps say are missing.
    pub(crate) missed_pictures: u64,
    /// Packets seen.
    pub(crate) packets: u64,
}

impl Media {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self { waits_for_key: true, ..Self::default() }
    }

    /// A packet begins.
    pub(crate) fn packet(&mut self, head: &[u8]) {
        self.marker = false;
        let &[flags, kind, s0, s1, t0, t1, t2, t3, ..] = head else { return };
        let Some(payload) = payload(flags, head) else { return };
        self.packets += 1;
        self.marker = kind & 0x80 != 0;
        let sequence = u16::from_be_bytes([s0, s1]);
        let gap = self.next.map_or(0, |next| sequence.wrapping_sub(next) as i16);
        self.next = Some(sequence.wrapping_add(1));
        self.lost_packets += gap.max(0) as u64;
        let timestamp = u32::from_be_bytes([t0, t1, t2, t3]);
        // Without a marker the unit was cut short.
        let fresh = self.unit.is_none_or(|unit| unit.timestamp != timestamp);
        let mut unit = match self.unit {
            Some(unit) if !fresh => unit,
            _ => Unit { timestamp, whole: true, ..Unit::default() },
        };
        unit.whole &= gap == 0;
        unit.look(payload, fresh);
        self.unit = Some(unit);
    }

    /// Its last byte is here; the picture that it ends.
    pub(crate) fn packet_end(&mut self) -> Option<Picture> {
        if !std::mem::take(&mut self.marker) {
            return None;
        }
        let unit = self.unit.take()?;
        if let Some(stamp) = unit.stamp {
            let missed = self.last_count.map_or(0, |last| stamp.count.saturating_sub(last + 1));
            self.last_count = Some(stamp.count);
            self.missed_pictures += missed;
            self.waits_for_key |= missed > 0;
        }
        let whole_key = unit.key && unit.whole;
        self.waits_for_key = !whole_key && (self.waits_for_key || !unit.whole);
        Some(Picture {
            timestamp: unit.timestamp,
            whole_key,
            decodable: !self.waits_for_key,
            sent_ns: unit.stamp.map(|stamp| stamp.sent_ns),
        })
    }
}

impl Unit {
    fn look(&mut self, payload: &[u8], first: bool) {
        let Some((&header, rest)) = payload.split_first() else { return };
        match header & 0x1f {
            SEI => self.stamp = Stamp::find(payload).or(self.stamp),
            IDR => self.key = true,
            STAP_A => {
                let mut rest = rest;
                while let &[high, low, ref more @ ..] = rest {
                    let size = usize::from(u16::from_be_bytes([high, low])).min(more.len());
                    let (nal, others) = more.split_at(size);
                    self.look(nal, first);
                    rest = others;
                }
            }
            FU_A => {
                let fragment = rest.first().copied().unwrap_or_default();
                self.key |= fragment & 0x1f == IDR;
                // A unit does not begin in the middle of a slice.
                self.whole &= !first || fragment & 0x80 != 0;
            }
            _ => {}
        }
    }
}

/// Behind the RTP header with its sources and extension.
fn payload(flags: u8, head: &[u8]) -> Option<&[u8]> {
    let mut at = 12 + 4 * usize::from(flags & 0x0f);
    if flags & 0x10 != 0 {
        let words = head.get(at + 2..at + 4)?;
        at += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
    }
    head.get(at..)
}
