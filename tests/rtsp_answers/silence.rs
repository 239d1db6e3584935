//! Clients that say nothing, or never come to an end.

use std::thread::{scope, sleep};

use rtsp_proto::Method;
use sim::Fault;

use super::*;

#[test]
fn a_client_without_any_sign_of_life_loses_its_session_and_any_sign_will_do() {
    let house = House::new("client_timeout_s=10", "");
    let set_up = || {
        let mut client = house.knock();
        client.describe().unwrap();
        client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
        client
    };
    // A viewer that plays shows by taking what it gets that it is there.
    let mut playing = RtspClient::watch(&house.relay.url("door")).unwrap();
    let begun = Instant::now();
    let (mut mute, mut asking, mut reporting) = (set_up(), set_up(), set_up());
    let mut never_asked = house.knock();
    while begun.elapsed() < Duration::from_secs(6) {
        assert!(playing.read_frame(SOON).unwrap().is_some());
    }
    asking.keep_alive().unwrap();
    reporting.send_frame(1, &[0x80, 0xc9, 0, 1, 0, 0, 0, 1]).unwrap();
    scope(|scope| {
        for client in [&mut mute, &mut never_asked] {
            scope.spawn(move || assert!(closes(client, SOON)));
        }
    });
    let took = begun.elapsed();
    assert!((10..12).contains(&took.as_secs()), "{took:?}");
    assert_eq!(code(&asking.keep_alive().unwrap()), 200);
    assert_eq!(code(&reporting.play().unwrap()), 200);
    while begun.elapsed() < Duration::from_millis(12_500) {
        assert!(playing.read_frame(SOON).unwrap().is_some());
    }
    assert!(house.relay.wait_log("reason=\"it has been silent\"", SOON).is_some());
}

#[test]
fn a_request_that_never_ends_is_ended() {
    let house = House::new("request_timeout_s=1", "");
    let mut client = house.knock();
    client.send_raw(b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: ").unwrap();
    let begun = Instant::now();
    let mut closed = false;
    while !closed && begun.elapsed() < SOON {
        closed = client.send_raw(b"x").is_err() || closes(&mut client, Duration::from_millis(100));
    }
    assert!(closed);
    let took = begun.elapsed();
    assert!((900..2500).contains(&took.as_millis()), "{took:?}");
    assert!(house.relay.wait_log("reason=\"its request does not end\"", SOON).is_some());
    // The same with a body, and with a frame.
    for bytes in [
        "SET_PARAMETER * RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 10\r\n\r\nx".as_bytes(),
        b"$\x01\x00\x10\x80",
    ] {
        let mut client = house.knock();
        client.send_raw(bytes).unwrap();
        assert!(closes(&mut client, Duration::from_millis(2500)));
    }
}

#[test]
fn a_viewer_that_sends_much_in_pieces_is_not_taken_for_one_that_never_ends() {
    let house = House::new("request_timeout_s=1", "");
    let mut client = house.knock();
    let wire = b"$\x01\x00\x08\x80\xc9\x00\x01\x00\x00\x00\x01".repeat(2);
    let begun = Instant::now();
    client.send_raw(&wire[..5]).unwrap();
    // Whenever the relay looks, a frame is half there.
    let mut at = 5;
    while begun.elapsed() < Duration::from_millis(2500) {
        client.send_raw(&wire[at..at + 12]).unwrap();
        at = 5;
        sleep(Duration::from_millis(20));
    }
    client.send_raw(&wire[at..12]).unwrap();
    assert_eq!(code(&client.options().unwrap()), 200);
}

#[test]
fn a_viewer_that_waited_long_for_the_camera_is_not_called_silent() {
    let house = House::new("client_timeout_s=10\nsource_start_timeout_s=30", "");
    for method in [Method::Options, Method::Describe] {
        house.camera.fault(Fault::SlowAnswer { method, ms: 6000 }).unwrap();
    }
    let mut client = house.knock();
    client.describe().unwrap();
    assert!(!closes(&mut client, Duration::from_secs(1)), "it was answered and thrown out");
    client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
}
