//! How long a camera remembers a session of ours that has ended.
//!
//! Many cameras have one session, or few, and some keep an old one for seconds after TEARDOWN, or
//! for up to a minute after the connection was lost: until then they refuse the next (453). How long
//! is learned from the camera: the time from the end of a session to the next one that it granted,
//! if it refused one in between. From then on it is not asked before that time is over. After a
//! TEARDOWN that it answered it usually forgets at once, so the two ways to part are kept apart.
//!
//! The lesson costs refusals, and cameras shall have to refuse as seldom as can be: those that do not
//! forget at once take seconds, so that much later the second question comes, and not by back-off.

use std::time::{Duration, Instant};

use super::slot::Slot;

/// A camera that refuses for longer has another reason than our old session.
const LONGEST: Duration = Duration::from_secs(60);
/// So many times `retry_initial_ms` after the end of a session that the camera still has, it is asked
/// for the second time: 4 s, if that is the default.
const FIRST_LESSON: u32 = 8;

/// What is known of one camera's memory; it outlives the reader.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// When our last session ended, and how.
    ended: Option<(Instant, Parting)>,
    /// A session was refused since then: when the camera is asked again.
    ask_at: Option<Instant>,
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
        self.ask_at = None;
    }

    /// No session is free. If the camera may still have ours: how long ago that ended, and when to ask
    /// again, which is no later than `at_most` from now, as somebody may be waiting. `least` is the
    /// shortest pause between two attempts.
    pub(super) fn refused(
        &mut self,
        now: Instant,
        least: Duration,
        at_most: Duration,
    ) -> Option<(Duration, Instant)> {
        let since = now.saturating_duration_since(self.ended?.0);
        let ours = Some(since).filter(|since| *since < LONGEST);
        let pause = since.max((FIRST_LESSON * least).saturating_sub(since));
        self.ask_at = ours.map(|_| now + pause.min(at_most).max(least));
        ours.zip(self.ask_at)
    }

    pub(super) fn granted(&mut self, now: Instant) {
        if let Some((at, parting)) = self.ended.take().filter(|_| self.ask_at.is_some()) {
            let took = now.saturating_duration_since(at);
            if took < LONGEST {
                // Its clock and ours do not tick alike.
                *self.learned(parting) = Some(took + took / 10);
            }
        }
        self.ask_at = None;
    }

    /// Before this moment the camera would refuse. Somebody may be waiting, and what was learned
    /// may have had another reason, so it is not longer than `at_most` after the end.
    pub(super) fn free_at(&mut self, at_most: Duration) -> Option<Instant> {
        let (at, parting) = self.ended?;
        if self.ask_at.is_some() {
            return self.ask_at;
        }
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
    const LEAST: Duration = Duration::from_millis(500);

    #[test]
    fn what_a_camera_refused_for_is_waited_for_the_next_time() {
        let begin = Instant::now();
        let at = |ms| begin + Duration::from_millis(ms);
        let mut memory = Memory::default();
        memory.ended(Parting::Loss, begin);
        assert_eq!(memory.free_at(LONG), None, "nothing is known yet");
        let since = Duration::from_millis(400);
        assert_eq!(memory.refused(at(400), LEAST, LONG), Some((since, at(4000))));
        assert_eq!(memory.free_at(LONG), Some(at(4000)), "whoever asks");
        memory.granted(at(4000));
        assert_eq!(memory.free_at(LONG), None, "the session is there");

        memory.ended(Parting::Loss, at(10_000));
        assert_eq!(memory.free_at(LONG), Some(at(14_400)));
        assert_eq!(memory.free_at(Duration::from_secs(1)), Some(at(11_000)));
        memory.granted(at(14_400));
        memory.ended(Parting::Farewell, at(20_000));
        assert_eq!(memory.free_at(LONG), None, "the other way to part is another matter");
    }

    #[test]
    fn a_camera_that_takes_long_is_asked_ever_more_rarely_but_within_a_viewers_patience() {
        let begin = Instant::now();
        let mut memory = Memory::default();
        memory.ended(Parting::Farewell, begin);
        let mut asked = Vec::new();
        let mut now = begin;
        while let Some((since, next)) = memory.refused(now, LEAST, Duration::from_secs(5)) {
            asked.push(since.as_secs());
            now = next;
        }
        assert_eq!(asked, [0, 4, 8, 13, 18, 23, 28, 33, 38, 43, 48, 53, 58]);
        assert_eq!(memory.free_at(LONG), None, "it has another reason");
    }

    #[test]
    fn a_camera_that_is_taken_by_somebody_else_teaches_nothing() {
        let begin = Instant::now();
        let mut memory = Memory::default();
        assert_eq!(memory.refused(begin, LEAST, LONG), None, "there was no session of ours");
        memory.granted(begin);
        memory.ended(Parting::Farewell, begin);
        assert_eq!(memory.refused(begin + LONGEST, LEAST, LONG), None);
        memory.granted(begin + LONGEST);
        memory.ended(Parting::Farewell, begin + 2 * LONGEST);
        assert_eq!(memory.free_at(LONG), None);
    }
}
