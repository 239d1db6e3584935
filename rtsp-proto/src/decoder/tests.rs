//! What the decoder makes of whole streams.

use proptest::prelude::*;

use super::*;
use crate::fuzz::{Seen, decode};
use crate::{Method, StatusCode, Version};

fn camera(stream: &[u8]) -> Seen {
    let seen = decode(Peer::Camera, stream, &mut |rest| rest.len());
    for size in 1..stream.len().min(64) {
        let again = decode(Peer::Camera, stream, &mut |_| size);
        assert_eq!(again, seen, "in pieces of {size}: {}", stream.escape_ascii());
    }
    for split in 1..stream.len().min(2048) {
        let again = decode(Peer::Camera, stream, &mut |rest| {
            if rest.len() == stream.len() { split } else { rest.len() }
        });
        assert_eq!(again, seen, "split at {split}: {}", stream.escape_ascii());
    }
    seen
}

fn client(stream: &[u8]) -> Seen {
    let seen = decode(Peer::Client, stream, &mut |rest| rest.len());
    for split in 1..stream.len().min(16 * 1024) {
        let again = decode(Peer::Client, stream, &mut |rest| {
            if rest.len() == stream.len() { split } else { rest.len() }
        });
        assert_eq!(again, seen, "split at {split}: {}", stream.escape_ascii());
    }
    seen
}

/// What is seen in short: `200 reason|Name: value|...|body`, `METHOD uri|...`, `$channel payload`.
fn short(seen: &Seen) -> Vec<String> {
    let text = |headers: &crate::Headers, body: &[u8]| {
        let mut text = String::new();
        for (name, value) in headers.iter() {
            text += &format!("|{name}: {value}");
        }
        if !body.is_empty() {
            text += &format!("|{}", body.escape_ascii());
        }
        text
    };
    let event = |event: &crate::fuzz::SeenEvent| match event {
        crate::fuzz::SeenEvent::Request(r) => {
            format!("{} {}{}", r.method, r.uri, text(&r.headers, &r.body))
        }
        crate::fuzz::SeenEvent::Response(r) => {
            format!("{} {}{}", r.status.code(), r.reason, text(&r.headers, &r.body))
        }
        crate::fuzz::SeenEvent::Frame(wire) => {
            format!("${} {}", wire[1], wire[4..].escape_ascii())
        }
    };
    seen.events.iter().map(event).collect()
}

