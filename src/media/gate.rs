//! Which batches a viewer gets that has missed some, or has only just come.

use std::time::{Duration, Instant};

use super::MAX_TRACKS;
use super::batch::{Batch, Kind};

/// A camera that shows no random access point for this long is taken to have none at all (some
/// refresh their picture in stripes): better a picture that heals than none.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Lets whole pictures through, from a random access point on, until it is closed again.
///
/// One for each viewer, looked at for each picture: a few bytes, a bit for each track.
#[derive(Debug)]
pub struct Gate {
    /// Tracks that wait for no random access point.
    open: u16,
    /// Tracks the start of whose current picture went through, so its other parts must too.
    in_picture: u16,
    /// Tracks whose viewer began at their latest random access point, and lacks what was before it.
    anew: u16,
    /// When the gate was last closed.
    closed_at: Instant,
}

const _: () = assert!(MAX_TRACKS <= 16, "a bit for each track");

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

impl Gate {
    /// A gate that waits for a random access point on each video track.
    pub fn closed(now: Instant) -> Self {
        Self { open: 0, in_picture: 0, anew: 0, closed_at: now }
    }

    /// Opens a track: the viewer was just given everything up to now since the latest random access
    /// point.
    pub fn open(&mut self, track: u8) {
        self.open |= bit(track);
        self.in_picture |= bit(track);
        self.anew |= bit(track);
    }

    /// Closes all tracks. `in_picture` tells for each track whether the start of its current
    /// picture went out, so that the picture is finished all the same.
    pub fn close(&mut self, now: Instant, in_picture: impl Fn(u8) -> bool) {
        self.open = 0;
        self.closed_at = now;
        for track in (0..MAX_TRACKS as u8).filter(|track| !in_picture(*track)) {
            self.in_picture &= !bit(track);
        }
    }

    /// Whether the viewer gets this batch.
    pub fn admits(&mut self, batch: &Batch) -> Admits {
        if !batch.video || batch.kind == Kind::Control {
            return Admits::Yes;
        }
        let track = bit(batch.track);
        let is_open = self.open & track != 0;
        if batch.leading && self.anew & track != 0 {
            self.in_picture &= !track;
            return Admits::No;
        }
        let impatient = || batch.arrived.saturating_duration_since(self.closed_at) > PATIENCE;
        let begins = batch.kind == Kind::RandomAccess
            // Without NAL units to look at, any picture is as good a start as another.
            || batch.kind == Kind::Media && batch.unit_start
            || batch.unit_start && !is_open && impatient();
        if begins {
            self.open(batch.track);
            if is_open {
                // What was before it, the viewer has.
                self.anew &= !track;
                return Admits::Yes;
            }
            return Admits::Opens;
        }
        if batch.unit_start && !is_open {
            self.in_picture &= !track;
        } else if batch.unit_start {
            self.in_picture |= track;
        }
        if self.in_picture & track != 0 { Admits::Yes } else { Admits::No }
    }
}

/// The bit of a track.
pub fn bit(track: u8) -> u16 {
    1u16.checked_shl(track.into()).unwrap_or(0)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::Arc;

    use super::*;

    pub(crate) fn batch(kind: Kind, unit_start: bool) -> Arc<Batch> {
        Arc::new(Batch {
            wire: vec![0; 100].into(),
            packets: 1,
            track: 0,
            kind,
            video: true,
            unit_start,
            leading: false,
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
    fn who_begins_at_a_key_frame_is_spared_what_refers_beyond_it() {
        let leading = |unit_start| {
            let batch = Arc::into_inner(batch(Kind::Reference, unit_start)).unwrap();
            Batch { leading: true, ..batch }
        };
        let mut gate = Gate::closed(Instant::now());
        assert_eq!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::Opens);
        assert_eq!(gate.admits(&leading(true)), Admits::No);
        assert_eq!(gate.admits(&leading(false)), Admits::No, "nor its other parts");
        assert_eq!(gate.admits(&batch(Kind::Reference, true)), Admits::Yes);
        assert_eq!(gate.admits(&leading(true)), Admits::No, "in whatever order they come");
        // What is before the next one, the viewer has.
        assert_eq!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::Yes);
        assert_eq!(gate.admits(&leading(true)), Admits::Yes);
        // Given the group so far, and skipped forward.
        for close in [false, true] {
            let mut gate = Gate::closed(Instant::now());
            gate.open(0);
            if close {
                gate.close(Instant::now(), |_| false);
                assert_eq!(gate.admits(&batch(Kind::RandomAccess, true)), Admits::Opens);
            }
            assert_eq!(gate.admits(&leading(true)), Admits::No, "{close}");
            assert_eq!(gate.admits(&batch(Kind::Disposable, true)), Admits::Yes, "{close}");
        }
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
    fn pictures_that_stand_alone_come_whole() {
        let mut gate = Gate::closed(Instant::now());
        let [start, part] = [true, false].map(|start| batch(Kind::Media, start));
        assert_eq!(gate.admits(&part), Admits::No);
        assert_eq!(gate.admits(&start), Admits::Opens);
        assert_eq!(gate.admits(&part), Admits::Yes);
        gate.close(Instant::now(), |_| true);
        assert_eq!(gate.admits(&part), Admits::Yes);
        gate.close(Instant::now(), |_| false);
        assert_eq!(gate.admits(&part), Admits::No, "its start was thrown away");
        assert_eq!(gate.admits(&start), Admits::Opens);
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
