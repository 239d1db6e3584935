//! Which port of the camera a track's packets come from.
//!
//! Cameras send from other ports than they announce, and not every packet that reaches a port of
//! ours from the camera's address is meant for it: a session that the camera has forgotten to end,
//! or another camera behind the same address, may send into it. So the first sender counts, until
//! the announced one is heard, or the counting one has been silent.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// After so long without a packet another port may take over: a restarted camera, a NAT that
/// forgot.
const SILENCE: Duration = Duration::from_secs(1);

/// The sender of a track.
#[derive(Debug, Default)]
pub(super) struct Sender {
    /// As the answer to SETUP has it.
    announced: Option<u16>,
    current: Option<(SocketAddr, Instant)>,
}

impl Sender {
    /// With the port that the camera announced, if it did.
    pub(super) fn new(announced: Option<u16>) -> Self {
        Self { announced, current: None }
    }

    /// Whether a packet that came from there is the track's.
    pub(super) fn sends(&mut self, from: SocketAddr, now: Instant) -> bool {
        let is_announced = |address: SocketAddr| Some(address.port()) == self.announced;
        let taken = match self.current {
            None => true,
            Some((known, _)) if known == from => true,
            Some((known, _)) if is_announced(from) && !is_announced(known) => true,
            Some((_, last)) => now.saturating_duration_since(last) > SILENCE,
        };
        if taken {
            self.current = Some((from, now));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn a_foreign_session_from_the_same_address_cannot_mix_in() {
        let now = Instant::now();
        let mut sender = Sender::new(None);
        assert!(sender.sends(at(7000), now));
        assert!(!sender.sends(at(8000), now));
        assert!(sender.sends(at(7000), now));
    }

    #[test]
    fn the_announced_port_wins_whoever_came_first() {
        let now = Instant::now();
        let mut sender = Sender::new(Some(6970));
        assert!(sender.sends(at(8000), now));
        assert!(sender.sends(at(6970), now));
        assert!(!sender.sends(at(8000), now));
    }

    #[test]
    fn a_camera_that_goes_on_from_another_port_is_heard_again() {
        let now = Instant::now();
        let mut sender = Sender::new(Some(6970));
        assert!(sender.sends(at(6970), now));
        assert!(!sender.sends(at(8000), now + SILENCE));
        let later = now + SILENCE + Duration::from_millis(1);
        assert!(sender.sends(at(8000), later));
        assert!(sender.sends(at(8000), later));
    }
}
