//! The clock of one RTP stream: a beat of pictures or audio packets by absolute time, without
//! drift, and the RTP numbers that go with it.

use rtsp_proto::rtcp::{NtpTime, RtcpPacket, SenderReport};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const SECOND_NS: u128 = 1_000_000_000;

/// Time since 1970.
pub fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The moment when all streams of a path began.
#[derive(Clone, Copy, Debug)]
pub struct Epoch {
    instant: Instant,
    unix: Duration,
}

/// The time between two pictures, at 25 a second, times the golden section: so the beats of however many
/// streams are spread evenly.
const OUT_OF_STEP: Duration = Duration::from_micros(24_721);

impl Epoch {
    /// Began just now, for each stream of a camera at a moment of its own: cameras that go in step
    /// are none that there are.
    pub fn of_stream(number: u32) -> Self {
        let ago = OUT_OF_STEP * number;
        let now = Instant::now();
        Self { instant: now.checked_sub(ago).unwrap_or(now), unix: unix_now().saturating_sub(ago) }
    }

    /// The same moment by a clock that nobody has set: it began in 1970.
    pub fn unset(self) -> Self {
        Self { unix: Duration::ZERO, ..self }
    }
}

/// How long a beat lasts, in seconds: `of` divided by `per_second`.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// How many parts of a second, such as samples.
    pub of: u32,
    /// How many of them a second has.
    pub per_second: u32,
}

impl Beat {
    /// What has happened of something that happens `rate` times a second, after so many beats.
    fn times(self, beats: u64, rate: u128) -> u128 {
        u128::from(beats) * u128::from(self.of) * rate / u128::from(self.per_second)
    }
}

/// One RTP stream.
#[derive(Debug)]
pub struct Timeline {
    /// Who sends.
    pub ssrc: u32,
    /// Of the next packet.
    pub sequence: u16,
    /// Counts the beats; the next one to be sent.
    pub beat: u64,
    epoch: Epoch,
    beat_length: Beat,
    clock_rate: u32,
    first_timestamp: u32,
    packets: u32,
    octets: u32,
}

impl Timeline {
    /// Beats of a clock of `clock_rate` Hz; `numbers` gives SSRC and first numbers.
    pub fn new(epoch: Epoch, beat_length: Beat, clock_rate: u32, numbers: (u32, u16, u32)) -> Self {
        let (ssrc, sequence, first_timestamp) = numbers;
        let (packets, octets, beat) = (0, 0, 0);
        Self {
            ssrc,
            sequence,
            beat,
            epoch,
            beat_length,
            clock_rate,
            first_timestamp,
            packets,
            octets,
        }
    }

    fn since_epoch(&self) -> Duration {
        let ns = self.beat_length.times(self.beat, SECOND_NS);
        Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
    }

    /// When the next beat is to be sent.
    pub fn due(&self) -> Instant {
        self.epoch.instant + self.since_epoch()
    }

    /// Skips the beats that lie before `now`.
    pub fn catch_up(&mut self, now: Instant) {
        let gone = now.saturating_duration_since(self.epoch.instant).as_nanos();
        let Beat { of, per_second } = self.beat_length;
        let beat = (gone * u128::from(per_second)).div_ceil(SECOND_NS * u128::from(of));
        self.beat = self.beat.max(u64::try_from(beat).unwrap_or(u64::MAX));
    }

    /// RTP time stamp of the next beat.
    pub fn timestamp(&self) -> u32 {
        self.timestamp_after(0)
    }

    /// RTP time stamp of what is sent with the next beat and shown `lag` beats later, or earlier.
    pub fn timestamp_at(&self, lag: i32) -> u32 {
        let beat = self.beat_length.times(1, self.clock_rate.into()) as i32;
        self.timestamp().wrapping_add_signed(lag * beat)
    }

    /// RTP time stamp `beats` after the next one.
    pub fn timestamp_after(&self, beats: u64) -> u32 {
        let ticks = self.beat_length.times(self.beat + beats, self.clock_rate.into());
        self.first_timestamp.wrapping_add(ticks as u32)
    }

    /// The camera begins anew: other numbers, and a clock that says something else.
    pub fn reboot(&mut self, epoch: Epoch, numbers: (u32, u16, u32)) {
        (self.ssrc, self.sequence, self.first_timestamp) = numbers;
        (self.packets, self.octets) = (0, 0);
        self.epoch = epoch;
    }

    /// Counts packets for the sender reports.
    pub fn count(&mut self, packets: usize, octets: usize) {
        self.packets = self.packets.wrapping_add(packets as u32);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// A sender report (RFC 3550, 6.4.1) that ties the next beat's RTP time to the wall clock.
    pub fn report(&self) -> Vec<u8> {
        let report = RtcpPacket::SenderReport(SenderReport {
            ssrc: self.ssrc,
            ntp: NtpTime::from_unix(self.epoch.unix + self.since_epoch()),
            rtp: self.timestamp(),
            packets: self.packets,
            octets: self.octets,
            reports: Vec::new(),
        });
        self.compound(report)
    }

    /// The end of the stream (RFC 3550, 6.6).
    pub fn bye(&self) -> Vec<u8> {
        let empty = RtcpPacket::ReceiverReport { ssrc: self.ssrc, reports: Vec::new() };
        let mut out = self.compound(empty);
        RtcpPacket::Bye { ssrcs: vec![self.ssrc], reason: None }.encode(&mut out);
        out
    }

    fn compound(&self, first: RtcpPacket) -> Vec<u8> {
        let mut out = Vec::new();
        first.encode(&mut out);
        let name = Some("camera@simulated".to_owned());
        RtcpPacket::SourceDescription { chunks: vec![(self.ssrc, name)] }.encode(&mut out);
        out
    }
}
