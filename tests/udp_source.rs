//! Cameras that are pulled over UDP: the way there, and what a bad network does on it.
#![allow(clippy::unwrap_used, reason = "the helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::{Duration, Instant};

use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Fault, Options, Path, Quality, Start, Synthetic};
use support::{GstCamera, Program, Relay, RtspClient, project, wait_until};

const SOON: Duration = Duration::from_secs(10);

fn relay(url: &str, more: &str) -> Relay {
    Relay::start(&format!("source_idle_timeout_s=0\n{more}\n[stream]\nname=door\nrtsp_url={url}"))
}

/// Watches, and reads until there was video.
fn watch(relay: &Relay) -> RtspClient {
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    video(&mut client, 10);
    client
}

/// The sequence numbers of the next video packets, which only grow, extended beyond 16 bits.
fn video(client: &mut RtspClient, packets: usize) -> Vec<u32> {
    let mut numbers: Vec<u32> = Vec::new();
    while numbers.len() < packets {
        let frame = client.read_frame(SOON).unwrap().expect("the stream goes on");
        if frame.channel == 0 {
            let number = RtpPacket::parse(&frame.payload).unwrap().sequence();
            let last = numbers.last().copied().unwrap_or(number.into());
            let step = number.wrapping_sub(last as u16);
            assert!(numbers.is_empty() || (1..1000).contains(&step), "{step} after {last}");
            numbers.push(last + u32::from(step));
        }
    }
    numbers
}

/// A value of the status table.
fn status(relay: &Relay, key: &str) -> u64 {
    relay.status("door", key).unwrap()
}

#[test]
fn a_camera_is_pulled_over_udp_whether_it_names_its_ports_or_not() {
    for server_port in [true, false] {
        let options = Options { allow_tcp: false, server_port, ..Options::default() };
        let mut main = Path::new("main", Clip::builtin()).with_audio();
        main.stamp = false;
        let camera = Camera::start(Options { paths: vec![main], ..options }).unwrap();
        let relay = relay(&camera.url("main"), "transport=udp");
        let mut client = watch(&relay);
        assert!(relay.wait_log("transport=UDP", SOON).is_some());
        let punches = camera.stats().receiver_reports;
        let numbers = video(&mut client, 100);
        assert_eq!(numbers.len() as u32, 1 + numbers[99] - numbers[0], "gaps");
        // A report comes to the camera's RTCP port, wherever that is.
        assert!(wait_until(SOON, || camera.stats().receiver_reports >= punches + 2));
        assert_eq!(camera.stats().reported_lost, 0);
        drop(client);
        assert!(wait_until(SOON, || camera.stats().teardowns == 1));
    }
}

#[test]
fn a_camera_that_refuses_one_transport_is_asked_for_the_other_and_that_is_remembered() {
    for (allow_tcp, first) in [(false, "refuses TCP, trying UDP"), (true, "")] {
        let options = Options { allow_tcp, allow_udp: !allow_tcp, ..Options::default() };
        let camera = Camera::start(options).unwrap();
        let relay = relay(&camera.url("main"), "");
        for viewers in 1..=2 {
            drop(watch(&relay));
            assert!(wait_until(SOON, || camera.stats().teardowns == viewers));
        }
        let tried = relay.log().iter().filter(|line| line.contains("trying")).count();
        assert_eq!((tried, relay.log_contains(first)), (usize::from(!allow_tcp), true));
    }
}

#[test]
fn a_camera_that_answers_with_tcp_is_taken_at_its_word() {
    let camera = Camera::start(Options { always_tcp: true, ..Options::default() }).unwrap();
    let relay = relay(&camera.url("main"), "transport=udp");
    let _client = watch(&relay);
    assert!(relay.wait_log("transport=TCP", SOON).is_some());
    assert!(relay.process().udp_ports().is_empty());
}

#[test]
fn a_transport_that_the_operator_chose_is_the_only_one() {
    let no_tcp = Camera::start(Options { allow_tcp: false, ..Options::default() }).unwrap();
    let no_udp = Camera::start(Options { allow_udp: false, ..Options::default() }).unwrap();
    for (camera, transport, word) in [(&no_tcp, "tcp", "RTSP connection"), (&no_udp, "udp", "UDP")]
    {
        let relay = relay(&camera.url("main"), &format!("transport={transport}"));
        assert!(RtspClient::watch(&relay.url("door")).is_err());
        let line = relay.wait_log("camera offline", SOON).unwrap();
        assert!(line.contains(word) && line.contains("transport=auto"), "{line}");
    }
}

#[test]
fn udp_that_brings_nothing_is_given_up_after_three_seconds() {
    let mut main = Path::new("main", Clip::builtin());
    main.start = Start::ForcedKeyFrame;
    let camera = Camera::start(Options { paths: vec![main], ..Options::default() }).unwrap();
    camera.fault(Fault::NoTcp(true)).unwrap();
    let relay = relay(&camera.url("main"), "");
    drop(watch(&relay));
    assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    // Now a firewall is put between.
    camera.fault(Fault::Normal).unwrap();
    camera.fault(Fault::Network(Quality { loss: 100, ..Quality::default() })).unwrap();
    let begun = Instant::now();
    let client = watch(&relay);
    let took = begun.elapsed();
    assert!((Duration::from_secs(3)..Duration::from_millis(4500)).contains(&took), "{took:?}");
    assert!(relay.wait_log("nothing came over UDP for 3 s, trying TCP", SOON).is_some());
    drop(client);
    assert!(wait_until(SOON, || camera.stats().sessions_open == 0));
    let begun = Instant::now();
    drop(watch(&relay));
    assert!(begun.elapsed() < Duration::from_secs(2), "it is not tried again");
}

