//! How long a camera remembers a session of ours that has ended.
//!
//! Many cameras have one session, or few, and some keep an old one for seconds after TEARDOWN, or
//! for up to a minute after the connection was lost: until then they refuse the next (453). How long
//! is learned from the camera: the time from the end of a session to the next one that it granted,
//! if it refused one in between. From then on it is not asked before that time is over. After a
//! TEARDOWN that it answered it usually forgets at once, so the two ways to part are kept apart.

use std::time::{Duration, Instant};

use super::slot::Slot;

/// A camera that refuses for longer has another reason than our old session.
const LONGEST: Duration = Duration::from_secs(60);
/// While a session is waited for that the camera must first forget, it is asked this often at
/// least: each question tells how long it remembers.
pub(super) const PACE: Duration = Duration::from_secs(1);

/// What is known of one camera's memory; it outlives the reader.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When our last session ended, and how.
    ended: Option<(Instant, Parting)>,
    /// A session was refused since then.
    refused: bool,
    after_farewell: Option<Duration>,
    after_loss: Option<Duration>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parting {
    /// The camera answered TEARDOWN.
    Farewell,
    /// It may not know yet that nobody is there any more.
    Loss,
}

impl Memory {
    pub(super) fn ended(&mut self, parting: Parting, now: Instant) {
        self.ended = Some((now, parting));
        self.refused = false;
    }

    /// No session is free. Tells how long ago ours ended, if the camera may still have it.
    pub(super) fn refused(&mut self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.ended?.0);
        let ours = Some(since).filter(|since| *since < LONGEST);
        self.refused |= ours.is_some();
        ours
    }

    pub(super) fn granted(&mut self, now: Instant) {
        if let Some((at, parting)) = self.ended.take().filter(|_| self.refused) {
            let took = now.saturating_duration_since(at);
            if took < LONGEST {
                // Its clock and ours do not tick alike.
                *self.learned(parting) = Some(took + took / 10);
            }
        }
        self.refused = false;
    }

    /// Before this moment the camera would refuse. Somebody may be waiting, and what was learned
    /// may have had another reason, so it is not longer than `at_most` after the end.
    pub(super) fn free_at(&mut self, at_most: Duration) -> Option<Instant> {
        let (at, parting) = self.ended.filter(|_| !self.refused)?;
        let learned = *self.learned(parting);
        learned.map(|learned| at + learned.min(at_most))
    }

    fn learned(&mut self, parting: Parting) -> &mut Option<Duration> {
        match parting {
            Parting::Farewell => &mut self.after_farewell,
            Parting::Loss => &mut self.after_loss,
        }
    }
}

impl Slot {
    /// A connection is over on which the camera had granted a session.
    pub(super) fn parted(&self, parting: Parting) {
        self.lock().memory.ended(parting, Instant::now());
    }

    /// The camera granted a session.
    pub(super) fn granted(&self) {
        self.lock().memory.granted(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    #[test]
    fn what_a_camera_refused_for_is_waited_for_the_next_time() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut memory = Memory::default();
        memory.ended(Parting::Loss, begin);
        assert_eq!(memory.free_at(LONG), None, "nothing is known yet");
        assert_eq!(memory.refused(at(400)), Some(Duration::from_millis(400)));
        assert_eq!(memory.free_at(LONG), None, "back-off decides until it is granted");
        memory.granted(at(3000));
        assert_eq!(memory.free_at(LONG), None, "the session is there");

        memory.ended(Parting::Loss, at(10_000));
        assert_eq!(memory.free_at(LONG), Some(at(13_300)));
        assert_eq!(memory.free_at(Duration::from_secs(1)), Some(at(11_000)));
        memory.granted(at(13_300));
        memory.ended(Parting::Farewell, at(20_000));
        assert_eq!(memory.free_at(LONG), None, "the other way to part is another matter");
    }

    #[test]
    fn a_camera_that_is_taken_by_somebody_else_teaches_nothing() {
        let begin = Instant::now();
        let mut memory = Memory::default();
        assert_eq!(memory.refused(begin), None, "there was no session of ours");
        memory.granted(begin);
        memory.ended(Parting::Farewell, begin);
        assert_eq!(memory.refused(begin + LONGEST), None);
        memory.granted(begin + LONGEST);
        memory.ended(Parting::Farewell, begin + 2 * LONGEST);
        assert_eq!(memory.free_at(LONG), None);
    }
}
