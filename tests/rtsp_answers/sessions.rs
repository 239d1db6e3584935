//! Sessions: who has one, which one a request means, and the next one.

use super::*;

const TCP: &str = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1";

#[test]
fn the_session_header_is_right_in_every_answer_of_a_session() {
    let house = House::new("client_timeout_s=45", "");
    let mut client = house.knock();
    let setup = house.ask(&mut client, &format!("SETUP {{door}} RTSP/1.0\nCSeq: 1\n{TCP}"));
    let id = session_id(&setup);
    assert_eq!(setup.headers.get("Session"), Some(format!("{id};timeout=45").as_str()));
    assert!(id.len() >= 8 && id.bytes().all(|b| b.is_ascii_alphanumeric()), "{id}");
    for (cseq, method) in (2..).zip([
        "PLAY",
        "GET_PARAMETER",
        "SET_PARAMETER",
        "OPTIONS",
        "PLAY",
        "PAUSE",
        "PLAY",
        "DESCRIBE",
        "TEARDOWN",
    ]) {
        // Players send the id as they got it, some of them with the timeout.
        let session = if cseq % 2 == 0 { id.clone() } else { format!("{id};timeout=45") };
        let lines = format!("{method} {{door}}/ RTSP/1.0\nCSeq: {cseq}\nSession: {session}");
        let answer = house.ask(&mut client, &lines);
        assert_eq!((code(&answer), answer.cseq()), (200, Some(cseq)), "{method}");
        if let Some(named) = answer.headers.get("Session") {
            assert_eq!(named.split(';').next(), Some(id.as_str()), "{method}");
        } else {
            assert!(["OPTIONS", "DESCRIBE", "TEARDOWN"].contains(&method), "{method}");
        }
    }
}

#[test]
fn a_session_cannot_be_reached_from_another_connection_or_by_another_name() {
    let house = House::open();
    let mut owner = RtspClient::watch(&house.relay.url("door")).unwrap();
    let id = owner.session().unwrap().to_owned();
    let mut stranger = house.knock();
    for method in ["PAUSE", "TEARDOWN", "PLAY", "GET_PARAMETER"] {
        let lines = format!("{method} {{door}} RTSP/1.0\nCSeq: 1\nSession: {id}");
        assert_eq!(code(&house.ask(&mut stranger, &lines)), 454, "{method}");
        let lines = format!("{method} {{door}} RTSP/1.0\nCSeq: 1\nSession: x{id}");
        assert_eq!(code(&house.ask(&mut owner, &lines)), 454, "{method}");
    }
    for _ in 0..20 {
        assert!(owner.read_frame(SOON).unwrap().is_some());
    }
}

#[test]
fn a_session_has_one_stream() {
    let house = House::open();
    let mut client = house.knock();
    house.ask(&mut client, &format!("SETUP {{door}} RTSP/1.0\nCSeq: 1\n{TCP}"));
    for (cseq, lines) in (2..).zip([
        format!("SETUP {{hall}}/trackID=0 RTSP/1.0\n{TCP}"),
        "DESCRIBE {hall} RTSP/1.0".into(),
        "PLAY {hall} RTSP/1.0".into(),
    ]) {
        let answer = house.ask(&mut client, &format!("{lines}\nCSeq: {cseq}"));
        assert_eq!(code(&answer), 455, "{lines}");
    }
    let answer = house.ask(&mut client, "PLAY {door} RTSP/1.0\nCSeq: 5");
    assert_eq!(code(&answer), 200);
    let answer = house.ask(&mut client, &format!("SETUP {{door}} RTSP/1.0\nCSeq: 6\n{TCP}"));
    assert_eq!(code(&answer), 455, "not while it plays");
}

#[test]
fn after_teardown_the_same_connection_shows_the_next_stream() {
    let house = House::new("source_idle_timeout_s=0", "");
    let mut client = house.knock();
    let mut ids = Vec::new();
    for (round, stream) in (0..4).zip(["door", "hall", "hall", "door"]) {
        let uri = house.relay.url(stream);
        let setup =
            house.ask(&mut client, &format!("SETUP {uri}/trackID=0 RTSP/1.0\nCSeq: 1\n{TCP}"));
        assert_eq!(code(&setup), 200, "round {round}");
        let id = session_id(&setup);
        let play = house.ask(&mut client, &format!("PLAY {uri} RTSP/1.0\nCSeq: 2\nSession: {id}"));
        assert_eq!(code(&play), 200, "round {round}");
        for _ in 0..10 {
            assert!(client.read_frame(SOON).unwrap().is_some(), "round {round}");
        }
        let lines = format!("TEARDOWN {uri} RTSP/1.0\nCSeq: 3\nSession: {id}");
        assert_eq!(code(&house.ask(&mut client, &lines)), 200, "round {round}");
        let lines = format!("PLAY {uri} RTSP/1.0\nCSeq: 4\nSession: {id}");
        assert_eq!(code(&house.ask(&mut client, &lines)), 454, "round {round}");
        ids.push(id);
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each session has its own id");
    assert!(support::wait_until(SOON, || house.camera.stats().sessions_open == 0));
    // Nothing of a stream comes once its session has ended.
    assert!(client.read_frame(Duration::from_millis(300)).is_err());
}
