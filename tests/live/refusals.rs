//! Who gets nothing, and the answer.

use super::browser::Browser;
use super::sim::Clip;
use super::{House, silent};

fn refused(house: &House, name: &str, headers: &[&str]) -> (u16, String) {
    let answer = Browser::open(house.port, name, headers).err().expect("a refusal");
    (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
}

#[test]
fn strangers_are_refused_before_anything_else() {
    let users = "auth_methods=basic";
    let more = "[user]\nname=eve\npassword=pw\n[user]\nname=other\npassword=pw\nstreams=yard";
    let house = House::new(silent(Clip::sub()), users, more);
    for path in ["live/door.mp4", "live/none.mp4", "snapshot/door.mp4", "live/door"] {
        let (code, head, _) = house.curl(path, &[]);
        assert_eq!(code, 401, "{path}");
        assert!(head.contains("WWW-Authenticate: Basic"), "{head}");
    }
    for name in ["door", "none"] {
        assert_eq!(refused(&house, name, &[]).0, 401, "{name}");
    }
    // eve:pw
    let login = "Authorization: Basic ZXZlOnB3";
    assert_eq!(refused(&house, "none", &[login]).0, 404);
    let mut browser = Browser::open(house.port, "door", &[login]).unwrap();
    browser.fragment(1);
    assert_eq!(house.curl("live/none.mp4", &["--user", "eve:pw"]).0, 404);
    // other:pw
    assert_eq!(refused(&house, "door", &["Authorization: Basic b3RoZXI6cHc="]).0, 401);
    assert_eq!(house.camera.stats().sessions_total, 1, "no stranger has made the relay dial");
}

#[test]
fn a_page_of_another_site_gets_no_websocket() {
    let house = House::new(silent(Clip::sub()), "", "");
    for header in [
        "Origin: http://evil.example",
        "Origin: null",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Site: same-site",
    ] {
        assert_eq!(refused(&house, "door", &[header]).0, 403, "{header}");
    }
    let own = format!("Origin: http://127.0.0.1:{}", house.port);
    Browser::open(house.port, "door", &[&own]).unwrap().fragment(1);
}

#[test]
fn what_makes_no_sense_is_told_apart() {
    let house = House::new(silent(Clip::sub()), "", "allow=192.0.2.0/24");
    assert_eq!(house.curl("live/door.mp4", &[]).0, 403, "not from this address");
    assert_eq!(refused(&house, "door", &[]).0, 403);
    let house = House::new(silent(Clip::sub()), "", "");
    let (code, head, _) = house.curl("live/door", &[]);
    assert!(code == 426 && head.contains("Upgrade: websocket"), "{head}");
    assert_eq!(house.curl("live/none.mp4", &[]).0, 404);
    assert_eq!(house.curl("snapshot/door", &[]).0, 404);
    assert_eq!(house.curl("live/door.mp4", &["-X", "POST"]).0, 405);
    let (code, answer) = refused(&house, "door", &["Sec-WebSocket-Version: 8"]);
    assert!(code == 426 && answer.contains("Sec-WebSocket-Version: 13"), "{answer}");
    let (code, head, body) = house.curl("live/door.mp4", &["--head"]);
    assert!(code == 200 && head.contains("Content-Type: video/mp4") && body.is_empty(), "{head}");
    assert_eq!(house.camera.stats().sessions_total, 0, "HEAD pulls nothing");
    let house = House::new(silent(Clip::sub()), "", "enabled=no");
    assert_eq!(house.curl("live/door.mp4", &[]).0, 404);
    let mut browser = house.browser();
    browser.state("disabled");
    assert_eq!(browser.close().0, 1013);
}
