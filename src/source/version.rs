//! Which version of RTSP a camera is asked in.
//!
//! 2.0 is spoken where the camera's answer to OPTIONS shows that it knows it. One that refuses it then
//! is asked in 1.0 at once, in the same handshake, and in 1.0 from the beginning for the next
//! [`REFUSAL_HOLDS`]: it may have another firmware then. A camera that grants everything in 2.0 and
//! brings no media is doubted: the next attempt is in 1.0, and shows whether it was the version. Whatever
//! else fails in 2.0 says nothing about it.

use std::time::{Duration, Instant};

use rtsp_proto::Version;
use rtsp_proto::dialog::Rtsp2;

use super::slot::Slot;
use super::{Cause, Offline, OfflineKind};

/// As long is a camera that does not speak 2.0 not asked in it. To ask again costs it a request, or
/// a connection.
const REFUSAL_HOLDS: Duration = Duration::from_secs(3600);

/// What is known of a camera's RTSP 2.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum VersionMemory {
    /// Nothing that speaks against it.
    #[default]
    Unsuspected,
    /// The last attempt failed in a way that the version may explain.
    Doubted,
    /// The camera did not bear it; that holds until this moment.
    Refused(Instant),
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outcome<'a> {
    /// It brought media, whatever came then.
    Media,
    /// Nobody wanted the stream any more.
    Unwanted,
    /// It brought none.
    Failure(&'a Offline),
}

impl VersionMemory {
    /// The newest version to speak.
    fn newest(self, now: Instant) -> Version {
        match self {
            Self::Doubted => Version::V1_0,
            Self::Refused(until) if now < until => Version::V1_0,
            Self::Unsuspected | Self::Refused(_) => Version::V2_0,
        }
    }

    /// After an attempt in which the camera's 2.0 showed itself like this.
    fn after(self, seen: Rtsp2, outcome: Outcome<'_>, now: Instant) -> Self {
        let refused = Self::Refused(now + REFUSAL_HOLDS);
        match (seen, outcome) {
            (Rtsp2::Refused, _) => refused,
            // It answered the request before, which was in 1.0.
            (Rtsp2::Unanswered, Outcome::Failure(offline))
                if offline.kind == OfflineKind::StartTimeout =>
            {
                refused
            }
            (Rtsp2::Doubted, Outcome::Failure(_)) => Self::Doubted,
            (Rtsp2::Spoken, Outcome::Failure(offline))
                if matches!(offline.cause, Cause::Silence | Cause::Transport) =>
            {
                Self::Doubted
            }
            (Rtsp2::Spoken, Outcome::Media) => Self::Unsuspected,
            // It was asked in 1.0 alone.
            (Rtsp2::Untried, Outcome::Media) if self == Self::Doubted => refused,
            (Rtsp2::Untried, Outcome::Failure(_)) if self == Self::Doubted => Self::Unsuspected,
            _ => self,
        }
    }
}

impl Slot {
    /// The newest version to speak.
    pub(super) fn newest_version(&self, now: Instant) -> Version {
        self.lock().version.newest(now)
    }

