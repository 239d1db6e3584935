//! Logins as cameras ask for them.

use super::camera;
use super::client::Client;
use super::sim::{Auth, Fault};
use rtsp_proto::auth::{ClientAuth, Credentials};
use rtsp_proto::{Headers, Method, Oddities, Secret};

/// DESCRIBE with this password; the last status.
fn describe(camera: &super::sim::Camera, password: &str) -> u16 {
    let url = camera.url("main");
    let mut client = Client::connect(camera.address()).unwrap();
    let refused = client.ask("DESCRIBE", &url, "").unwrap();
    assert_eq!(refused.status, 401);
    let mut headers = Headers::new();
    for line in refused.head.lines() {
        if let Some(value) = line.strip_prefix("WWW-Authenticate: ") {
            headers.append("WWW-Authenticate", value);
        }
    }
    let password = Secret::new(password);
    let mut auth = ClientAuth::new(Some(Credentials { username: "admin".into(), password }));
    auth.unauthorized(&headers, &mut Oddities::new()).unwrap();
    client.authorization = auth.authorize(&Method::Describe, &url, b"", 7);
    client.ask("DESCRIBE", &url, "").unwrap().status
}

#[test]
fn each_kind_of_login_lets_in_the_right_password_only() {
    for auth in [
        Auth::Basic,
        Auth::Digest { sha256: false, qop: false },
        Auth::Digest { sha256: false, qop: true },
        Auth::Digest { sha256: true, qop: true },
        Auth::Both,
    ] {
        let camera = camera(|_| {}, |options| options.auth = auth);
        assert_eq!(describe(&camera, "lens-cap"), 200, "{auth:?}");
        assert_eq!(describe(&camera, "wrong"), 401, "{auth:?}");
        camera.fault(Fault::WrongPassword(true)).unwrap();
        assert_eq!(describe(&camera, "lens-cap"), 401, "{auth:?}");
        let stats = camera.stats();
        assert_eq!((stats.logins_ok, stats.logins_failed), (1, 2), "{auth:?}");
    }
}

#[test]
fn a_challenge_offers_what_the_camera_is_to_know() {
    for (auth, words, not) in [
        (Auth::Basic, "Basic realm=", "Digest"),
        (Auth::Digest { sha256: false, qop: false }, "Digest ", "qop"),
        (Auth::Digest { sha256: false, qop: true }, "qop=\"auth\"", "Basic"),
        (Auth::Digest { sha256: true, qop: true }, "SHA-256", "Basic"),
        (Auth::Both, "Basic realm=", "qop"),
    ] {
        let camera = camera(|_| {}, |options| options.auth = auth);
        let mut client = Client::connect(camera.address()).unwrap();
        let head = client.ask("DESCRIBE", &camera.url("main"), "").unwrap().head;
        assert!(head.contains(words) && !head.contains(not), "{auth:?} {head}");
        assert_eq!(client.ask("OPTIONS", "*", "").unwrap().status, 200, "OPTIONS is free");
    }
}
