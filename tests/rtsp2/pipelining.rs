//! Pipelined-Requests: a client that does not wait for the id of its session.

use super::*;
use rules::against_response;

const SETUP: &str = "SETUP {hall}/trackID=@T RTSP/2.0\nCSeq: @C\nPipelined-Requests: @P\n\
    Accept-Ranges: npt\nTransport: RTP/AVP/TCP;unicast;interleaved=@I\n\n";

fn setup(track: u8, cseq: u8, number: &str) -> String {
    let channels = format!("{}-{}", 2 * track, 2 * track + 1);
    SETUP
        .replace("@T", &track.to_string())
        .replace("@C", &cseq.to_string())
        .replace("@P", number)
        .replace("@I", &channels)
}

fn request(method: rtsp_proto::Method, cseq: &str, number: &str) -> rtsp_proto::Request {
    rtsp_proto::Request::new(method, "", Version::V2_0)
        .with("CSeq", cseq)
        .with("Pipelined-Requests", number)
}

#[test]
fn a_client_plays_two_tracks_with_one_packet_of_requests() {
    use rtsp_proto::Method::{Play, Setup};
    let house = House::new();
    let mut client = house.knock("hall");
    let play = "PLAY {hall} RTSP/2.0\nCSeq: 3\nPipelined-Requests: 77\nRange: npt=now-\n\n";
    let all = format!("{}{}{play}", setup(0, 1, "77"), setup(1, 2, "77"));
    client.send_raw(house.wire(&all).as_bytes()).unwrap();
    let mut ids = Vec::new();
    for (method, cseq) in [(Setup, "1"), (Setup, "2"), (Play, "3")] {
        let answer = response(&mut client);
        assert_eq!(answer.status.code(), 200, "{answer:?}");
        let complaints = against_response(&request(method, cseq, "77"), &answer);
        assert_eq!(complaints, Vec::<String>::new(), "{answer:?}");
        assert_eq!(answer.headers.get("Pipelined-Requests"), Some("77"));
        ids.push(session_id(&answer));
    }
    assert!(ids.windows(2).all(|pair| pair[0] == pair[1]), "one session: {ids:?}");
    let mut channels = [false; 4];
    while !(channels[0] && channels[2]) {
        let frame = client.read_frame(SOON).unwrap().expect("it plays");
        channels[usize::from(frame.channel)] = true;
    }
}

#[test]
fn a_number_means_nothing_to_anybody_else() {
    let house = House::new();
    let mut owner = house.knock("hall");
    owner.send_raw(house.wire(&setup(0, 1, "5")).as_bytes()).unwrap();
    assert_eq!(response(&mut owner).status.code(), 200);
    // On another connection, under another number, and in the first version.
    let mut stranger = house.knock("hall");
    let play =
        |number: &str| format!("PLAY {{hall}} RTSP/2.0\nCSeq: 2\nPipelined-Requests: {number}");
    assert_eq!(house.ask(&mut stranger, &play("5")).status.code(), 454);
    assert_eq!(house.ask(&mut owner, &play("6")).status.code(), 454);
    owner.send_raw(house.wire(&setup(1, 3, "6")).as_bytes()).unwrap();
    assert_eq!(response(&mut owner).status.code(), 455, "one session on a connection");
    // A number goes with its session.
    let teardown = "TEARDOWN {hall} RTSP/2.0\nCSeq: 4\nPipelined-Requests: 5";
    assert_eq!(house.ask(&mut owner, teardown).status.code(), 200);
    assert_eq!(house.ask(&mut owner, &play("5")).status.code(), 454);
    owner.send_raw(house.wire(&setup(1, 5, "5")).as_bytes()).unwrap();
    assert_eq!(response(&mut owner).status.code(), 200, "and can be used anew");
    let bad = house.ask(&mut owner, &play("five"));
    assert_eq!(bad.status.code(), 400);
}

#[test]
fn a_request_that_fails_makes_no_session() {
    let house = House::new();
    let mut client = house.knock("hall");
    let failing = setup(0, 1, "9").replace("RTP/AVP/TCP", "RTP/SAVP/TCP");
    let play = "PLAY {hall} RTSP/2.0\nCSeq: 2\nPipelined-Requests: 9\n\n";
    client.send_raw(house.wire(&format!("{failing}{play}")).as_bytes()).unwrap();
    assert_eq!(response(&mut client).status.code(), 461);
    assert_eq!(response(&mut client).status.code(), 454);
}
