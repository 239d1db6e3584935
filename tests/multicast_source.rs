//! Cameras that send to multicast groups, each on another machine of a network of the test's own.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "the helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use rtsp_proto::rtp::{RtpPacket, write_header};
use sim::{Camera, Clip, Fault, Multicast, Options, Path, Quality};
use socket2::SockRef;
use support::namespace::ip;
use support::{
    Capture, Continuity, GstCamera, Lan, Program, Relay, RtspClient, film, may_make_networks,
    wait_until,
};

const SOON: Duration = Duration::from_secs(30);
const PATIENCE: Duration = Duration::from_secs(60);
const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 1);
/// A second machine beside the camera.
const STRANGER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 3);

/// A film that is shown four times as fast as it was made: key frames are never far.
fn clip() -> Clip {
    static FILM: LazyLock<Vec<u8>> = LazyLock::new(|| film::h264("160x120", 25));
    Clip::from_annexb(&FILM, 100).unwrap()
}

/// With picture and sound and nothing but multicast.
fn only(multicast: Multicast) -> Options {
    let paths = vec![Path::new("main", clip()).with_audio()];
    let (multicast, allow_tcp, allow_udp) = (Some(multicast), false, false);
    Options { paths, multicast, allow_tcp, allow_udp, ..Options::default() }
}

/// A camera on the other machine.
fn start(lan: &Lan, options: Options) -> Camera {
    start_at(lan, SocketAddr::from((Lan::VIEWERS, 0)), options)
}

fn start_at(lan: &Lan, listen: SocketAddr, options: Options) -> Camera {
    lan.at_viewers(|| Camera::start(Options { listen, ..options })).unwrap()
}

fn relay(url: &str, more: &str) -> Relay {
    Relay::start(&format!("source_idle_timeout_s=0\n{more}\n[stream]\nname=door\nrtsp_url={url}"))
}

/// Decodes 50 pictures with ffmpeg, and does not bear one error.
fn decode(relay: &Relay) {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel error -xerror".split(' '));
    command.args(["-rtsp_transport", "tcp", "-i", &relay.url("door"), "-map", "0:v"]);
    command.args("-frames:v 50 -f framemd5 -".split(' '));
    let finished = Program::run(&mut command, PATIENCE).expect_ok("ffmpeg");
    let pictures = finished.stdout.lines().filter(|line| !line.starts_with('#'));
    let hashes: BTreeSet<_> = pictures.filter_map(|line| line.rsplit(',').next()).collect();
    assert!(hashes.len() > 40, "{} different pictures of 50", hashes.len());
}

/// The interfaces on which this machine is a member of a group.
fn member_on(group: Ipv4Addr) -> Vec<String> {
    let hex = format!("{:08X}", u32::from_le_bytes(group.octets()));
    let list = std::fs::read_to_string("/proc/thread-self/net/igmp").unwrap();
    let mut device = String::new();
    let mut found = Vec::new();
    for line in list.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if !line.starts_with('\t') {
            device = words.get(1).copied().unwrap_or_default().to_owned();
        } else if words.first() == Some(&hex.as_str()) {
            found.push(device.clone());
        }
    }
    found
}

/// Whom this machine wants to hear in a group.
fn senders(group: Ipv4Addr) -> Vec<Ipv4Addr> {
    let number = |word: &str| u32::from_str_radix(word.trim_start_matches("0x"), 16).unwrap();
    let list = std::fs::read_to_string("/proc/thread-self/net/mcfilter").unwrap();
    let lines = list.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of_group = lines.filter(|words| number(words[2]) == u32::from(group));
    of_group.filter(|words| words[4] != "0").map(|words| number(words[3]).into()).collect()
}

/// The next packet of the first track.
fn packet(client: &mut RtspClient) -> Vec<u8> {
    loop {
        let frame = client.read_frame(SOON).unwrap().unwrap();
        if frame.channel == 0 {
            return frame.payload;
        }
    }
}

/// Reads so many packets, of which none is missing.
fn see(client: &mut RtspClient, packets: usize) {
    let mut continuity = Continuity::default();
    for _ in 0..packets {
        continuity.push(&packet(client)).unwrap();
    }
    assert_eq!(continuity.gaps, 0);
}

