//! The configuration read again under the members of a group.

use std::net::Ipv4Addr;

use rtsp_proto::rtp::RtpPacket;
use rustix::process::Signal;

use crate::SOON;
use crate::member::{Member, multicast};
use crate::sim::{Camera, Clip, Options, Path};
use crate::support::{Lan, Relay, RtspClient, may_make_networks};

/// A relay that can be given another configuration, and what its streams have in common.
struct House {
    camera: Camera,
    relay: Relay,
}

impl House {
    fn new(streams: &[&str], before: &str) -> Self {
        let paths = vec![Path::new("main", Clip::sub())];
        let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
        let relay = Relay::start_at(Lan::RELAY.into(), None, &text(&camera, streams, before));
        Self { camera, relay }
    }

    /// Reads this one and waits until it has been followed.
    fn reload(&self, streams: &[&str], before: &str) {
        let (host, port) = (Lan::RELAY, self.relay.port());
        let text = text(&self.camera, streams, before);
        self.relay.rewrite_whole(&format!("listen_address={host}\nlisten_port={port}\n{text}\n"));
        let said = "configuration changed";
        let times = self.relay.stderr.count(said);
        self.relay.process().signal(Signal::HUP);
        assert!(self.relay.stderr.wait_count(said, times + 1, SOON), "{:?}", self.relay.log());
    }

    fn left(&self, reason: &str) {
        let line = format!("reason=\"{reason}\"");
        assert!(self.relay.wait_log(&line, SOON).is_some(), "{:#?}", self.relay.log());
    }
}

/// Streams, each with the rest of its section behind a comma, and what stands before them.
fn text(camera: &Camera, streams: &[&str], before: &str) -> String {
    let mut text = format!("source_idle_timeout_s=0\n{before}\n");
    for stream in streams {
        let (name, rest) = stream.split_once(',').unwrap_or((stream, ""));
        let url = camera.url("main");
        text += &format!("[stream]\nname={name}\nrtsp_url={url}\n{rest}\n");
    }
    text
}

#[test]
fn what_does_not_concern_a_group_leaves_its_members_alone() {
    if !may_make_networks("reload::what_does_not_concern_a_group_leaves_its_members_alone") {
        return;
    }
    let lan = Lan::new();
    let house = House::new(&["door,multicast=yes"], "");
    let mut member = Member::watch(&lan, &house.relay, "door");
    member.see(10);
    for (streams, before) in [
        (&["door,multicast=yes"][..], "max_clients=50"),
        // Streams behind it have the groups behind its own.
        (&["door,multicast=yes", "yard,multicast=yes"], "client_timeout_s=30"),
        (&["porch", "door,multicast=yes\nsource_timeout_s=20"], ""),
        (&["door,multicast=yes"], &*format!("multicast_interface={}", Lan::RELAY)),
        (&["door,multicast=yes"], "multicast_interface=nosuch0"),
    ] {
        house.reload(streams, before);
        member.see(20);
    }
    assert_eq!(member.continuity.gaps, 0);
    assert!(!house.relay.log_contains("viewer left"));
    assert!(house.relay.log_contains(
        "a multicast group stays where it is: multicast_interface nosuch0: there is no such \
         interface stream=door"
    ));
    let begun = house.relay.log().iter().filter(|line| line.contains("multicast begins")).count();
    assert_eq!(begun, 1);
}

#[test]
fn a_group_that_is_another_one_ends_with_the_reason_and_is_there_anew() {
    if !may_make_networks(
        "reload::a_group_that_is_another_one_ends_with_the_reason_and_is_there_anew",
    ) {
        return;
    }
    let lan = Lan::new();
    let side = lan.add_cable();
    let house = House::new(&["door,multicast=yes"], "");
    let mut member = Member::watch(&lan, &house.relay, "door");
    let mut late = Member::set_up(&lan, &house.relay, "door");
    member.see(10);

    // A stream before it takes its place: nothing of the old one may come there any more.
    house.reload(&["porch,multicast=yes", "door,multicast=yes"], "");
    let reason = "the stream has another multicast group now";
    house.left(reason);
    assert!(member.byes(reason, std::time::Duration::ZERO) > 0);
    assert!(member.rtsp.read_to_end(SOON).unwrap().is_empty());
    assert!(late.rtsp.play().unwrap_err().to_string().contains("455"));
    drop(late);
    let mut porch = Member::watch(&lan, &house.relay, "porch");
    let mut door = Member::watch(&lan, &house.relay, "door");
    let group = |member: &Member| member.transport.destination_host().unwrap().to_owned();
    assert_eq!((group(&porch), group(&door)), ("239.255.42.0".into(), "239.255.42.1".into()));
    let ssrcs = [&mut porch, &mut door].map(|member| {
        member.drain();
        member.see(10);
        RtpPacket::parse(&member.packet()).unwrap().ssrc()
    });
    assert_ne!(ssrcs[0], ssrcs[1]);
    drop(porch);

    // Another range, another interface, and none.
    house.reload(&["door,multicast=yes"], "multicast_range=239.1.2.0/24");
    assert!(door.rtsp.read_to_end(SOON).unwrap().is_empty());
    let mut door = Member::watch(&lan, &house.relay, "door");
    assert_eq!(group(&door), "239.1.2.0");
    door.see(10);
    house
        .reload(&["door,multicast=yes"], "multicast_range=239.1.2.0/24\nmulticast_interface=side0");
    house.left("multicast leaves by another interface now");
    let mut client = lan.at_viewers(|| {
        let mut client = RtspClient::connect(&house.relay.url("door")).unwrap();
        client.describe().unwrap();
        client
    });
    let answer = client.setup(0, multicast()).unwrap();
    let told = answer.headers.get("Transport").unwrap().to_owned();
    let from: Ipv4Addr = side.relay;
    assert!(told.contains(&format!("source={from}")), "{told}");
    client.play().unwrap();
    house.reload(&["door"], "multicast_range=239.1.2.0/24\nmulticast_interface=side0");
    house.left("the stream is not to be had by multicast any more");
    client.read_to_end(SOON).unwrap();
}
