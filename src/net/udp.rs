//! Pairs of UDP ports: an even one for RTP, the next one for RTCP ([RFC 3550 section 11]).
//!
//! Datagrams are read one by one until there are none. Neither std nor rustix has `recvmmsg`, and a
//! camera's pace makes it a rare gain: packets that come one at a time are read one at a time.
//!
//! [RFC 3550 section 11]: https://www.rfc-editor.org/rfc/rfc3550#section-11

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Once;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::multicast::{joined, leave_by};

/// What the kernel shall keep of a track while the reader is busy: a large key frame at once, and
/// the packets of a fraction of a second more.
pub const RECEIVE_BUFFER: usize = 2 * 1024 * 1024;

/// No datagram is larger.
pub const MAX_DATAGRAM: usize = 65_535;

/// How often a pair of neighbours is looked for.
const ATTEMPTS: u32 = 64;
/// Errors of earlier datagrams that are passed over before one is read.
const MAX_ECHOES: u32 = 16;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The even port.
    Rtp,
    /// The odd one after it.
    Rtcp,
}

/// A camera's multicast group for one track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// A multicast address.
    pub address: IpAddr,
    /// The port for RTP.
    pub rtp: u16,
    /// The port for RTCP.
    pub rtcp: u16,
    /// Over how many routers what is said to the group may go.
    pub ttl: u8,
}

/// Two sockets on neighbouring ports, non-blocking.
#[derive(Debug)]
pub struct UdpPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    port: u16,
}

