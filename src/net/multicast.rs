//! Multicast ([RFC 1112](https://www.rfc-editor.org/rfc/rfc1112)): which way packets leave for a
//! group, and hearing what is sent to it: by its members to the relay, by a camera to its viewers.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

/// The address from which packets leave for `group`: that of `interface`, which is an address of
/// this machine or an interface's name, or the one that the system's routes choose.
///
/// # Errors
/// There is no such interface, it is down or has no IPv4 address, or no route leads to the group.
pub fn way_to(group: Ipv4Addr, interface: Option<&str>) -> io::Result<Ipv4Addr> {
    let Some(interface) = interface else {
        let probe = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        // Nothing is sent: the system only chooses.
        probe.connect((group, 9)).map_err(|error| because(&error, "no route leads there"))?;
        return match probe.local_addr()?.ip() {
            IpAddr::V4(local) if !local.is_unspecified() => Ok(local),
            _ => Err(io::Error::other("the interface that leads there has no address")),
        };
    };
    let address: Option<Ipv4Addr> = interface.parse().ok();
    let mut found = "there is no such interface";
    for own in getifaddrs().map_err(io::Error::from)? {
        let local = own.address.as_ref().and_then(|address| address.as_sockaddr_in());
        let local = local.map(|local| local.ip());
        if own.interface_name != interface && (address.is_none() || local != address) {
            continue;
        }
        match local {
            _ if !own.flags.contains(InterfaceFlags::IFF_UP) => found = "it is down",
            Some(local) => return Ok(local),
            None if found != "it is down" => found = "it has no IPv4 address",
            None => {}
        }
    }
    Err(io::Error::other(format!("multicast_interface {interface}: {found}")))
}

fn because(error: &io::Error, what: &str) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Hears what is sent to one port of a group.
#[derive(Debug)]
pub struct Ear(UdpSocket);

impl Ear {
    /// Joins the group where `local` is.
    pub fn open(group: SocketAddrV4, local: Ipv4Addr) -> io::Result<Self> {
        joined(group.into(), local.into(), &[]).map(Self)
    }

    /// The next datagram: its length and where it came from.
    pub fn receive(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buffer)
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A non-blocking socket on one port of a group, joined where `local` is, that hears these senders;
/// everybody, if none is named. Dropped, it leaves the group.
///
/// For IPv4 the kernel tells the network whom it wants to hear, and drops what others send ([RFC
/// 3376], [RFC 4607]). For IPv6 there is no safe call for that: who reads has to look at the sender.
///
/// # Errors
/// `local` is of the other address family or not of this machine, or somebody has the port for
/// himself.
///
/// [RFC 3376]: https://www.rfc-editor.org/rfc/rfc3376
/// [RFC 4607]: https://www.rfc-editor.org/rfc/rfc4607
pub(super) fn joined(at: SocketAddr, local: IpAddr, senders: &[IpAddr]) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    // Players on this machine, and other streams, take the same port.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    // Bound to the group: what is sent to other groups on this port is none of ours. Nor is what
    // comes for this one where, or from whom, only another program has joined it.
    match (at, local) {
        (SocketAddr::V4(at), IpAddr::V4(local)) => {
            socket.bind(&at.into())?;
            socket.set_multicast_all_v4(false)?;
            if senders.is_empty() {
                socket.join_multicast_v4(at.ip(), &local)?;
            }
            for sender in senders {
                if let IpAddr::V4(sender) = sender {
                    socket.join_ssm_v4(sender, at.ip(), &local)?;
                }
            }
        }
        (SocketAddr::V6(at), IpAddr::V6(local)) => {
            let interface = interface_of(local)?;
            socket.set_only_v6(true)?;
            socket.bind(&SocketAddrV6::new(*at.ip(), at.port(), 0, interface).into())?;
            socket.set_multicast_all_v6(false)?;
            socket.join_multicast_v6(at.ip(), interface)?;
        }
        _ => return Err(io::Error::other("it is not of the address family of the way to it")),
    }
    Ok(socket.into())
}

/// Has what a socket sends to groups leave where `local` is, and pass so many routers.
pub(super) fn leave_by(socket: &UdpSocket, local: IpAddr, ttl: u8) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match local {
        IpAddr::V4(local) => {
            socket.set_multicast_if_v4(&local)?;
            socket.set_multicast_ttl_v4(ttl.into())
        }
        IpAddr::V6(local) => {
            socket.set_multicast_if_v6(interface_of(local)?)?;
            socket.set_multicast_hops_v6(ttl.into())
        }
    }
}

/// The number of the interface that has an address.
fn interface_of(address: Ipv6Addr) -> io::Result<u32> {
    let has_it = |own: &nix::ifaddrs::InterfaceAddress| {
        let own = own.address.as_ref().and_then(|own| own.as_sockaddr_in6());
        own.is_some_and(|own| own.ip() == address)
    };
    let own = getifaddrs().map_err(io::Error::from)?.find(has_it);
    let own = own.ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(if_nametoindex(own.interface_name.as_str())?)
}

#[cfg(test)]
mod tests {
    use super::super::udp_out::PortPair;
    use super::*;
    use crate::net::wait_readable;
    use std::time::{Duration, Instant};

    #[test]
    fn an_interface_is_found_by_its_name_and_its_address() {
        let group = Ipv4Addr::new(239, 255, 42, 7);
        assert_eq!(way_to(group, Some("lo")).unwrap(), Ipv4Addr::LOCALHOST);
        assert_eq!(way_to(group, Some("127.0.0.1")).unwrap(), Ipv4Addr::LOCALHOST);
        for none in ["nosuch0", "192.0.2.1"] {
            let error = way_to(group, Some(none)).unwrap_err().to_string();
            assert_eq!(error, format!("multicast_interface {none}: there is no such interface"));
        }
    }

    #[test]
    fn an_address_leads_to_its_interface() {
        let error = interface_of("2001:db8::1".parse().unwrap()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
        let own: Vec<_> = getifaddrs().unwrap().collect();
        for own in &own {
            let address = own.address.as_ref().and_then(|own| own.as_sockaddr_in6());
            let Some(address) = address else { continue };
            let found = interface_of(address.ip()).unwrap();
            assert_eq!(if_nametoindex(own.interface_name.as_str()).unwrap(), found);
        }
    }

    #[test]
    fn a_group_hears_what_is_sent_to_it_and_to_no_other() {
        let (one, other) = (Ipv4Addr::new(239, 255, 42, 8), Ipv4Addr::new(239, 255, 42, 9));
        let pair = PortPair::open_for_groups(Ipv4Addr::LOCALHOST, 1).unwrap();
        let holder = Ear::open(SocketAddrV4::new(one, 0), Ipv4Addr::LOCALHOST).unwrap();
        let port = holder.0.local_addr().unwrap().port();
        let ear = |group| Ear::open(SocketAddrV4::new(group, port), Ipv4Addr::LOCALHOST);
        let (one, other) = ((one, ear(one).unwrap()), (other, ear(other).unwrap()));
        let local = IpAddr::V4(Ipv4Addr::LOCALHOST);
        for (group, ear) in [&one, &other] {
            let route = pair.route(local, SocketAddr::from((*group, port)));
            assert!(pair.send_control(&route, &group.octets()));
            let until = Some(Instant::now() + Duration::from_secs(10));
            assert!(wait_readable(ear, until).unwrap());
            let mut buffer = [0; 16];
            let (length, from) = ear.receive(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from.ip()), (&group.octets()[..], local));
            assert!(ear.receive(&mut buffer).is_err(), "nothing else");
        }
    }
}
