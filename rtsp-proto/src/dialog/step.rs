//! The steps of a dialog, as a table: how each is asked and what becomes of its answer.

use std::time::{Duration, Instant};

use super::{Dialog, DialogError, describe, keepalive, play, setup};
use crate::{Request, Response};

/// How long TEARDOWN is waited for: the camera's answer changes nothing any more.
pub(super) const TEARDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// What a request is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Options,
    Describe,
    Setup,
    Play,
    Keepalive,
    /// TEARDOWN of a session that another SETUP series replaces.
    Release,
    Teardown,
}

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// `DialogOptions::request_timeout`; then the dialog has failed.
    Request,
    /// Not at all: the dialog goes on without.
    None,
    /// [`TEARDOWN_TIMEOUT`]; then the dialog goes on as if it were answered.
    Teardown,
}

/// The request of a step; `None` when there is nothing left to ask.
type Ask = fn(&Dialog) -> Option<Request>;
/// What an answer means, after logins and redirects were dealt with.
type Answered = fn(&mut Dialog, &Response, Instant) -> Result<(), DialogError>;

pub(super) struct Row {
    step: Step,
    /// For messages.
    pub(super) name: &'static str,
    pub(super) patience: Patience,
    pub(super) ask: Ask,
    pub(super) answered: Answered,
}

#[rustfmt::skip]
static ROWS: [Row; 7] = [
    Row { step: Step::Options, name: "OPTIONS", patience: Patience::Request, ask: describe::options, answered: describe::options_answered },
    Row { step: Step::Describe, name: "DESCRIBE", patience: Patience::Request, ask: describe::describe, answered: describe::describe_answered },
    Row { step: Step::Setup, name: "SETUP", patience: Patience::Request, ask: setup::setup, answered: setup::setup_answered },
    Row { step: Step::Play, name: "PLAY", patience: Patience::Request, ask: play::play, answered: play::play_answered },
    Row { step: Step::Keepalive, name: "keepalive", patience: Patience::None, ask: keepalive::keepalive, answered: keepalive::keepalive_answered },
    Row { step: Step::Release, name: "TEARDOWN", patience: Patience::Teardown, ask: play::teardown, answered: play::release_answered },
    Row { step: Step::Teardown, name: "TEARDOWN", patience: Patience::Teardown, ask: play::teardown, answered: play::teardown_answered },
];

impl Step {
    pub(super) fn row(self) -> &'static Row {
        let row = &ROWS[self as usize];
        debug_assert_eq!(row.step, self);
        row
    }

    pub(super) fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether the dialog cannot go on without a good answer.
    pub(super) fn is_handshake(self) -> bool {
        self.row().patience == Patience::Request
    }
}

/// Where a dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// A step waits for its answer, or for a connection to be asked over.
    Asking {
        step: Step,
        /// Challenges answered for it so far.
        logins: u8,
    },
    /// The caller is to call `setup`.
    Described,
    Playing,
    /// TEARDOWN is on its way.
    Closing,
    /// Failed or torn down; nothing more is said, but for TEARDOWN.
    Over,
}

/// The connection to the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Up,
    /// The camera said that it closes after this answer; the caller was not told yet.
    Closing,
    /// The caller dials.
    Down,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_has_its_own_row() {
        for (at, row) in ROWS.iter().enumerate() {
            assert_eq!(row.step as usize, at);
            assert_eq!(row.step.name(), row.name);
        }
        assert!(Step::Play.is_handshake());
        assert!(!Step::Keepalive.is_handshake());
        assert!(!Step::Teardown.is_handshake());
    }
}
