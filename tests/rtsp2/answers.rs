//! What a client of RTSP 2.0 is answered.

use rtsp_proto::headers::TransportSpec;
use rtsp_proto::{Method, Request, StatusCode};

use super::*;
use rules::against_response;

const TCP: &str = "Accept-Ranges: npt\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1";

/// Lines of a request, the answer's status, and a part of its header lines.
type Row = (&'static str, u16, &'static str);

/// Each on a connection of its own, on which nothing was said before.
const ANSWERED: &[Row] = &[
    (
        "OPTIONS * RTSP/2.0\nCSeq: 7",
        200,
        "Public: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, ",
    ),
    (
        "OPTIONS {door} RTSP/2.0\nCSeq: 7\nSupported: play.basic, x-a",
        200,
        "Supported: play.basic\n",
    ),
    ("OPTIONS * RTSP/2.0\nCSeq: 7\nConnection: close", 200, "Connection: close"),
    ("OPTIONS * RTSP/2.0\nCSeq: 7\nSession: 12345678", 454, ""),
    ("DESCRIBE {door} RTSP/2.0\nCSeq: 7\nRequire: play.basic", 200, "Content-Base: {door}/\n"),
    ("DESCRIBE {door} RTSP/2.0\nCSeq: 7\nAccept: text/html", 406, ""),
    ("DESCRIBE {door}s RTSP/2.0\nCSeq: 7", 404, ""),
    ("DESCRIBE {door}/trackID=1 RTSP/2.0\nCSeq: 7", 404, ""),
    // Features that we lack, and only those.
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nRequire: play.basic, play.scale\n@TCP",
        551,
        "Unsupported: play.scale\n",
    ),
    ("OPTIONS * RTSP/2.0\nCSeq: 7\nProxy-Require: x-a, x-b", 551, "Unsupported: x-a, x-b\n"),
    // Transports.
    ("SETUP {door} RTSP/2.0\nCSeq: 7\n@TCP", 200, "Transport: RTP/AVP/TCP;unicast;interleaved=0-1"),
    ("SETUP {door} RTSP/2.0\nCSeq: 7\n@TCP", 200, "Accept-Ranges: npt\n"),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\n@TCP",
        200,
        "Media-Properties: No-Seeking, Time-Progressing, Time-Duration=0\n",
    ),
    ("SETUP {hall} RTSP/2.0\nCSeq: 7\n@TCP", 459, ""),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: npt\nTransport: RTP/AVP;unicast;dest_addr=\":40000\"/\":40001\"",
        200,
        ";dest_addr=\":40000\"/\":40001\";src_addr=\"127.0.0.1:",
    ),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: npt\nTransport: RTP/AVP;unicast;client_port=40000-40001",
        200,
        ";client_port=40000-40001;server_port=",
    ),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: npt\nTransport: RTP/AVP;unicast;dest_addr=\"192.0.2.1:4000\"/\":4001\"",
        463,
        "",
    ),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: npt\nTransport: RTP/AVP/TCP;unicast;dest_addr=\":9\";setup=passive;connection=new",
        461,
        "",
    ),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: npt\nTransport: RTP/SAVPF;unicast;dest_addr=\":4000\";RTCP-mux, RTP/AVP;unicast;dest_addr=\":4000\";RTCP-mux, RTP/AVP/TCP;unicast;interleaved=6-7",
        200,
        "Transport: RTP/AVP/TCP;unicast;interleaved=6-7",
    ),
    (
        "SETUP {door} RTSP/2.0\nCSeq: 7\nAccept-Ranges: smpte, clock\nTransport: RTP/AVP/TCP;unicast;interleaved=0-1",
        456,
        "Accept-Ranges: npt\n",
    ),
    // Without a session.
    ("PLAY {door} RTSP/2.0\nCSeq: 7", 454, ""),
    ("PLAY {door} RTSP/2.0\nCSeq: 7\nPipelined-Requests: 1", 454, ""),
    ("TEARDOWN {door} RTSP/2.0\nCSeq: 7\nSession: 12345678", 454, ""),
    ("SETUP {door} RTSP/2.0\nCSeq: 7\nSession: 12345678\n@TCP", 454, ""),
    ("GET_PARAMETER {door} RTSP/2.0\nCSeq: 7", 200, ""),
    (
        "GET_PARAMETER {door} RTSP/2.0\nCSeq: 7\nContent-Type: text/parameters\nContent-Length: 6\n\nvolume",
        451,
        "",
    ),
    // What only servers ask, what there is no more, and what there never was.
    ("PLAY_NOTIFY {door} RTSP/2.0\nCSeq: 7", 405, "Allow: OPTIONS, DESCRIBE, "),
    ("REDIRECT {door} RTSP/2.0\nCSeq: 7", 405, "Allow: OPTIONS, DESCRIBE, "),
    ("ANNOUNCE {door} RTSP/2.0\nCSeq: 7", 501, ""),
    ("RECORD {door} RTSP/2.0\nCSeq: 7", 501, ""),
    ("DANCE {door} RTSP/2.0\nCSeq: 7", 501, ""),
    ("OPTIONS * RTSP/3.0\nCSeq: 7", 505, "Content-Type: text/plain"),
];