#[test]
fn forced_udp_that_brings_nothing_is_named() {
    let camera = Camera::start(Options::default()).unwrap();
    camera.fault(Fault::Network(Quality { loss: 100, ..Quality::default() })).unwrap();
    let relay = relay(&camera.url("main"), "transport=udp\nsource_start_timeout_s=2");
    assert!(RtspClient::watch(&relay.url("door")).is_err());
    let line = relay.wait_log("camera offline", SOON).unwrap();
    assert!(line.contains("over UDP") && line.contains("firewall"), "{line}");
}

#[test]
fn a_bad_network_costs_what_it_loses_and_nothing_else() {
    let clip = Clip::synthetic(&Synthetic::default());
    let camera = Camera::start(Options {
        paths: vec![Path::new("main", clip)],
        seed: Some(7),
        ..Options::default()
    })
    .unwrap();
    camera.fault(Fault::Network(Quality { loss: 1, reorder: 5, duplicate: 2 })).unwrap();
    let relay = relay(&camera.url("main"), "transport=udp");
    let mut client = watch(&relay);
    let numbers = video(&mut client, 4000);
    let (first, last) = (numbers[0], numbers[numbers.len() - 1]);
    let seen: BTreeSet<u32> = numbers.iter().copied().collect();
    let missing: Vec<u32> = (first..=last).filter(|number| !seen.contains(number)).collect();
    let tally = camera.tally();
    assert!(tally.reordered > 50 && tally.duplicated > 30 && missing.len() > 15, "{tally:?}");

    // What viewers miss is exactly what was lost on the way: their numbers are the camera's, but
    // for one constant.
    let lost_of = |shift: u16| -> BTreeSet<u32> {
        let shifted = tally.lost.iter().map(|lost| lost.wrapping_add(shift));
        shifted.map(|lost| first + u32::from(lost.wrapping_sub(first as u16))).collect()
    };
    let fits = |shift: u16| {
        let lost = lost_of(shift);
        lost.range(first..=last).copied().eq(missing.iter().copied())
    };
    let shifts = tally.lost.iter().map(|lost| (missing[0] as u16).wrapping_sub(*lost));
    assert!(shifts.into_iter().any(fits), "missing {missing:?}, lost {:?}", tally.lost);

    // The status and the camera are told the same.
    let close = |count: u64| {
        let lost = camera.tally().lost.len() as u64;
        count.abs_diff(lost) <= lost / 10 + 1
    };
    assert!(close(status(&relay, "packets_lost")), "{}", status(&relay, "packets_lost"));
    assert_eq!(status(&relay, "packets_late"), 0);
    assert!(status(&relay, "packets_reordered") > tally.reordered / 2);
    assert!(status(&relay, "packets_duplicate") >= tally.duplicated);
    assert!(wait_until(SOON, || camera.stats().reported_lost > 10));
}

#[test]
fn datagrams_of_strangers_reach_nobody() {
    let camera = Camera::start(Options { allow_tcp: false, ..Options::default() }).unwrap();
    let relay = relay(&camera.url("main"), "transport=udp");
    let mut client = watch(&relay);
    // Another address of this machine, to every UDP port of the relay.
    let stranger = UdpSocket::bind("127.0.0.2:0").unwrap();
    let ports = relay.process().udp_ports();
    assert!(ports.len() >= 2, "{ports:?}");
    let mut packet = Vec::new();
    rtsp_proto::rtp::write_header(&mut packet, true, 96, 7, 7, 0xbad);
    packet.extend([0x41; 100]);
    for port in ports {
        stranger.send_to(&packet, ("127.0.0.1", port)).unwrap();
    }
    assert!(relay.wait_log("ignoring datagrams of a stranger", SOON).is_some());
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        let frame = client.read_frame(SOON).unwrap().unwrap();
        assert!(!frame.payload.ends_with(&[0x41; 100]));
    }
}

#[test]
fn a_camera_of_somebody_else_is_pulled_over_udp() {
    let camera = GstCamera::start(&["--protocols", "udp", "--audio", "--auth", "digest"]);
    let url = camera.url("main").replace("rtsp://", "rtsp://admin:secret@");
    let relay = relay(&url, "");
    let mut viewer = std::process::Command::new("/usr/bin/python3");
    viewer.arg(project("tests/players/live555_client.py")).arg(relay.url("door"));
    viewer.args(["--pictures", "100", "--expect-key-frame", "--rtp-info", "require"]);
    let result = Program::run(&mut viewer, Duration::from_secs(60)).expect_ok("live555");
    let result: serde_json::Value = serde_json::from_str(&result.stdout).unwrap();
    assert_eq!((&result["ok"], &result["tracks"][0]["lost"]), (&true.into(), &0.into()));
    assert!(relay.wait_log("refuses TCP, trying UDP", SOON).is_some());
    assert!(relay.wait_log("transport=UDP", SOON).is_some());
    assert!(wait_until(SOON, || camera.requests("TEARDOWN") == 1));
}