impl UdpPair {
    /// Binds two free neighbours on all addresses of the family that `peer` is of.
    ///
    /// The first pair that gets a smaller buffer than [`RECEIVE_BUFFER`] from the system is the
    /// reason for a warning, the only one.
    pub fn bind(peer: IpAddr) -> io::Result<Self> {
        let any = match peer {
            IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            // The system chooses one, and its neighbour is tried for.
            let first = bound(SocketAddr::new(any, 0))?;
            let port = first.local_addr()?.port();
            match bound(SocketAddr::new(any, port ^ 1)) {
                Ok(second) => {
                    let (rtp, rtcp) = if port % 2 == 0 { (first, second) } else { (second, first) };
                    enlarge(&rtp)?;
                    return Ok(Self { rtp, rtcp, port: port & !1 });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Both ports of a multicast group, heard from `senders`. `local` is the address that this
    /// machine has toward the camera. What is sent to the group goes there, too, and as far as the
    /// group reaches. Dropping the pair leaves the group.
    ///
    /// # Errors
    /// `local` is of the other address family or not of this machine, or somebody has a port for
    /// himself.
    pub fn join(group: &Group, local: IpAddr, senders: &[IpAddr]) -> io::Result<Self> {
        let at = |port| joined(SocketAddr::new(group.address, port), local, senders);
        let (rtp, rtcp) = (at(group.rtp)?, at(group.rtcp)?);
        enlarge(&rtp)?;
        leave_by(&rtcp, local, group.ttl)?;
        Ok(Self { rtp, rtcp, port: group.rtp })
    }

    /// The port for RTP; an even one, unless a group has another.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// One of the two, for waiting.
    pub fn half(&self, half: Half) -> BorrowedFd<'_> {
        self.socket(half).as_fd()
    }

    /// The next datagram in `buffer`: its size, and whom it is from; `None` when there is none.
    ///
    /// Other errors than "none" are the network's answers to something that was sent earlier, such
    /// as a port nobody listens on. They say nothing about what comes in, and are passed over.
    pub fn receive(&self, half: Half, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        for _ in 0..MAX_ECHOES {
            match self.socket(half).recv_from(buffer) {
                Ok(received) => return Some(received),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => {}
            }
        }
        None
    }

    /// Sends a datagram. It may be lost without a trace, as any may.
    pub fn send(&self, half: Half, bytes: &[u8], to: SocketAddr) {
        let _ = self.socket(half).send_to(bytes, to);
    }

    fn socket(&self, half: Half) -> &UdpSocket {
        match half {
            Half::Rtp => &self.rtp,
            Half::Rtcp => &self.rtcp,
        }
    }
}

fn bound(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

fn enlarge(socket: &UdpSocket) -> io::Result<()> {
    static TOLD: Once = Once::new();
    let socket = SockRef::from(socket);
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    if let Some(text) = shortage(socket.recv_buffer_size()?) {
        TOLD.call_once(|| log::warn!("{text}"));
    }
    Ok(())
}

/// What to tell the operator about a buffer of `granted` bytes, if it is too small. Linux grants
/// twice what is asked for, as it counts its own bookkeeping (socket(7)).
fn shortage(granted: usize) -> Option<String> {
    let usable = granted / 2;
    (usable < RECEIVE_BUFFER).then(|| {
        format!(
            "the system allows {} KiB for receiving over UDP, {} KiB are wanted: packets may be \
             lost when pictures are large; allow it with: sysctl -w net.core.rmem_max={}",
            usable / 1024,
            RECEIVE_BUFFER / 1024,
            RECEIVE_BUFFER
        )
    })
}

#[cfg(test)]
#[allow(dead_code, unreachable_pub, clippy::expect_used, reason = "integration tests use the rest")]
#[path = "../../tests/support/namespace.rs"]
mod namespace;

#[cfg(test)]
mod tests {
    use super::namespace::{Namespace, ip, may_make_networks};
    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    #[test]
    fn pairs_are_an_even_port_and_its_neighbour_and_never_the_same_twice() {
        let pairs: Vec<_> = (0..20).map(|_| UdpPair::bind(HERE).unwrap()).collect();
        for pair in &pairs {
            assert_eq!(pair.port() % 2, 0);
            assert_eq!(pair.rtp.local_addr().unwrap().port(), pair.port());
            assert_eq!(pair.rtcp.local_addr().unwrap().port(), pair.port() + 1);
        }
        let mut ports: Vec<_> = pairs.iter().map(UdpPair::port).collect();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), pairs.len());
    }

    #[test]
    fn a_group_is_heard_from_whom_it_was_joined_for_until_it_is_left() {
        let [camera, stranger] = ["127.0.0.1", "127.0.0.2"].map(|own| {
            let socket = UdpSocket::bind((own, 0)).unwrap();
            SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
            socket
        });
        let port = UdpPair::bind(HERE).unwrap().port();
        let [high, low] = port.to_be_bytes();
        let address = IpAddr::from([239, 255, high, low]);
        let group = Group { address, rtp: port, rtcp: port + 1, ttl: 1 };
        let pairs = [(); 2].map(|()| UdpPair::join(&group, HERE, &[HERE]).unwrap());
        let mut buffer = [0; 64];
        for (half, port) in [(Half::Rtp, port), (Half::Rtcp, port + 1)] {
            stranger.send_to(b"stranger", (address, port)).unwrap();
            camera.send_to(b"camera", (address, port)).unwrap();
            for pair in &pairs {
                let (size, from) = pair.receive(half, &mut buffer).unwrap();
                assert_eq!((&buffer[..size], from), (&b"camera"[..], camera.local_addr().unwrap()));
                assert_eq!(pair.receive(half, &mut buffer), None);
            }
        }
        // What the relay says reaches the others, on the same interface.
        pairs[0].send(Half::Rtcp, b"report", (address, port + 1).into());
        let (size, _) = pairs[1].receive(Half::Rtcp, &mut buffer).unwrap();
        assert_eq!(&buffer[..size], b"report");

        let joined = || {
            let hex = u32::from_le_bytes([239, 255, high, low]);
            let list = std::fs::read_to_string("/proc/net/igmp").unwrap();
            list.contains(&format!("{hex:08X}"))
        };
        assert!(joined());
        drop(pairs);
        assert!(!joined());
    }

    #[test]
    fn a_group_of_ipv6_is_heard_too() {
        if !may_make_networks("net::udp::tests::a_group_of_ipv6_is_heard_too") {
            return;
        }
        let _network = Namespace::enter_new();
        ip("-6 route add ff11::/16 dev lo table local");
        let here = IpAddr::from(Ipv6Addr::LOCALHOST);
        let group = |port| IpAddr::V6(Ipv6Addr::new(0xff11, 0, 0, 0, 0, 0, 0x5254, port));
        let camera = UdpSocket::bind((here, 0)).unwrap();
        let port = UdpPair::bind(here).unwrap().port();
        let address = group(port);
        let group = Group { address, rtp: port, rtcp: port + 1, ttl: 1 };
        let pair = UdpPair::join(&group, here, &[here]).unwrap();
        leave_by(&camera, here, 1).unwrap();
        camera.send_to(b"camera", (address, port)).unwrap();
        let mut buffer = [0; 64];
        let (size, from) = pair.receive(Half::Rtp, &mut buffer).unwrap();
        assert_eq!((&buffer[..size], from), (&b"camera"[..], camera.local_addr().unwrap()));
        assert!(UdpPair::join(&group, HERE, &[HERE]).is_err(), "another family");
    }

    #[test]
    fn a_port_nobody_listens_on_does_not_keep_later_datagrams_away() {
        let (ours, theirs) = (UdpPair::bind(HERE).unwrap(), UdpPair::bind(HERE).unwrap());
        let closed = UdpPair::bind(HERE).unwrap().port();
        for _ in 0..40 {
            ours.send(Half::Rtp, b"punch", (HERE, closed).into());
        }
        let mut buffer = [0; 64];
        assert!(ours.receive(Half::Rtp, &mut buffer).is_none());
        theirs.send(Half::Rtcp, b"hello", (HERE, ours.port()).into());
        let (size, from) = ours.receive(Half::Rtp, &mut buffer).unwrap();
        assert_eq!((&buffer[..size], from.port()), (&b"hello"[..], theirs.port() + 1));
    }

    #[test]
    fn the_warning_says_what_to_set() {
        assert_eq!(shortage(2 * RECEIVE_BUFFER), None);
        let text = shortage(425_984).unwrap();
        assert!(text.contains("208 KiB") && text.contains("net.core.rmem_max=2097152"), "{text}");
    }
}
