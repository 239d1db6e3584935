//! The relay's own RTP timeline of one track.
//!
//! Viewers see one SSRC, sequence numbers without jumps and timestamps that only advance, whatever
//! the camera does: reconnect, reboot, change its SSRC, or jump. What the camera's network lost
//! stays visible as a gap, because it is one.

use std::time::{Duration, Instant};

use rtsp_proto::rtp::{RtpPacketMut, sequence};

/// Sequence numbers farther apart than this (RFC 3550 appendix A.1, MAX_DROPOUT) are a restart
/// of the camera's numbering, not loss.
const MAX_DROPOUT: i16 = 3000;
/// As far behind may a packet be that the network delayed (RFC 3550 appendix A.1, MAX_MISORDER).
const MAX_MISORDER: i16 = 100;
/// A timestamp that is this much off the clock on the wall is a jump of the camera's clock.
const MAX_DRIFT: Duration = Duration::from_secs(10);

/// Where one track stands.
#[derive(Debug)]
pub struct Timeline {
    ssrc: u32,
    clock_rate: u32,
    offsets: Option<Offsets>,
    last: Option<Last>,
    next_sequence: u16,
    next_timestamp: u32,
    /// The timestamp with which it is to begin again, if something better is known than the time
    /// on the wall.
    beginning: Option<u32>,
    packets: u32,
    octets: u32,
}

#[derive(Clone, Copy, Debug)]
struct Offsets {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
}

#[derive(Clone, Copy, Debug)]
struct Last {
    sequence: u16,
    timestamp: u32,
    arrived: Instant,
}

/// What was done with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapped {
    /// It follows its predecessors.
    Continues,
    /// First of the track, or first after [`Timeline::interrupt`].
    Begins,
    /// The camera's SSRC changed; hidden from the viewers.
    SsrcChanged,
    /// The camera's numbering jumped; hidden from the viewers.
    SequenceJumped,
    /// The camera's timestamps jumped; hidden from the viewers.
    TimestampJumped,
}

impl Timeline {
    /// A timeline that begins at the given random values ([RFC 3550 section 5.1]).
    ///
    /// [RFC 3550 section 5.1]: https://www.rfc-editor.org/rfc/rfc3550#section-5.1
    pub fn new(clock_rate: u32, ssrc: u32, sequence: u16, timestamp: u32) -> Self {
        Self {
            ssrc,
            clock_rate: clock_rate.max(1),
            offsets: None,
            last: None,
            next_sequence: sequence,
            next_timestamp: timestamp,
            beginning: None,
            packets: 0,
            octets: 0,
        }
    }

    /// Rewrites SSRC, sequence number and timestamp of a packet from the camera.
    pub fn map(&mut self, packet: &mut RtpPacketMut<'_>, now: Instant) -> Mapped {
        let view = packet.as_packet();
        let (ssrc, sequence, timestamp) = (view.ssrc(), view.sequence(), view.timestamp());
        let octets = view.payload().len() as u32;
        let mapped = self.judge(ssrc, sequence, timestamp, now);
        let offsets = match (self.offsets, mapped) {
            (Some(offsets), Mapped::Continues) => offsets,
            (Some(offsets), Mapped::TimestampJumped) => {
                Offsets { timestamp: self.timestamp_at(now).wrapping_sub(timestamp), ..offsets }
            }
            (Some(offsets), Mapped::SequenceJumped) => {
                Offsets { sequence: self.next_sequence.wrapping_sub(sequence), ..offsets }
            }
            _ => {
                let beginning = self.beginning.take().unwrap_or_else(|| self.timestamp_at(now));
                Offsets {
                    ssrc,
                    sequence: self.next_sequence.wrapping_sub(sequence),
                    timestamp: beginning.wrapping_sub(timestamp),
                }
            }
        };
        self.offsets = Some(offsets);
        let sequence = sequence.wrapping_add(offsets.sequence);
        let timestamp = timestamp.wrapping_add(offsets.timestamp);
        packet.set_ssrc(self.ssrc);
        packet.set_sequence(sequence);
        packet.set_timestamp(timestamp);
        if mapped != Mapped::Continues || sequence::distance(self.next_sequence, sequence) >= 0 {
            self.next_sequence = sequence.wrapping_add(1);
            self.last = Some(Last { sequence, timestamp, arrived: now });
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(octets);
        mapped
    }

    /// The source went away: the next packet, whatever its numbers, continues the timeline, its
    /// timestamp advanced by the time that has passed on the wall.
    pub fn interrupt(&mut self) {
        self.offsets = None;
    }

    /// Whether the next packet is the first, or the first after [`Timeline::interrupt`].
    pub fn begins(&self) -> bool {
        self.offsets.is_none()
    }

    /// The next packet begins the timeline, or begins it again, at this timestamp.
    pub fn begin_at(&mut self, timestamp: u32) {
        self.beginning = Some(timestamp);
    }

    /// The camera's timestamp on this timeline; `None` before the first packet.
    pub fn map_timestamp(&self, timestamp: u32) -> Option<u32> {
        Some(timestamp.wrapping_add(self.offsets?.timestamp))
    }

    /// The timestamp that belongs to a moment, counted from the last packet.
    pub fn timestamp_at(&self, now: Instant) -> u32 {
        match self.last {
            None => self.next_timestamp,
            Some(last) => {
                let ticks = self.ticks(now.saturating_duration_since(last.arrived)).max(1);
                last.timestamp.wrapping_add(ticks)
            }
        }
    }

    /// Timestamp and moment of the last packet; `None` before the first.
    pub fn last(&self) -> Option<(u32, Instant)> {
        self.last.map(|last| (last.timestamp, last.arrived))
    }

    /// The SSRC viewers see.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Packets and payload octets so far, as a sender report counts them.
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    fn judge(&self, ssrc: u32, sequence: u16, timestamp: u32, now: Instant) -> Mapped {
        let (Some(offsets), Some(last)) = (self.offsets, self.last) else { return Mapped::Begins };
        if offsets.ssrc != ssrc {
            return Mapped::SsrcChanged;
        }
        let step = sequence::distance(last.sequence, sequence.wrapping_add(offsets.sequence));
        let ticks =
            sequence::ts_distance(last.timestamp, timestamp.wrapping_add(offsets.timestamp));
        // Most packets came with their predecessor and belong to the same picture: nothing to calculate.
        let jumped = (ticks != 0 || now != last.arrived) && {
            let since = now.saturating_duration_since(last.arrived);
            let passed = i64::from(self.ticks(since) as i32);
            let drift = (i64::from(ticks) - passed).unsigned_abs();
            drift > MAX_DRIFT.as_secs() * u64::from(self.clock_rate)
        };
        match (step, jumped) {
            // New numbers and a new clock at once: the camera began anew with its old SSRC.
            (step, true) if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) => Mapped::SsrcChanged,
            (step, _) if !(-MAX_MISORDER..=MAX_DROPOUT).contains(&step) => Mapped::SequenceJumped,
            (_, true) => Mapped::TimestampJumped,
            _ => Mapped::Continues,
        }
    }