#[test]
fn every_oddity_of_a_camera_is_understood_and_counted() {
    use Oddity::*;
    type Case = (&'static str, &'static [&'static str], &'static [(Oddity, u64)]);
    #[rustfmt::skip]
    let table: &[Case] = &[
        ("RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", &["200 OK|CSeq: 1"], &[]),
        // Longse: blanks behind values. Hikvision: several before them. None at all.
        ("RTSP/1.0 200 OK\r\nCSeq: 1 \t\r\nSession:      7\r\nDate:x\r\nA:\r\n\r\n",
            &["200 OK|CSeq: 1|Session: 7|Date: x|A: "], &[]),
        ("HTTP/1.1 401 Unauthorized\r\nCSeq: 1\r\n\r\n", &["401 Unauthorized|CSeq: 1"], &[(HttpStatusLine, 1)]),
        ("RTSP/1.0 200\r\nCSeq: 1\r\n\r\n", &["200 |CSeq: 1"], &[]),
        ("RTSP/1.0   454  Session  Not Found \r\nCSeq: 1\r\n\r\n", &["454 Session  Not Found|CSeq: 1"], &[]),
        ("\r\n\r\n\nRTSP/1.0 200 OK\r\n\r\n\r\n$\0\0\x01a", &["200 OK", "$0 a"], &[(BlankLines, 2)]),
        ("RTSP/1.0 200 OK\nCSeq: 1\n\n$\0\0\x01a", &["200 OK|CSeq: 1", "$0 a"], &[(BareLineEnd, 1)]),
        ("RTSP/1.0 200 OK\rCSeq: 1\r\r$\0\0\x01a", &["200 OK|CSeq: 1", "$0 a"], &[(BareLineEnd, 1)]),
        ("RTSP/1.0 200 OK\rContent-Length: 1\r\n\r\nx", &["200 OK|Content-Length: 1|x"], &[(BareLineEnd, 1)]),
        ("RTSP/1.0 200 OK\r\r\nContent-Length: 1\r\r\n\r\r\nx", &["200 OK|Content-Length: 1|x"], &[]),
        ("RTSP/1.0 200 OK\r\nContent-Length: 1\n\r\nx", &["200 OK|Content-Length: 1|x"], &[(BareLineEnd, 1)]),
        ("RTSP/1.0 200 OK\r\nPublic: OPTIONS,\r\n  PLAY,\r\n\tPAUSE\r\nCSeq: 1\r\n\r\n",
            &["200 OK|Public: OPTIONS, PLAY, PAUSE|CSeq: 1"], &[(FoldedHeader, 2)]),
        ("RTSP/1.0 200 OK\r\nnonsense\r\n: x\r\nbad name: x\r\nCSeq: 1\r\n\r\n",
            &["200 OK|CSeq: 1"], &[(MalformedHeader, 3)]),
        ("RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: abc\r\n\r\n",
            &["200 OK|CSeq: 1|Content-Length: abc"], &[(BadContentLength, 1)]),
        ("RTSP/1.0 200 OK\r\nContent-Length: 3 bytes\r\n\r\nabc",
            &["200 OK|Content-Length: 3 bytes|abc"], &[(BadContentLength, 1)]),
        // A camera's own requests, between frames.
        ("$\0\0\x01aOPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n$\x01\0\x01b",
            &["$0 a", "OPTIONS rtsp://h/|CSeq: 1", "$1 b"], &[]),
        ("SET_PARAMETER  RTSP/1.0\r\n\r\nX_FOO * RTSP/1.0\r\n\r\n", &["SET_PARAMETER ", "X_FOO *"], &[]),
        // Garbage between frames: what follows is in step again.
        ("$\0\0\x01aGARBAGE$\x63\0\x01b$\x01\0\x02cd$\0\0\x01e", &["$0 a", "$1 cd", "$0 e"], &[(Garbage, 1)]),
        ("\0\0RTSP/1.0 200 OK\r\n\r\n\0", &["200 OK"], &[(Garbage, 2)]),
        // A length that is too small, and one that is too large.
        ("$\0\0\x01aaaa$\x01\0\x01b$\x01\0\x01c", &["$0 a", "$1 b", "$1 c"], &[(Garbage, 1)]),
        ("$\0\0\x08aaa$\x01\0\x05bbbbb$\x01\0\x01c$\x01\0\x01d", &["$0 aaa$\\x01\\x00\\x05b", "$1 c", "$1 d"], &[(Garbage, 1)]),
        // A text answer in the place of a frame's rest.
        ("$\0\0\x01a\0\0RTSP/1.0 200 OK\r\nCSeq: 9\r\n\r\n", &["$0 a", "200 OK|CSeq: 9"], &[(Garbage, 1)]),
        // An answer split by a frame: what there was of it.
        ("RTSP/1.0 200 OK\r\nCSeq: 9\r\n$\0\0\x01aSession: 1\r\n\r\n$\0\0\x01b",
            &["200 OK|CSeq: 9", "$0 a", "$0 b"], &[(MalformedHeader, 1), (Garbage, 1)]),
        ("RTSP/1.0 200 OK\r\nCSeq: 9\r\nRTSP/1.0 200 OK\r\nCSeq: 10\r\n\r\n",
            &["200 OK|CSeq: 9", "200 OK|CSeq: 10"], &[(MalformedHeader, 1)]),
        // First lines that look like messages and are none.
        ("RTSP/1.0 ok\r\n\r\nRTSP/1.0 200 OK\r\n\r\n", &["200 OK"], &[(Garbage, 1)]),
    ];
    for (stream, events, oddities) in table {
        let seen = camera(stream.as_bytes());
        assert_eq!(seen.error, None, "{stream:?}");
        assert_eq!(short(&seen), *events, "{stream:?}");
        assert_eq!(seen.oddities.iter().collect::<Vec<_>>(), *oddities, "{stream:?}");
    }
}

#[test]
fn a_presentation_survives_a_wrong_content_length() {
    let sdp = "v=0\\r\\nm=video\\r\\n";
    let head = "RTSP/1.0 200 OK\r\nCSeq: 2\r\n";
    let next = "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n";
    for (length, follows, odd) in [
        ("Content-Length: 14\r\n", "", 0),
        ("Content-Length: 14\r\n", next, 0),
        // Too large: it ends where the next message begins, or with the stream.
        ("Content-Length: 15\r\n", "", 1),
        ("Content-Length: 40\r\n", next, 1),
        ("Content-Length: 60000\r\n", next, 1),
        // Missing or unreadable.
        ("Content-Type: application/sdp\r\n", "", 1),
        ("Content-Type: Application/SDP; charset=utf-8\r\n", next, 1),
        ("Content-Base: rtsp://h/\r\n", next, 1),
        ("Content-Type: application/sdp\r\nContent-Length: -1\r\n", next, 1),
    ] {
        let seen = camera(format!("{head}{length}\r\nv=0\r\nm=video\r\n{follows}").as_bytes());
        let short = short(&seen);
        assert!(short[0].ends_with(&format!("|{sdp}")), "{length}: {short:?}");
        assert_eq!(short.len(), if follows.is_empty() { 1 } else { 2 }, "{length}: {short:?}");
        assert_eq!(seen.oddities.count(Oddity::BadContentLength), odd, "{length}");
    }
    // A keepalive's answer that swallows media.
    let seen = camera(b"RTSP/1.0 200 OK\r\nContent-Length: 90\r\n\r\n$\0\0\x03abc$\x01\0\x01d");
    assert_eq!(short(&seen), ["200 OK|Content-Length: 90", "$0 abc", "$1 d"]);
    // Too small: what is behind it is no message.
    let seen = camera(b"RTSP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nv=0\r\nm=video\r\n$\0\0\x01a");
    assert_eq!(short(&seen), ["200 OK|Content-Length: 5|v=0\\r\\n", "$0 a"]);
    assert_eq!(seen.oddities.count(Oddity::Garbage), 1);
}

#[test]
fn a_silent_camera_is_helped_and_decoding_goes_on() {
    let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
    decoder.push(b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nv=0\r\n");
    assert_eq!(decoder.next(), Ok(None));
    assert!(decoder.awaits_body());
    assert!(matches!(decoder.finish(), Ok(Some(Event::Response(r))) if r.body == b"v=0\r\n"));
    assert_eq!(decoder.finish(), Ok(None));
    assert!(!decoder.awaits_body());
    decoder.push(b"RTSP/1.0 404 Not Found\r\n");
    assert_eq!(decoder.next(), Ok(None));
    assert!(
        matches!(decoder.finish(), Ok(Some(Event::Response(r))) if r.status == StatusCode::NOT_FOUND)
    );
}

#[test]
fn the_channels_that_were_agreed_bring_a_camera_back_into_step() {
    let stream = b"$\0\0\x01a??$\x02\0\x01x$\x02\0\x01x$\xc8\0\x01b$\xc8\0\x01c";
    let mut decoder = Decoder::new(Peer::Camera, Limits::CAMERA);
    decoder.expect_channels([200, 201]);
    decoder.push(stream);
    let mut channels = Vec::new();
    while let Ok(Some(Event::Frame(frame))) = decoder.next() {
        channels.push(frame.channel);
    }
    assert_eq!(channels, [0, 200, 200]);
}

#[test]
fn a_camera_that_sends_only_garbage_is_given_up() {
    let limits = Limits { resync: 100, ..Limits::CAMERA };
    let mut decoder = Decoder::new(Peer::Camera, limits);
    decoder.push(b"$\0\0\x01a");
    assert!(matches!(decoder.next(), Ok(Some(Event::Frame(_)))));
    decoder.push(&[b'x'; 101]);
    let error = decoder.next().unwrap_err();
    assert_eq!(error.to_string(), "byte 5: no message and no frame within 100 bytes");
    decoder.push(b"$\0\0\x01a");
    assert_eq!(decoder.next().unwrap_err(), error);
}

#[test]
fn a_client_is_understood_as_the_standard_has_it() {
    let stream = b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n\
        \r\nPLAY  RTSP/1.0\r\nCSeq:2\r\nRange:  npt=0- \r\n\r\n\
        $\xff\0\x02ab\
        X-!y rtsp://h/\xc3\xa9?q RTSP/3.0\r\nContent-Length: 3\r\ncontent-length: 03\r\n\r\nabc\
        RTSP/2.0 200 OK\r\nA: \xe9\xff\r\n\r\nRTSP/1.0 404\r\n\r\n";
    let seen = client(stream);
    assert_eq!(seen.error, None);
    assert_eq!(
        short(&seen),
        [
            "OPTIONS *|CSeq: 1",
            "PLAY |CSeq: 2|Range: npt=0-",
            "$255 ab",
            "X-!y rtsp://h/é?q|Content-Length: 3|content-length: 03|abc",
            "200 OK|A: éÿ",
            "404 ",
        ]
    );
    let crate::fuzz::SeenEvent::Request(request) = &seen.events[3] else { panic!("no request") };
    assert_eq!(request.method, Method::Other("X-!y".into()));
    assert_eq!(request.version, Version::Other { major: 3, minor: 0 });
    assert!(seen.oddities.is_empty());
}

#[test]
fn a_client_that_breaks_a_rule_is_told_which_and_where() {
    let many = format!("PLAY * RTSP/1.0\r\n{}\r\n", "A: b\r\n".repeat(65));
    let long_uri = format!("PLAY rtsp://h/{} RTSP/1.0\r\n\r\n", "a".repeat(2040));
    let endless_uri = format!("PLAY rtsp://h/{}", "a".repeat(4000));
    let long_head = format!("PLAY * RTSP/1.0\r\nA: {}\r\n\r\n", "a".repeat(8192));
    #[rustfmt::skip]
    let table: &[(&str, u16, &str)] = &[
        ("GET / HTTP/1.1\r\n", 400, "byte 0: a request line is a method, a URI and RTSP/1.0, not \"GET / HTTP/1.1\""),
        ("PLAY RTSP/1.0\r\n", 400, "byte 0: a request line is a method, a URI and RTSP/1.0, not \"PLAY RTSP/1.0\""),
        ("PLAY * rtsp/1.0\r\n", 400, "byte 0: a request line is a method, a URI and RTSP/1.0, not \"PLAY * rtsp/1.0\""),
        ("PLAY\r\n", 400, "byte 0: a request line is a method, a URI and RTSP/1.0, not \"PLAY\""),
        ("PL(AY * RTSP/1.0\r\n", 400, "byte 0: a method is a token, not \"PL(AY * RTSP/1.0\""),
        ("PLAY rtsp://h/a b RTSP/1.0\r\n", 400, "byte 0: a URI holds no blanks, not \"PLAY rtsp://h/a b RTSP/1.0\""),
        ("PLAY rtsp://h/\0 RTSP/1.0\r\n", 400, "byte 0: a first line holds no control characters, not \"PLAY rtsp://h/\\x00 RTSP/1.0\""),
        ("RTSP/1.0 2000 OK\r\n", 400, "byte 0: a status line is RTSP/1.0, three digits and a reason, not \"RTSP/1.0 2000 OK\""),
        ("\x16\x03\x01\x02\0", 400, "byte 0: a message begins with a method, not \"\\x16\""),
        (" PLAY", 400, "byte 0: a message begins with a method, not \" \""),
        ("PLAY * RTSP/1.0\nCSeq: 1\n\n", 400, "byte 15: a line ends in CRLF, not in LF alone"),
        ("PLAY * RTSP/1.0\r\nCSeq: 1\n\r\n", 400, "byte 24: a line ends in CRLF, not in LF alone"),
        ("PLAY * RTSP/1.0\r\nCSeq: 1\rX\r\n\r\n", 400, "byte 24: a line ends in CRLF, not in CR alone"),
        ("PLAY * RTSP/1.0\r\nA: 1\r\n b\r\n\r\n", 400, "byte 23: a header line begins with its name, and is not folded"),
        ("PLAY * RTSP/1.0\r\nA: 1\r\nfoo\r\n\r\n", 400, "byte 23: a header line is a name, a colon and a value"),
        ("PLAY * RTSP/1.0\r\nA: 1\r\nb c: d\r\n\r\n", 400, "byte 23: the name of a header is a token, in \"b c:\""),
        ("PLAY * RTSP/1.0\r\nA : 1\r\n\r\n", 400, "byte 17: the name of a header is a token, in \"A :\""),
        ("PLAY * RTSP/1.0\r\nA: \x01\r\n\r\n", 400, "byte 17: a header value holds no control characters, in \"A:\""),
        ("PLAY * RTSP/1.0\r\nContent-Length: +1\r\n\r\n", 400, "byte 0: Content-Length is a number, not \"+1\""),
        ("PLAY * RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400, "byte 0: Content-Length is given once, not \"2\""),
        ("PLAY * RTSP/1.0\r\nContent-Length: 8193\r\n\r\n", 413, "byte 41: a body of 8193 bytes, more than 8192"),
        ("PLAY * RTSP/1.0\r\nContent-Length: 99999999999999999999999\r\n\r\n", 413, "byte 60: a body of 18446744073709551615 bytes, more than 8192"),
        ("\r\n\r\n\r\n\r\n\r\n", 400, "byte 8: more than 4 blank lines before a message"),
        (&many, 400, "byte 0: 65 header lines, more than 64"),
        (&long_uri, 414, "byte 0: a URI of more than 2048 bytes"),
        (&endless_uri, 414, "byte 0: a URI of more than 2048 bytes"),
        (&long_head, 413, "byte 0: more than 8192 bytes of first line and headers"),
    ];
    for (stream, status, text) in table {
        let error = client(stream.as_bytes()).error.unwrap_or_else(|| panic!("{stream:?}"));
        assert_eq!((error.status().code(), error.to_string()), (*status, (*text).to_owned()));
        // Where it is counts from the begin of the stream.
        let later = client(format!("$\0\0\x01aPLAY * RTSP/1.0\r\n\r\n{stream}").as_bytes());
        assert_eq!(later.error.map(|later| later.offset()), Some(error.offset() + 24));
    }
}

#[test]
fn a_camera_is_bounded_too() {
    let many = format!("RTSP/1.0 200 OK\r\n{}\r\n", "A: b\r\n".repeat(129));
    let long = format!("RTSP/1.0 200 OK\r\nA: {}", "a".repeat(16384));
    let endless = format!("RTSP/1.0 200 OK\r\nContent-Base: x\r\n\r\n{}", "v=0\n".repeat(16385));
    #[rustfmt::skip]
    let table: &[(&str, &str)] = &[
        ("RTSP/1.0 200 OK\r\nContent-Length: 65537\r\n\r\n", "byte 42: a body of 65537 bytes, more than 65536"),
        (&many, "byte 0: 129 header lines, more than 128"),
        (&long, "byte 0: more than 16384 bytes of first line and headers"),
        (&endless, "byte 36: a body that does not end within 65536 bytes"),
    ];
    for (stream, text) in table {
        let error = decode(Peer::Camera, stream.as_bytes(), &mut |rest| rest.len()).error.unwrap();
        assert_eq!(error.to_string(), *text);
        let again = decode(Peer::Camera, stream.as_bytes(), &mut |_| 7).error.unwrap();
        assert_eq!(again, error);
    }
}

#[test]
fn a_large_body_byte_by_byte_is_no_work() {
    // Quadratic rescans would take minutes here.
    let body = "x".repeat(65_536);
    let stream = format!("RTSP/1.0 200 OK\r\nContent-Length: 65536\r\n\r\n{body}");
    let seen = decode(Peer::Camera, stream.as_bytes(), &mut |_| 1);
    assert_eq!(seen.events.len(), 1);
    let line = format!("RTSP/1.0 200 OK\r\nA: {}\r\n\r\n", "a".repeat(16_000));
    assert_eq!(decode(Peer::Camera, line.as_bytes(), &mut |_| 1).events.len(), 1);
}

/// Pieces streams of cameras are made of; joined at random they hold about every confusion.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed = |bytes: &'static [u8]| Just(bytes.to_vec());
    prop_oneof![
        4 => (0u8..4, proptest::collection::vec(any::<u8>(), 0..20)).prop_map(|(channel, payload)| {
            let mut wire = vec![b'$', channel, 0, payload.len() as u8];
            wire.extend(payload);
            wire
        }),
        2 => fixed(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n"),
        1 => fixed(b"RTSP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nv=0\r\nm=x\r\n"),
        1 => fixed(b"RTSP/1.0 200 OK\nContent-Type: application/sdp\n\nv=0\n"),
        1 => fixed(b"HTTP/1.0 401 No\rCSeq:2\r a\r\r"),
        1 => fixed(b"OPTIONS rtsp://h RTSP/1.0\r\nCSeq: 1\r\n\r\n"),
        1 => fixed(b"\r\n"),
        1 => fixed(b"\r"),
        1 => fixed(b"$"),
        1 => fixed(b"$\x01"),
        1 => fixed(b"RTSP/"),
        1 => fixed(b"RTSP/1.0 "),
        1 => fixed(b"PLAY * RTSP/1.0\r\nContent-Length: 3\r\n\r\nabc"),
        2 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => "[ -~\r\n]{0,12}".prop_map(String::into_bytes),
    ]
}

fn header() -> impl Strategy<Value = (String, String)> {
    ("X-[A-Za-z0-9-]{0,12}", "([!-~é]([ -~]{0,20}[!-~])?)?")
}

proptest! {
    #[test]
    fn no_split_changes_what_is_decoded(
        pieces in proptest::collection::vec(piece(), 0..12),
        sizes in proptest::collection::vec(1usize..12, 1..8),
    ) {
        let stream = pieces.concat();
        for peer in [Peer::Camera, Peer::Client] {
            let whole = decode(peer, &stream, &mut |rest| rest.len());
            let mut next = sizes.iter().cycle().copied();
            let split = decode(peer, &stream, &mut |_| next.next().unwrap_or(1));
            prop_assert_eq!(&split, &whole);
            prop_assert_eq!(&decode(peer, &stream, &mut |_| 1), &whole);
        }
    }

    #[test]
    fn what_is_encoded_is_decoded_to_the_same(
        method in "[A-Z_]{1,12}",
        uri in "rtsp://[!-~é]{0,30}|\\*|",
        headers in proptest::collection::vec(header(), 0..6),
        code in 100u16..1000,
        reason in "([!-~]([ -~]{0,20}[!-~])?)?",
        body in proptest::collection::vec(any::<u8>(), 0..60),
        text in "([a-z]=[ -~]{0,20}\r\n){0,5}",
        split in 1usize..200,
    ) {
        let mut request = Request::new(Method::from_name(&method), uri, Version::V1_0);
        let mut response = Response::new(StatusCode::from_code(code).unwrap(), Version::V2_0);
        response.reason = reason;
        for (name, value) in headers {
            request.headers.append(name.clone(), value.clone());
            response.headers.append(name, value);
        }
        request.body = body;
        response.body = text.into_bytes();
        let mut stream = Vec::new();
        request.encode(&mut stream);
        response.encode(&mut stream);
        let seen = decode(Peer::Client, &stream, &mut |_| split);
        prop_assert_eq!(&seen.error, &None);
        let camera = decode(Peer::Camera, &stream[stream.len() - encoded(&response)..], &mut |_| split);
        for (events, at) in [(&seen.events, 1), (&camera.events, 0)] {
            let crate::fuzz::SeenEvent::Response(got) = &events[at] else { panic!("{seen:?}") };
            let mut got = got.clone();
            got.headers.remove("Content-Length");
            prop_assert_eq!(&got, &response);
        }
        let crate::fuzz::SeenEvent::Request(got) = &seen.events[0] else { panic!("{seen:?}") };
        let mut got = got.clone();
        got.headers.remove("Content-Length");
        if request.uri.is_empty() {
            request.uri = "*".into();
        }
        prop_assert_eq!(&got, &request);
    }
}

fn encoded(response: &Response) -> usize {
    let mut out = Vec::new();
    response.encode(&mut out);
    out.len()
}
