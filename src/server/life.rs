//! When a client was last heard beside its connection.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The moment of the last report that came by UDP; written by the thread that reads them.
#[derive(Debug)]
pub(super) struct Life {
    since: Instant,
    /// Milliseconds after `since`; 0 for never.
    heard: AtomicU64,
}

impl Life {
    /// Not heard yet.
    pub(super) fn new() -> Self {
        Self { since: Instant::now(), heard: AtomicU64::new(0) }
    }

    /// The client is heard now.
    pub(super) fn touch(&self) {
        self.heard.store((self.since.elapsed().as_millis() as u64).max(1), Relaxed);
    }

    /// When the client was last heard.
    pub(super) fn heard(&self) -> Option<Instant> {
        let after = self.heard.load(Relaxed);
        (after > 0).then(|| self.since + Duration::from_millis(after))
    }
}

/// Whether this can be RTCP at all: version 2, and a type from the range of RFC 5761 section 4.
pub(super) fn is_rtcp(packet: &[u8]) -> bool {
    matches!(packet, [first, kind, _, _, ..] if first >> 6 == 2 && (192..=223).contains(kind))
}