    fn ticks(&self, time: Duration) -> u32 {
        sequence::ticks(time, self.clock_rate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Camera {
        timeline: Timeline,
        start: Instant,
    }

    impl Camera {
        fn new() -> Self {
            let timeline = Timeline::new(90_000, 0xaabb, 65_000, u32::MAX - 1000);
            Self { timeline, start: Instant::now() }
        }

        /// Sends a packet at `ms`; gives the sequence number and timestamp a viewer sees.
        fn send(
            &mut self,
            ms: u64,
            ssrc: u32,
            sequence: u16,
            timestamp: u32,
        ) -> (u16, u32, Mapped) {
            let mut bytes = Vec::new();
            rtsp_proto::rtp::write_header(&mut bytes, true, 96, sequence, timestamp, ssrc);
            let mut packet = RtpPacketMut::parse(&mut bytes).unwrap();
            let mapped = self.timeline.map(&mut packet, self.start + Duration::from_millis(ms));
            let view = packet.as_packet();
            assert_eq!((view.ssrc(), view.payload_type()), (0xaabb, 96));
            (view.sequence(), view.timestamp(), mapped)
        }
    }

    const T0: u32 = u32::MAX - 1000;

    #[test]
    fn a_steady_camera_is_shifted_and_nothing_else() {
        let mut camera = Camera::new();
        assert_eq!(camera.send(0, 1, 10, 500), (65_000, T0, Mapped::Begins));
        let next = (65_001, T0.wrapping_add(3600), Mapped::Continues);
        assert_eq!(camera.send(40, 1, 11, 4100), next);
        // Two packets lost on the camera's network stay lost; a late one keeps its place.
        assert_eq!(camera.send(80, 1, 14, 7700).0, 65_004);
        assert_eq!(camera.send(81, 1, 13, 7700).0, 65_003);
        assert_eq!(camera.send(120, 1, 15, 11_300).0, 65_005);
    }

    #[test]
    fn a_reconnect_is_a_pause_of_its_true_length() {
        let mut camera = Camera::new();
        camera.send(0, 1, 10, 500);
        camera.timeline.interrupt();
        let (sequence, timestamp, mapped) = camera.send(2000, 9, 60_000, 7);
        assert_eq!((sequence, mapped), (65_001, Mapped::Begins));
        assert_eq!(timestamp, T0.wrapping_add(180_000));
    }

    #[test]
    fn jumps_of_the_camera_do_not_reach_the_viewer() {
        let mut camera = Camera::new();
        camera.send(0, 1, 10, 500);
        let want = |n: u32, mapped| (65_000 + n as u16, T0.wrapping_add(n * 3600), mapped);
        assert_eq!(camera.send(40, 2, 900, 9_000_000), want(1, Mapped::SsrcChanged));
        assert_eq!(camera.send(80, 2, 30_000, 9_003_600), want(2, Mapped::SequenceJumped));
        assert_eq!(camera.send(120, 2, 30_001, 77), want(3, Mapped::TimestampJumped));
        assert_eq!(camera.send(160, 2, 30_002, 3677), want(4, Mapped::Continues));
    }

    #[test]
    fn a_pause_of_the_camera_is_no_jump() {
        let mut camera = Camera::new();
        camera.send(0, 1, 10, 500);
        let minute = camera.send(60_000, 1, 11, 500 + 60 * 90_000);
        assert_eq!(minute.2, Mapped::Continues);
    }

    #[test]
    fn pictures_out_of_order_keep_their_timestamps() {
        let mut camera = Camera::new();
        camera.send(0, 1, 10, 10_000);
        assert_eq!(camera.send(40, 1, 11, 17_200).1, T0.wrapping_add(7200));
        assert_eq!(camera.send(80, 1, 12, 13_600).1, T0.wrapping_add(3600));
    }
}
