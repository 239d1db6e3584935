//! Where a stream is by multicast.

use std::net::Ipv4Addr;

/// A group and the ports of the tracks in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The group, which is the stream's own.
    pub group: Ipv4Addr,
    /// Of the first track's RTP.
    pub port: u16,
    /// Routers that a packet may pass.
    pub ttl: u8,
}

impl Place {
    /// The ports of a track's RTP and RTCP: each track has the two behind those of the one before.
    /// `None` when there are no more.
    pub fn ports(&self, track: u8) -> Option<(u16, u16)> {
        let rtp = self.port.checked_add(2 * u16::from(track))?;
        Some((rtp, rtp.checked_add(1)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_have_neighbouring_pairs_of_ports_while_there_are_some() {
        let place = |port| Place { group: Ipv4Addr::new(239, 255, 42, 0), port, ttl: 1 };
        assert_eq!(place(5004).ports(0), Some((5004, 5005)));
        assert_eq!(place(5004).ports(3), Some((5010, 5011)));
        assert_eq!(place(65534).ports(0), Some((65534, 65535)));
        assert_eq!(place(65534).ports(1), None);
    }
}
