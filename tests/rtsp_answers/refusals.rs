//! Requests that cannot be granted.

use super::*;

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

/// Lines of a request, the answer's status, and a part of its header lines.
type Row = (&'static str, u16, &'static str);

/// What the connection survives, each on a connection of its own.
const ANSWERED: &[Row] = &[
    ("OPTIONS * RTSP/1.0\nCSeq: 7", 200, "Public: OPTIONS, DESCRIBE, SETUP, PLAY"),
    ("OPTIONS {door} RTSP/1.0\ncseq:7", 200, "Public: "),
    ("OPTIONS rtsp://{host} RTSP/1.0\nCSeq: 7", 200, "Public: "),
    ("DESCRIBE {door} RTSP/1.0\nCSeq: 7", 200, "Content-Type: application/sdp"),
    ("DESCRIBE {door} RTSP/1.0\nCSeq: 7\nAccept: application/sdp", 200, "Content-Base: {door}/"),
    ("DESCRIBE {door} RTSP/1.0\nCSeq: 7\nAccept: text/plain, */*;q=0.1", 200, ""),
    ("DESCRIBE {door} RTSP/1.0\nCSeq: 7\nAccept: text/html", 406, ""),
    ("DESCRIBE {door}/trackID=0 RTSP/1.0\nCSeq: 7", 200, "Content-Base: {door}/"),
    // No such stream, or no such track.
    ("DESCRIBE {door}s RTSP/1.0\nCSeq: 7", 404, ""),
    ("DESCRIBE {door}/x RTSP/1.0\nCSeq: 7", 404, ""),
    ("DESCRIBE {door}/trackID=1 RTSP/1.0\nCSeq: 7", 404, ""),
    ("DESCRIBE {door}?a=b/trackID=255 RTSP/1.0\nCSeq: 7", 404, ""),
    ("DESCRIBE rtsp://{host}/ RTSP/1.0\nCSeq: 7", 404, ""),
    ("DESCRIBE * RTSP/1.0\nCSeq: 7", 404, ""),
    ("SETUP {door}s/trackID=0 RTSP/1.0\nCSeq: 7\n@TCP", 404, ""),
    ("SETUP {door}/trackID=1 RTSP/1.0\nCSeq: 7\n@TCP", 404, ""),
    ("SETUP {door}/trackID=256 RTSP/1.0\nCSeq: 7\n@TCP", 404, ""),
    ("SETUP {hall} RTSP/1.0\nCSeq: 7\n@TCP", 459, ""),
    // No such transport.
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: RTP/SAVP/TCP;interleaved=0-1", 461, ""),
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: RTP/AVPF/TCP;interleaved=0-1", 461, ""),
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: x-real-rdt/tcp;mode=play", 461, ""),
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: RTP/AVP/TCP;interleaved=0-1;mode=record", 461, ""),
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: RTP/AVP;multicast;port=5000-5001", 461, ""),
    // The first one that we have is taken.
    (
        "SETUP {door} RTSP/1.0\nCSeq: 7\nTransport: x-real-rdt/tcp;mode=play, RTP/AVP/TCP;unicast;interleaved=4-5",
        200,
        "Transport: RTP/AVP/TCP;unicast;interleaved=4-5",
    ),
    // No session.
    ("PLAY {door} RTSP/1.0\nCSeq: 7", 454, ""),
    ("PLAY {door} RTSP/1.0\nCSeq: 7\nSession: 12345678", 454, ""),
    ("PAUSE {door} RTSP/1.0\nCSeq: 7", 454, ""),
    ("TEARDOWN {door} RTSP/1.0\nCSeq: 7", 454, ""),
    ("SETUP {door} RTSP/1.0\nCSeq: 7\nSession: 12345678\n@TCP", 454, ""),
    ("GET_PARAMETER {door} RTSP/1.0\nCSeq: 7\nSession: 12345678", 454, ""),
    // A sign of life needs none.
    ("GET_PARAMETER {door} RTSP/1.0\nCSeq: 7", 200, ""),
    ("SET_PARAMETER * RTSP/1.0\nCSeq: 7", 200, ""),
    ("GET_PARAMETER {door} RTSP/1.0\nCSeq: 7\nContent-Length: 6\n\nvolume", 451, ""),
    ("SET_PARAMETER {door} RTSP/1.0\nCSeq: 7\nContent-Length: 9\n\nvolume: 1", 451, ""),
    // What we do not do.
    ("ANNOUNCE {door} RTSP/1.0\nCSeq: 7", 405, "Allow: OPTIONS, "),
    ("RECORD {door} RTSP/1.0\nCSeq: 7", 405, "Allow: OPTIONS, "),
    ("REDIRECT {door} RTSP/1.0\nCSeq: 7", 405, "Allow: OPTIONS, "),
    ("DANCE {door} RTSP/1.0\nCSeq: 7", 501, ""),
    ("describe {door} RTSP/1.0\nCSeq: 7", 501, ""),
    (
        "DESCRIBE {door} RTSP/1.0\nCSeq: 7\nRequire: implicit-play",
        551,
        "Unsupported: implicit-play",
    ),
    ("OPTIONS * RTSP/1.0\nCSeq: 7\nRequire: a, b\nProxy-Require: c", 551, "Unsupported: a, b, c"),
    ("OPTIONS * RTSP/3.0\nCSeq: 7", 505, ""),
    ("DESCRIBE {door} RTSP/0.9\nCSeq: 7", 505, ""),
];

