//! Viewers over UDP and by multicast.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use rtsp_proto::headers::{Delivery, TransportSpec};
use socket2::{Domain, Protocol, Socket, Type};

use super::super::cameras::Unit;
use super::super::continuity::Continuity;
use super::super::rtsp_client::RtspClient;
use super::super::world::World;
use super::{SILENCE, Visit, goes_silently, stays};

/// Watches over UDP; every other one goes without a word.
pub(super) fn over_udp(world: &World, unit: &Unit, stay: Duration) -> Visit {
    let watch = || {
        let mut client = RtspClient::connect(&world.url(&unit.name))?;
        client.describe()?;
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let port = socket.local_addr()?.port();
        client.setup(0, TransportSpec::udp(port))?;
        client.play()?;
        world.count("joined");
        socket.set_read_timeout(Some(SILENCE))?;
        let until = Instant::now() + stay;
        let mut buffer = vec![0; 65_536];
        while stays(world, until) {
            match socket.recv(&mut buffer) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock && unit.holds => {
                    world.wrong(format!("{}: nothing over UDP for {SILENCE:?}", unit.name));
                    break;
                }
                Err(_) => break,
            }
        }
        if !goes_silently(stay) {
            let _answered = client.teardown();
        }
        Ok(())
    };
    ("over UDP", watch())
}

/// Watches as one of a group; every other one goes without a word.
pub(super) fn by_multicast(world: &World, unit: &Unit, stay: Duration) -> Visit {
    let watch = || {
        let mut client = RtspClient::connect(&world.url(&unit.name))?;
        client.describe()?;
        let multicast =
            TransportSpec { delivery: Some(Delivery::Multicast), ..TransportSpec::new() };
        let answer = client.setup(0, multicast)?;
        let group = group(answer.headers.get("Transport").unwrap_or_default());
        let group = group.ok_or_else(|| io::Error::other("SETUP names no group"))?;
        let socket = join(group)?;
        client.play()?;
        world.count("joined");
        socket.set_read_timeout(Some(SILENCE))?;
        let until = Instant::now() + stay;
        let mut continuity = Continuity::default();
        let mut buffer = vec![0; 65_536];
        while stays(world, until) {
            match socket.recv(&mut buffer) {
                Ok(length) => {
                    if let Err(what) = continuity.push(buffer.get(..length).unwrap_or_default()) {
                        // Who was told the end, and has not looked yet, hears the next session's.
                        if !unit.holds && matches!(client.read_frame(SILENCE), Ok(None)) {
                            break;
                        }
                        world.wrong(format!("{}, by multicast: {what}", unit.name));
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock && unit.holds => {
                    world.wrong(format!("{}: nothing by multicast for {SILENCE:?}", unit.name));
                    break;
                }
                Err(_) => break,
            }
        }
        for _ in 0..continuity.pictures {
            world.count("pictures by multicast");
        }
        if !goes_silently(stay) {
            let _answered = client.teardown();
        }
        Ok(())
    };
    ("by multicast", watch())
}

/// Where the answer to SETUP says that the packets go.
fn group(transport: &str) -> Option<SocketAddrV4> {
    let transport = TransportSpec::parse(transport).ok()?;
    let (rtp, _) = transport.port.or_else(|| transport.client_ports())?;
    Some(SocketAddrV4::new(transport.destination_host()?.parse().ok()?, rtp))
}

/// A socket that hears a group on the loopback.
fn join(group: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from(group).into())?;
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::LOCALHOST)?;
    Ok(socket.into())
}