/// Everything that the rules have against these answers.
fn complaints(lines: &str, answer: &Response) -> Vec<String> {
    let (line, headers) = lines.split_once('\n').unwrap_or((lines, ""));
    let method = Method::from_name(line.split(' ').next().unwrap());
    let mut request = Request::new(method, "", Version::V2_0);
    for header in headers.lines().take_while(|line| !line.is_empty()) {
        let (name, value) = header.split_once(':').unwrap();
        request.headers.append(name, value.trim());
    }
    against_response(&request, answer)
}

#[test]
fn every_request_gets_the_answer_that_rfc_7826_has_for_it() {
    let house = House::new();
    for (lines, status, header) in ANSWERED {
        let mut client = house.knock("door");
        let lines = lines.replace("@TCP", TCP);
        let text = house.wire(&lines);
        client.send_raw(text.as_bytes()).unwrap();
        if !lines.contains("\n\n") {
            client.send_raw(b"\r\n\r\n").unwrap();
        }
        let answer = response(&mut client);
        assert_eq!(answer.status.code(), *status, "{lines}\n{answer:?}");
        assert_eq!(complaints(&lines, &answer), Vec::<String>::new(), "{lines}\n{answer:?}");
        let all = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let all: String = all.collect();
        let header = house.wire(header).replace("\r\n", "\n");
        assert!(all.contains(&header), "{lines}\n{all}");
        if all.contains("Connection: close") {
            assert!(client.read_to_end(SOON).unwrap().is_empty(), "{lines}: it closes");
        } else {
            let after = house.ask(&mut client, "OPTIONS * RTSP/2.0\nCSeq: 8");
            assert_eq!(after.cseq(), Some(8), "{lines}: it goes on");
        }
    }
}

/// What a session is asked, one after the other, with what each is answered. `@S` is its Session
/// header.
const IN_SESSION: &[Row] = &[
    ("PLAY {hall} RTSP/2.0\nCSeq: 20\n@S\nRange: npt=now-5", 457, ""),
    ("PLAY {hall} RTSP/2.0\nCSeq: 21\n@S\nRange: npt=3600-", 457, ""),
    (
        "PLAY {hall} RTSP/2.0\nCSeq: 22\n@S\nRange: clock=20260101T000000Z-",
        456,
        "Accept-Ranges: npt\n",
    ),
    ("PLAY {hall} RTSP/2.0\nCSeq: 23\n@S\nSpeed: 2-4", 456, ""),
    ("PLAY {hall}/trackID=0 RTSP/2.0\nCSeq: 24\n@S", 460, ""),
    ("PLAY {door} RTSP/2.0\nCSeq: 25\n@S", 455, "Allow: OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE"),
    ("PLAY {hall} RTSP/2.0\nCSeq: 26", 454, ""),
    ("SETUP {hall}/trackID=0 RTSP/2.0\nCSeq: 27\n@TCP", 455, "Allow: "),
    ("PAUSE {hall} RTSP/2.0\nCSeq: 28\n@S", 200, "Media-Range: npt="),
    ("OPTIONS * RTSP/1.0\nCSeq: 29", 505, "Content-Type: text/plain"),
    ("PLAY {hall} RTSP/1.0\nCSeq: 30\n@S", 505, ""),
    (
        "GET_PARAMETER {hall} RTSP/2.0\nCSeq: 31\n@S\nMedia-Range:\nRange:\nAccept-Ranges:\nMedia-Properties:",
        200,
        "Media-Properties: No-Seeking",
    ),
    // From now on it plays.
    (
        "PLAY {hall} RTSP/2.0\nCSeq: 32\n@S\nScale: 4\nSpeed: 0.5-4\nSeek-Style: Next",
        200,
        "Scale: 1.0\nSpeed: 1.0-1.0\n",
    ),
    ("PLAY {hall} RTSP/2.0\nCSeq: 33\n@S", 200, "Seek-Style: Next\n"),
    ("PLAY {hall} RTSP/2.0\nCSeq: 34\n@S\nRange: npt=now-5", 457, ""),
    ("SETUP {hall}/trackID=0 RTSP/2.0\nCSeq: 35\n@S\n@TCP", 455, "Allow: OPTIONS, DESCRIBE, PLAY"),
    ("TEARDOWN {hall}/trackID=1 RTSP/2.0\nCSeq: 36\n@S", 455, "Allow: "),
    ("GET_PARAMETER {hall} RTSP/2.0\nCSeq: 37\n@S", 200, ""),
    ("OPTIONS * RTSP/2.0\nCSeq: 38\n@S", 200, "Session: "),
    ("PAUSE {hall}/trackID=1 RTSP/2.0\nCSeq: 39\n@S", 460, ""),
    ("PAUSE {hall} RTSP/2.0\nCSeq: 40\n@S", 200, "Range: npt="),
    // One track less, then none.
    ("TEARDOWN {hall}/trackID=1 RTSP/2.0\nCSeq: 41\n@S", 200, "Session: "),
    ("TEARDOWN {hall}/trackID=1 RTSP/2.0\nCSeq: 42\n@S", 404, ""),
    ("PLAY {hall}/trackID=0 RTSP/2.0\nCSeq: 43\n@S\nRange: npt=0-", 200, "RTP-Info: url=\""),
    ("TEARDOWN {hall} RTSP/2.0\nCSeq: 44\n@S", 200, ""),
    ("PLAY {hall} RTSP/2.0\nCSeq: 45\n@S", 454, ""),
];

