//! How it ends, and what a viewer is told then.

use std::path::Path;
use std::time::Duration;

use super::browser::Browser;
use super::sim::{Camera, Clip, Fault, Options};
use super::support::{Program, Relay, free_port, wait_until};
use super::{House, SOON, film, silent};

#[test]
fn a_camera_that_cannot_be_had_is_told_in_words() {
    let house = House::new(silent(Clip::sub()), "", "");
    house.camera.fault(Fault::Refuse(true)).unwrap();
    let mut browser = house.browser();
    let state = browser.state("offline");
    let reason = state["reason"].as_str().unwrap().to_owned();
    assert!(!reason.is_empty() && state["retry_in_s"].as_f64().is_some(), "{state}");
    assert_eq!(browser.close(), (1013, reason.clone()));
    assert!(browser.ends_within(Duration::from_secs(2)));
    let (code, head, body) = house.curl("live/door.mp4", &[]);
    assert_eq!(code, 503, "{body}");
    assert!(head.contains("Retry-After: "), "{head}");
    let error: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(error["error"], reason.as_str());
}

#[test]
fn a_camera_that_goes_ends_its_viewers_with_the_reason() {
    let house = House::new(film(), "", "");
    let mut browser = house.browser();
    browser.fragment(1);
    house.camera.fault(Fault::Refuse(true)).unwrap();
    house.camera.fault(Fault::Die).unwrap();
    let state = browser.state("offline");
    let (code, reason) = browser.close();
    assert_eq!((code, state["reason"].as_str()), (1013, Some(reason.as_str())));
    // It comes back, and so does the page.
    house.camera.fault(Fault::Refuse(false)).unwrap();
    let played = wait_until(SOON, || {
        let mut again = house.browser();
        again.find(|got| match got {
            super::browser::Got::Fragment(_) => Some(true),
            super::browser::Got::Close(..) => Some(false),
            _ => None,
        })
    });
    assert!(played);
}

#[test]
fn the_end_of_the_relay_is_told_and_takes_no_time() {
    let mut house = House::new(film(), "", "");
    let mut browser = house.browser();
    browser.fragment(1);
    let mut file = Program::start(
        std::process::Command::new("curl")
            .args(["--silent", "--output", "/dev/null"])
            .arg(house.url("live/door.mp4")),
    );
    assert!(wait_until(SOON, || house.status()["clients"] == 2));
    let (status, took) = house.relay.terminate();
    assert!(status.success() && took < Duration::from_secs(5), "{status} after {took:?}");
    assert_eq!(browser.close().0, 1001);
    assert!(file.wait(SOON).is_some());
}

#[test]
fn what_a_browser_says_against_the_rules_ends_its_websocket_alone() {
    let house = House::new(silent(Clip::sub()), "", "");
    let mut good = house.browser();
    good.fragment(1);
    for (bytes, code) in [
        (&b"\x82\x03abc"[..], 1002), // not masked
        (&b"\x82\xff\x00\x00\x00\x00\x7f\xff\xff\xff\x01\x02\x03\x04"[..], 1009), // 2 GiB
        (&b"\xf3\x80\x01\x02\x03\x04"[..], 1002), // reserved bits and opcode
    ] {
        let mut bad = house.browser();
        bad.send_raw(bytes);
        assert_eq!(bad.close().0, code);
        assert!(bad.ends_within(Duration::from_secs(2)));
    }
    let mut polite = house.browser();
    polite.fragment(1);
    polite.send(9, b"alive?");
    let pong = |got: &super::browser::Got| match got {
        super::browser::Got::Pong(payload) => Some(payload.clone()),
        _ => None,
    };
    assert_eq!(polite.find(pong), b"alive?");
    polite.send(8, &1000u16.to_be_bytes());
    assert_eq!(polite.close().0, 1000);
    good.fragment(1);
}

#[test]
fn a_bug_in_one_viewers_thread_ends_that_viewer_alone() {
    let camera = Camera::start(Options { paths: vec![film()], ..Options::default() }).unwrap();
    let port = free_port();
    let relay = Relay::with_env(
        "RTSP_RELAY_PANIC",
        Path::new("live:1"),
        &format!("http_port={port}\n[stream]\nname=door\nrtsp_url={}", camera.url("main")),
    );
    let open = || Browser::open(port, "door", &[]).unwrap();
    let (mut hit, mut other) = (open(), open());
    hit.fragment(1);
    other.fragment(1);
    hit.send(9, b"");
    assert!(hit.ends_within(SOON));
    let line = relay.wait_log("internal failure", SOON).expect("the log says what happened");
    assert!(line.contains("RTSP_RELAY_PANIC says so"), "{line}");
    for _ in 0..30 {
        other.fragment(1);
    }
    assert!(wait_until(SOON, || relay.status("door", "viewers") == Some(1)));
}
