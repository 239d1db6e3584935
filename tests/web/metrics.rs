//! What Prometheus scrapes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{House, SOON};
use crate::support::{OwnedFrame, RtspClient, wait_until};

/// The samples of a document by name and labels, after a strict reading of the format.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let mut samples = BTreeMap::new();
    let mut introduced = BTreeMap::new();
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, help) = help.split_once(' ').unwrap();
            assert!(help.ends_with('.') && help.len() > 8, "{line}");
            name.clone_into(&mut helped);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(name, helped, "HELP and TYPE stand together");
            assert!(matches!(kind, "gauge" | "counter"), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(introduced.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}");
        } else {
            let (key, value) = line.rsplit_once(' ').unwrap();
            let name = key.split('{').next().unwrap();
            assert!(name.starts_with("rtsp_relay_") && introduced.contains_key(name), "{line}");
            assert_eq!(name, helped, "samples of a name stand together");
            let value = value.parse().unwrap_or_else(|error| panic!("{line}: {error}"));
            assert!(samples.insert(key.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    assert!(text.ends_with('\n'));
    samples
}

#[test]
fn the_numbers_are_those_that_viewer_and_camera_count_themselves() {
    let house = House::new("");
    let metrics = || samples(&house.curl("metrics", &[]).1);
    let before = metrics();
    assert_eq!(before["rtsp_relay_viewers"], 0.0);
    assert_eq!(before["rtsp_relay_stream_state{stream=\"door\",state=\"idle\"}"], 1.0);
    assert_eq!(before["rtsp_relay_viewers_limit"], 16.0);

    let url = house.relay.url("yard/sub");
    let mut viewer = RtspClient::watch(&url).unwrap();
    let mut received = 0;
    let mut count = |frame: OwnedFrame| received += frame.payload.len() + 4;
    count(viewer.read_frame(SOON).unwrap().unwrap());
    let viewers = [house.viewer("door"), house.viewer("door")];
    let now = metrics();
    assert_eq!(now["rtsp_relay_viewers"], 3.0);
    assert_eq!(now["rtsp_relay_cameras"], house.camera.stats().sessions_open as f64);
    assert_eq!(now["rtsp_relay_stream_viewers{stream=\"door\"}"], 2.0);
    assert_eq!(now["rtsp_relay_stream_state{stream=\"door\",state=\"live\"}"], 1.0);
    assert_eq!(now["rtsp_relay_stream_state{stream=\"door\",state=\"idle\"}"], 0.0);

    // After PAUSE nothing more comes: then what was sent is what the viewer got, and some answers.
    for _ in 0..50 {
        count(viewer.read_frame(SOON).unwrap().unwrap());
    }
    viewer.pause().unwrap();
    while let Ok(Some(frame)) = viewer.read_frame(Duration::ZERO) {
        count(frame);
    }
    let name = "rtsp_relay_stream_sent_bytes_total{stream=\"yard/sub\"}";
    let answers = metrics()[name] - received as f64;
    assert!((0.0..1000.0).contains(&answers), "{answers} bytes more were sent than received");
    assert!(metrics()["rtsp_relay_stream_received_bytes_total{stream=\"yard/sub\"}"] > 0.0);
    drop((viewer, viewers));
    assert!(wait_until(SOON, || metrics()["rtsp_relay_viewers"] == 0.0));
}

#[test]
fn each_refusal_is_counted_by_its_reason() {
    let house = House::new("max_clients=1");
    let _viewer = house.viewer("door");
    let mut other = RtspClient::connect(&house.relay.url("door")).unwrap();
    assert!(other.describe().unwrap_err().to_string().contains("503"));
    let metrics = samples(&house.curl("metrics", &[]).1);
    assert_eq!(metrics["rtsp_relay_refused_total{reason=\"max_clients\"}"], 1.0);
    assert_eq!(metrics["rtsp_relay_refused_total{reason=\"max_memory_mb\"}"], 0.0);
    assert_eq!(house.get("api/v1/status")["refused"]["max_clients"], 1);
}
