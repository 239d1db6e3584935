//! What carries a camera's media: its RTSP connection, datagrams to the relay, or datagrams to a
//! group. Which is tried, and when the next one.

use std::fmt;
use std::time::Duration;

use rtsp_proto::dialog::TrackSetup;
use rtsp_proto::headers::Lower;

use crate::config::model::TransportPolicy;

/// When nothing came over UDP for so long after PLAY, something in between lets nothing through.
pub(super) const UDP_SILENCE: Duration = Duration::from_secs(3);

/// What carries RTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Frames on the RTSP connection.
    Tcp,
    /// Datagrams to the relay.
    Udp,
    /// Datagrams to a multicast group. It is asked for when the camera refuses the others: it needs
    /// more of the network, and brings nothing that they do not.
    Multicast,
}

impl Carrier {
    /// What carries these tracks; `None` without any.
    pub(super) fn of(tracks: &[TrackSetup]) -> Option<Self> {
        let is_multicast = |track: &TrackSetup| track.transport.is_multicast();
        let is_udp = |track: &TrackSetup| track.transport.lower == Lower::Udp;
        match tracks {
            [] => None,
            tracks if tracks.iter().any(is_multicast) => Some(Self::Multicast),
            tracks if tracks.iter().any(is_udp) => Some(Self::Udp),
            _ => Some(Self::Tcp),
        }
    }

    /// As programs call it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Multicast => "multicast",
        }
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Multicast => "multicast",
        })
    }
}

/// The choice for one connection.
#[derive(Debug)]
pub(super) struct Choice {
    policy: TransportPolicy,
    current: Carrier,
    /// What else may be tried, in this order.
    left: Vec<Carrier>,
}

impl Choice {
    /// `worked` is what carried media the last time, if anything did.
    pub(super) fn new(policy: TransportPolicy, worked: Option<Carrier>) -> Self {
        let mut left = match policy {
            TransportPolicy::Auto => vec![Carrier::Tcp, Carrier::Udp, Carrier::Multicast],
            TransportPolicy::Tcp => vec![Carrier::Tcp],
            TransportPolicy::Udp => vec![Carrier::Udp],
            TransportPolicy::Multicast => vec![Carrier::Multicast],
        };
        let first = left.iter().position(|carrier| Some(*carrier) == worked);
        let current = left.remove(first.unwrap_or(0));
        Self { policy, current, left }
    }

    /// What is asked for.
    pub(super) fn current(&self) -> Carrier {
        self.current
    }

    /// Whether there is another one to go to when the current one brings nothing. A group is only
    /// for cameras that refuse the others.
    pub(super) fn is_replaceable(&self) -> bool {
        self.left.iter().any(|carrier| *carrier != Carrier::Multicast)
    }

    /// The current one does not work: the next one, or why there is none.
    pub(super) fn change(&mut self) -> Result<Carrier, String> {
        if !self.left.is_empty() {
            self.current = self.left.remove(0);
            return Ok(self.current);
        }
        Err(match self.policy {
            TransportPolicy::Auto => {
                "the camera refuses RTP over TCP, over UDP, and by multicast".to_owned()
            }
            TransportPolicy::Tcp => {
                "the camera refuses RTP over the RTSP connection: try transport=auto, udp or \
                 multicast"
                    .to_owned()
            }
            TransportPolicy::Udp => {
                "the camera refuses RTP over UDP: try transport=auto, tcp or multicast".to_owned()
            }
            TransportPolicy::Multicast => {
                "the camera refuses RTP by multicast: try transport=auto, tcp or udp".to_owned()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auto_begins_with_what_worked_and_tries_each_once() {
        use Carrier::{Multicast, Tcp, Udp};
        for (worked, order) in [
            (None, [Tcp, Udp, Multicast]),
            (Some(Tcp), [Tcp, Udp, Multicast]),
            (Some(Udp), [Udp, Tcp, Multicast]),
            (Some(Multicast), [Multicast, Tcp, Udp]),
        ] {
            let mut choice = Choice::new(TransportPolicy::Auto, worked);
            assert_eq!(choice.current(), order[0]);
            assert!(choice.is_replaceable());
            assert_eq!(choice.change(), Ok(order[1]));
            assert_eq!(choice.is_replaceable(), order[2] != Multicast);
            assert_eq!(choice.change(), Ok(order[2]));
            assert!(!choice.is_replaceable());
            assert!(choice.change().unwrap_err().contains("over TCP, over UDP, and by multicast"));
        }
    }

    #[test]
    fn what_the_operator_chose_is_not_changed() {
        for (policy, worked, only) in [
            (TransportPolicy::Udp, Carrier::Tcp, Carrier::Udp),
            (TransportPolicy::Udp, Carrier::Multicast, Carrier::Udp),
            (TransportPolicy::Tcp, Carrier::Multicast, Carrier::Tcp),
            (TransportPolicy::Multicast, Carrier::Tcp, Carrier::Multicast),
        ] {
            let mut choice = Choice::new(policy, Some(worked));
            assert_eq!(choice.current(), only);
            assert!(!choice.is_replaceable());
            assert!(choice.change().unwrap_err().contains("try transport=auto"));
        }
    }
}
