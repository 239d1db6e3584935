//! What keeps a member, and what becomes of one that goes or is told to.

use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

use rtsp_proto::Version;
use rtsp_proto::headers::RtpInfo;
use rtsp_proto::rtcp::RtcpPacket;
use rtsp_proto::rtp::RtpPacket;

use crate::member::{Member, RECEIVER_REPORT, receive};
use crate::sim::{Camera, Options};
use crate::support::{Lan, may_make_networks, wait_until};
use crate::{SOON, relay, relay_with};

#[test]
fn a_member_begins_with_a_key_frame_and_a_second_one_disturbs_nobody() {
    if !may_make_networks("life::a_member_begins_with_a_key_frame_and_a_second_one_disturbs_nobody")
    {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay(&camera);
    let info = |answer: &rtsp_proto::Response| {
        RtpInfo::parse(answer.headers.get("RTP-Info").unwrap()).unwrap().0.remove(0)
    };
    let mut first = Member::set_up(&lan, &relay, "door");
    let told = info(&first.play());
    let packet = first.packet();
    let begin = RtpPacket::parse(&packet).unwrap();
    assert_eq!((told.seq, told.rtptime), (Some(begin.sequence()), Some(begin.timestamp())));
    let scan = rtsp_proto::codec::Codec::H264.scan(begin.payload());
    assert!(scan.parameter_sets || scan.random_access || scan.delimiter, "{scan:?}");
    assert!(matches!(first.rtcp()[0], RtcpPacket::SenderReport(..)));
    first.see(20);

    // A second one is told the source and what comes next; nothing is sent again for it.
    let mut second = Member::set_up(&lan, &relay, "door");
    assert_eq!(second.transport.ssrc, Some(begin.ssrc()));
    let told = info(&second.play());
    assert_eq!(told.rtptime, None);
    let packet = second.packet();
    let ahead = told.seq.unwrap().wrapping_sub(RtpPacket::parse(&packet).unwrap().sequence());
    assert!((-10..200).contains(&(ahead as i16)), "told {:?}, {ahead} ahead", told.seq);
    first.see(50);
    second.see(50);
    assert_eq!((first.continuity.gaps, second.continuity.gaps), (0, 0));

    // One pauses, and the other goes on; who is alone and pauses has silence, and no gap behind it.
    second.rtsp.pause().unwrap();
    first.see(20);
    first.rtsp.pause().unwrap();
    assert!(first.hears_nothing(Duration::from_millis(500)));
    second.drain();
    let mut whole = std::mem::take(&mut first.continuity);
    first.play();
    let packet = first.packet();
    whole.push(&packet).unwrap();
    first.continuity = whole;
    first.see(20);
    assert_eq!(first.continuity.gaps, 0);
}

#[test]
fn a_silent_member_expires_and_reports_to_the_group_keep_one() {
    if !may_make_networks("life::a_silent_member_expires_and_reports_to_the_group_keep_one") {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let url = camera.url("main");
    let more = ["yard", "shed"]
        .map(|name| format!("[stream]\nname={name}\nrtsp_url={url}\nmulticast=yes\n"));
    let more = more.concat();
    let relay = relay_with(&camera, "client_timeout_s=10\nmax_clients_per_stream=1", &more);
    let begun = Instant::now();
    let reporting = Member::watch(&lan, &relay, "door");
    // Who sets up and never plays has nothing sent.
    let mut idle = Member::set_up(&lan, &relay, "shed");
    // In a group of its own: what is reported to the other one is not heard in this. Nor is what
    // comes from elsewhere, such as the relay's own reports.
    let silent = Member::watch(&lan, &relay, "yard");
    let yard = SocketAddrV4::new(Ipv4Addr::new(239, 255, 42, 1), 5005);
    let stranger = UdpSocket::bind((Lan::RELAY, 0)).unwrap();
    let expired = || relay.log().iter().filter(|l| l.contains("it has been silent")).count();
    // "viewer left" and "connection closed" of one, and the latter of who never played.
    while begun.elapsed() < Duration::from_secs(13)
        || expired() < 3 && begun.elapsed() < Duration::from_secs(30)
    {
        reporting.report();
        stranger.send_to(&RECEIVER_REPORT, yard).unwrap();
        std::thread::sleep(Duration::from_millis(500));
        if begun.elapsed() < Duration::from_secs(9) {
            assert_eq!(expired(), 0, "{:?}", begun.elapsed());
        }
    }
    let left: Vec<_> = relay.log().into_iter().filter(|l| l.contains("viewer left")).collect();
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(left[0].contains("stream=yard") && left[0].contains("it has been silent"), "{left:?}");
    reporting.drain();
    reporting.packet();
    assert!(silent.hears_nothing(Duration::from_millis(500)));
    assert_eq!(silent.byes("it has been silent", Duration::from_millis(300)), 1);
    idle.rtp.set_nonblocking(true).unwrap();
    assert!(idle.rtp.recv(&mut [0; 2048]).is_err(), "nothing was ever sent");
    assert!(!relay.log_contains("multicast begins stream=shed"));
    assert!(idle.rtsp.read_to_end(SOON).unwrap().is_empty(), "it has expired as well");
    // Their places are free.
    for stream in ["yard", "shed"] {
        let mut next = Member::watch(&lan, &relay, stream);
        next.see(5);
    }
}

#[test]
fn the_group_is_told_once_and_each_member_when_the_relay_ends() {
    if !may_make_networks("life::the_group_is_told_once_and_each_member_when_the_relay_ends") {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let mut relay = relay(&camera);
    let url = relay.url("door");
    let versions = [Version::V1_0, Version::V2_0, Version::V1_0];
    let mut members = versions.map(|version| Member::set_up_in(&lan, &url, version));
    for member in &mut members {
        member.play();
        member.see(5);
    }
    let mut sequence = RtpPacket::parse(&members[1].packet()).unwrap().sequence();
    let (status, took) = relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(members[0].byes("the relay ends", Duration::from_millis(500)), 1);
    for member in &mut members {
        assert!(member.rtsp.read_to_end(SOON).unwrap().is_empty());
    }
    let notice = &members[1].rtsp.requests[0];
    let last = RtpInfo::parse(notice.headers.get("RTP-Info").unwrap()).unwrap().0.remove(0);
    members[1].rtp.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while let Ok(packet) = receive(&members[1].rtp) {
        let packet = RtpPacket::parse(&packet).unwrap();
        sequence = packet.sequence();
        assert_eq!(last.ssrc, Some(packet.ssrc()));
    }
    assert_eq!(last.seq, Some(sequence), "the last packet is named");
}

#[test]
fn a_failure_in_the_thread_of_a_group_costs_its_members_and_nobody_else() {
    if !may_make_networks(
        "life::a_failure_in_the_thread_of_a_group_costs_its_members_and_nobody_else",
    ) {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let relay = crate::relay_in(&camera, Some(("RTSP_RELAY_PANIC", "multicast:2")), "", "");
    let mut alone = lan.at_viewers(|| {
        let mut rtsp = crate::support::RtspClient::connect(&relay.url("door")).unwrap();
        rtsp.describe().unwrap();
        rtsp.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
        rtsp.play().unwrap();
        rtsp
    });
    let mut member = Member::watch(&lan, &relay, "door");
    let fails = || {
        member.report();
        relay.log_contains("internal failure, the members of a multicast group go")
    };
    assert!(wait_until(SOON, fails));
    assert!(member.rtsp.read_to_end(SOON).unwrap().is_empty(), "it is told");
    assert!(member.hears_nothing(Duration::from_millis(300)));
    assert!(alone.read_frame(SOON).unwrap().is_some());
    let mut next = Member::watch(&lan, &relay, "door");
    next.see(10);
}
