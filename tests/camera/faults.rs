//! What a camera in bad health does.

use super::client::Client;
use super::sim::{Camera, Fault, Quality};
use super::{camera, eventually};
use rtsp_proto::Method;
use std::io::ErrorKind;
use std::time::{Duration, Instant};

fn playing() -> (Camera, Client) {
    let camera = camera(|_| {}, |options| options.seed = Some(1));
    let mut client = Client::connect(camera.address()).unwrap();
    assert_eq!(client.play(&camera.url("main"), 1).unwrap().status, 200);
    client.frame().unwrap();
    (camera, client)
}

/// Reads until an error.
fn end(client: &mut Client) -> ErrorKind {
    loop {
        if let Err(error) = client.frame() {
            return error.kind();
        }
    }
}

#[test]
fn a_shut_door_refuses_and_opens_on_the_same_port() {
    let (camera, mut client) = playing();
    for _ in 0..3 {
        camera.fault(Fault::Refuse(true)).unwrap();
        let error = Client::connect(camera.address()).err().map(|error| error.kind());
        assert_eq!(error, Some(ErrorKind::ConnectionRefused));
        client.frame().unwrap();
        camera.fault(Fault::Refuse(false)).unwrap();
        let mut other = Client::connect(camera.address()).unwrap();
        assert_eq!(other.ask("OPTIONS", "*", "").unwrap().status, 200);
    }
}

#[test]
fn a_dying_camera_resets_and_can_be_called_again() {
    let (camera, mut client) = playing();
    camera.fault(Fault::Die).unwrap();
    assert_eq!(end(&mut client), ErrorKind::ConnectionReset);
    eventually("the end of the session", || {
        let stats = camera.stats();
        stats.sessions_open == 0 && stats.connections_open == 0
    });
    let mut again = Client::connect(camera.address()).unwrap();
    assert_eq!(again.play(&camera.url("main"), 1).unwrap().status, 200);
    assert_eq!(camera.stats().sessions_max, 1);
}

#[test]
fn closing_is_an_end_of_file_with_bye_before_it_if_asked_for() {
    let (camera, mut client) = playing();
    camera.fault(Fault::CloseAll).unwrap();
    assert_eq!(end(&mut client), ErrorKind::UnexpectedEof);

    let (camera, mut client) = playing();
    camera.fault(Fault::ByeAndClose).unwrap();
    let mut last = None;
    while let Ok(frame) = client.frame() {
        last = Some(frame);
    }
    let last = last.unwrap();
    assert_eq!(last.channel, 1);
    let bye = &last.payload[last.payload.len() - 8..];
    assert_eq!(bye[..4], [0x81, 203, 0, 1]);
}

#[test]
fn a_stalled_camera_is_silent_and_answers_afterwards() {
    let (camera, mut client) = playing();
    client.patience(Duration::from_millis(300));
    camera.fault(Fault::Stall(true)).unwrap();
    assert_eq!(end(&mut client), ErrorKind::WouldBlock);
    client.send("OPTIONS", "*", "").unwrap();
    assert_eq!(end(&mut client), ErrorKind::WouldBlock);
    camera.fault(Fault::Stall(false)).unwrap();
    client.patience(Duration::from_secs(5));
    assert!(client.raw(8).unwrap().starts_with(b"RTSP/1.0"));

    let (camera, mut client) = playing();
    camera.fault(Fault::Mute(true)).unwrap();
    client.patience(Duration::from_millis(300));
    assert_eq!(end(&mut client), ErrorKind::WouldBlock);
    client.patience(Duration::from_secs(5));
    assert_eq!(client.ask("OPTIONS", "*", "").unwrap().status, 200);
    camera.fault(Fault::Normal).unwrap();
    client.frame().unwrap();
}

#[test]
fn garbage_comes_between_frames() {
    let (camera, mut client) = playing();
    camera.fault(Fault::Garbage { bytes: 5000 }).unwrap();
    let bytes = client.raw(30_000).unwrap();
    let mut rest = bytes.as_slice();
    while let [b'$', 0 | 1, high, low, payload @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(payload.len());
        rest = &payload[length..];
    }
    assert!(rest.len() > 5000, "all of it was frames");
    let next = rest[5000..5004].iter().zip([b'$', 0, 0, 0]).filter(|(a, b)| **a == *b).count();
    assert!(next >= 2, "a frame follows right behind the garbage");
}

