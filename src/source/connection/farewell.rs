//! The end of a session whose stream failed.

use std::time::{Duration, Instant};

use super::Connection;
use crate::net::Interest;
use crate::source::ingest::State;

/// So long is the camera's answer to TEARDOWN waited for when the stream has failed: viewers are
/// told of the failure only afterwards.
const HASTE: Duration = Duration::from_millis(500);

impl Connection<'_> {
    /// Ends the session, if the connection still carries a request: cameras keep a session that
    /// nobody ended for up to a minute, and some have one only. The answer is waited for, because a
    /// connection that is closed with bytes unread is reset, and the camera may never see the
    /// request.
    pub(super) fn leave_in_haste(&mut self) {
        self.ingest.leave(Instant::now());
        let deadline = Instant::now() + HASTE;
        while self.errands().is_ok() && self.ingest.state() != State::Left {
            if Instant::now() >= deadline
                || self.stream.wait(Interest::Read, self.waker, Some(deadline)).is_err()
                || self.receive().is_err()
            {
                return;
            }
        }
    }
}