#[test]
fn a_session_follows_the_rules_from_setup_to_teardown() {
    let house = House::new();
    let mut client = house.knock("hall");
    let setup = "SETUP {hall}/trackID=0 RTSP/2.0\nCSeq: 1\n@TCP".replace("@TCP", TCP);
    let first = house.ask(&mut client, &setup);
    assert_eq!(complaints(&setup, &first), Vec::<String>::new());
    let session = session_id(&first);
    assert!(first.headers.get("Session").unwrap().ends_with(";timeout=10"));
    let second = house.ask(
        &mut client,
        &format!(
            "SETUP {{hall}}/trackID=1 RTSP/2.0\nCSeq: 2\nSession: {session}\nAccept-Ranges: npt\n\
             Transport: RTP/AVP/TCP;unicast;interleaved=2-3"
        ),
    );
    assert_eq!((second.status.code(), session_id(&second)), (200, session.clone()));
    for (lines, status, header) in IN_SESSION {
        let lines = lines.replace("@TCP", TCP).replace("@S", &format!("Session: {session}"));
        let answer = house.ask(&mut client, &lines);
        assert_eq!(answer.status.code(), *status, "{lines}\n{answer:?}");
        if lines.contains("RTSP/2.0") {
            assert_eq!(complaints(&lines, &answer), Vec::<String>::new(), "{lines}\n{answer:?}");
        }
        let all = answer.headers.iter().map(|(name, value)| format!("{name}: {value}\n"));
        let all: String = all.collect();
        assert!(all.contains(header), "{lines}\n{all}");
        let named = answer.headers.get("Session");
        assert!(named.is_none_or(|named| named == session), "{lines}: {named:?}");
    }
}

#[test]
fn the_first_version_has_its_session_for_itself() {
    let house = House::new();
    let mut client = house.knock("door");
    client.version = Version::V1_0;
    client.describe().unwrap();
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    let answer = house.ask(&mut client, "OPTIONS * RTSP/2.0\nCSeq: 9");
    assert_eq!(answer.status, StatusCode::VERSION_NOT_SUPPORTED);
    assert_eq!(answer.body, b"This session speaks RTSP/1.0.\r\n");
    client.play().unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
}

#[test]
fn a_client_refused_udp_goes_on_with_tcp() {
    let house = House::new();
    let mut client = house.knock("door");
    client.describe().unwrap();
    let refused = client.setup(0, TransportSpec { rtcp_mux: true, ..TransportSpec::udp(40_000) });
    assert!(refused.unwrap_err().to_string().contains("461"));
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    client.play().unwrap();
    assert!(client.read_frame(SOON).unwrap().is_some());
}

#[test]
fn rtp_info_names_source_and_first_packet_of_each_track() {
    use rtsp_proto::headers::RtpInfo;
    use rtsp_proto::rtp::RtpPacket;
    let house = House::new();
    // The first one brings the camera up; the second finds a group of pictures.
    let mut before = house.watch("door");
    assert!(before.read_frame(SOON).unwrap().is_some());
    let mut client = house.knock("door");
    client.describe().unwrap();
    client.setup(0, TransportSpec::interleaved(0)).unwrap();
    let play = client.play().unwrap();
    let value = play.headers.get("RTP-Info").unwrap();
    let info = RtpInfo::parse(value).unwrap();
    assert_eq!(info.encode(Version::V2_0), value, "in the form of RTSP 2.0");
    assert_eq!(info.0[0].url, format!("{}/trackID=0", house.relay.url("door")));
    assert_eq!(play.headers.get("Seek-Style"), Some("RAP"));
    let frame = loop {
        let frame = client.read_frame(SOON).unwrap().expect("it plays");
        if frame.channel == 0 {
            break frame;
        }
    };
    let first = RtpPacket::parse(&frame.payload).unwrap();
    let told = (info.0[0].ssrc, info.0[0].seq, info.0[0].rtptime);
    let seen = (Some(first.ssrc()), Some(first.sequence()), Some(first.timestamp()));
    assert_eq!(told, seen);
}
