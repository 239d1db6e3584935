//! Requests in one go, and in pieces.

use std::thread::sleep;

use super::*;

const ALL: &str = "OPTIONS * RTSP/1.0\nCSeq: 1\n\n\
    DESCRIBE {hall} RTSP/1.0\nCSeq: 2\nAccept: application/sdp\n\n\
    SETUP {hall}/trackID=0 RTSP/1.0\nCSeq: 3\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1\n\n\
    SETUP {hall}/trackID=1 RTSP/1.0\nCSeq: 4\nTransport: RTP/AVP/TCP;unicast;interleaved=2-3\n\n\
    PLAY {hall} RTSP/1.0\nCSeq: 5\nRange: npt=0.000-\n\n";

/// Five answers in order, and no frame in front of the last of them.
fn check(client: &mut RtspClient, what: &str) {
    for cseq in 1..=5 {
        match client.next(Instant::now() + SOON) {
            Ok(Incoming::Response(response)) => {
                assert_eq!((code(&response), response.cseq()), (200, Some(cseq)), "{what}");
            }
            other => panic!("{what}: {other:?} instead of answer {cseq}"),
        }
    }
    match client.next(Instant::now() + SOON) {
        Ok(Incoming::Frame(_)) => {}
        other => panic!("{what}: {other:?} instead of a frame"),
    }
}

#[test]
fn requests_in_one_go_are_answered_once_each_and_in_order() {
    let house = House::open();
    let mut client = house.knock();
    client.send_raw(house.wire(ALL).as_bytes()).unwrap();
    check(&mut client, "one go");
}

#[test]
fn it_does_not_matter_where_the_network_cuts_requests() {
    let house = House::open();
    let _keeps_the_camera = RtspClient::watch(&house.relay.url("hall")).unwrap();
    let wire = house.wire(ALL);
    for at in 1..wire.len() {
        let mut client = house.knock();
        client.send_raw(&wire.as_bytes()[..at]).unwrap();
        sleep(Duration::from_millis(2));
        client.send_raw(&wire.as_bytes()[at..]).unwrap();
        check(&mut client, &format!("cut at {at}"));
    }
    let mut client = house.knock();
    for byte in wire.as_bytes() {
        client.send_raw(std::slice::from_ref(byte)).unwrap();
        sleep(Duration::from_micros(200));
    }
    check(&mut client, "byte by byte");
}

#[test]
fn frames_of_the_client_may_stand_anywhere_between_its_requests() {
    let house = House::open();
    let report = b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01";
    let wire = house.wire(ALL);
    let mut bytes = report.to_vec();
    for request in wire.split_inclusive("\r\n\r\n") {
        bytes.extend_from_slice(request.as_bytes());
        bytes.extend_from_slice(report);
        bytes.extend_from_slice(b"$\x09\x00\x00");
    }
    let mut client = house.knock();
    client.send_raw(&bytes).unwrap();
    check(&mut client, "with frames");
}

#[test]
fn who_asks_without_end_and_reads_nothing_costs_little() {
    let house = House::new("write_timeout_s=60", "");
    let before = house.relay.rss_kib();
    let mut client = house.knock();
    let request = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(512);
    client.stream().set_nonblocking(true).unwrap();
    // As much as the relay takes, until it takes nothing for a second.
    let mut sent = 0;
    let mut progress = Instant::now();
    let deadline = Instant::now() + Duration::from_secs(6);
    while progress.elapsed() < Duration::from_secs(1) && Instant::now() < deadline {
        let rest = sent % request.len();
        match io::Write::write(&mut client.stream(), &request[rest..]) {
            Ok(count) => {
                sent += count;
                progress = Instant::now();
            }
            Err(_) => sleep(Duration::from_millis(5)),
        }
    }
    let grown = house.relay.rss_kib().saturating_sub(before);
    assert!(grown < 4 * 1024, "{grown} KiB more after {sent} bytes of requests");
    // When it reads again, everything it asked for is answered.
    client.stream().set_nonblocking(false).unwrap();
    let asked = sent / 31;
    for _ in 0..asked {
        assert_eq!(code(&response(&mut client)), 200);
    }
}
