//! Every limit counts these viewers, too.

use super::browser::Browser;
use super::sim::Clip;
use super::support::{RtspClient, wait_until};
use super::{House, SOON, silent};

fn refused(house: &House) -> (u16, String) {
    let answer = Browser::open(house.port, "door", &[]).err().expect("a refusal");
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer)
}

#[test]
fn max_clients_counts_viewers_of_both_kinds_together() {
    let house = House::new(silent(Clip::sub()), "max_clients=2", "");
    let mut player = RtspClient::watch(&house.relay.url("door")).unwrap();
    assert!(player.read_frame(SOON).unwrap().is_some());
    let mut browser = house.browser();
    browser.fragment(1);
    let (code, answer) = refused(&house);
    assert!(code == 503 && answer.contains("Retry-After: "), "{answer}");
    for path in ["live/door.mp4", "snapshot/door.mp4"] {
        assert_eq!(house.curl(path, &[]).0, 503, "{path}");
    }
    let describe = RtspClient::watch(&house.relay.url("door"));
    assert!(describe.is_err(), "neither does RTSP have a place");
    assert!(house.relay.wait_log("all places are taken", SOON).is_some());
    drop(browser);
    assert!(wait_until(SOON, || Browser::open(house.port, "door", &[]).is_ok()));
}

#[test]
fn places_of_an_address_and_of_a_stream_are_counted() {
    for limit in ["max_clients_per_ip=1", "max_clients_per_stream=1"] {
        let house = House::new(silent(Clip::sub()), limit, "");
        let mut browser = house.browser();
        browser.fragment(1);
        let (code, _) = refused(&house);
        assert_eq!(code, 503, "{limit}");
        assert!(house.relay.wait_log(limit, SOON).is_some());
    }
}

#[test]
fn what_does_not_fit_into_max_egress_is_refused_in_words() {
    let house = House::new(silent(Clip::sub()), "max_egress_kbps=1", "");
    let mut first = house.browser();
    first.fragment(1);
    let mut second = house.browser();
    let error = second.find(|got| match got {
        super::browser::Got::Text(text) if text["type"] == "error" => Some(text.clone()),
        _ => None,
    });
    assert!(error["reason"].as_str().unwrap().contains("max_egress_kbps"), "{error}");
    assert_eq!(second.close().0, 1013);
    assert_eq!(house.curl("live/door.mp4", &[]).0, 503);
    first.fragment(1);
}

#[test]
fn an_administrator_ends_a_viewer() {
    let admin = "admin_username=root\nadmin_password=secret";
    let house = House::new(silent(Clip::sub()), admin, "");
    let mut browser = house.browser();
    browser.fragment(1);
    let (_, _, body) = house.curl("api/v1/clients", &[]);
    let clients: serde_json::Value = serde_json::from_str(&body).unwrap();
    let client = &clients[0];
    assert_eq!((&client["stream"], &client["playing"]), (&"door".into(), &true.into()), "{client}");
    let path = format!("api/v1/clients/{}", client["id"]);
    assert_ne!(house.curl(&path, &["-X", "DELETE"]).0, 200);
    browser.fragment(1);
    let login = ["-X", "DELETE", "--digest", "--user", "root:secret", "--output", "/dev/null"];
    let login = [&login[..], &["--write-out", "HTTP %{http_code}\n\n"]].concat();
    assert_eq!(house.curl(&path, &login).0, 200);
    assert_eq!(browser.close().0, 1008);
    assert!(wait_until(SOON, || house.status()["clients"] == 0));
}
