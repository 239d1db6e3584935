//! A member of a group: an RTSP session and two sockets.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use rtsp_proto::headers::{Delivery, TransportSpec};
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::{Response, Version};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::SOON;
use crate::support::{Continuity, Lan, Relay, RtspClient};

pub const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];
/// More than any test leaves unread.
const RECEIVE_BUFFER: usize = 8 << 20;

pub struct Member {
    pub rtsp: RtspClient,
    pub rtp: UdpSocket,
    pub rtcp: UdpSocket,
    /// The relay's answer to SETUP.
    pub transport: TransportSpec,
    pub continuity: Continuity,
}

/// What is asked for: multicast, and the rest is the relay's to say.
pub fn multicast() -> TransportSpec {
    TransportSpec { delivery: Some(Delivery::Multicast), ..TransportSpec::new() }
}

impl Member {
    /// Sets up the first track of a stream, from the viewers' side of the network.
    pub fn set_up(lan: &Lan, relay: &Relay, stream: &str) -> Self {
        Self::set_up_in(lan, &relay.url(stream), Version::V1_0)
    }

    pub fn set_up_in(lan: &Lan, url: &str, version: Version) -> Self {
        lan.at_viewers(|| {
            let mut rtsp = RtspClient::connect(url).unwrap();
            rtsp.version = version;
            rtsp.describe().unwrap();
            let answer = rtsp.setup(0, multicast()).unwrap();
            let transport = TransportSpec::parse(answer.headers.get("Transport").unwrap()).unwrap();
            let ports = transport.port.or_else(|| transport.client_ports());
            let (rtp, rtcp) = ports.unwrap();
            let group: Ipv4Addr = transport.destination_host().unwrap().parse().unwrap();
            let rtp = join(SocketAddrV4::new(group, rtp)).unwrap();
            let rtcp = join(SocketAddrV4::new(group, rtcp.unwrap())).unwrap();
            Self { rtsp, rtp, rtcp, transport, continuity: Continuity::default() }
        })
    }

    pub fn watch(lan: &Lan, relay: &Relay, stream: &str) -> Self {
        let mut member = Self::set_up(lan, relay, stream);
        member.rtsp.play().unwrap();
        member
    }

    pub fn play(&mut self) -> Response {
        self.rtsp.play().unwrap()
    }

    pub fn packet(&self) -> Vec<u8> {
        receive(&self.rtp).unwrap()
    }

    /// Takes so many pictures, each packet in its order.
    pub fn see(&mut self, pictures: u64) {
        let until = self.continuity.pictures + pictures;
        while self.continuity.pictures < until {
            let packet = self.packet();
            self.continuity.push(&packet).unwrap();
        }
    }

    /// A receiver report to the group.
    pub fn report(&self) {
        report_to(&self.rtcp);
    }

    /// The next report of the relay.
    pub fn rtcp(&self) -> Vec<RtcpPacket> {
        parse_compound(&receive(&self.rtcp).unwrap(), &mut Default::default())
    }

    /// Whether nothing comes for a while, behind what is waiting.
    pub fn hears_nothing(&self, during: Duration) -> bool {
        self.drain();
        self.rtp.set_read_timeout(Some(during)).unwrap();
        let silent = receive(&self.rtp).is_err();
        self.rtp.set_read_timeout(Some(SOON)).unwrap();
        silent
    }

    /// Throws away what is waiting.
    pub fn drain(&self) {
        self.rtp.set_nonblocking(true).unwrap();
        while self.rtp.recv(&mut [0; 2048]).is_ok() {}
        self.rtp.set_nonblocking(false).unwrap();
    }

    /// Takes what is waiting, each packet in its order.
    pub fn drain_in_order(&mut self) {
        self.rtp.set_nonblocking(true).unwrap();
        while let Ok(packet) = receive(&self.rtp) {
            self.continuity.push(&packet).unwrap();
        }
        self.rtp.set_nonblocking(false).unwrap();
    }

    /// Reads until RTCP BYE; tells how many there were in the time that follows.
    pub fn byes(&self, text: &str, after: Duration) -> usize {
        let mut deadline = Instant::now() + SOON;
        let mut byes = 0;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return byes;
            }
            self.rtcp.set_read_timeout(Some(left)).unwrap();
            let Ok(bytes) = receive(&self.rtcp) else { continue };
            let packets = parse_compound(&bytes, &mut Default::default());
            if packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. })) {
                assert!(format!("{packets:?}").contains(text), "{packets:?}");
                byes += 1;
                deadline = Instant::now() + after;
            }
        }
    }
}

/// A receiver report to the group that this socket has joined.
pub fn report_to(rtcp: &UdpSocket) {
    let group = rtcp.local_addr().unwrap();
    rtcp.send_to(&RECEIVER_REPORT, group).unwrap();
}

/// A socket that hears a group, by the route that leads there.
pub fn join(group: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from(group).into())?;
    socket.join_multicast_v4(group.ip(), &Ipv4Addr::UNSPECIFIED)?;
    let socket: UdpSocket = socket.into();
    enlarge(&socket);
    socket.set_read_timeout(Some(SOON))?;
    Ok(socket)
}

/// Room for what is read late, as much as the system grants.
fn enlarge(socket: &UdpSocket) {
    SockRef::from(socket).set_recv_buffer_size(RECEIVE_BUFFER).unwrap();
    nix::sys::socket::setsockopt(socket, nix::sys::socket::sockopt::RcvBufForce, &RECEIVE_BUFFER)
        .unwrap();
}

/// The next packet, or an error when none comes in the time that is set.
pub fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = vec![0; 65_536];
    loop {
        match socket.recv(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            // By the end of a program that a test beside this one has begun.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
