//! UDP toward clients: a pair of sockets for all of them, and many packets in one system call.
//!
//! Packets are sent from where they are: a [`Train`] is a list of slices, which the kernel gathers
//! and cuts into datagrams again (generic segmentation offload). One call a picture instead of one
//! a packet is nearly the whole cost of a UDP viewer.

use std::io::{self, IoSlice};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use nix::errno::Errno;
use nix::libc::{in_addr, in_pktinfo, in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrStorage, sendmsg, setsockopt, sockopt};
use rustix::event::{PollFd, PollFlags, poll};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::Waker;
use super::multicast::leave_by;

/// Packets in one train: what every kernel that can segment takes (UDP_MAX_SEGMENTS).
const MOST_PACKETS: usize = 64;
/// Bytes in one train: it travels as one datagram until it is cut, and headers come on top.
const MOST_BYTES: usize = 65_000;
/// The kernel may hold this much for all viewers of a pair; it grants less where
/// `net.core.wmem_max` is less.
const SEND_BUFFER: usize = 4 * 1024 * 1024;
/// Nobody reads what clients send to the RTP port (to open their firewalls): it needs no room.
const UNREAD_BUFFER: usize = 4096;
/// How often another pair of neighbouring free ports is looked for.
const ATTEMPTS: usize = 64;

/// Two UDP sockets on neighbouring ports, the even one for RTP and the odd one for RTCP.
#[derive(Debug)]
pub struct PortPair {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    address: IpAddr,
    ports: (u16, u16),
    /// The kernel and the network card can cut trains.
    trains: AtomicBool,
}

/// The way to one port of one client.
#[derive(Debug)]
pub struct Route {
    to: SockaddrStorage,
    from: Option<From>,
    /// Larger packets do not fit the path's MTU as they are, and travel alone, in fragments.
    largest_in_train: usize,
}

/// The source address, where the sockets are bound to all.
#[derive(Debug)]
enum From {
    V4(in_pktinfo),
    V6(in6_pktinfo),
}

/// Packets that go to one client in one call: all of one size, but for a smaller last one.
#[derive(Debug)]
pub struct Train<'a> {
    packets: [IoSlice<'a>; MOST_PACKETS],
    count: usize,
    size: usize,
    bytes: usize,
    complete: bool,
}

/// What became of a train.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Packets that are done with: sent, or lost to an error that waiting does not mend.
    pub done: usize,
    /// So many of them were lost.
    pub lost: usize,
    /// The kernel takes no more for the moment.
    pub blocked: bool,
}

impl PortPair {
    /// Binds a pair on a local address, which may be a wildcard; with `rtp_port` just there.
    pub fn open(address: IpAddr, rtp_port: Option<u16>) -> io::Result<Self> {
        let (rtp, rtcp) = match rtp_port {
            Some(port) => (bind(address, port)?, bind(address, port.saturating_add(1))?),
            None => neighbours(address)?,
        };
        // Hints only: less is worse, not wrong.
        let _ = SockRef::from(&rtp).set_send_buffer_size(SEND_BUFFER);
        let _ = SockRef::from(&rtp).set_recv_buffer_size(UNREAD_BUFFER);
        let ports = (rtp.local_addr()?.port(), rtcp.local_addr()?.port());
        // Setting the default is refused only by a kernel that does not know the option.
        let trains = setsockopt(&rtp, sockopt::UdpGsoSegment, &0).is_ok();
        Ok(Self { rtp, rtcp, address, ports, trains: AtomicBool::new(trains) })
    }

    /// Opens a pair for groups that are reached from this local address; a packet may pass so many
    /// routers.
    pub fn open_for_groups(local: Ipv4Addr, ttl: u8) -> io::Result<Self> {
        let pair = Self::open(Ipv4Addr::UNSPECIFIED.into(), None)?;
        for socket in [&pair.rtp, &pair.rtcp] {
            leave_by(socket, local.into(), ttl)?;
        }
        Ok(pair)
    }

    /// The ports of RTP and RTCP.
    pub fn ports(&self) -> (u16, u16) {
        self.ports
    }

    /// The way to `peer`, whom the packets reach from `local`: the address that the peer knows.
    pub fn route(&self, local: IpAddr, peer: SocketAddr) -> Route {
        let from = self.address.is_unspecified().then(|| match local {
            IpAddr::V4(address) => From::V4(in_pktinfo {
                ipi_ifindex: 0,
                ipi_spec_dst: in_addr { s_addr: u32::from_ne_bytes(address.octets()) },
                ipi_addr: in_addr { s_addr: 0 },
            }),
            IpAddr::V6(address) => From::V6(in6_pktinfo {
                ipi6_addr: in6_addr { s6_addr: address.octets() },
                ipi6_ifindex: 0,
            }),
        });
        Route { to: SockaddrStorage::from(peer), from, largest_in_train: usize::MAX }
    }

