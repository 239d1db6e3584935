//! Who may see and do what.

use super::{House, SOON};

const USERS: &str = "\
    admin_username=root\nadmin_password=toor\n\
    [user]\nname=all\npassword=one\n\
    [user]\nname=yard\npassword=two\nstreams=yard/*\n\
    [user]\nname=far\npassword=three\nallow=192.0.2.0/24\n";

#[test]
fn where_viewers_log_in_so_do_those_who_look() {
    let house = House::new(USERS);
    let everything =
        ["", "api/v1/status", "api/v1/streams/door", "api/v1/clients", "metrics", "page.js"];
    for path in everything {
        assert_eq!(house.curl(path, &[]).0, 401, "{path}");
        assert_eq!(house.curl(path, &["--digest", "-u", "all:wrong"]).0, 401, "{path}");
        assert_eq!(house.curl(path, &["--digest", "-u", "all:one"]).0, 200, "{path}");
        assert_eq!(house.curl(path, &["--digest", "-u", "root:toor"]).0, 200, "{path}");
        assert_eq!(house.curl(path, &["--digest", "-u", "far:three"]).0, 403, "{path}");
    }
    assert_eq!(house.curl("healthz", &[]), (200, "ok\n".into()), "load balancers have no login");
    assert!(house.relay.wait_log("login failed address=127.0.0.1", SOON).is_some());
}

#[test]
fn a_user_learns_of_no_stream_that_is_not_theirs() {
    let house = House::new(USERS);
    let _viewer = {
        let url = house.relay.url("door").replace("rtsp://", "rtsp://all:one@");
        crate::support::RtspClient::watch(&url).unwrap()
    };
    let yard = ["--digest", "-u", "yard:two"];
    for path in ["api/v1/status", "api/v1/clients", "metrics"] {
        let (code, body) = house.curl(path, &yard);
        assert_eq!(code, 200, "{path}");
        assert!(!body.contains("door"), "{path}: {body}");
    }
    assert!(house.curl("api/v1/status", &yard).1.contains("yard/sub"));
    assert_eq!(house.curl("api/v1/streams/door", &yard).0, 401);
    assert_eq!(house.curl("api/v1/streams/nobody", &yard).0, 401, "nor whether there is one");
    assert_eq!(house.curl("api/v1/streams/yard/sub", &yard).0, 200);
}

#[test]
fn nothing_can_be_changed_without_an_administrator_or_from_another_sites_page() {
    let without = House::new("");
    let (code, body) = without.curl("api/v1/clients/1", &["-X", "DELETE"]);
    assert_eq!(code, 403);
    assert!(body.contains("admin_username"), "{body}");

    let house = House::new("admin_username=root\nadmin_password=toor");
    let login = ["-X", "DELETE", "--digest", "-u", "root:toor"];
    let with = |header: &str| {
        let arguments = [&login[..], &["-H", header]].concat();
        house.curl("api/v1/clients/999", &arguments).0
    };
    assert_eq!(with("Origin: http://evil.example"), 403);
    assert_eq!(with("Origin: null"), 403);
    assert_eq!(with("Sec-Fetch-Site: cross-site"), 403);
    assert_eq!(with(&format!("Origin: http://127.0.0.1:{}", house.port)), 404);
    assert!(house.relay.wait_log("of another site's page refused", SOON).is_some());
}

#[test]
fn an_address_that_may_not_watch_a_stream_is_not_told_of_it() {
    let house = House::new("[stream]\nname=far\nrtsp_url=rtsp://127.0.0.1:9/x\nallow=192.0.2.0/24");
    assert!(!house.curl("api/v1/status", &[]).1.contains("\"far\""));
    assert_eq!(house.curl("api/v1/streams/far", &[]).0, 403);
}
