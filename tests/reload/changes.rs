//! What each change does, and to whom.

use super::{House, SOON};
use crate::support::{RtspClient, wait_until};

fn describe(house: &House, stream: &str) -> Result<(), String> {
    let mut client = RtspClient::connect(&house.relay.url(stream)).unwrap();
    client.describe().map(drop).map_err(|error| error.to_string())
}

fn watch(house: &House, stream: &str) -> RtspClient {
    let mut viewer = RtspClient::watch(&house.relay.url(stream)).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    viewer
}

#[test]
fn streams_come_and_go_and_those_who_watch_others_stay() {
    let house = House::new("");
    let (mut stays, mut goes) = (watch(&house, "door"), watch(&house, "yard"));
    let old = house.text("", &house.near.url("sub"));
    house.relay.rewrite(&old.replace("name=yard", "name=lawn"));
    house.hang_up();
    goes.read_to_end(SOON).unwrap();
    assert!(
        house.relay.wait_log("reason=\"the stream is not configured any more\"", SOON).is_some()
    );
    assert!(wait_until(SOON, || house.near.stats().sessions_open == 1), "the camera is let go");
    assert!(describe(&house, "yard").unwrap_err().contains("404"));
    drop(watch(&house, "lawn"));
    assert!(stays.read_frame(SOON).unwrap().is_some());

    // Back again at once, and disabled: each ends with the reason and leaves the other alone.
    house.relay.rewrite(&old);
    house.hang_up();
    let mut viewer = watch(&house, "yard");
    house.relay.rewrite(&format!("{old}enabled=no\n"));
    house.hang_up();
    viewer.read_to_end(SOON).unwrap();
    assert!(describe(&house, "yard").unwrap_err().contains("404"));
    // A command is undone by a file that says something else than before, and by no other.
    let command = |command: &str| {
        let path = format!("api/v1/streams/yard/{command}");
        assert_eq!(house.curl(&path, &["-X", "POST", "-u", "root:x"]).0, 200);
    };
    command("enable");
    house.hang_up();
    drop(watch(&house, "yard"));
    house.relay.rewrite(&old);
    house.hang_up();
    drop(watch(&house, "yard"));
    command("disable");
    house.relay.rewrite(&old.replace("http_port", "max_clients=9\nhttp_port"));
    house.hang_up();
    assert!(describe(&house, "yard").unwrap_err().contains("404"));
    assert!(stays.read_frame(SOON).unwrap().is_some());
}

#[test]
fn a_viewer_whose_right_is_gone_is_ended_and_the_others_are_not() {
    let users =
        "[user]\nname=a\npassword=1\n[user]\nname=b\npassword=2\n[user]\nname=c\npassword=3";
    let house = House::new(users);
    let watch = |login: &str| {
        let url = house.relay.url("door").replace("rtsp://", &format!("rtsp://{login}@"));
        RtspClient::watch(&url).unwrap()
    };
    let (mut a, mut b, mut c) = (watch("a:1"), watch("b:2"), watch("c:3"));
    // One goes, one has another password, one stays.
    let after = "[user]\nname=b\npassword=new\n[user]\nname=c\npassword=3\nstreams=door";
    house.relay.rewrite(&house.text(after, &house.near.url("sub")));
    house.hang_up();
    a.read_to_end(SOON).unwrap();
    b.read_to_end(SOON).unwrap();
    assert!(house.relay.wait_log("it may not watch the stream any more", SOON).is_some());
    assert!(c.keep_alive().is_ok(), "it goes on with the nonce it has");
    assert!(c.read_frame(SOON).unwrap().is_some());
    let after = after.replace("streams=door", "streams=yard");
    house.relay.rewrite(&house.text(&after, &house.near.url("sub")));
    house.hang_up();
    c.read_to_end(SOON).unwrap();
}

#[test]
fn limits_and_the_log_level_hold_from_the_next_moment_on() {
    let house = House::new("max_clients=2");
    let mut viewers = vec![watch(&house, "door"), watch(&house, "door")];
    assert!(describe(&house, "door").unwrap_err().contains("503"));
    house.relay.rewrite(&house.text("max_clients=3\nlog_level=debug", &house.near.url("sub")));
    house.hang_up();
    viewers.push(watch(&house, "door"));
    assert!(house.relay.wait_log("client connected", SOON).is_some(), "debug lines");
    house.relay.rewrite(&house.text("max_clients=1", &house.near.url("sub")));
    house.hang_up();
    for viewer in &mut viewers {
        assert!(viewer.read_frame(SOON).unwrap().is_some(), "nobody is ended");
    }
    assert!(describe(&house, "door").unwrap_err().contains("503"));
    assert_eq!(house.curl("api/v1/status", &[]).1["max_clients"], 1);
}
