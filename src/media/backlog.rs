//! What was accepted for one viewer and is not wholly written yet.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};

use super::batch::Batch;

/// The number of batches, which decides the way of the next one, and their bytes.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    batches: AtomicUsize,
    bytes: AtomicUsize,
}

impl Backlog {
    /// One more is accepted.
    pub(super) fn add(&self, batch: &Batch) {
        self.bytes.fetch_add(batch.bytes(), Relaxed);
        self.batches.fetch_add(1, SeqCst);
    }

    /// One that took so many [`Batch::bytes`] is written, or thrown away.
    pub(super) fn remove(&self, bytes: usize) {
        self.batches.fetch_sub(1, SeqCst);
        self.bytes.fetch_sub(bytes, Relaxed);
    }

    /// Whether everything is written.
    pub(super) fn is_empty(&self) -> bool {
        self.batches.load(SeqCst) == 0
    }

    /// What is held for the viewer, in memory that others may hold as well.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Relaxed)
    }
}
