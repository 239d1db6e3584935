//! What carries a camera's media: its RTSP connection, or datagrams. Which is tried, and when the
//! other one.

use std::fmt;
use std::time::Duration;

use crate::config::model::TransportPolicy;

/// When nothing came over UDP for so long after PLAY, something in between lets nothing through.
pub(super) const UDP_SILENCE: Duration = Duration::from_secs(3);

/// What carries RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Frames on the RTSP connection.
    Tcp,
    /// Datagrams.
    Udp,
}

impl Carrier {
    fn other(self) -> Self {
        match self {
            Self::Tcp => Self::Udp,
            Self::Udp => Self::Tcp,
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        })
    }
}

/// The choice for one connection.
#[derive(Debug)]
pub(super) struct Choice {
    policy: TransportPolicy,
    current: Carrier,
    /// The other one has been tried, too.
    changed: bool,
}

impl Choice {
    /// `worked` is what carried media the last time, if anything did.
    pub(super) fn new(policy: TransportPolicy, worked: Option<Carrier>) -> Self {
        let current = match policy {
            TransportPolicy::Auto => worked.unwrap_or(Carrier::Tcp),
            TransportPolicy::Tcp => Carrier::Tcp,
            TransportPolicy::Udp => Carrier::Udp,
        };
        Self { policy, current, changed: false }
    }

    /// What is asked for.
    pub(super) fn current(&self) -> Carrier {
        self.current
    }

    /// Whether there is another one to go to.
    pub(super) fn can_change(&self) -> bool {
        self.policy == TransportPolicy::Auto && !self.changed
    }

    /// The current one does not work: the other one, or why there is none.
    pub(super) fn change(&mut self) -> Result<Carrier, String> {
        if self.can_change() {
            self.changed = true;
            self.current = self.current.other();
            return Ok(self.current);
        }
        Err(match self.policy {
            TransportPolicy::Auto => "the camera refuses RTP over TCP and over UDP".to_owned(),
            TransportPolicy::Tcp => {
                "the camera refuses RTP over the RTSP connection: try transport=auto or udp"
                    .to_owned()
            }
            TransportPolicy::Udp => {
                "the camera refuses RTP over UDP: try transport=auto or tcp".to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_begins_with_what_worked_and_tries_each_once() {
        for (worked, order) in [
            (None, [Carrier::Tcp, Carrier::Udp]),
            (Some(Carrier::Tcp), [Carrier::Tcp, Carrier::Udp]),
            (Some(Carrier::Udp), [Carrier::Udp, Carrier::Tcp]),
        ] {
            let mut choice = Choice::new(TransportPolicy::Auto, worked);
            assert_eq!(choice.current(), order[0]);
            assert_eq!(choice.change(), Ok(order[1]));
            assert!(!choice.can_change());
            assert!(choice.change().unwrap_err().contains("over TCP and over UDP"));
        }
    }

    #[test]
    fn what_the_operator_chose_is_not_changed() {
        let mut choice = Choice::new(TransportPolicy::Udp, Some(Carrier::Tcp));
        assert_eq!(choice.current(), Carrier::Udp);
        assert!(choice.change().unwrap_err().contains("transport=auto"));
        let mut choice = Choice::new(TransportPolicy::Tcp, Some(Carrier::Udp));
        assert_eq!(choice.current(), Carrier::Tcp);
        assert!(choice.change().is_err());
    }
}