#[test]
fn every_request_gets_the_answer_its_client_can_act_on() {
    let house = House::open();
    for (lines, status, header) in ANSWERED {
        let mut client = house.knock();
        let body_given = lines.contains("\n\n");
        let text = house.wire(&lines.replace("@TCP", TCP));
        client.send_raw(text.as_bytes()).unwrap();
        if !body_given {
            client.send_raw(b"\r\n\r\n").unwrap();
        }
        let answer = response(&mut client);
        assert_eq!(code(&answer), *status, "{lines}\n{answer:?}");
        assert_eq!(answer.headers.get("CSeq"), Some("7"), "{lines}");
        let all = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let all: String = all.collect();
        assert!(all.contains(&house.wire(header)), "{lines}\n{all}");
        let after = house.ask(&mut client, "OPTIONS * RTSP/1.0\nCSeq: 8");
        assert_eq!((code(&after), after.cseq()), (200, Some(8)), "{lines}: it goes on");
    }
}

/// What cannot be understood: the answer, and then the end, because what follows cannot be either.
#[test]
fn what_cannot_be_read_is_answered_and_ends_the_connection() {
    let house = House::open();
    let long = |count: usize| "x".repeat(count);
    let lines = |count: usize| "A: b\n".repeat(count);
    let rows: Vec<(&str, String, u16)> = vec![
        ("HTTP, but for what opens a tunnel", "HEAD / HTTP/1.1\nHost: h\n\n".into(), 400),
        ("no version", "OPTIONS *\nCSeq: 1\n\n".into(), 400),
        ("binary", "\u{1}\u{2}\u{3}".into(), 400),
        ("TLS", "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}".into(), 400),
        ("no CSeq", "OPTIONS * RTSP/1.0\n\n".into(), 400),
        ("CSeq is no number", "OPTIONS * RTSP/1.0\nCSeq: one\n\n".into(), 400),
        ("CSeq below zero", "OPTIONS * RTSP/1.0\nCSeq: -1\n\n".into(), 400),
        ("folded header", "OPTIONS * RTSP/1.0\nCSeq: 1\nA: b\n c\n\n".into(), 400),
        ("no colon", "OPTIONS * RTSP/1.0\nCSeq: 1\nA b\n\n".into(), 400),
        ("no name", "OPTIONS * RTSP/1.0\nCSeq: 1\n: b\n\n".into(), 400),
        ("blank before the colon", "OPTIONS * RTSP/1.0\nCSeq: 1\nA : b\n\n".into(), 400),
        ("a URI of another scheme", "DESCRIBE http://h/door RTSP/1.0\nCSeq: 1\n\n".into(), 400),
        ("a URI without host", "DESCRIBE door RTSP/1.0\nCSeq: 1\n\n".into(), 400),
        ("a URI with a bad escape", "DESCRIBE {door}%4 RTSP/1.0\nCSeq: 1\n\n".into(), 400),
        ("a URI with blanks", "DESCRIBE {door} x RTSP/1.0\nCSeq: 1\n\n".into(), 400),
        ("no Transport", "SETUP {door} RTSP/1.0\nCSeq: 1\n\n".into(), 400),
        (
            "a bad Transport",
            "SETUP {door} RTSP/1.0\nCSeq: 1\nTransport: RTP/AVP/TCP;interleaved=zero\n\n".into(),
            400,
        ),
        ("length no number", "OPTIONS * RTSP/1.0\nCSeq: 1\nContent-Length: x\n\n".into(), 400),
        (
            "two lengths",
            "OPTIONS * RTSP/1.0\nCSeq: 1\nContent-Length: 1\nContent-Length: 2\n\nab".into(),
            400,
        ),
        ("many headers", format!("OPTIONS * RTSP/1.0\nCSeq: 1\n{}\n", lines(64)), 400),
        ("long URI", format!("OPTIONS rtsp://h/{} RTSP/1.0\nCSeq: 1\n\n", long(3000)), 414),
        ("long header", format!("OPTIONS * RTSP/1.0\nCSeq: 1\nA: {}\n\n", long(9000)), 413),
        ("a header without end", format!("OPTIONS * RTSP/1.0\nA: {}", long(9000)), 413),
        ("a large body", "SET_PARAMETER * RTSP/1.0\nCSeq: 1\nContent-Length: 9000\n\n".into(), 413),
        (
            "a body of no size",
            "SET_PARAMETER * RTSP/1.0\nCSeq: 1\nContent-Length: 99999999999999999999\n\n".into(),
            413,
        ),
    ];
    for (what, text, status) in rows {
        let mut client = house.knock();
        client.send_raw(house.wire(&text).as_bytes()).unwrap();
        let answer = response(&mut client);
        assert_eq!(code(&answer), status, "{what}: {answer:?}");
        assert_eq!(answer.headers.get("Connection"), Some("close"), "{what}");
        assert!(closes(&mut client, SOON), "{what}");
    }
    // Each end has its line, with the place and the reason.
    assert!(house.relay.wait_log("reason=\"it sent what cannot be read: byte 0: ", SOON).is_some());
    assert!(
        house.relay.wait_log("it sent what cannot be read: a request needs a CSeq", SOON).is_some()
    );
}

