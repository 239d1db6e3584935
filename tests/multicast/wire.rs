//! What is on the wire, counted and captured there.

use std::net::Ipv4Addr;
use std::process::Command;
use std::time::Duration;

use crate::member::Member;
use crate::sim::{Camera, Clip, Options, Path, Synthetic};
use crate::support::{Capture, Lan, Program, may_make_networks, project, wait_until};
use crate::{SOON, relay, relay_with};

/// What members may cost beside the media: answers, reports, and what networks say of themselves.
const SLACK_BYTES: u64 = 20_000;
const VIEWERS: usize = 10;

fn camera() -> Camera {
    // Each picture is like the others: what a second costs is the same in every second.
    let spec = Synthetic { width: 640, height: 360, fps: 25, bitrate_kbps: 4000, gop: 5 };
    let paths = vec![Path::new("main", Clip::synthetic(&spec))];
    Camera::start(Options { paths, ..Options::default() }).unwrap()
}

/// Bytes on the wire while the first of these members sees so many pictures.
fn cost(lan: &Lan, members: &mut [Member], pictures: u64) -> u64 {
    members[0].drain();
    let before = lan.sent().0;
    for _ in 0..pictures {
        while members[0].packet()[1] & 0x80 == 0 {}
    }
    lan.sent().0 - before
}

#[test]
fn ten_viewers_cost_what_one_costs_and_the_group_is_silent_behind_the_last() {
    if !may_make_networks(
        "wire::ten_viewers_cost_what_one_costs_and_the_group_is_silent_behind_the_last",
    ) {
        return;
    }
    let lan = Lan::new();
    let camera = camera();
    let relay = relay(&camera);
    assert!(wait_until(SOON, || relay.threads() == 2));
    let (threads, fds) = (relay.threads(), relay.fds());

    let mut members = vec![Member::watch(&lan, &relay, "door")];
    let one = cost(&lan, &mut members, 50);
    members.extend((1..VIEWERS).map(|_| Member::watch(&lan, &relay, "door")));
    let ten = cost(&lan, &mut members, 50);
    eprintln!("bytes on the wire of 50 pictures: one viewer {one}, ten viewers {ten}");
    assert!(one > 800_000, "4 Mbit/s for two seconds: {one} bytes");
    let allowed = one + one / 20 + SLACK_BYTES;
    assert!(ten <= allowed, "one viewer costs {one} bytes, ten cost {ten}");
    assert_eq!(relay.status("door", "viewers"), Some(VIEWERS as u64));
    let threads_of_group =
        relay.process().thread_names().iter().filter(|name| *name == "m:door").count();
    assert_eq!(threads_of_group, 1);

    // What was sent is counted once.
    let counted = relay.status("door", "bytes_out").unwrap();
    let sent = lan.sent().0;
    assert!(counted <= sent, "{counted} counted, {sent} on the wire");

    // Everyone sees the same, whole.
    for member in &mut members {
        member.drain();
        member.see(10);
        assert_eq!(member.continuity.gaps, 0);
    }

    // All but the last go: by TEARDOWN, or by hanging up.
    let mut last = members.remove(0);
    for (index, mut member) in members.into_iter().enumerate() {
        if index % 2 == 0 {
            member.rtsp.teardown().unwrap();
        }
    }
    assert!(wait_until(SOON, || relay.status("door", "viewers") == Some(1)));
    last.drain();
    last.see(10);
    last.rtsp.teardown().unwrap();
    // The answer to TEARDOWN comes behind the last packet.
    assert!(last.hears_nothing(Duration::from_millis(500)), "packets behind the last member");
    let before = lan.sent();
    assert!(last.hears_nothing(Duration::from_secs(1)));
    let after = lan.sent();
    assert!(after.1 - before.1 < 10, "{} packets of nobody", after.1 - before.1);
    let line = relay.wait_log("multicast ends", SOON).unwrap();
    assert!(line.contains("stream=door group=239.255.42.0"), "{line}");
    drop(last);
    assert!(
        wait_until(SOON, || (relay.threads(), relay.fds()) == (threads, fds)),
        "{} threads, {} descriptors instead of {threads}, {fds}: {:?}",
        relay.threads(),
        relay.fds(),
        relay.process().thread_names()
    );
}

