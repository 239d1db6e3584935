//! The UDP side of one connection to a camera: a pair of ports for each track.
//!
//! A datagram is taken when it comes from the camera's address, or from the one that the camera
//! announced (`source=`), whatever its port: cameras announce wrong ports, or none. It gets the
//! prefix of an interleaved frame, and is an interleaved frame from there on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rtsp_proto::Oddities;
use rtsp_proto::dialog::TrackSetup;
use rtsp_proto::headers::Lower;
use rtsp_proto::rtcp::RtcpPacket;
use rtsp_proto::rtp::write_header;

use super::feed::{Fed, Feed};
use super::reorder::{Placed, Window};
use super::sender::Sender;
use crate::entropy;
use crate::media::batch::PREFIX;
use crate::net::udp::{Half, MAX_DATAGRAM, UdpPair};

/// Datagrams that are read from a socket before another one has its turn.
const MAX_BATCH: usize = 256;
/// Datagrams that open the way through a firewall; of one, a loss would close it.
const PUNCHES: usize = 2;
/// Of the packet types of RTCP on a port for RTP ([RFC 5761 section 4]).
///
/// [RFC 5761 section 4]: https://www.rfc-editor.org/rfc/rfc5761#section-4
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// The ports of all tracks.
pub(super) struct Datagrams {
    /// Whom the RTSP connection is with.
    camera: SocketAddr,
    ports: Vec<Port>,
    /// One datagram, behind room for its prefix.
    buffer: Vec<u8>,
    stranger: Option<IpAddr>,
}

/// One track.
struct Port {
    media: usize,
    track: u8,
    pair: UdpPair,
    /// The camera's answer to SETUP is known.
    agreed: bool,
    /// Where packets come from besides the camera's own address.
    source: Option<IpAddr>,
    /// Where receiver reports go, once that is known.
    reports_to: Option<SocketAddr>,
    /// RTCP came, so it is known for sure.
    heard: bool,
    /// Where RTP comes from.
    sender: Sender,
    window: Window,
}

impl Datagrams {
    /// Ports for the tracks, given by the places of their media descriptions. `camera` is the
    /// address of the RTSP connection.
    pub(super) fn bind(
        camera: SocketAddr,
        media: impl IntoIterator<Item = usize>,
    ) -> io::Result<Self> {
        let ports = media.into_iter().zip(0..).map(|(media, track)| {
            Ok(Port {
                media,
                track,
                pair: UdpPair::bind(camera.ip())?,
                agreed: false,
                source: None,
                reports_to: None,
                heard: false,
                sender: Sender::default(),
                window: Window::default(),
            })
        });
        let ports = ports.collect::<io::Result<Vec<_>>>()?;
        Ok(Self { camera, ports, buffer: vec![0; PREFIX + MAX_DATAGRAM], stranger: None })
    }

    /// The media descriptions with their even ports.
    pub(super) fn ports(&self) -> impl Iterator<Item = (usize, u16)> {
        self.ports.iter().map(|port| (port.media, port.pair.port()))
    }

    /// Takes over what the camera answered, and opens the way for its packets. To be called before
    /// PLAY, and again as often as one likes. Gives whether any track is left: a camera may answer
    /// with TCP what was asked for UDP.
    pub(super) fn agree(&mut self, tracks: &[TrackSetup]) -> bool {
        let camera = self.camera;
        self.ports.retain_mut(|port| {
            let setup = tracks.iter().find(|setup| setup.media == port.media);
            let Some(setup) = setup.filter(|_| !port.agreed) else { return true };
            port.agreed = true;
            let is_udp = setup.transport.lower == Lower::Udp;
            if is_udp {
                port.agree(setup, camera);
            }
            is_udp
        });
        !self.ports.is_empty()
    }

    /// All sockets, in the order that [`Datagrams::receive`] counts them.
    pub(super) fn sockets(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.ports.iter().flat_map(|port| [Half::Rtp, Half::Rtcp].map(|half| port.pair.half(half)))
    }

