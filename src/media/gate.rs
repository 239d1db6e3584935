//! Which batches a viewer gets that has missed some, or has only just come.

use std::time::{Duration, Instant};

use super::MAX_TRACKS;
use super::batch::{Batch, Kind};

/// A camera that shows no random access point for this long is taken to have none at all (some
/// refresh their picture in stripes): better a picture that heals than none.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Lets whole pictures through, from a random access point on, until it is closed again.
#[derive(Debug)]
pub struct Gate {
    tracks: [Track; MAX_TRACKS],
}

/// What becomes of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admits {
    /// The viewer does not get it.
    No,
    /// The viewer gets it.
    Yes,
    /// The viewer gets it, and has missed what was before: parameter sets come first.
    Opens,
}

#[derive(Clone, Copy, Debug)]
struct Track {
    /// Since when a random access point is awaited; `None` while the gate is open.
    closed: Option<Instant>,
    /// The start of the current picture went through, so its other parts must too.
    in_picture: bool,
}

impl Gate {
    /// A gate that waits for a random access point on each video track.
    pub fn closed(now: Instant) -> Self {
        Self { tracks: [Track { closed: Some(now), in_picture: false }; MAX_TRACKS] }
    }

    /// Opens a track: the viewer was just given everything up to now.
    pub fn open(&mut self, track: u8) {
        if let Some(track) = self.tracks.get_mut(usize::from(track)) {
            *track = Track { closed: None, in_picture: true };
        }
    }

    /// Closes all tracks. `in_picture` tells for each track whether the start of its current
    /// picture went out, so that the picture is finished all the same.
    pub fn close(&mut self, now: Instant, in_picture: impl Fn(u8) -> bool) {
        for (index, track) in self.tracks.iter_mut().enumerate() {
            track.closed.get_or_insert(now);
            track.in_picture &= in_picture(index as u8);
        }
    }

    /// Whether the viewer gets this batch.
    pub fn admits(&mut self, batch: &Batch) -> Admits {
        let Some(track) = self.tracks.get_mut(usize::from(batch.track)) else { return Admits::No };
        if !batch.video || batch.kind == Kind::Control {
            return Admits::Yes;
        }
        let begins = batch.kind == Kind::RandomAccess
            // Without NAL units to look at, any picture is as good a start as another.
            || batch.kind == Kind::Media && batch.unit_start
            || batch.unit_start
                && track.closed.is_some_and(|at| batch.arrived.saturating_duration_since(at) > PATIENCE);
        if begins {
            let was_closed = track.closed.is_some();
            *track = Track { closed: None, in_picture: true };
            return if was_closed { Admits::Opens } else { Admits::Yes };
        }
        if batch.unit_start {
            track.in_picture = track.closed.is_none();
        }
        if track.in_picture { Admits::Yes } else { Admits::No }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    pub(crate) fn batch(kind: Kind, unit_start: bool) -> Arc<Batch> {
        Arc::new(Batch {
            wire: vec![0; 100],
            packets: 1,
            track: 0,
            kind,
            video: true,
            unit_start,
            parameter_sets: false,
            first_sequence: 0,
            next_sequence: 1,
            preceding: 0,
            timestamp: 0,
            arrived: Instant::now(),
        })
    }

    #[test]
    fn a_closed_gate_opens_at_a_key_frame() {
        let mut gate = Gate::closed(Instant::now());
        assert_eq!(gate.admits(&batch(Kind::Reference, true)), Admits::No);
        assert_eq!(gate.admits(&batch(Kind::Reference, false)), Admits::No);
        assert_eq!(gate.admits(&batch(Kind::Config, true)), Admits::No);
        assert_eq!(gate.admits(&batch(Kind::RandomAccess, false)), Admits::Opens);
        assert_eq!(gate.admits(&batch(Kind::Reference, false)), Admits::Yes, "its other parts");
        assert_eq!(gate.admits(&batch(Kind::Disposable, true)), Admits::Yes);
        assert_eq!(gate.admits(&batch(Kind::Config, true)), Admits::Yes);
        assert_eq!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::Yes);
    }

    #[test]
    fn a_picture_that_was_begun_is_finished_before_the_gate_is_shut() {
        let mut gate = Gate::closed(Instant::now());
        assert_ne!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::No);
        gate.close(Instant::now(), |_| true);
        assert_ne!(gate.admits(&batch(Kind::Reference, false)), Admits::No);
        assert_eq!(gate.admits(&batch(Kind::Reference, true)), Admits::No);
        assert_eq!(gate.admits(&batch(Kind::Reference, false)), Admits::No);
        assert_ne!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::No);
        gate.close(Instant::now(), |_| false);
        assert_eq!(
            gate.admits(&batch(Kind::Reference, false)),
            Admits::No,
            "its start was thrown away"
        );
    }

    #[test]
    fn a_camera_without_key_frames_is_shown_after_all() {
        let mut gate = Gate::closed(Instant::now());
        assert_eq!(gate.admits(&batch(Kind::Reference, true)), Admits::No);
        let mut late = Arc::into_inner(batch(Kind::Reference, true)).unwrap();
        late.arrived += PATIENCE + Duration::from_secs(1);
        assert_ne!(gate.admits(&late), Admits::No);
    }
}
