//! The UDP side of one connection to a camera: a pair of ports for each track, of the relay or of
//! the multicast group that the camera sends to.
//!
//! A datagram is taken when it comes from the camera's address, or from one that the camera
//! announced (`source=`; for a group `a=source-filter`, too), whatever its port: cameras announce
//! wrong ports, or none. It gets the prefix of an interleaved frame, and is an interleaved frame from
//! there on.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::BorrowedFd;
use std::time::Instant;

use rtsp_proto::Oddities;
use rtsp_proto::dialog::TrackSetup;
use rtsp_proto::headers::Lower;
use rtsp_proto::rtcp::RtcpPacket;
use rtsp_proto::rtp::write_header;

use super::announced::Announced;
use super::carrier::Carrier;
use super::feed::{Fed, Feed};
use super::inlet::Inlet;
use crate::entropy;
use crate::media::batch::PREFIX;
use crate::net::udp::{Group, Half, MAX_DATAGRAM, UdpPair};
use crate::system_error::words;

/// Datagrams that are read from a socket before another one has its turn.
const MAX_BATCH: usize = 256;
/// Datagrams that open the way through a firewall; of one, a loss would close it.
const PUNCHES: usize = 2;

/// The ports of all tracks.
pub(super) struct Datagrams {
    /// Whom the RTSP connection is with.
    camera: SocketAddr,
    /// This end of that.
    local: IpAddr,
    ports: Vec<Port>,
    /// One datagram, behind room for its prefix.
    buffer: Vec<u8>,
    stranger: Option<IpAddr>,
}

/// One track.
struct Port {
    media: usize,
    pair: UdpPair,
    /// The camera's answer to SETUP is known.
    agreed: bool,
    /// The pair is of a group.
    multicast: bool,
    /// Where packets come from besides the camera's own address.
    sources: Vec<IpAddr>,
    inlet: Inlet,
}

impl Datagrams {
    /// Ports for the tracks, given by the places of their media descriptions. `camera` and `local`
    /// are the two ends of the RTSP connection.
    pub(super) fn bind(
        camera: SocketAddr,
        local: IpAddr,
        media: impl IntoIterator<Item = usize>,
    ) -> io::Result<Self> {
        let ports = media.into_iter().zip(0..).map(|(media, track)| {
            Ok(Port {
                media,
                pair: UdpPair::bind(camera.ip())?,
                agreed: false,
                multicast: false,
                sources: Vec::new(),
                inlet: Inlet::new(track),
            })
        });
        let ports = ports.collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            camera,
            local: local.to_canonical(),
            ports,
            buffer: vec![0; PREFIX + MAX_DATAGRAM],
            stranger: None,
        })
    }

    /// The media descriptions with their even ports.
    pub(super) fn ports(&self) -> impl Iterator<Item = (usize, u16)> {
        self.ports.iter().map(|port| (port.media, port.pair.port()))
    }

    /// Takes over what the camera answered, and opens the way for its packets: joins the group if it
    /// sends `stream` to one, which `announced` may say more about. To be called before PLAY, and
    /// again as often as one likes. Gives whether any track is left: a camera may answer with TCP
    /// what was asked for UDP.
    ///
    /// # Errors
    /// Why a group cannot be joined.
    pub(super) fn agree(
        &mut self,
        tracks: &[TrackSetup],
        announced: &Announced,
        stream: &str,
    ) -> Result<bool, String> {
        let (camera, local) = (self.camera, self.local);
        let mut result = Ok(());
        self.ports.retain_mut(|port| {
            let setup = tracks.iter().find(|setup| setup.media == port.media);
            let Some(setup) = setup.filter(|_| !port.agreed) else { return true };
            port.agreed = true;
            if setup.transport.is_multicast() {
                let joined = port.join(setup, (camera, local), announced, stream);
                result = std::mem::replace(&mut result, Ok(())).and(joined);
                return true;
            }
            let is_udp = setup.transport.lower == Lower::Udp;
            if is_udp {
                port.agree(setup, camera);
            }
            is_udp
        });
        result.map(|()| !self.ports.is_empty())
    }

    /// What carries these tracks.
    pub(super) fn carrier(&self) -> Carrier {
        match self.ports.iter().any(|port| port.multicast) {
            true => Carrier::Multicast,
            false => Carrier::Udp,
        }
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
        let Self { camera, local, ports, buffer, stranger } = self;
        let half = if socket % 2 == 0 { Half::Rtp } else { Half::Rtcp };
        let Some(port) = ports.get_mut(socket / 2) else { return Fed::Nothing };
        let mut meant = Fed::Nothing;
        for _ in 0..MAX_BATCH {
            let Some(room) = buffer.get_mut(PREFIX..) else { break };
            let Some((size, from)) = port.pair.receive(half, room) else { break };
            let ip = from.ip().to_canonical();
            // Behind the same address a camera that named no ports was thought to have ours.
            if !port.multicast && ip == *local && from.port() & !1 == port.pair.port() {
                continue;
            }
            if ip != camera.ip().to_canonical() && !port.sources.contains(&ip) {
                // A group has other listeners, whose reports are for all.
                if !port.multicast && stranger.replace(ip).is_none() {
                    log::info!(
                        "ignoring datagrams of a stranger stream={} address={ip}",
                        feed.stream()
                    );
                }
                continue;
            }
            let Some(frame) = buffer.get_mut(..PREFIX + size) else { break };
            let fed = port.inlet.packet(half, frame, from, Instant::now(), feed, oddities);
            meant = meant.max(fed);
        }
        meant
    }

    /// When [`Datagrams::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.ports.iter().filter_map(|port| port.inlet.deadline()).min()
    }

    /// Feeds what has waited long enough for packets that do not come; what the most important of
    /// it meant.
    pub(super) fn expire(&mut self, now: Instant, feed: &mut Feed, oddities: &mut Oddities) -> Fed {
        let mut meant = Fed::Nothing;
        for port in &mut self.ports {
            meant = meant.max(port.inlet.expire(now, feed, oddities));
        }
        meant
    }

    /// Feeds all that waits: nothing more will come.
    pub(super) fn flush(&mut self, feed: &mut Feed, oddities: &mut Oddities) {
        for port in &mut self.ports {
            port.inlet.flush(feed, oddities);
        }
    }

    /// Sends a receiver report of a track to the camera, if the track is one of these.
    pub(super) fn report(&self, track: u8, report: &[u8]) {
        let port = self.ports.iter().find(|port| port.inlet.track() == track);
        if let Some((port, to)) = port.and_then(|port| Some((port, port.inlet.reports_to()?))) {
            port.pair.send(Half::Rtcp, report, to);
        }
    }
}

