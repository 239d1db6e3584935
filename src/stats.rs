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
    /// How often the camera was reached after it had been lost.
    pub reconnects: Counter,
    /// Viewers that were refused.
    pub refused: Counter,
}