    /// Feeds what came on one of the sockets; what the most important of it meant.
    pub(super) fn receive(
        &mut self,
        socket: usize,
        feed: &mut Feed,
        oddities: &mut Oddities,
    ) -> Fed {
        let Self { camera, ports, buffer, stranger } = self;
        let half = if socket % 2 == 0 { Half::Rtp } else { Half::Rtcp };
        let Some(port) = ports.get_mut(socket / 2) else { return Fed::Nothing };
        let mut meant = Fed::Nothing;
        for _ in 0..MAX_BATCH {
            let Some(room) = buffer.get_mut(PREFIX..) else { break };
            let Some((size, from)) = port.pair.receive(half, room) else { break };
            let ip = from.ip().to_canonical();
            if ip != camera.ip().to_canonical() && Some(ip) != port.source {
                if stranger.replace(ip).is_none() {
                    log::info!(
                        "ignoring datagrams of a stranger stream={} address={ip}",
                        feed.stream()
                    );
                }
                continue;
            }
            let Some(frame) = buffer.get_mut(..PREFIX + size) else { break };
            let fed = port.packet(half, frame, from, feed, oddities);
            meant = meant.max(fed);
        }
        meant
    }

    /// When [`Datagrams::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ports.iter().filter_map(|port| port.window.deadline()).min()
    }

    /// Feeds what has waited long enough for packets that do not come; what the most important of
    /// it meant.
    pub(super) fn expire(&mut self, now: Instant, feed: &mut Feed, oddities: &mut Oddities) -> Fed {
        let mut meant = Fed::Nothing;
        for Port { track, window, .. } in &mut self.ports {
            window.expire(now, &mut |frame, arrived| {
                meant = meant.max(feed.rtp(*track, frame, arrived, oddities));
            });
        }
        meant
    }

    /// Feeds all that waits: nothing more will come.
    pub(super) fn flush(&mut self, feed: &mut Feed, oddities: &mut Oddities) {
        for Port { track, window, .. } in &mut self.ports {
            window.flush(&mut |frame, arrived| {
                feed.rtp(*track, frame, arrived, oddities);
            });
        }
    }

    /// Sends a receiver report of a track to the camera, if the track is one of these.
    pub(super) fn report(&self, track: u8, report: &[u8]) {
        let port = self.ports.iter().find(|port| port.track == track);
        if let Some((port, to)) = port.and_then(|port| Some((port, port.reports_to?))) {
            port.pair.send(Half::Rtcp, report, to);
        }
    }
}

impl Port {
    /// Where packets come from and reports go; the first datagrams there.
    fn agree(&mut self, setup: &TrackSetup, camera: SocketAddr) {
        let source = setup.transport.source_host().and_then(|host| host.parse::<IpAddr>().ok());
        self.source = source
            .map(|ip| ip.to_canonical())
            .filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
            .filter(|ip| *ip != camera.ip().to_canonical());
        let announced = setup.transport.server_ports().map(|(rtp, _)| rtp).filter(|&rtp| rtp != 0);
        self.sender = Sender::new(announced);
        // Without an announcement the camera's ports are taken to be the same as ours, as live555
        // does: nothing better is known.
        let (rtp, rtcp) = setup.transport.server_ports().unwrap_or((self.pair.port(), None));
        let Some(rtcp) = rtcp.filter(|&rtcp| rtcp != 0).or(rtp.checked_add(1)) else { return };
        let at = |ip: Option<IpAddr>, port| {
            let mut address = camera;
            address.set_port(port);
            if let Some(ip) = ip {
                address.set_ip(ip);
            }
            address
        };
        self.reports_to = Some(at(None, rtcp));
        let random = entropy::number();
        let ssrc = random as u32;
        let mut packet = Vec::new();
        write_header(&mut packet, false, 0, (random >> 32) as u16, 0, ssrc);
        let mut report = Vec::new();
        RtcpPacket::ReceiverReport { ssrc, reports: Vec::new() }.encode(&mut report);
        let announced = self.source.filter(|ip| ip.is_ipv4() == camera.is_ipv4());
        for ip in std::iter::once(None).chain(announced.map(Some)) {
            for _ in 0..PUNCHES {
                self.pair.send(Half::Rtp, &packet, at(ip, rtp));
                self.pair.send(Half::Rtcp, &report, at(ip, rtcp));
            }
        }
    }

