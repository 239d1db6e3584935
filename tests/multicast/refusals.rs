//! Who does not get multicast, and what is said instead.

use std::net::{IpAddr, Ipv6Addr};

use rtsp_proto::headers::TransportSpec;
use rtsp_proto::{Method, Version};

use crate::member::Member;
use crate::sim::{Camera, Options};
use crate::support::namespace::ip;
use crate::support::{Certificate, Lan, Relay, RtspClient, may_make_networks};
use crate::{SOON, relay, relay_with};

fn status(client: &mut RtspClient, url: &str, transport: &str) -> u16 {
    let control = format!("{url}/trackID=0");
    let answer = client.request(Method::Setup, &control, &[("Transport", transport)]).unwrap();
    answer.status.code()
}

#[test]
fn multicast_is_for_streams_that_offer_it_and_for_their_own_group() {
    if !may_make_networks(
        "refusals::multicast_is_for_streams_that_offer_it_and_for_their_own_group",
    ) {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let more = format!("[stream]\nname=plain\nrtsp_url={}", camera.url("main"));
    let relay = relay_with(&camera, "", &more);
    lan.at_viewers(|| {
        let (door, plain) = (relay.url("door"), relay.url("plain"));
        let mut client = RtspClient::connect(&plain).unwrap();
        client.describe().unwrap();
        assert_eq!(status(&mut client, &plain, "RTP/AVP;multicast;port=5004-5005"), 461);
        let any = "RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1";
        assert_eq!(status(&mut client, &plain, any), 200, "the first that works");
        let mut client = RtspClient::connect(&door).unwrap();
        client.describe().unwrap();
        for foreign in ["239.255.42.1", "224.0.0.1", "10.77.0.2", "255.255.255.255"] {
            let transport = format!("RTP/AVP;multicast;destination={foreign};port=5004-5005");
            assert_eq!(status(&mut client, &door, &transport), 463, "{foreign}");
        }
        let to_group = "RTP/AVP;unicast;destination=239.255.42.0;client_port=5004-5005";
        assert_eq!(status(&mut client, &door, to_group), 463);
        assert_eq!(status(&mut client, &door, "RTP/AVP/TCP;multicast"), 461);
        assert_eq!(status(&mut client, &door, "RTP/AVP;multicast;destination=239.255.42.0"), 200);
    });
}

#[test]
fn who_wants_it_encrypted_or_through_a_tunnel_does_not_get_multicast() {
    if !may_make_networks(
        "refusals::who_wants_it_encrypted_or_through_a_tunnel_does_not_get_multicast",
    ) {
        return;
    }
    let _lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let config = format!("[stream]\nname=door\nrtsp_url={}\nmulticast=yes", camera.url("main"));
    let relay = Relay::with_tls(&Certificate::new(), &config);
    let secure = RtspClient::connect(&relay.tls_url("door")).unwrap();
    let tunnel = RtspClient::through_http(&relay.url("door")).unwrap();
    for (mut client, url) in [(secure, relay.tls_url("door")), (tunnel, relay.url("door"))] {
        client.describe().unwrap();
        assert_eq!(status(&mut client, &url, "RTP/AVP;multicast"), 461, "{url}");
        let any = "RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1";
        assert_eq!(status(&mut client, &url, any), 200);
        client.describe().unwrap();
    }
}

#[test]
fn without_a_way_to_the_group_the_log_says_why_and_the_next_choice_is_taken() {
    if !may_make_networks(
        "refusals::without_a_way_to_the_group_the_log_says_why_and_the_next_choice_is_taken",
    ) {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    ip("route del 224.0.0.0/4 dev lan0");
    ip("link add name down0 type veth peer name down1");
    ip("link add name bare0 type veth peer name bare1");
    ip("link set bare0 up");
    for (config, reason) in [
        ("", "no route leads there"),
        ("multicast_interface=eth7", "multicast_interface eth7: there is no such interface"),
        ("multicast_interface=192.0.2.1", "192.0.2.1: there is no such interface"),
        ("multicast_interface=down0", "multicast_interface down0: it is down"),
        ("multicast_interface=bare0", "multicast_interface bare0: it has no IPv4 address"),
    ] {
        let relay = relay_with(&camera, config, "");
        lan.at_viewers(|| {
            let url = relay.url("door");
            let mut client = RtspClient::connect(&url).unwrap();
            client.describe().unwrap();
            assert_eq!(status(&mut client, &url, "RTP/AVP;multicast"), 461, "{config}");
            let line = relay.wait_log("no multicast for a viewer", SOON).unwrap();
            assert!(line.contains(reason) && line.contains("stream=door"), "{line}");
            client.setup(0, TransportSpec::interleaved(0)).unwrap();
            client.play().unwrap();
            assert!(client.read_frame(SOON).unwrap().is_some());
        });
    }
    // Ports end somewhere, too.
    let relay = relay_with(&camera, "multicast_port=65534\nmulticast_interface=lan0", "");
    let mut member = Member::watch(&lan, &relay, "door");
    member.see(5);
}

#[test]
fn both_versions_of_rtsp_and_both_families_of_addresses_get_the_group() {
    if !may_make_networks(
        "refusals::both_versions_of_rtsp_and_both_families_of_addresses_get_the_group",
    ) {
        return;
    }
    let lan = Lan::new();
    ip("addr add fd77::1/64 dev lan0 nodad");
    lan.at_viewers(|| ip("addr add fd77::2/64 dev lan0 nodad"));
    let camera = Camera::start(Options::default()).unwrap();
    let config = format!("[stream]\nname=door\nrtsp_url={}\nmulticast=yes", camera.url("main"));
    let at: Ipv6Addr = "fd77::1".parse().unwrap();
    for relay in [relay(&camera), Relay::start_at(IpAddr::V6(at), None, &config)] {
        for version in [Version::V1_0, Version::V2_0] {
            let mut member = Member::set_up_in(&lan, &relay.url("door"), version);
            let told = member.transport.encode(version);
            let (ports, from) = match version {
                Version::V1_0 => {
                    (";ttl=1;port=5004-5005", "destination=239.255.42.0;source=10.77.0.1;")
                }
                _ => (
                    ";dest_addr=\"239.255.42.0:5004\"/\"239.255.42.0:5005\"",
                    "src_addr=\"10.77.0.1:",
                ),
            };
            assert!(told.starts_with("RTP/AVP;multicast;"), "{told}");
            assert!(told.contains(ports) && told.contains(from), "{told}");
            assert!(told.contains("ttl=1"), "{told}");
            member.play();
            member.see(10);
            member.rtsp.teardown().unwrap();
        }
    }
}

#[test]
fn the_group_stands_in_the_description_for_those_who_ask() {
    if !may_make_networks("refusals::the_group_stands_in_the_description_for_those_who_ask") {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let more = format!("[stream]\nname=plain\nrtsp_url={}", camera.url("main"));
    let relay = relay_with(&camera, "multicast_ttl=5", &more);
    let described = |url: String| {
        lan.at_viewers(|| {
            let mut client = RtspClient::connect(&url).unwrap();
            let answer = client.request(Method::Describe, &url, &[]).unwrap();
            String::from_utf8(answer.body).unwrap()
        })
    };
    let usual = described(relay.url("door"));
    assert!(usual.contains("c=IN IP4 0.0.0.0\r\n") && usual.contains("m=video 0 "), "{usual}");
    let asked = described(relay.url("door?multicast"));
    assert!(asked.contains("c=IN IP4 239.255.42.0/5\r\n"), "{asked}");
    assert!(asked.contains("m=video 5004 RTP/AVP "), "{asked}");
    let plain = described(relay.url("plain?multicast"));
    assert!(plain.contains("c=IN IP4 0.0.0.0\r\n"), "{plain}");
}