#[test]
fn bare_line_feeds_are_not_guessed_at() {
    let house = House::open();
    let mut client = house.knock();
    client.send_raw(b"OPTIONS * RTSP/1.0\nCSeq: 1\n\n").unwrap();
    assert_eq!(code(&response(&mut client)), 400);
    assert!(closes(&mut client, SOON));
}

#[test]
fn a_range_that_cannot_be_read_ends_the_connection_and_any_that_can_is_the_live_one() {
    let house = House::open();
    for range in ["npt=now-", "npt=0.000-", "npt=10-20", "clock=20260101T000000Z-", "smpte=0:0:0-"]
    {
        let mut client = house.knock();
        house.ask(&mut client, &format!("SETUP {{door}} RTSP/1.0\nCSeq: 1\n{TCP}"));
        let answer =
            house.ask(&mut client, &format!("PLAY {{door}} RTSP/1.0\nCSeq: 2\nRange: {range}"));
        assert_eq!(code(&answer), 200, "{range}");
        assert_eq!(answer.headers.get("Range"), Some("npt=0.000-"), "{range}");
    }
    for range in ["npt", "npt=", "npt=-", "npt=soon-", "=1-", "npt=1;x"] {
        let mut client = house.knock();
        house.ask(&mut client, &format!("SETUP {{door}} RTSP/1.0\nCSeq: 1\n{TCP}"));
        let answer =
            house.ask(&mut client, &format!("PLAY {{door}} RTSP/1.0\nCSeq: 2\nRange: {range}"));
        assert_eq!((code(&answer), answer.cseq()), (400, Some(2)), "{range}");
        assert!(answer.reason.contains("Range"), "{range}: {}", answer.reason);
        assert!(closes(&mut client, SOON), "{range}");
    }
}

#[test]
fn garbage_from_a_playing_viewer_ends_it_and_nobody_else() {
    let house = House::open();
    let mut good = RtspClient::watch(&house.relay.url("door")).unwrap();
    let mut bad = RtspClient::watch(&house.relay.url("door")).unwrap();
    assert!(bad.read_frame(SOON).unwrap().is_some());
    bad.send_raw(b"\x80\x00\x00\x00").unwrap();
    assert_eq!(code(&response(&mut bad)), 400);
    assert!(closes(&mut bad, SOON));
    for _ in 0..50 {
        assert!(good.read_frame(SOON).unwrap().is_some());
    }
    assert_eq!(house.camera.stats().connections_total, 1);
}
