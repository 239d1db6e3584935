//! How a client of RTSP 2.0 learns that its session is over.

use std::time::Instant;

use rtsp_proto::headers::{
    NotifyReason, NptTime, Range, RequestStatus, RtpInfo, TerminateCause, TerminateReason,
};
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::RtpPacket;
use rtsp_proto::{Method, Oddities, Request};
use sim::Fault;

use super::*;
use rules::against_request;
use support::OwnedFrame;

/// What came until the relay closed.
#[derive(Default)]
struct End {
    requests: Vec<Request>,
    /// Of each channel for RTP.
    last: Vec<Option<(u32, u16)>>,
    /// How many tracks had said BYE when the first request came.
    byes: usize,
}

impl End {
    fn take(&mut self, frame: &OwnedFrame) {
        if frame.channel % 2 == 0 {
            let packet = RtpPacket::parse(&frame.payload).unwrap();
            let track = usize::from(frame.channel / 2);
            self.last.resize(self.last.len().max(track + 1), None);
            self.last[track] = Some((packet.ssrc(), packet.sequence()));
        } else {
            let packets = parse_compound(&frame.payload, &mut Oddities::new());
            let bye = packets.iter().any(|packet| matches!(packet, RtcpPacket::Bye { .. }));
            self.byes += usize::from(bye && self.requests.is_empty());
        }
    }
}

fn until_the_end(client: &mut RtspClient, mut end: End) -> End {
    let deadline = Instant::now() + SOON;
    loop {
        match client.next(deadline).unwrap() {
            Incoming::End => return end,
            Incoming::Request(request) => end.requests.push(request),
            Incoming::Response(response) => panic!("an answer to nothing: {response:?}"),
            Incoming::Frame(frame) => end.take(&frame),
        }
    }
}

fn reason(request: &Request) -> TerminateReason {
    TerminateReason::from_headers(&request.headers).unwrap().expect("a Terminate-Reason")
}

#[test]
fn a_stream_that_ends_says_so_and_what_came_last() {
    let house = House::new();
    let mut client = house.watch("hall");
    let session = client.session().unwrap().to_owned();
    let mut end = End::default();
    for _ in 0..50 {
        end.take(&client.read_frame(SOON).unwrap().expect("it plays"));
    }
    house.camera.fault(Fault::Die).unwrap();
    let begun = Instant::now();
    let end = until_the_end(&mut client, end);
    // It has not answered anything, and the end did not wait for it.
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    let methods: Vec<_> = end.requests.iter().map(|request| request.method.clone()).collect();
    assert_eq!(methods, [Method::PlayNotify, Method::Teardown]);
    assert_eq!(end.byes, 2, "RTCP says BYE before");

    let [notify, teardown] = &end.requests[..] else { unreachable!() };
    for request in [notify, teardown] {
        assert_eq!(against_request(request), Vec::<String>::new(), "{request:?}");
        assert_eq!(request.headers.get("Session"), Some(session.as_str()));
        assert_eq!(request.uri, format!("{}/", house.relay.url("hall")));
    }
    let told = NotifyReason::from_headers(&notify.headers).unwrap();
    assert_eq!(told, Some(NotifyReason::EndOfStream));
    // DESCRIBE, two SETUPs and PLAY.
    let status = RequestStatus::from_headers(&notify.headers).unwrap().unwrap();
    assert_eq!((status.cseq, status.status.code()), (4, 503));
    let range = Range::from_headers(&notify.headers).unwrap().unwrap();
    assert!(
        matches!(range, Range::Npt { start: NptTime::Now, end: Some(NptTime::Millis(1..)) }),
        "{range:?}"
    );
    let value = notify.headers.get("RTP-Info").unwrap();
    let info = RtpInfo::parse(value).unwrap();
    assert_eq!(info.encode(Version::V2_0), value);
    let told: Vec<_> = info.0.iter().map(|entry| entry.ssrc.zip(entry.seq)).collect();
    assert_eq!(told, end.last, "the last packet of each track");
    assert_eq!(reason(teardown).cause, TerminateCause::InternalError);
    assert!(reason(teardown).message.is_some_and(|message| message.contains("camera")));
}

#[test]
fn a_relay_that_stops_says_who_wanted_it() {
    let mut house = House::new();
    let mut playing = house.watch("door");
    let mut ready = house.knock("door");
    ready.describe().unwrap();
    ready.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
    assert!(playing.read_frame(SOON).unwrap().is_some());
    let stopped = std::thread::spawn(move || house.relay.terminate());
    let ends = [&mut playing, &mut ready].map(|client| until_the_end(client, End::default()));
    let (status, took) = stopped.join().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(5), "{took:?}");
    let expected = [&[Method::PlayNotify, Method::Teardown][..], &[Method::Teardown]];
    for (end, expected) in ends.iter().zip(expected) {
        let methods: Vec<_> = end.requests.iter().map(|request| request.method.clone()).collect();
        assert_eq!(methods, expected);
        for request in &end.requests {
            assert_eq!(against_request(request), Vec::<String>::new(), "{request:?}");
        }
        let last = end.requests.last().unwrap();
        assert_eq!(reason(last).cause, TerminateCause::ServerAdmin);
    }
}

#[test]
fn a_client_that_was_silent_for_too_long_is_told_so() {
    let house = House::new();
    let mut client = house.knock("door");
    client.describe().unwrap();
    client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
    let end = until_the_end(&mut client, End::default());
    assert_eq!(end.requests.len(), 1);
    assert_eq!(against_request(&end.requests[0]), Vec::<String>::new());
    assert_eq!(reason(&end.requests[0]).cause, TerminateCause::SessionTimeout);
}