#[test]
fn a_camera_with_nothing_but_multicast_is_joined_and_left() {
    if !may_make_networks("a_camera_with_nothing_but_multicast_is_joined_and_left") {
        return;
    }
    let lan = Lan::new();
    for in_sdp in [false, true] {
        let camera = start(&lan, only(Multicast { in_sdp, ttl: 3, ..Multicast::new(GROUP) }));
        let relay = relay(&camera.url("main"), "");
        decode(&relay);
        for line in ["refuses TCP, trying UDP", "refuses UDP, trying multicast"] {
            assert!(relay.log_contains(line), "{line}");
        }
        assert!(relay.wait_log("stream live stream=door transport=multicast", SOON).is_some());
        let joined = relay.wait_log("joined a multicast group stream=door", SOON).unwrap();
        assert!(joined.contains("group=239.1.2.1 port="), "{joined}");
        assert!(wait_until(SOON, || camera.stats().teardowns == 1));
        assert!(wait_until(SOON, || member_on(GROUP).is_empty()), "the group was not left");

        // The next time it is asked for at once, and heard from the camera alone.
        let mut capture = Capture::open(&lan, GROUP, Lan::VIEWERS);
        let mut client = RtspClient::watch(&relay.url("door")).unwrap();
        see(&mut client, 20);
        let tried = relay.log().iter().filter(|line| line.contains("trying")).count();
        assert_eq!(tried, 2, "no more questions");
        assert_eq!(member_on(GROUP), [Lan::DEVICE]);
        assert!(senders(GROUP).iter().all(|sender| *sender == Lan::VIEWERS));
        assert_eq!(relay.status("door", "packets_lost"), Some(0));
        if in_sdp {
            continue;
        }
        // Reports come to the group, as far as it reaches, and keep the session.
        let reported = || {
            packet(&mut client);
            camera.stats().receiver_reports >= 2
        };
        assert!(wait_until(SOON, reported));
        let theirs =
            (0..10_000).map(|_| capture.next(GROUP)).find(|(from, ..)| *from == Lan::RELAY);
        let (_, ttl, port) = theirs.unwrap();
        assert_eq!((ttl, port % 2), (3, 1));
        assert_eq!(camera.stats().reported_lost, 0);
    }
}

#[test]
fn what_is_asked_for_first_is_the_operators_choice() {
    if !may_make_networks("what_is_asked_for_first_is_the_operators_choice") {
        return;
    }
    let lan = Lan::new();
    let multicast = Some(Multicast::new(GROUP));
    let camera = start(&lan, Options { multicast, ..Options::default() });
    for (transport, live) in
        [("auto", "transport=TCP"), ("udp", "transport=UDP"), ("multicast", "transport=multicast")]
    {
        let relay = relay(&camera.url("main"), &format!("transport={transport}"));
        let mut client = RtspClient::watch(&relay.url("door")).unwrap();
        see(&mut client, 20);
        assert!(relay.wait_log(live, SOON).is_some());
        assert!(!relay.log_contains("trying"), "{:#?}", relay.log());
    }
    // What has no group says so.
    let camera = start(&lan, Options::default());
    let relay = relay(&camera.url("main"), "transport=multicast");
    assert!(RtspClient::watch(&relay.url("door")).is_err());
    let line = relay.wait_log("camera offline", SOON).unwrap();
    assert!(line.contains("refuses RTP by multicast: try transport=auto, tcp or udp"), "{line}");
}

#[test]
fn an_answer_with_a_group_to_a_question_for_udp_is_taken() {
    if !may_make_networks("an_answer_with_a_group_to_a_question_for_udp_is_taken") {
        return;
    }
    let lan = Lan::new();
    let camera = start(&lan, only(Multicast { always: true, ..Multicast::new(GROUP) }));
    for transport in ["auto", "udp"] {
        let relay = relay(&camera.url("main"), &format!("transport={transport}"));
        decode(&relay);
        assert!(relay.wait_log("transport=multicast", SOON).is_some());
        assert!(!relay.log_contains("trying multicast"));
    }
}

#[test]
fn a_group_is_joined_where_the_camera_is_whatever_the_routes_say() {
    if !may_make_networks("a_group_is_joined_where_the_camera_is_whatever_the_routes_say") {
        return;
    }
    let lan = Lan::new();
    // The routes of groups lead over the other cable.
    let side = lan.add_cable();
    let listen = SocketAddr::from((side.viewers, 0));
    let camera = start_at(&lan, listen, only(Multicast::new(GROUP)));
    let relay = relay(&camera.url("main"), "transport=multicast");
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    see(&mut client, 50);
    assert_eq!(member_on(GROUP), ["side0"]);
    let joined = relay.wait_log("joined a multicast group", SOON).unwrap();
    assert!(joined.contains(&format!("at={}", side.relay)), "{joined}");
}

