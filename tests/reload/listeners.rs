//! Other addresses and ports, while connections stay.

use std::net::TcpListener;
use std::process::Command;

use super::{House, SOON};
use crate::support::{Certificate, Program, RtspClient, free_port, is_listening, wait_until};

/// The configuration with RTSP at this port.
fn at(house: &House, address: &str, port: u16) -> String {
    let text = house.text("", &house.near.url("sub"));
    format!("listen_address={address}\nlisten_port={port}\n{text}")
}

#[test]
fn a_new_port_is_opened_the_old_one_closed_and_viewers_stay() {
    let house = House::new("");
    let mut viewer = RtspClient::watch(&house.relay.url("door")).unwrap();
    let port = free_port();
    house.relay.rewrite_whole(&at(&house, "127.0.0.1", port));
    assert_eq!(house.reload().0, 200);
    assert!(wait_until(SOON, || is_listening(port) && !is_listening(house.relay.port())));
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    let url = format!("rtsp://127.0.0.1:{port}/door");
    drop(RtspClient::watch(&url).unwrap());
    assert_eq!(house.curl("api/v1/status", &[]).1["rtsp_port"], port);
    // The wildcard overlaps with the address that is open.
    house.relay.rewrite_whole(&at(&house, "0.0.0.0", port));
    assert_eq!(house.reload().0, 200);
    drop(RtspClient::watch(&url).unwrap());
    assert!(viewer.read_frame(SOON).unwrap().is_some());
}

#[test]
fn a_port_that_is_taken_leaves_the_old_one_and_is_told() {
    let house = House::new("");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    house.relay.rewrite_whole(&at(&house, "127.0.0.1", port));
    let (code, answer) = house.reload();
    assert_eq!((code, &answer["taken"]), (409, &true.into()), "{answer}");
    assert!(answer["errors"][0].as_str().unwrap().contains("the old address stays in use"));
    assert!(house.relay.wait_log("the old address stays in use", SOON).is_some());
    drop(RtspClient::watch(&house.relay.url("door")).unwrap());
    assert_eq!(house.curl("api/v1/status", &[]).1["rtsp_port"], house.relay.port());
    // Free again, the next reload has it.
    drop(taken);
    assert_eq!(house.reload().0, 200);
    assert!(is_listening(port));
}

#[test]
fn http_comes_goes_and_moves() {
    let mut house = House::new("");
    let old = house.port;
    house.port = free_port();
    house.relay.rewrite(&house.text("", &house.near.url("sub")));
    house.hang_up();
    assert!(wait_until(SOON, || !is_listening(old)));
    assert_eq!(house.curl("healthz", &[]).0, 200);
    let text = house.text("", &house.near.url("sub"));
    house.relay.rewrite(&text.replace(&format!("http_port={}", house.port), "http_port=0"));
    house.hang_up();
    assert!(wait_until(SOON, || !is_listening(house.port)));
    house.relay.rewrite(&text);
    house.hang_up();
    assert_eq!(house.curl("healthz", &[]).0, 200);
}

#[test]
fn https_comes_with_a_certificate_goes_with_it_and_http_stays() {
    let house = House::new("");
    let certificate = Certificate::new();
    let greets = || {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--cacert"]).arg(&certificate.certificate);
        let url = format!("https://127.0.0.1:{}/healthz", house.port);
        Program::run(curl.arg(url), SOON).ok()
    };
    let listening = format!("listening on https://127.0.0.1:{}/", house.port);
    assert!(!greets());
    for times in 1..3 {
        house.relay.rewrite(&house.text(&certificate.config(), &house.near.url("sub")));
        house.hang_up();
        assert!(greets());
        assert_eq!(house.relay.stderr.count(&format!("INFO  {listening}")), times);
        // Nothing has changed.
        house.hang_up();
        assert!(greets());
        assert_eq!(house.relay.stderr.count(&format!("INFO  {listening}")), times);
        house.relay.rewrite(&house.text("", &house.near.url("sub")));
        house.hang_up();
        assert!(!greets());
        assert_eq!(house.relay.stderr.count(&format!("no longer {listening}")), times);
        assert_eq!(house.curl("healthz", &[]).0, 200);
    }
}
