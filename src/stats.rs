//! Counters that threads bump as they work and that the status reads.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `more`.
    pub fn add(&self, more: u64) {
        self.0.fetch_add(more, Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down, or is unknown.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// From now on it is this.
    pub fn set(&self, value: Option<u64>) {
        self.0.store(value.map_or(0, |value| value.saturating_add(1)), Relaxed);
    }

    /// What it is.
    pub fn get(&self) -> Option<u64> {
        self.0.load(Relaxed).checked_sub(1)
    }
}

/// What one stream has done since the start.
#[derive(Debug, Default)]
pub struct StreamStats {
    /// Bytes of RTP and RTCP from the camera, with their interleaved prefixes.
    pub bytes_in: Counter,
    /// Bytes written to all viewers.
    pub bytes_out: Counter,
    /// RTP packets from the camera.
    pub packets: Counter,
    /// Packets that the camera's numbering shows as lost, and those that came too late.
    pub packets_lost: Counter,
    /// Packets that came too late to be put into order; viewers do not get them.
    pub packets_late: Counter,
    /// Packets that were overtaken by others and put back into order.
    pub packets_reordered: Counter,
    /// Packets that came twice.
    pub packets_duplicate: Counter,
    /// Pictures from the camera.
    pub pictures: Counter,
    /// Pictures that viewers were too slow for.
    pub frames_skipped: Counter,
    /// Pictures per 1000 s that come from the camera.
    pub picture_rate_milli: Gauge,
    /// From one key frame to the next, in milliseconds.
    pub gop_ms: Gauge,
    /// How unevenly packets come (RFC 3550 section 6.4.1), in microseconds.
    pub jitter_us: Gauge,
    /// How often the camera was reached after it had been lost.
    pub reconnects: Counter,
    /// Viewers that were refused.
    pub refused: Counter,
}