#[test]
fn what_others_send_reaches_nobody() {
    if !may_make_networks("what_others_send_reaches_nobody") {
        return;
    }
    let lan = Lan::new();
    let camera = start(&lan, only(Multicast::new(GROUP)));
    let relay = relay(&camera.url("main"), "transport=multicast");
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    see(&mut client, 20);
    let lines: Vec<_> =
        relay.log().into_iter().filter(|line| line.contains("joined a multicast")).collect();
    let port = |line: &String| -> u16 {
        let rest = line.split_once("port=").unwrap().1;
        rest.split(' ').next().unwrap().parse().unwrap()
    };
    let ports: Vec<_> = lines.iter().map(port).collect();
    assert_eq!(ports.len(), 2, "{lines:?}");
    let other = Ipv4Addr::new(239, 9, 9, 9);
    let mut foreign = Vec::new();
    write_header(&mut foreign, true, 96, 7, 7, 0xbad);
    foreign.extend([0x41; 100]);
    camera.fault(Fault::Mute(true)).unwrap();
    // From another machine to the group, and from the camera's to another group and to the relay.
    lan.at_viewers(|| {
        ip(&format!("addr add {STRANGER}/24 dev {}", Lan::DEVICE));
        let [stranger, camera] = [STRANGER, Lan::VIEWERS].map(|own| {
            let socket = UdpSocket::bind((own, 0)).unwrap();
            SockRef::from(&socket).set_multicast_if_v4(&own).unwrap();
            socket
        });
        // Behind a second of silence whatever is let in would be taken for the camera's.
        for _ in 0..100 {
            for port in ports.iter().flat_map(|&port| [port, port + 1]) {
                stranger.send_to(&foreign, (GROUP, port)).unwrap();
                camera.send_to(&foreign, (other, port)).unwrap();
                camera.send_to(&foreign, (Lan::RELAY, port)).unwrap();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    camera.fault(Fault::Mute(false)).unwrap();
    for _ in 0..200 {
        assert!(!packet(&mut client).ends_with(&[0x41; 100]));
    }
    assert_eq!(relay.status("door", "packets_late"), Some(0));
    assert_eq!(relay.status("door", "packets_duplicate"), Some(0));
}

#[test]
fn one_group_is_shared_by_streams_and_relays_of_one_machine() {
    if !may_make_networks("one_group_is_shared_by_streams_and_relays_of_one_machine") {
        return;
    }
    let lan = Lan::new();
    let camera = start(&lan, only(Multicast::new(GROUP)));
    let url = camera.url("main");
    let two = format!("transport=multicast\n[stream]\nname=second\nrtsp_url={url}");
    let (one, other) = (relay(&url, &two), relay(&url, "transport=multicast"));
    let mut clients = [one.url("door"), one.url("second"), other.url("door")]
        .map(|url| RtspClient::watch(&url).unwrap());
    assert_eq!(camera.stats().sessions_open, 3);
    let mut continuity = [(); 3].map(|()| Continuity::default());
    for _ in 0..50 {
        for (client, continuity) in clients.iter_mut().zip(&mut continuity) {
            continuity.push(&packet(client)).unwrap();
        }
    }
    // Two go; the third one misses nothing.
    let [first, second, mut last] = clients;
    drop((first, second));
    let stays = || {
        continuity[2].push(&packet(&mut last)).unwrap();
        camera.stats().teardowns == 2
    };
    assert!(wait_until(SOON, stays));
    for _ in 0..100 {
        continuity[2].push(&packet(&mut last)).unwrap();
    }
    assert!(continuity.iter().all(|continuity| continuity.gaps == 0));
    assert_eq!(member_on(GROUP), [Lan::DEVICE]);
}

#[test]
fn loss_in_the_group_is_counted_and_doubles_and_disorder_cost_nothing() {
    if !may_make_networks("loss_in_the_group_is_counted_and_doubles_and_disorder_cost_nothing") {
        return;
    }
    let lan = Lan::new();
    let camera = start(&lan, only(Multicast::new(GROUP)));
    let relay = relay(&camera.url("main"), "transport=multicast");
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    camera.fault(Fault::Network(Quality { loss: 5, reorder: 5, duplicate: 5 })).unwrap();
    let mut last: Option<u16> = None;
    let lost = || camera.tally().lost.len() as u64;
    while lost() < 20 {
        let number = RtpPacket::parse(&packet(&mut client)).unwrap().sequence();
        let step = number.wrapping_sub(last.unwrap_or(number.wrapping_sub(1)));
        assert!((1..100).contains(&step), "{step}");
        last = Some(number);
    }
    camera.fault(Fault::Network(Quality::default())).unwrap();
    let told = || relay.status("door", "packets_lost").unwrap();
    assert!(
        wait_until(SOON, || told().abs_diff(lost()) <= 1 + lost() / 10),
        "{} {}",
        told(),
        lost()
    );
    assert_eq!(relay.status("door", "packets_late"), Some(0));
    assert!(relay.status("door", "packets_duplicate").unwrap() > 0);
    assert!(relay.status("door", "packets_reordered").unwrap() > 0);
}

#[test]
fn a_group_that_brings_nothing_is_named_and_given_up_for_what_there_is() {
    if !may_make_networks("a_group_that_brings_nothing_is_named_and_given_up_for_what_there_is") {
        return;
    }
    let lan = Lan::new();
    let nothing = || Fault::Network(Quality { loss: 100, ..Quality::default() });
    let camera = start(&lan, only(Multicast::new(GROUP)));
    let listen = camera.address();
    {
        let relay = relay(&camera.url("main"), "source_start_timeout_s=2");
        camera.fault(nothing()).unwrap();
        assert!(RtspClient::watch(&relay.url("door")).is_err());
        let line = relay.wait_log("camera offline", SOON).unwrap();
        assert!(line.contains("sent nothing over multicast for 2 s"), "{line}");
        camera.fault(Fault::Network(Quality::default())).unwrap();
    }
    // Multicast worked the last time, and now there is TCP, too.
    let relay = relay(&camera.url("main"), "");
    see(&mut RtspClient::watch(&relay.url("door")).unwrap(), 20);
    assert!(relay.wait_log("transport=multicast", SOON).is_some());
    drop(camera);
    let options = Options { allow_tcp: true, ..only(Multicast::new(GROUP)) };
    let camera = start_at(&lan, listen, options);
    camera.fault(nothing()).unwrap();
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    see(&mut client, 20);
    assert!(relay.log_contains("nothing came over multicast for 3 s, trying TCP"));
    assert!(relay.wait_log("stream live stream=door transport=TCP", SOON).is_some());
    assert!(member_on(GROUP).is_empty());
}

#[test]
fn the_probe_says_that_multicast_is_all_there_is() {
    if !may_make_networks("the_probe_says_that_multicast_is_all_there_is") {
        return;
    }
    let lan = Lan::new();
    let camera = start(&lan, only(Multicast::new(GROUP)));
    let probe = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rtsp-relay"));
        command.args(["probe", &camera.url("main")]).args(more);
        Program::run(&mut command, PATIENCE).expect_ok("probe").stdout
    };
    let report = probe(&[]);
    let flat = report.split_whitespace().collect::<Vec<_>>().join(" ");
    for said in [
        "TCP does not work: the camera refuses RTP over the RTSP connection",
        "UDP does not work: the camera refuses RTP over UDP multicast works",
        "transport=multicast",
    ] {
        assert!(flat.contains(said), "no {said:?} in\n{report}");
    }
    let section = &report[report.find("[stream]").unwrap()..];
    {
        let relay = Relay::start(section);
        see(&mut RtspClient::watch(&relay.url("main")).unwrap(), 20);
    }
    let report = probe(&["--json", "--transport", "multicast"]);
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report["transports"]["multicast"]["works"], true);
    assert!(report["transports"]["tcp"].is_null());
    assert_eq!(camera.stats().sessions_max, 1);
}

#[test]
fn a_camera_of_somebody_else_is_pulled_by_multicast() {
    if !may_make_networks("a_camera_of_somebody_else_is_pulled_by_multicast") {
        return;
    }
    let lan = Lan::new();
    let (group, here) = (GROUP.to_string(), Lan::VIEWERS.to_string());
    let mut args = vec!["--protocols", "multicast", "--group", &group, "--audio"];
    args.extend(["--listen", &here, "--group-interface", Lan::DEVICE]);
    let camera = lan.at_viewers(|| GstCamera::start(&args));
    let relay = relay(&camera.url("main"), "");
    decode(&relay);
    assert!(relay.wait_log("transport=multicast", SOON).is_some());
    assert!(wait_until(SOON, || camera.requests("TEARDOWN") == 1));
    assert!(wait_until(SOON, || member_on(GROUP).is_empty()));
}
