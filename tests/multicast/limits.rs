//! Members are counted one by one, and what is sent to them once.

use rtsp_proto::headers::TransportSpec;

use crate::member::{Member, multicast};
use crate::sim::{Camera, Clip, Options, Path, Synthetic};
use crate::support::{Lan, RtspClient, may_make_networks, wait_until};
use crate::{SOON, relay_with};

/// The answer to a SETUP of the first track.
fn setup(lan: &Lan, url: &str, transports: &[TransportSpec]) -> (u16, String) {
    lan.at_viewers(|| {
        let mut client = RtspClient::connect(url).unwrap();
        client.describe().unwrap();
        let header = transports.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let control = format!("{url}/trackID=0");
        let headers = [("Transport", header.as_str())];
        let answer = client.request(rtsp_proto::Method::Setup, &control, &headers).unwrap();
        let transport = answer.headers.get("Transport").unwrap_or_default().to_owned();
        (answer.status.code(), transport)
    })
}

#[test]
fn all_members_together_take_one_part_of_what_a_stream_may_send() {
    if !may_make_networks("limits::all_members_together_take_one_part_of_what_a_stream_may_send") {
        return;
    }
    let lan = Lan::new();
    let spec = Synthetic { width: 320, height: 180, fps: 25, bitrate_kbps: 1000, gop: 5 };
    let paths = vec![Path::new("main", Clip::synthetic(&spec))];
    let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
    // Enough for two: the group and one more.
    let relay = relay_with(&camera, "max_egress_kbps=2500", "");
    let mut members: Vec<_> = (0..4).map(|_| Member::watch(&lan, &relay, "door")).collect();
    members[0].see(30);
    let url = relay.url("door");
    let mut alone = lan.at_viewers(|| {
        let mut client = RtspClient::connect(&url).unwrap();
        client.describe().unwrap();
        client.setup(0, TransportSpec::interleaved(0)).unwrap();
        client.play().unwrap();
        client
    });
    assert!(alone.read_frame(SOON).unwrap().is_some());
    assert_eq!(setup(&lan, &url, &[TransportSpec::interleaved(0)]).0, 453);
    assert!(relay.log_contains("viewer refused, the stream sends all it may"));
    // Whom one way is too much may go another, without a part of its own.
    let (status, transport) = setup(&lan, &url, &[TransportSpec::interleaved(0), multicast()]);
    assert_eq!(status, 200);
    assert!(transport.starts_with("RTP/AVP;multicast;"), "{transport}");
    // Behind the last member the group's part is free.
    drop(members);
    let free = || setup(&lan, &url, &[TransportSpec::interleaved(0)]).0 == 200;
    assert!(wait_until(SOON, free));
}

#[test]
fn each_member_takes_a_place() {
    if !may_make_networks("limits::each_member_takes_a_place") {
        return;
    }
    let lan = Lan::new();
    let camera = Camera::start(Options::default()).unwrap();
    let relay = relay_with(&camera, "max_clients_per_stream=3", "");
    let members: Vec<_> = (0..3).map(|_| Member::watch(&lan, &relay, "door")).collect();
    assert_eq!(relay.status("door", "viewers"), Some(3));
    let refused = lan.at_viewers(|| {
        let mut client = RtspClient::connect(&relay.url("door")).unwrap();
        client.describe().unwrap_err().to_string()
    });
    assert!(refused.contains("503"), "{refused}");
    drop(members);
    assert!(wait_until(SOON, || relay.status("door", "viewers") == Some(0)));
    let mut next = Member::watch(&lan, &relay, "door");
    next.see(5);
}