impl Port {
    /// Where packets come from.
    fn expect(&mut self, setup: &TrackSetup, camera: SocketAddr, announced: &[IpAddr]) {
        let source = setup.transport.source_host().and_then(|host| host.parse::<IpAddr>().ok());
        self.sources = announced
            .iter()
            .copied()
            .chain(source)
            .map(|ip| ip.to_canonical())
            .filter(|ip| !ip.is_unspecified() && !ip.is_multicast())
            .filter(|ip| *ip != camera.ip().to_canonical())
            .collect();
        self.sources.sort_unstable();
        self.sources.dedup();
        let port = setup.transport.server_ports().map(|(rtp, _)| rtp).filter(|&rtp| rtp != 0);
        self.inlet.expect(port);
    }

    /// The group's ports take the place of the relay's own.
    fn join(
        &mut self,
        setup: &TrackSetup,
        (camera, local): (SocketAddr, IpAddr),
        announced: &Announced,
        stream: &str,
    ) -> Result<(), String> {
        self.expect(setup, camera, announced.sources(setup.media));
        let group = announced.group(setup.media, &setup.transport)?;
        let Group { address, rtp, rtcp, .. } = group;
        let camera = camera.ip().to_canonical();
        let senders: Vec<_> = std::iter::once(camera).chain(self.sources.iter().copied()).collect();
        self.pair = UdpPair::join(&group, local, &senders).map_err(|error| {
            format!(
                "cannot join the camera's multicast group {address}, port {rtp}: {}",
                words(&error)
            )
        })?;
        self.multicast = true;
        self.inlet.report_to_group(SocketAddr::new(address, rtcp));
        log::info!(
            "joined a multicast group stream={stream} group={address} port={rtp} at={local}"
        );
        Ok(())
    }