    /// Sends a train of RTP packets; a part of it stays behind only when `blocked` is told.
    pub fn send(&self, route: &mut Route, train: &Train<'_>) -> Sent {
        let packets = train.packets.get(..train.count).unwrap_or_default();
        if packets.len() > 1 {
            match route.send(&self.rtp, packets, Some(train.size as u16)) {
                Ok(_) => return Sent { done: packets.len(), ..Sent::default() },
                Err(Errno::EAGAIN | Errno::ENOBUFS) => {
                    return Sent { blocked: true, ..Sent::default() };
                }
                Err(Errno::EMSGSIZE | Errno::EINVAL) => {
                    route.largest_in_train = train.size.saturating_sub(1);
                }
                Err(Errno::EIO | Errno::EOPNOTSUPP) => self.trains.store(false, Relaxed),
                Err(_) => return Sent { done: packets.len(), lost: packets.len(), blocked: false },
            }
        }
        let mut sent = Sent::default();
        for packet in packets {
            match route.send(&self.rtp, std::slice::from_ref(packet), None) {
                Ok(_) => {}
                Err(Errno::EAGAIN | Errno::ENOBUFS) => return Sent { blocked: true, ..sent },
                Err(_) => sent.lost += 1,
            }
            sent.done += 1;
        }
        sent
    }

    /// Sends an RTCP packet; `false` when it is lost.
    pub fn send_control(&self, route: &Route, packet: &[u8]) -> bool {
        route.send(&self.rtcp, &[IoSlice::new(packet)], None).is_ok()
    }

    /// The next RTCP packet of a client: its length and where it came from.
    pub fn receive_control(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.rtcp.recv_from(buffer)
    }

    /// An empty train for packets to `route`.
    pub fn train<'a>(&self, route: &Route) -> Train<'a> {
        let size = if self.trains.load(Relaxed) { route.largest_in_train } else { 0 };
        let packets = [IoSlice::new(&[]); MOST_PACKETS];
        Train { packets, count: 0, size, bytes: 0, complete: false }
    }
}

impl Route {
    fn send(
        &self,
        socket: &UdpSocket,
        packets: &[IoSlice<'_>],
        cut: Option<u16>,
    ) -> nix::Result<usize> {
        let from = self.from.as_ref().map(|from| match from {
            From::V4(info) => ControlMessage::Ipv4PacketInfo(info),
            From::V6(info) => ControlMessage::Ipv6PacketInfo(info),
        });
        let cut = cut.as_ref().map(ControlMessage::UdpGsoSegments);
        let fd = socket.as_raw_fd();
        let send = |messages: &[ControlMessage<'_>]| loop {
            match sendmsg(fd, packets, messages, MsgFlags::MSG_DONTWAIT, Some(&self.to)) {
                Err(Errno::EINTR) => {}
                done => return done,
            }
        };
        match (from, cut) {
            (None, None) => send(&[]),
            (Some(one), None) | (None, Some(one)) => send(&[one]),
            (Some(from), Some(cut)) => send(&[from, cut]),
        }
    }
}

impl<'a> Train<'a> {
    /// Adds a packet behind the others; `false` when it has to go in another train.
    pub fn add(&mut self, packet: &'a [u8]) -> bool {
        let Some(place) = self.packets.get_mut(self.count) else { return false };
        if self.count == 0 {
            // Alone it may be as large as it likes.
            self.complete = packet.len() > self.size || packet.is_empty();
            self.size = packet.len();
        } else if self.complete
            || packet.len() > self.size
            || packet.is_empty()
            || self.bytes + packet.len() > MOST_BYTES
        {
            return false;
        } else {
            self.complete = packet.len() < self.size;
        }
        *place = IoSlice::new(packet);
        self.count += 1;
        self.bytes += packet.len();
        true
    }