    /// A packet, with room for its prefix.
    fn packet(
        &mut self,
        half: Half,
        frame: &mut [u8],
        from: SocketAddr,
        feed: &mut Feed,
        oddities: &mut Oddities,
    ) -> Fed {
        let now = Instant::now();
        let Some((prefix, packet)) = frame.split_at_mut_checked(PREFIX) else {
            return Fed::Nothing;
        };
        let is_rtcp = packet.get(1).is_some_and(|kind| RTCP_TYPES.contains(kind));
        if half == Half::Rtcp || is_rtcp {
            self.heard = true;
            self.reports_to = Some(from);
            return feed.rtcp(self.track, packet, now, oddities);
        }
        let Some(number) = feed.number(self.track, packet, oddities) else { return Fed::Nothing };
        if !self.sender.sends(from, now) {
            return Fed::Nothing;
        }
        if let Some(to) = self.reports_to.as_mut().filter(|_| !self.heard) {
            to.set_ip(from.ip());
        }
        let length = (packet.len() as u16).to_be_bytes();
        prefix.copy_from_slice(&[b'$', 0, length[0], length[1]]);
        let Self { track, window, .. } = self;
        let mut meant = Fed::Nothing;
        let placed = window.push(number, frame, now, &mut |frame, arrived| {
            meant = meant.max(feed.rtp(*track, frame, arrived, oddities));
        });
        match placed {
            Placed::InOrder | Placed::Held => {}
            Placed::Reordered => feed.count_reordered(),
            Placed::Duplicate => feed.count_duplicate(),
            Placed::Behind => feed.behind(*track, frame, now),
        }
        meant
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use rtsp_proto::headers::TransportSpec;

    use super::*;

    const CAMERA: ([u8; 4], u16) = ([127, 0, 0, 1], 554);

    fn socket() -> (UdpSocket, u16) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let port = socket.local_addr().unwrap().port();
        (socket, port)
    }

    fn setup(media: usize, transport: TransportSpec) -> TrackSetup {
        TrackSetup { media, uri: String::new(), transport }
    }

    #[test]
    fn the_way_is_opened_once_from_the_ports_that_the_camera_was_told() {
        let ((rtp, rtp_port), (rtcp, rtcp_port)) = (socket(), socket());
        let mut datagrams = Datagrams::bind(CAMERA.into(), [3]).unwrap();
        let port = datagrams.ports().next().unwrap().1;
        let answer = TransportSpec {
            server_port: Some((rtp_port, Some(rtcp_port))),
            ..TransportSpec::udp(port)
        };
        for _ in 0..3 {
            assert!(datagrams.agree(&[setup(3, answer.clone())]));
        }
        let mut buffer = [0; 64];
        for (socket, from, kind) in [(&rtp, port, 0), (&rtcp, port + 1, 201)] {
            for _ in 0..PUNCHES {
                let (size, sender) = socket.recv_from(&mut buffer).unwrap();
                assert_eq!((sender.port(), buffer[0] & 0xc0, buffer[1]), (from, 0x80, kind));
                assert!(size >= 8);
            }
            socket.set_nonblocking(true).unwrap();
            assert!(socket.recv_from(&mut buffer).is_err(), "too many");
        }
        // Reports go to the port that was announced, for now.
        datagrams.report(0, b"report");
        rtcp.set_nonblocking(false).unwrap();
        assert_eq!(rtcp.recv_from(&mut buffer).unwrap().0, 6);
    }

    #[test]
    fn other_senders_are_believed_only_when_announced_and_possible() {
        for (source, taken) in [
            ("192.0.2.7", Some("192.0.2.7")),
            ("127.0.0.1", None),
            ("0.0.0.0", None),
            ("239.1.2.3", None),
            ("camera.local", None),
            ("", None),
        ] {
            let mut datagrams = Datagrams::bind(CAMERA.into(), [0]).unwrap();
            let answer = TransportSpec { source: Some(source.into()), ..TransportSpec::udp(2) };
            datagrams.agree(&[setup(0, answer)]);
            let expected = taken.map(|ip| ip.parse::<IpAddr>().unwrap());
            assert_eq!(datagrams.ports[0].source, expected, "{source}");
        }
    }

    #[test]
    fn tracks_that_come_over_tcp_after_all_need_no_ports() {
        let mut datagrams = Datagrams::bind(CAMERA.into(), [0, 1]).unwrap();
        assert!(datagrams.agree(&[setup(0, TransportSpec::interleaved(0))]));
        assert_eq!(datagrams.sockets().count(), 2);
        assert!(!datagrams.agree(&[setup(1, TransportSpec::interleaved(2))]));
    }
}
