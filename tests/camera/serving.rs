//! What a camera in good health does.

use super::client::{Client, Frame};
use super::sim::{Clip, Coding, Packets, Path, Stamp, Start, Synthetic};
use super::{camera, eventually};
use std::net::UdpSocket;
use std::time::{Duration, Instant};

/// The packets of the next whole picture of channel 0.
fn picture(client: &mut Client) -> Vec<Frame> {
    let mut packets = Vec::new();
    while packets.last().is_none_or(|frame: &Frame| !frame.marker()) {
        let frame = client.frame().unwrap();
        if frame.channel == 0 {
            packets.push(frame);
        }
    }
    packets
}

/// The value of a parameter of the first entry of RTP-Info.
fn info<T: std::str::FromStr>(header: &str, name: &str) -> Option<T> {
    let first = header.split(',').next()?;
    first.split(';').find_map(|part| part.strip_prefix(name)?.parse().ok())
}

#[test]
fn the_first_packet_is_the_one_that_play_announced() {
    for start in [Start::NextPicture, Start::NextKeyFrame, Start::ForcedKeyFrame] {
        let camera = camera(|path| path.start = start, |_| {});
        let mut client = Client::connect(camera.address()).unwrap();
        let answer = client.play(&camera.url("main"), 1).unwrap();
        assert_eq!(answer.status, 200);
        let header = answer.header("RTP-Info").unwrap();
        let report = client.frame().unwrap();
        assert_eq!((report.channel, report.payload[1]), (1, 200), "a sender report comes first");
        let first = client.frame().unwrap();
        assert_eq!(info(header, "seq="), Some(first.sequence()), "{start:?}");
        assert_eq!(info(header, "rtptime="), Some(first.timestamp()), "{start:?}");
        assert_eq!(report.payload[16..20], first.payload[4..8], "the report is of that moment");
        if start != Start::NextPicture {
            let inside = &first.payload[12..];
            assert_eq!(Coding::H264.kind(inside), 24, "parameter sets share a packet");
            assert_eq!(Coding::H264.kind(&inside[3..]), 7);
        }
    }
}

#[test]
fn numbers_go_on_when_the_clip_begins_again() {
    // Three pictures a tenth of a second apart: eight pictures loop twice.
    let mut short = Clip::builtin();
    short.pictures.truncate(3);
    short.fps = 20;
    let mut path = Path::new("main", short);
    path.first_sequence = Some(65_530);
    path.first_timestamp = Some(u32::MAX - 9_000);
    let camera = camera(|main| *main = path, |_| {});
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("main"), 1).unwrap();
    let pictures: Vec<_> = (0..8).map(|_| picture(&mut client)).collect();
    let sequence: Vec<u16> = pictures.iter().flatten().map(Frame::sequence).collect();
    assert!(sequence.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)), "{sequence:?}");
    assert!(sequence.contains(&0), "the sequence wrapped");
    for pair in pictures.windows(2) {
        assert_eq!(pair[1][0].timestamp().wrapping_sub(pair[0][0].timestamp()), 4500);
        assert!(pair[0].iter().all(|frame| frame.timestamp() == pair[0][0].timestamp()));
    }
}

#[test]
fn every_picture_tells_when_it_was_sent() {
    let camera = camera(|_| {}, |_| {});
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("main"), 1).unwrap();
    let mut last: Option<Stamp> = None;
    for _ in 0..10 {
        let packets = picture(&mut client);
        let stamp = packets.iter().find_map(|frame| Stamp::find(&frame.payload)).unwrap();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let late = now.saturating_sub(Duration::from_nanos(stamp.sent_ns));
        assert!(late < Duration::from_secs(1), "{late:?}");
        assert!(last.is_none_or(|last| stamp.count == last.count + 1));
        assert!(packets.iter().all(|frame| frame.payload.len() <= 12 + 1400));
        last = Some(stamp);
    }
}

#[test]
fn two_sessions_see_the_same_moment_at_the_pace_of_the_clip() {
    let camera = camera(|_| {}, |_| {});
    let mut clients = [0, 1].map(|_| Client::connect(camera.address()).unwrap());
    for client in &mut clients {
        client.play(&camera.url("main"), 1).unwrap();
    }
    let start = Instant::now();
    let [mut one, two] = clients
        .map(|mut client| (0..20).map(|_| picture(&mut client)[0].timestamp()).collect::<Vec<_>>());
    one.retain(|time| two.contains(time));
    assert!(one.len() >= 18, "{one:?} {two:?}");
    let took = start.elapsed();
    assert!(took > Duration::from_millis(700), "20 pictures of 40 ms in {took:?}");
    assert_eq!(camera.stats().sessions_max, 2);
}

#[test]
fn two_tracks_come_on_their_channels_and_a_pause_holds_both() {
    let camera = camera(|path| path.audio = true, |_| {});
    let url = camera.url("main");
    let mut client = Client::connect(camera.address()).unwrap();
    let answer = client.play(&url, 2).unwrap();
    assert_eq!(answer.header("RTP-Info").unwrap().matches("url=").count(), 2);
    let mut counts = [0; 4];
    for _ in 0..60 {
        let frame = client.frame().unwrap();
        counts[usize::from(frame.channel)] += 1;
        if frame.channel == 2 {
            assert_eq!((frame.payload.len(), frame.payload[1]), (12 + 160, 0));
        }
    }
    assert!(counts[0] > 5 && counts[2] > 5 && counts[1] == 1 && counts[3] == 1, "{counts:?}");
    assert_eq!(client.ask("PAUSE", &url, "").unwrap().status, 200);
    client.patience(Duration::from_millis(200));
    let silence = loop {
        if let Err(error) = client.frame() {
            break error;
        }
    };
    assert_eq!(silence.kind(), std::io::ErrorKind::WouldBlock);
    client.patience(Duration::from_secs(5));
    assert_eq!(client.ask("PLAY", &url, "").unwrap().status, 200);
    client.frame().unwrap();
    assert_eq!(client.ask("TEARDOWN", &url, "").unwrap().status, 200);
    assert_eq!(camera.stats().sessions_open, 0);
}