    /// Where packets come from and reports go; the first datagrams there.
    fn agree(&mut self, setup: &TrackSetup, camera: SocketAddr) {
        self.expect(setup, camera, &[]);
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
        self.inlet.report_to(at(None, rtcp));
        let random = entropy::number();
        let ssrc = random as u32;
        let mut packet = Vec::new();
        write_header(&mut packet, false, 0, (random >> 32) as u16, 0, ssrc);
        let mut report = Vec::new();
        RtcpPacket::ReceiverReport { ssrc, reports: Vec::new() }.encode(&mut report);
        let announced = self.sources.iter().filter(|ip| ip.is_ipv4() == camera.is_ipv4());
        for ip in std::iter::once(None).chain(announced.map(|ip| Some(*ip))) {
            for _ in 0..PUNCHES {
                self.pair.send(Half::Rtp, &packet, at(ip, rtp));
                self.pair.send(Half::Rtcp, &report, at(ip, rtcp));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::time::Duration;

    use std::sync::Arc;

    use rtsp_proto::headers::TransportSpec;
    use rtsp_proto::sdp::SessionDescription;

    use super::*;
    use crate::config::{Sources, Surroundings, load_in};
    use crate::media::Presentation;
    use crate::source::Slot;

    const CAMERA: ([u8; 4], u16) = ([127, 0, 0, 1], 554);

    fn bind(media: &[usize]) -> Datagrams {
        Datagrams::bind(CAMERA.into(), IpAddr::from(CAMERA.0), media.iter().copied()).unwrap()
    }

    fn agree(datagrams: &mut Datagrams, setup: TrackSetup) -> bool {
        datagrams.agree(&[setup], &Announced::default(), "door").unwrap()
    }

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
        let mut datagrams = bind(&[3]);
        let port = datagrams.ports().next().unwrap().1;
        let answer = TransportSpec {
            server_port: Some((rtp_port, Some(rtcp_port))),
            ..TransportSpec::udp(port)
        };
        for _ in 0..3 {
            assert!(agree(&mut datagrams, setup(3, answer.clone())));
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
            let mut datagrams = bind(&[0]);
            let answer = TransportSpec { source: Some(source.into()), ..TransportSpec::udp(2) };
            agree(&mut datagrams, setup(0, answer));
            let expected = taken.into_iter().map(|ip| ip.parse::<IpAddr>().unwrap());
            assert!(datagrams.ports[0].sources.iter().copied().eq(expected), "{source}");
        }
    }

    #[test]
    fn what_opens_the_way_to_a_camera_of_this_machine_is_not_taken_for_its_media() {
        let sources = Sources {
            streams: vec![("door".to_owned(), "rtsp://127.0.0.1/".to_owned())],
            ..Sources::default()
        };
        let config = load_in(&sources, Surroundings::default()).unwrap().config;
        let slot = Arc::new(Slot::new(config.streams["door"].clone(), &Arc::default()));
        let mut oddities = Oddities::new();
        let sdp = b"v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 0\r\n";
        let sdp = SessionDescription::parse(sdp, &mut oddities).unwrap();
        let presentation = Presentation::new(&sdp, |_| true, &mut oddities);
        let mut feed = Feed::new(slot, Instant::now());
        feed.begin(presentation, Instant::now()).unwrap();

        let mut datagrams = bind(&[0]);
        let port = datagrams.ports().next().unwrap().1;
        // Without ports in the answer: they are guessed to be the same as ours.
        agree(&mut datagrams, setup(0, TransportSpec::udp(port)));
        assert_eq!(datagrams.receive(0, &mut feed, &mut oddities), Fed::Nothing);
        let mut packet = Vec::new();
        write_header(&mut packet, false, 0, 7, 7, 7);
        packet.extend([0; 160]);
        socket().0.send_to(&packet, ("127.0.0.1", port)).unwrap();
        assert_eq!(datagrams.receive(0, &mut feed, &mut oddities), Fed::Media);
    }

    #[test]
    fn tracks_that_come_over_tcp_after_all_need_no_ports() {
        let mut datagrams = bind(&[0, 1]);
        assert!(agree(&mut datagrams, setup(0, TransportSpec::interleaved(0))));
        assert_eq!(datagrams.sockets().count(), 2);
        assert!(!agree(&mut datagrams, setup(1, TransportSpec::interleaved(2))));
    }

    #[test]
    fn a_group_that_cannot_be_joined_is_named() {
        let mut datagrams = bind(&[0]);
        let group = |destination: &str| TransportSpec {
            destination: Some(destination.into()),
            port: Some((5004, None)),
            ..TransportSpec::multicast()
        };
        for (destination, text) in [
            ("ff15::1", "cannot join the camera's multicast group ff15::1, port 5004: "),
            ("127.0.0.1", "the camera sends to a multicast group and does not say which"),
        ] {
            datagrams.ports[0].agreed = false;
            let setup = setup(0, group(destination));
            let told = datagrams.agree(&[setup], &Announced::default(), "door");
            assert!(told.as_ref().is_err_and(|told| told.starts_with(text)), "{told:?}");
        }
    }
}
