//! Viewers over UDP: what they get, what keeps them alive, and what nobody can have sent to others.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rtsp_proto::Method;
use rtsp_proto::codec::Codec;
use rtsp_proto::headers::TransportSpec;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Options, Path, Synthetic};
use support::{Continuity, Relay, RtspClient, free_port, free_udp_pair, wait_until};

const SOON: Duration = Duration::from_secs(10);
const RECEIVER_REPORT: [u8; 8] = [0x80, 201, 0, 1, 0, 0, 0, 7];

fn relay(camera: &Camera, more: &str) -> Relay {
    let url = camera.url("main");
    Relay::start(&format!(
        "max_clients=100\nsource_idle_timeout_s=0\n{more}\n[stream]\nname=door\nrtsp_url={url}"
    ))
}

/// A viewer of the first track.
struct Viewer {
    rtsp: RtspClient,
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The relay's answer to SETUP.
    transport: TransportSpec,
}

impl Viewer {
    fn set_up(relay: &Relay) -> Self {
        let (rtp, rtcp) = ports();
        let mut rtsp = RtspClient::connect(&relay.url("door")).unwrap();
        rtsp.describe().unwrap();
        let port = rtp.local_addr().unwrap().port();
        let answer = rtsp.setup(0, TransportSpec::udp(port)).unwrap();
        let transport = TransportSpec::parse(answer.headers.get("Transport").unwrap()).unwrap();
        Self { rtsp, rtp, rtcp, transport }
    }

    fn watch(relay: &Relay) -> Self {
        let mut viewer = Self::set_up(relay);
        viewer.rtsp.play().unwrap();
        viewer
    }

    fn packet(&self) -> Vec<u8> {
        receive(&self.rtp)
    }

    fn report(&self) {
        let (_, rtcp) = self.transport.server_ports().unwrap();
        self.rtcp.send_to(&RECEIVER_REPORT, ("127.0.0.1", rtcp.unwrap())).unwrap();
    }
}

/// An even port and the next one.
fn ports() -> (UdpSocket, UdpSocket) {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = rtp.local_addr().unwrap().port();
        if let (0, Ok(rtcp)) = (port % 2, UdpSocket::bind(("127.0.0.1", port | 1))) {
            for socket in [&rtp, &rtcp] {
                socket.set_read_timeout(Some(SOON)).unwrap();
            }
            return (rtp, rtcp);
        }
    }
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65_536];
    let length = socket.recv(&mut buffer).expect("a packet");
    buffer.truncate(length);
    buffer
}

#[test]
fn a_viewer_gets_whole_pictures_from_a_key_frame_on_and_the_reports() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    let first = Viewer::watch(&relay);
    assert!(relay.wait_log("viewer joined", SOON).unwrap().contains(" transport=udp "));
    let (rtp, rtcp) = first.transport.server_ports().unwrap();
    assert!(rtp % 2 == 0 && rtcp == Some(rtp + 1));
    assert_eq!(first.transport.source.as_deref(), Some("127.0.0.1"));
    let begin = first.packet();
    let begin = RtpPacket::parse(&begin).unwrap();
    let scan = Codec::H264.scan(begin.payload());
    assert!(scan.parameter_sets || scan.random_access || scan.delimiter, "{scan:?}");
    let mut continuity = Continuity::default();
    while continuity.pictures < 100 {
        continuity.push(&first.packet()).unwrap();
    }
    assert_eq!(continuity.gaps, 0);
    let reports = parse_compound(&receive(&first.rtcp), &mut Default::default());
    assert!(matches!(reports[0], RtcpPacket::SenderReport(..)), "{reports:?}");

    // A second one is told the SSRC, and begins with the cached group and without a gap.
    let second = Viewer::watch(&relay);
    assert_eq!(second.transport.ssrc, Some(begin.ssrc()));
    assert_eq!(second.transport.server_ports(), first.transport.server_ports());
    let mut continuity = Continuity::default();
    while continuity.pictures < 50 {
        continuity.push(&second.packet()).unwrap();
    }
    assert_eq!(continuity.gaps, 0);
}