#[test]
fn requests_are_refused_swallowed_or_answered_late() {
    let camera = camera(|_| {}, |_| {});
    let url = camera.url("main");
    let mut client = Client::connect(camera.address()).unwrap();
    camera.fault(Fault::Status { method: Method::Describe, code: 503 }).unwrap();
    assert_eq!(client.ask("DESCRIBE", &url, "").unwrap().status, 503);
    camera.fault(Fault::Normal).unwrap();
    camera.fault(Fault::SlowAnswer { method: Method::Describe, ms: 300 }).unwrap();
    let start = Instant::now();
    assert_eq!(client.ask("DESCRIBE", &url, "").unwrap().status, 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
    camera.fault(Fault::Normal).unwrap();
    camera.fault(Fault::NoAnswer { method: Method::Play }).unwrap();
    let setup = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    assert_eq!(client.ask("SETUP", &url, setup).unwrap().status, 200);
    client.send("PLAY", &url, "").unwrap();
    assert_eq!(client.frame().unwrap().channel, 1, "media without an answer");
}

#[test]
fn an_old_session_keeps_its_place_until_it_is_forgotten() {
    let (camera, client) = playing();
    camera.fault(Fault::MaxSessions(1)).unwrap();
    camera.fault(Fault::ForgetAfter { ms: 400 }).unwrap();
    drop(client);
    eventually("the end of the session", || camera.stats().sessions_open == 0);
    let mut next = Client::connect(camera.address()).unwrap();
    assert_eq!(next.play(&camera.url("main"), 1).unwrap().status, 453);
    std::thread::sleep(Duration::from_millis(450));
    assert_eq!(next.play(&camera.url("main"), 1).unwrap().status, 200);
    // One that was torn down is not remembered.
    assert_eq!(next.ask("TEARDOWN", &camera.url("main"), "").unwrap().status, 200);
    let mut last = Client::connect(camera.address()).unwrap();
    assert_eq!(last.play(&camera.url("main"), 1).unwrap().status, 200);
}

#[test]
fn a_client_that_does_not_read_costs_pictures_but_holds_up_nobody() {
    let (camera, mut client) = playing();
    let synthetic = super::sim::Synthetic { bitrate_kbps: 200_000, ..Default::default() };
    let fast = super::camera(
        |path| path.clip = super::sim::Clip::synthetic(&synthetic),
        |options| options.session_timeout = Duration::from_secs(60),
    );
    let mut idle = Client::connect(fast.address()).unwrap();
    idle.play(&fast.url("main"), 1).unwrap();
    eventually("a dropped picture", || fast.stats().pictures_dropped > 0);
    let mut reader = Client::connect(fast.address()).unwrap();
    reader.play(&fast.url("main"), 1).unwrap();
    for _ in 0..1000 {
        reader.frame().unwrap();
    }
    client.frame().unwrap();
    let start = Instant::now();
    fast.stop();
    camera.stop();
    assert!(start.elapsed() < Duration::from_secs(1), "stopping took {:?}", start.elapsed());
    assert_eq!(fast.stats().connections_open, 0);
}

#[test]
fn what_is_no_request_is_refused_and_ends_the_connection() {
    let (_camera, mut client) = playing();
    client.write(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| end(&mut client)));
    assert!(ended.is_err(), "an answer came, and it was no success");
}

#[test]
fn every_fault_can_be_said_in_words() {
    for (words, fault) in [
        ("normal", Fault::Normal),
        ("stall on", Fault::Stall(true)),
        ("blind on", Fault::Blind(true)),
        ("garbage 12", Fault::Garbage { bytes: 12 }),
        ("status setup 461", Fault::Status { method: Method::Setup, code: 461 }),
        ("slow PLAY 20", Fault::SlowAnswer { method: Method::Play, ms: 20 }),
        ("max-sessions 2", Fault::MaxSessions(2)),
        ("network 1% 5% 0", Fault::Network(Quality { loss: 1, reorder: 5, duplicate: 0 })),
    ] {
        assert_eq!(Fault::parse(words), Some(fault));
    }
    for words in ["", "stall", "stall maybe", "garbage x", "die now"] {
        assert_eq!(Fault::parse(words), None, "{words}");
    }
}
