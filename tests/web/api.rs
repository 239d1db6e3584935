//! What the API tells, and what it does.

use super::{House, SOON};
use crate::support::wait_until;

#[test]
fn a_stream_is_shown_as_it_is_and_without_its_login() {
    let house = House::new("");
    let status = house.get("api/v1/status");
    assert_eq!(status["max_clients"], 16);
    assert_eq!(status["streams"].as_array().unwrap().len(), 2);
    let door = house.get("api/v1/streams/door");
    assert_eq!((&door["state"], &door["clients"]), (&"idle".into(), &0.into()));
    assert_eq!(house.get("api/v1/streams/yard/sub")["camera_id"], serde_json::Value::Null);

    let _viewers = [house.viewer("door"), house.viewer("door")];
    let door = house.get("api/v1/streams/door");
    assert_eq!((&door["state"], &door["clients"]), (&"live".into(), &2.into()));
    assert_eq!(door["camera_id"], "cam1");
    assert_eq!(door["rtsp_url"], house.camera.url("main"));
    let track = &door["tracks"][0];
    assert_eq!((&track["codec"], &track["resolution"]), (&"H264".into(), &"640x360".into()));
    assert_eq!(track["clock_rate"], 90_000);
    assert!(door["bytes_in"].as_u64() > Some(1000), "{door}");
    assert_eq!(house.get("api/v1/status")["cameras"], 1);
    assert_eq!(house.curl("api/v1/streams/nobody", &[]).0, 404);
    assert!(wait_until(SOON, || {
        house.get("api/v1/streams/door")["bitrate_kbps"].as_u64().is_some_and(|kbps| kbps > 0)
    }));
}

/// What the interface promises of a stream.
const OF_A_STREAM: &[&str] = &[
    "name",
    "camera_id",
    "state",
    "reason",
    "since",
    "retry_in_s",
    "clients",
    "tracks",
    "fps",
    "bitrate_kbps",
    "gop_ms",
    "packets_lost",
    "jitter_ms",
    "reconnects",
    "bytes_in",
    "bytes_out",
    "frames_skipped",
    "rtsp_url",
];

#[test]
fn a_stream_tells_its_pace_as_the_camera_has_it_and_no_more_when_the_camera_is_away() {
    let house = House::new("source_idle_timeout_s=0");
    let stream = || house.get("api/v1/streams/yard/sub");
    for key in OF_A_STREAM {
        assert!(stream().get(key).is_some(), "{key}");
    }
    assert!(["fps", "gop_ms", "jitter_ms", "transport"].iter().all(|key| stream()[key].is_null()));
    let mut viewer = house.viewer("yard/sub");
    // 25 pictures a second, each 25th a key frame.
    assert!(wait_until(SOON, || {
        let _frame = viewer.read_frame(SOON).unwrap().unwrap();
        let near = stream()["fps"].as_f64().is_some_and(|fps| (fps - 25.0).abs() < 1.5);
        near && stream()["gop_ms"] == 1000
    }));
    assert_eq!(stream()["transport"], "tcp");
    assert!(stream()["jitter_ms"].as_f64().is_some_and(|ms| (0.0..100.0).contains(&ms)));
    drop(viewer);
    assert!(wait_until(SOON, || stream()["fps"].is_null() && stream()["state"] == "idle"));
}

#[test]
fn a_camera_that_comes_back_is_counted_and_one_that_is_awaited_says_when_it_is_tried() {
    let house = House::new("on_offline=hold\nretry_initial_ms=1500\nretry_max_ms=1500");
    let stream = || house.get("api/v1/streams/door");
    let mut viewer = house.viewer("door");
    house.camera.fault(crate::sim::Fault::Die).unwrap();
    assert!(wait_until(SOON, || stream()["retry_in_s"].as_f64().is_some()));
    assert!(wait_until(SOON, || stream()["state"] == "live"));
    assert_eq!((&stream()["reconnects"], &stream()["retry_in_s"]), (&1.into(), &().into()));
    assert!(viewer.read_frame(SOON).unwrap().is_some());
}

#[test]
fn a_camera_that_fails_is_shown_with_its_reason() {
    let house = House::new("retry_initial_ms=60000\nretry_max_ms=60000");
    let mut viewer = house.viewer("door");
    house.camera.fault(crate::sim::Fault::Die).unwrap();
    viewer.read_to_end(SOON).unwrap();
    assert!(wait_until(SOON, || {
        house.get("api/v1/streams/door")["reason"].as_str().is_some_and(|text| !text.is_empty())
    }));
}

#[test]
fn a_viewer_is_listed_and_can_be_ended_by_the_administrator_alone() {
    let house = House::new("admin_username=root\nadmin_password=hunter2");
    let (mut one, mut other) = (house.viewer("door"), house.viewer("door"));
    let clients = house.get("api/v1/clients");
    let clients = clients.as_array().unwrap();
    assert_eq!(clients.len(), 2);
    assert!(clients.iter().all(|client| client["playing"] == true && client["stream"] == "door"));
    let first = format!("api/v1/clients/{}", clients[0]["id"]);
    assert_eq!(house.curl(&first, &["-X", "DELETE"]).0, 401);
    assert_eq!(house.curl(&first, &["-X", "DELETE", "--digest", "-u", "root:wrong"]).0, 401);
    assert_eq!(house.get("api/v1/clients").as_array().unwrap().len(), 2);
    let login = ["-X", "DELETE", "--digest", "-u", "root:hunter2"];
    assert_eq!(house.curl(&first, &login).0, 200);
    one.read_to_end(SOON).unwrap();
    assert!(other.read_frame(SOON).unwrap().is_some(), "the other one goes on");
    assert!(wait_until(SOON, || house.get("api/v1/clients").as_array().unwrap().len() == 1));
    assert_eq!(house.curl(&first, &login).0, 404);
    assert!(house.relay.wait_log("viewer ended over HTTP", SOON).is_some());
}