#[test]
fn ten_seconds_of_pictures_at_once_fit_a_socket_buffer_of_the_usual_size() {
    let spec = Synthetic { width: 1920, height: 1080, fps: 25, bitrate_kbps: 8000, gop: 250 };
    let paths = vec![Path::new("main", Clip::synthetic(&spec))];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    let relay = relay(&camera, "");
    let mut first = RtspClient::watch(&relay.url("door")).unwrap();
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        first.read_frame(SOON).unwrap();
    }
    let viewer = Viewer::watch(&relay);
    let mut continuity = Continuity::default();
    while continuity.pictures < 150 {
        continuity.push(&viewer.packet()).unwrap();
    }
    assert_eq!(continuity.gaps, 0, "of {} packets", continuity.packets);
}

#[test]
fn many_viewers_lose_nothing_and_leave_nothing_behind() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    assert!(wait_until(SOON, || relay.threads() == 2));
    let (threads, fds) = (relay.threads(), relay.fds());
    for round in 0..3 {
        let viewers: Vec<_> = (0..16).map(|_| Viewer::watch(&relay)).collect();
        let readers: Vec<_> = viewers
            .into_iter()
            .map(|viewer| {
                std::thread::spawn(move || {
                    let mut continuity = Continuity::default();
                    while continuity.pictures < 40 {
                        continuity.push(&viewer.packet()).unwrap();
                    }
                    (viewer, continuity.gaps)
                })
            })
            .collect();
        let viewers: Vec<_> = readers.into_iter().map(|reader| reader.join().unwrap()).collect();
        assert!(viewers.iter().all(|(_, gaps)| *gaps == 0));
        let listeners = relay.process().thread_names().iter().filter(|name| *name == "udp").count();
        assert_eq!(listeners, 1, "one thread for all viewers");
        for (index, (mut viewer, _)) in viewers.into_iter().enumerate() {
            // By TEARDOWN or by hanging up.
            if index % 2 == 0 {
                viewer.rtsp.teardown().unwrap();
            }
        }
        assert!(
            wait_until(SOON, || (relay.threads(), relay.fds()) == (threads, fds)),
            "round {round}: {} threads, {} descriptors instead of {threads}, {fds}: {:?}",
            relay.threads(),
            relay.fds(),
            relay.process().thread_names()
        );
    }
}

#[test]
fn a_silent_viewer_expires_and_a_report_or_a_request_keeps_it() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "client_timeout_s=10");
    let silent = Viewer::watch(&relay);
    let reporting = Viewer::watch(&relay);
    let mut asking = Viewer::watch(&relay);
    let mut forged = Viewer::watch(&relay);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (_, rtcp) = forged.transport.server_ports().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(14) {
        reporting.report();
        asking.rtsp.keep_alive().unwrap();
        stranger.send_to(&RECEIVER_REPORT, ("127.0.0.1", rtcp.unwrap())).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        if begun.elapsed() < Duration::from_secs(9) {
            assert!(!relay.log_contains("it has been silent"), "{:?}", begun.elapsed());
        }
    }
    let left: Vec<_> =
        relay.log().into_iter().filter(|line| line.contains("viewer left")).collect();
    assert_eq!(left.len(), 2, "{left:#?}");
    assert!(left.iter().all(|line| line.contains("it has been silent")), "{left:#?}");
    // Those that stayed still get packets; one that expired was told, and gets none.
    for viewer in [&reporting, &asking] {
        viewer.rtp.set_nonblocking(true).unwrap();
        while viewer.rtp.recv(&mut [0; 2048]).is_ok() {}
        viewer.rtp.set_nonblocking(false).unwrap();
        viewer.packet();
    }
    assert!(forged.rtsp.read_to_end(SOON).unwrap().is_empty());
    let last = loop {
        let packets = parse_compound(&receive(&silent.rtcp), &mut Default::default());
        if packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. })) {
            break packets;
        }
    };
    assert!(format!("{last:?}").contains("it has been silent"), "{last:?}");
}