    /// An attempt is over, in which the camera's 2.0 showed itself like this.
    pub(super) fn judge_version(&self, seen: Rtsp2, outcome: Outcome<'_>, now: Instant) {
        let mut state = self.lock();
        let before = state.version;
        state.version = before.after(seen, outcome, now);
        let news = match (before, state.version) {
            (VersionMemory::Refused(_), VersionMemory::Refused(_)) => None,
            (_, VersionMemory::Refused(_)) => Some("the camera refuses RTSP 2.0, using 1.0"),
            (VersionMemory::Doubted, VersionMemory::Doubted) => None,
            (_, VersionMemory::Doubted) => Some("RTSP 2.0 brought no media, trying 1.0"),
            (_, VersionMemory::Unsuspected) => None,
        };
        drop(state);
        if let Some(news) = news {
            log::info!("{news} stream={}", self.stream.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use rtsp_proto::dialog::DialogError;

    use super::*;

    fn failure(kind: OfflineKind, cause: Cause) -> Offline {
        Offline::new(kind, "it failed").at(cause)
    }

    /// Failures that have nothing to do with the version.
    fn accidents() -> Vec<Offline> {
        let login = DialogError::LoginRefused { step: "DESCRIBE", scheme: None };
        vec![
            failure(OfflineKind::Unreachable, Cause::NoAnswer),
            failure(OfflineKind::Lost, Cause::Other),
            failure(OfflineKind::StartTimeout, Cause::Other),
            Offline::from(DialogError::NotFound),
            Offline::from(login),
            Offline::from(DialogError::NoMedia),
        ]
    }

    #[test]
    fn only_what_the_version_may_explain_speaks_against_it() {
        let now = Instant::now();
        let new = VersionMemory::default();
        for offline in accidents() {
            for seen in [Rtsp2::Untried, Rtsp2::Spoken] {
                let after = new.after(seen, Outcome::Failure(&offline), now);
                assert_eq!(after.newest(now), Version::V2_0, "{seen:?} {offline}");
            }
        }
        for seen in [Rtsp2::Untried, Rtsp2::Unanswered, Rtsp2::Spoken, Rtsp2::Doubted] {
            assert_eq!(new.after(seen, Outcome::Unwanted, now), new, "{seen:?}");
        }
        let lost = failure(OfflineKind::Lost, Cause::Other);
        assert_eq!(new.after(Rtsp2::Unanswered, Outcome::Failure(&lost), now), new);
    }

    #[test]
    fn a_refusal_holds_for_an_hour() {
        let now = Instant::now();
        let mute = failure(OfflineKind::StartTimeout, Cause::Other);
        let new = VersionMemory::default();
        for refused in [
            new.after(Rtsp2::Refused, Outcome::Media, now),
            new.after(Rtsp2::Refused, Outcome::Unwanted, now),
            new.after(Rtsp2::Unanswered, Outcome::Failure(&mute), now),
        ] {
            let late = now + REFUSAL_HOLDS - Duration::from_secs(1);
            // What becomes of 1.0 does not change it.
            for memory in [
                refused,
                refused.after(Rtsp2::Untried, Outcome::Media, late),
                refused.after(Rtsp2::Untried, Outcome::Failure(&mute), late),
            ] {
                assert_eq!(memory.newest(late), Version::V1_0);
                assert_eq!(memory.newest(now + REFUSAL_HOLDS), Version::V2_0);
            }
            let again = refused.after(Rtsp2::Spoken, Outcome::Media, now + REFUSAL_HOLDS);
            assert_eq!(again, new);
        }
    }

    #[test]
    fn a_doubt_is_settled_by_one_attempt_in_the_first_version() {
        let now = Instant::now();
        let new = VersionMemory::default();
        let closed = failure(OfflineKind::Lost, Cause::Other);
        for (seen, offline) in [
            (Rtsp2::Spoken, failure(OfflineKind::StartTimeout, Cause::Silence)),
            (Rtsp2::Spoken, failure(OfflineKind::Refused, Cause::Transport)),
            (Rtsp2::Doubted, closed),
        ] {
            let doubted = new.after(seen, Outcome::Failure(&offline), now);
            assert_eq!(doubted.newest(now), Version::V1_0, "{seen:?}");
            assert_eq!(doubted.after(Rtsp2::Untried, Outcome::Unwanted, now), doubted);
            let worked = doubted.after(Rtsp2::Untried, Outcome::Media, now);
            assert_eq!(worked, VersionMemory::Refused(now + REFUSAL_HOLDS));
            // It is as silent in 1.0.
            assert_eq!(doubted.after(Rtsp2::Untried, Outcome::Failure(&offline), now), new);
        }
    }
}