#[test]
fn ttl_group_port_and_interface_are_as_configured() {
    if !may_make_networks("wire::ttl_group_port_and_interface_are_as_configured") {
        return;
    }
    let lan = Lan::new();
    let side = lan.add_cable();
    let camera = camera();
    let group = Ipv4Addr::new(239, 1, 2, 4);
    let settings = "multicast_range=239.1.2.4/30\nmulticast_port=7000\n";
    // (the rest of the configuration, where it leaves, how far it may go)
    for (more, local, ttl) in [
        ("", Lan::RELAY, 1),
        ("multicast_ttl=9\nmulticast_interface=side0", side.relay, 9),
        (&*format!("multicast_ttl=255\nmulticast_interface={}", side.relay), side.relay, 255),
        (&*format!("multicast_interface={}", Lan::RELAY), Lan::RELAY, 1),
    ] {
        let relay = relay_with(&camera, &format!("{settings}{more}"), "");
        let at = if local == Lan::RELAY { Lan::VIEWERS } else { side.viewers };
        let mut capture = Capture::open(&lan, group, at);
        let member = Member::watch(&lan, &relay, "door");
        let transport = &member.transport;
        assert_eq!(transport.destination.as_deref(), Some("239.1.2.4"), "{more}");
        assert_eq!(transport.port, Some((7000, Some(7001))));
        assert_eq!((transport.ttl, transport.source.clone()), (Some(ttl), Some(local.to_string())));
        let (mut rtp, mut rtcp) = (0, 0);
        while rtp < 20 || rtcp < 1 {
            let (source, seen_ttl, port) = capture.next(group);
            assert_eq!((source, seen_ttl), (local, ttl), "{more}");
            match port {
                7000 => rtp += 1,
                7001 => rtcp += 1,
                other => panic!("a packet to port {other}"),
            }
        }
    }
}

#[test]
fn each_track_has_ports_of_its_own_and_is_sent_only_for_those_who_want_it() {
    if !may_make_networks(
        "wire::each_track_has_ports_of_its_own_and_is_sent_only_for_those_who_want_it",
    ) {
        return;
    }
    let lan = Lan::new();
    let paths = vec![Path::new("main", Clip::sub()).with_audio()];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    let relay = relay(&camera);
    let group = Ipv4Addr::new(239, 255, 42, 0);
    let mut capture = Capture::open(&lan, group, Lan::VIEWERS);
    let mut ports_seen = |packets: usize| {
        let mut ports: Vec<u16> = (0..packets).map(|_| capture.next(group).2).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    };
    let mut video = Member::watch(&lan, &relay, "door");
    assert_eq!(ports_seen(150), [5004, 5005], "nobody wants the sound");
    let mut both = Member::set_up(&lan, &relay, "door");
    let sound = both.rtsp.setup(1, crate::member::multicast()).unwrap();
    let sound = sound.headers.get("Transport").unwrap().to_owned();
    assert!(sound.contains(";port=5006-5007"), "{sound}");
    assert_eq!(ports_seen(150), [5004, 5005], "it does not play");
    both.play();
    let until_sound = || ports_seen(50).contains(&5006);
    assert!(wait_until(SOON, until_sound), "the sound is sent as well");
    video.drain();
    video.see(20);
    assert_eq!(video.continuity.gaps, 0);
    both.rtsp.teardown().unwrap();
    let again_alone = || ports_seen(50) == [5004] || ports_seen(50) == [5004, 5005];
    assert!(wait_until(SOON, again_alone), "the sound is not sent any more");
}

#[test]
fn real_players_of_one_group_play_together() {
    if !may_make_networks("wire::real_players_of_one_group_play_together") {
        return;
    }
    let lan = Lan::new();
    let paths = vec![Path::new("main", Clip::sub()).with_audio()];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    let relay = relay(&camera);
    let url = relay.url("door");
    let start = |command: &mut Command| lan.at_viewers(|| Program::start(command));
    let python = |script: &str, args: &str, url: &str| {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(project(script)).args(args.split(' ')).arg(url);
        command
    };
    // The first one sees a key frame first, and nothing amiss in any packet.
    let args = "--pictures 150 --transport multicast --rtp-info require --expect-key-frame";
    let asking = format!("{url}?multicast");
    let mut live555 = start(&mut python("tests/players/live555_client.py", args, &asking));
    assert!(relay.wait_log("multicast begins", SOON).is_some());
    let args = "--frames 150 --protocols multicast";
    let mut gstreamer = start(&mut python("tests/players/gst_viewer.py", args, &url));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-hide_banner -nostdin -loglevel error -rtsp_transport udp_multicast".split(' '));
    ffmpeg.args(["-i", &url]).args("-map 0:v -frames:v 150 -f framemd5 -".split(' '));
    let mut ffmpeg = start(&mut ffmpeg);
    let ended = |player: &mut Program| {
        let status = player.wait(Duration::from_secs(40)).expect("it ends");
        (status.success(), player.stdout.text())
    };
    let (well, said) = ended(&mut live555);
    assert!(well, "{said}");
    let (well, said) = ended(&mut ffmpeg);
    assert!(well, "{said} {}", ffmpeg.stderr.text());
    // Who comes later may see damaged pictures up to the next key frame; packets are not missing.
    let (_, said) = ended(&mut gstreamer);
    let result: serde_json::Value = serde_json::from_str(said.trim()).unwrap();
    assert!(result["frames"] == 150 && result["lost"] == 0, "{said}");
    let joined = relay.log().iter().filter(|line| line.contains("transport=multicast")).count();
    let begun = relay.log().iter().filter(|line| line.contains("multicast begins")).count();
    assert!(joined == 3 && begun <= 3, "{:#?}", relay.log());
}