#[test]
fn media_goes_to_nobody_but_the_one_who_asked() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    client.describe().unwrap();
    let control = format!("{}/trackID=0", relay.url("door"));
    let mut status = |transport: &str| {
        let response = client.request(Method::Setup, &control, &[("Transport", transport)]);
        response.unwrap().status.code()
    };
    assert_eq!(status("RTP/AVP;unicast;destination=127.0.0.2;client_port=5000-5001"), 463);
    assert_eq!(status("RTP/AVP;unicast;destination=example.org;client_port=5000-5001"), 463);
    assert_eq!(status("RTP/AVP;multicast;client_port=5000-5001"), 461);
    assert_eq!(status("RTP/AVP;unicast"), 461);
    assert!(!relay.process().thread_names().iter().any(|name| name == "udp"));
    // What was refused can be had over TCP, on the same connection.
    assert_eq!(status("RTP/SAVP;unicast;client_port=5000-5001,RTP/AVP/TCP;interleaved=0-1"), 200);
    client.describe().unwrap();
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
    // Ports that are none are a broken request: answered, and the connection is closed.
    let mut broken = RtspClient::connect(&relay.url("door")).unwrap();
    let transport = [("Transport", "RTP/AVP;unicast;client_port=0-1")];
    let answer = broken.request(Method::Setup, &control, &transport).unwrap();
    assert_eq!(answer.status.code(), 400);
}

#[test]
fn a_track_can_be_set_up_again_over_the_other_transport() {
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera, "");
    let mut viewer = Viewer::set_up(&relay);
    viewer.rtsp.setup(0, TransportSpec::interleaved(0)).unwrap();
    viewer.rtsp.play().unwrap();
    assert!(viewer.rtsp.read_frame(SOON).unwrap().is_some());
    assert!(relay.wait_log(" transport=tcp ", SOON).is_some());
    viewer.rtsp.pause().unwrap();
    let port = viewer.rtp.local_addr().unwrap().port();
    viewer.rtsp.setup(0, TransportSpec::udp(port)).unwrap();
    viewer.rtsp.play().unwrap();
    viewer.packet();
    assert!(relay.wait_log(" transport=udp ", SOON).is_some());
}

#[test]
fn the_configured_port_is_used_kept_and_named_when_it_is_taken() {
    let camera = Camera::start(Options::default()).unwrap();
    let port = free_udp_pair();
    let relay = relay(&camera, &format!("rtp_port={port}"));
    assert!(UdpSocket::bind(("127.0.0.1", port)).is_err(), "taken from the start");
    for _ in 0..2 {
        let viewer = Viewer::watch(&relay);
        assert_eq!(viewer.transport.server_ports(), Some((port, Some(port + 1))));
        let mut buffer = [0; 2048];
        let (_, from) = viewer.rtp.recv_from(&mut buffer).unwrap();
        assert_eq!(from, std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let finished = support::Program::run(
        std::process::Command::new(env!("CARGO_BIN_EXE_rtsp-relay")).args([
            "--stream",
            "door=rtsp://127.0.0.1/x",
            "--set",
            "listen_address=127.0.0.1",
            "--set",
            &format!("listen_port={}", free_port()),
            "--set",
            &format!("rtp_port={port}"),
        ]),
        SOON,
    );
    assert_eq!(finished.status.and_then(|status| status.code()), Some(3));
    let complaint = format!("cannot use UDP port 127.0.0.1:{port}");
    assert!(finished.stderr.contains(&complaint), "{}", finished.stderr);
}

#[test]
fn viewers_are_told_when_the_relay_ends() {
    let camera = Camera::start(Options::default()).unwrap();
    let mut relay = relay(&camera, "");
    let viewers: Vec<_> = (0..8).map(|_| Viewer::watch(&relay)).collect();
    let (status, took) = relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    for viewer in &viewers {
        loop {
            let packets = parse_compound(&receive(&viewer.rtcp), &mut Default::default());
            if packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. })) {
                break;
            }
        }
    }
}
