//! What a joining viewer needs of the recent past of one track.

use std::sync::Arc;

use super::batch::{Batch, Kind};

/// The current group of pictures of a video track, from its random access point on, without those
/// that refer to what was before; where each
/// picture stands alone, all parts of the latest; of any other track the latest batch.
#[derive(Debug, Default)]
pub struct Gop {
    batches: Vec<Arc<Batch>>,
    bytes: usize,
}

impl Gop {
    /// Takes the next batch of the track. A group that outgrows `limit` bytes is forgotten: until
    /// the next random access point there is none. What is no longer needed is given back, so
    /// that the caller can drop it after letting go of its locks.
    #[must_use]
    pub fn push(&mut self, batch: &Arc<Batch>, limit: usize) -> Vec<Arc<Batch>> {
        let mut old = Vec::new();
        match batch.kind {
            Kind::Control => return old,
            Kind::RandomAccess => old = self.clear(),
            // A large picture comes in parts.
            Kind::Media if batch.unit_start || !batch.video => old = self.clear(),
            _ if self.batches.is_empty() => return old,
            // Whoever begins with this group could not decode it.
            _ if batch.leading => return old,
            Kind::Media | Kind::Config | Kind::Reference | Kind::Disposable => {}
        }
        if self.bytes + batch.bytes() > limit {
            old.append(&mut self.clear());
            return old;
        }
        self.bytes += batch.bytes();
        self.batches.push(Arc::clone(batch));
        old
    }

    /// Forgets everything.
    #[must_use]
    pub fn clear(&mut self) -> Vec<Arc<Batch>> {
        self.bytes = 0;
        std::mem::take(&mut self.batches)
    }

    /// The group so far; empty when a decoder could not begin now.
    pub fn batches(&self) -> &[Arc<Batch>] {
        &self.batches
    }

    /// What the group costs.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::super::gate::tests::batch;
    use super::*;

    #[test]
    fn it_holds_the_group_from_its_key_frame_on() {
        let mut gop = Gop::default();
        let kinds = [Kind::Reference, Kind::RandomAccess, Kind::Reference, Kind::Disposable];
        for kind in kinds {
            assert!(gop.push(&batch(kind, true), usize::MAX).is_empty());
        }
        assert_eq!(gop.batches().len(), 3);
        assert_eq!(gop.push(&batch(Kind::RandomAccess, true), usize::MAX).len(), 3);
        assert_eq!(gop.batches().len(), 1);
    }

    #[test]
    fn what_refers_to_the_group_before_is_not_held() {
        let mut gop = Gop::default();
        let key = batch(Kind::RandomAccess, true);
        let _ = gop.push(&key, usize::MAX);
        for unit_start in [true, false] {
            let leading = batch(Kind::Reference, unit_start);
            let leading = Batch { leading: true, ..leading.again(leading.arrived) };
            assert!(gop.push(&Arc::new(leading), usize::MAX).is_empty());
        }
        assert_eq!(gop.bytes(), key.bytes());
        let _ = gop.push(&batch(Kind::Reference, true), usize::MAX);
        assert_eq!(gop.batches().len(), 2);
    }

    #[test]
    fn a_picture_that_stands_alone_is_held_with_all_its_parts() {
        let mut gop = Gop::default();
        let [start, part] = [true, false].map(|start| batch(Kind::Media, start));
        assert!(gop.push(&part, usize::MAX).is_empty());
        assert!(gop.batches().is_empty(), "its beginning is missing");
        for old in [0, 3] {
            assert_eq!(gop.push(&start, usize::MAX).len(), old);
            for _ in 0..2 {
                assert!(gop.push(&part, usize::MAX).is_empty());
            }
            assert_eq!(gop.batches().len(), 3);
        }
        let sound = Arc::new(Batch { video: false, ..part.again(part.arrived) });
        assert_eq!(gop.push(&sound, usize::MAX).len(), 3);
        assert_eq!(gop.push(&sound, usize::MAX).len(), 1);
    }

    #[test]
    fn a_group_over_the_limit_is_forgotten_until_the_next_key_frame() {
        let mut gop = Gop::default();
        let key = batch(Kind::RandomAccess, true);
        let limit = 2 * key.bytes();
        for _ in 0..2 {
            let _ = gop.push(&key, limit);
            let _ = gop.push(&batch(Kind::Reference, true), limit);
            assert_eq!(gop.batches().len(), 2);
            assert_eq!(gop.push(&batch(Kind::Reference, true), limit).len(), 2);
            assert_eq!((gop.batches().len(), gop.bytes()), (0, 0));
            let _ = gop.push(&batch(Kind::Reference, true), limit);
            assert!(gop.batches().is_empty());
        }
    }
}
