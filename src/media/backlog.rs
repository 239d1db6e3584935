//! What was accepted for one viewer and is not wholly written yet.

use std::sync::atomic::Ordering::{Relaxed, SeqCst};

use super::batch::Batch;
use super::sync::AtomicU32;

/// The number of batches, which decides the way of the next one, and their bytes. Small: it is in
/// the cache line that is looked at for each picture.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: AtomicU32,
    bytes: AtomicU32,
}

impl Backlog {
    /// One more is accepted.
    pub(super) fn add(&self, batch: &Batch) {
        self.bytes.fetch_add(batch.bytes() as u32, Relaxed);
        self.batches.fetch_add(1, SeqCst);
    }

    /// One that took so many [`Batch::bytes`] is written, or thrown away.
    pub(super) fn remove(&self, bytes: usize) {
        self.batches.fetch_sub(1, SeqCst);
        self.bytes.fetch_sub(bytes as u32, Relaxed);
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.load(SeqCst) == 0
    }

    /// What is held for the viewer, in memory that others may hold as well.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed) as usize
    }
}
