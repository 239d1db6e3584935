//! What arrives for a multicast group, with its IP headers.

use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::Lan;

/// How long a packet may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Whole IPv4 packets of UDP as they come in at the viewers' side for a group, by `local` alone.
pub struct Capture(Socket);

impl Capture {
    pub fn open(lan: &Lan, group: Ipv4Addr, local: Ipv4Addr) -> Self {
        lan.at_viewers(|| {
            let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP));
            let socket = socket.expect("a raw socket");
            socket.join_multicast_v4(&group, &local).expect("the group is joined");
            socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            Self(socket)
        })
    }

    /// Source, TTL and destination port of the next packet to the group.
    pub fn next(&mut self, group: Ipv4Addr) -> (Ipv4Addr, u8, u16) {
        let mut buffer = [0; 65_536];
        loop {
            let length = match self.0.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.expect("a packet to the group"),
            };
            let packet = &buffer[..length];
            let address =
                |at: usize| Ipv4Addr::from(*packet[at..].first_chunk::<4>().expect("an address"));
            let udp = &packet[usize::from(packet[0] & 15) * 4..];
            if address(16) == group {
                return (address(12), packet[8], u16::from_be_bytes([udp[2], udp[3]]));
            }
        }
    }
}