    /// How many packets it has.
    pub fn packets(&self) -> usize {
        self.count
    }
}

/// Waits until one of the pairs has RTCP to read, or the waker is woken (`true`).
pub fn wait_control(pairs: &[Arc<PortPair>], waker: &Waker) -> io::Result<bool> {
    let mut fds = vec![PollFd::new(waker, PollFlags::IN)];
    fds.extend(pairs.iter().map(|pair| PollFd::new(&pair.rtcp, PollFlags::IN)));
    loop {
        match poll(&mut fds, None) {
            Ok(_) => break,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let woken = fds.first().is_some_and(|fd| !fd.revents().is_empty());
    if woken {
        waker.clear();
    }
    Ok(woken)
}

/// An even port and the next one, both free.
fn neighbours(address: IpAddr) -> io::Result<(UdpSocket, UdpSocket)> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let one = bind(address, 0)?;
        let port = one.local_addr()?.port();
        match bind(address, port ^ 1) {
            Ok(other) if port % 2 == 0 => return Ok((one, other)),
            Ok(other) => return Ok((other, one)),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn bind(address: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let address = SocketAddr::new(address, port);
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// The wildcard address of the same family.
pub fn wildcard(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn client(address: &str) -> UdpSocket {
        let socket = UdpSocket::bind((address, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn received(client: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; 65_536];
        let (length, from) = client.recv_from(&mut buffer).unwrap();
        buffer.truncate(length);
        (buffer, from)
    }

    #[test]
    fn a_train_arrives_as_the_packets_it_was_made_of() {
        let pair = PortPair::open("127.0.0.1".parse().unwrap(), None).unwrap();
        let client = client("127.0.0.1");
        let mut route = pair.route("127.0.0.1".parse().unwrap(), client.local_addr().unwrap());
        let packets: Vec<Vec<u8>> =
            [1000, 1000, 1000, 400].iter().zip(1..).map(|(&size, n)| vec![n; size]).collect();
        let mut train = pair.train(&route);
        assert!(packets.iter().all(|packet| train.add(packet)));
        assert!(!train.add(&[9; 400]), "nothing comes after the smaller one");
        assert_eq!(pair.send(&mut route, &train), Sent { done: 4, lost: 0, blocked: false });
        for packet in &packets {
            let (bytes, from) = received(&client);
            assert_eq!((&bytes, from.port()), (packet, pair.ports().0));
        }
        assert!(pair.send_control(&route, b"control"));
        assert_eq!(received(&client).1.port(), pair.ports().1);
    }

    #[test]
    fn packets_beyond_the_mtu_arrive_all_the_same() {
        let pair = PortPair::open("127.0.0.1".parse().unwrap(), None).unwrap();
        let client = client("127.0.0.1");
        let mut route = pair.route("127.0.0.1".parse().unwrap(), client.local_addr().unwrap());
        // Once the path is known to be narrow, each packet goes alone.
        route.largest_in_train = 999;
        let packet = vec![7; 1000];
        let mut train = pair.train(&route);
        assert!(train.add(&packet) && !train.add(&packet));
        assert_eq!(pair.send(&mut route, &train).done, 1);
        assert_eq!(received(&client).0, packet);
        let huge = vec![8; 60_000];
        let mut train = pair.train(&route);
        assert!(train.add(&huge));
        assert_eq!(pair.send(&mut route, &train), Sent { done: 1, lost: 0, blocked: false });
        assert_eq!(received(&client).0, huge);
        let impossible = vec![9; 65_535];
        let mut train = pair.train(&route);
        assert!(train.add(&impossible));
        assert_eq!(pair.send(&mut route, &train), Sent { done: 1, lost: 1, blocked: false });
    }

    #[test]
    fn packets_come_from_the_address_the_client_knows() {
        let pair = PortPair::open("0.0.0.0".parse().unwrap(), None).unwrap();
        let (rtp, rtcp) = pair.ports();
        assert!(rtp % 2 == 0 && rtcp == rtp + 1);
        let client = client("127.0.0.1");
        let local: IpAddr = "127.0.0.77".parse().unwrap();
        let mut route = pair.route(local, client.local_addr().unwrap());
        let mut train = pair.train(&route);
        assert!(train.add(b"1234") && train.add(b"5678"));
        assert_eq!(pair.send(&mut route, &train).lost, 0);
        for _ in 0..2 {
            assert_eq!(received(&client).1, SocketAddr::new(local, rtp));
        }
    }

    #[test]
    fn a_fixed_port_that_is_taken_is_an_error() {
        let address = "127.0.0.1".parse().unwrap();
        let pair = PortPair::open(address, None).unwrap();
        assert!(PortPair::open(address, Some(pair.ports().0)).is_err());
    }

    #[test]
    fn ipv6_has_ports_of_its_own() {
        let Ok(pair) = PortPair::open("::1".parse().unwrap(), None) else { return };
        let client = client("::1");
        let mut route = pair.route("::1".parse().unwrap(), client.local_addr().unwrap());
        let mut train = pair.train(&route);
        assert!(train.add(b"x"));
        assert_eq!(pair.send(&mut route, &train).lost, 0);
        assert_eq!(received(&client).0, b"x");
        let any = PortPair::open("::".parse().unwrap(), None).unwrap();
        PortPair::open("0.0.0.0".parse().unwrap(), Some(any.ports().0)).unwrap();
    }
}