#[test]
fn any_channels_may_be_asked_for_and_udp_takes_turns() {
    let camera = camera(|_| {}, |_| {});
    let url = camera.url("main");
    let mut client = Client::connect(camera.address()).unwrap();
    let extra = "Transport: RTP/AVP/TCP;unicast;interleaved=101-100\r\n";
    let answer = client.ask("SETUP", &url, extra).unwrap();
    assert!(answer.header("Transport").unwrap().contains("interleaved=101-100;"));
    client.ask("PLAY", &url, "").unwrap();
    assert_eq!((client.frame().unwrap().channel, client.frame().unwrap().channel), (100, 101));

    let rtp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let rtcp = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut client = Client::connect(camera.address()).unwrap();
    let ports = (rtp.local_addr().unwrap().port(), rtcp.local_addr().unwrap().port());
    let extra = format!("Transport: RTP/AVP;unicast;client_port={}-{}\r\n", ports.0, ports.1);
    let answer = client.ask("SETUP", &url, &extra).unwrap();
    assert!(answer.header("Transport").unwrap().contains(";server_port="), "{}", answer.head);
    client.ask("PLAY", &url, "").unwrap();
    let mut buffer = [0; 2000];
    let (size, _) = rtcp.recv_from(&mut buffer).unwrap();
    assert_eq!((buffer[1], size % 4), (200, 0));
    let (_, from) = rtp.recv_from(&mut buffer).unwrap();
    assert_eq!(buffer[0], 0x80);
    // An empty receiver report from the RTCP port is a sign of life.
    rtcp.send_to(&[0x80, 201, 0, 1, 0, 0, 0, 9], (from.ip(), from.port() + 1)).unwrap();
    eventually("the receiver report", || camera.stats().receiver_reports == 1);
}

#[test]
fn a_transport_or_path_that_is_not_offered_is_refused() {
    let camera = camera(|_| {}, |options| options.allow_udp = false);
    let url = camera.url("main");
    let mut client = Client::connect(camera.address()).unwrap();
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
    assert_eq!(client.ask("SETUP", &url, udp).unwrap().status, 461);
    let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    assert_eq!(client.ask("SETUP", &format!("{url}/trackID=2"), tcp).unwrap().status, 404);
    assert_eq!(client.ask("DESCRIBE", &camera.url("other"), "").unwrap().status, 404);
    assert_eq!(client.ask("PLAY", &url, "").unwrap().status, 454);
    // With a query, ffmpeg puts the track behind it, GStreamer before it.
    for uri in [format!("{url}?a=1/trackID=1"), format!("{url}/trackID=1?a=1")] {
        assert_eq!(client.ask("SETUP", &uri, tcp).unwrap().status, 200, "{uri}");
    }
    let described = client.ask("DESCRIBE", &url, "").unwrap();
    assert!(described.body.contains("sprop-parameter-sets=Z"), "{}", described.body);
}

#[test]
fn a_session_without_a_sign_of_life_ends() {
    let short = Duration::from_secs(1);
    let camera = camera(|_| {}, |options| options.session_timeout = short);
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("main"), 1).unwrap();
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(1500) {
        assert_eq!(client.ask("GET_PARAMETER", &camera.url("main"), "").unwrap().status, 200);
        std::thread::sleep(Duration::from_millis(100));
    }
    while client.frame().is_ok() {}
    eventually("the end", || camera.stats().sessions_open == 0);
    assert_eq!(camera.stats().sessions_expired, 1);
    assert!(camera.stats().keepalives_get_parameter > 5);
}

#[test]
fn clips_are_cut_into_whole_pictures() {
    for (clip, keys) in [(Clip::builtin(), 3), (Clip::sub(), 6)] {
        assert_eq!(clip.pictures.len(), 150);
        assert_eq!(clip.pictures.iter().filter(|picture| picture.key).count(), keys);
        assert!(clip.parameter_sets()[1..].iter().all(Option::is_some));
    }
    assert!(Clip::from_annexb(b"no video", 25).is_err());
}

#[test]
fn a_synthetic_clip_has_the_bit_rate_it_was_asked_for() {
    let clip = Clip::synthetic(&Synthetic::default());
    let size = |nal_units: &[Vec<u8>]| nal_units.iter().map(Vec::len).sum::<usize>();
    let sizes: Vec<_> = clip.pictures.iter().map(|picture| size(&picture.nal_units)).collect();
    let total: usize = sizes.iter().sum();
    assert!(total.abs_diff(1_000_000) < 20_000, "{total} bytes in two seconds");
    assert!(sizes[0] > 6 * sizes[1] && sizes[0] < 8 * sizes[1], "{sizes:?}");
    let bytes = clip.pictures.iter().flat_map(|picture| picture.nal_units.concat());
    let zeros = bytes.collect::<Vec<_>>().windows(2).filter(|pair| pair == &[0, 0]).count();
    assert_eq!(zeros, 0, "nothing looks like a start code");
}

#[test]
fn single_packets_hold_one_nal_unit_each() {
    let camera = camera(|path| path.packets = Packets::Single, |_| {});
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("main"), 1).unwrap();
    let kinds: Vec<u8> = (0..60)
        .flat_map(|_| picture(&mut client))
        .map(|frame| Coding::H264.kind(&frame.payload[12..]))
        .collect();
    assert!(kinds.contains(&7) && kinds.contains(&28) && !kinds.contains(&24), "{kinds:?}");
}
