//! What Prometheus scrapes.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{House, SOON};
use crate::support::{OwnedFrame, RtspClient, wait_until};

/// The samples of a document by name and labels, after a strict reading of the format.
pub(super) fn samples(text: &str) -> BTreeMap<String, f64> {
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

/// Names of metrics in a text, such as a rule or a dashboard.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("rtsp_relay_")).map(str::to_owned).collect()
}

fn promtool(arguments: &[&str], input: Option<&std::path::Path>) {
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg("exec promtool \"$@\" < \"$INPUT\"").arg("sh").args(arguments);
    command.env("INPUT", input.unwrap_or(std::path::Path::new("/dev/null")));
    let done = crate::support::Program::run(&mut command, SOON);
    assert!(done.ok(), "promtool {arguments:?}: {}{}", done.stdout, done.stderr);
    assert!(done.stderr.is_empty(), "promtool {arguments:?}: {}", done.stderr);
}

#[test]
fn promtool_finds_nothing_and_dashboard_and_alerts_use_names_that_there_are() {
    let house = House::new("");
    let _viewer = house.viewer("door");
    // The rate is known after a second.
    assert!(wait_until(SOON, || house.curl("metrics", &[]).1.contains("rate_bytes_per_second{")));
    let text = house.curl("metrics", &[]).1;
    let file = crate::support::leave(&format!("metrics-{}.txt", std::process::id()));
    std::fs::write(&file, &text).unwrap();
    promtool(&["check", "metrics"], Some(&file));
    std::fs::remove_file(&file).unwrap();

    let alerts = crate::support::project("examples/prometheus/alerts.yml");
    promtool(&["check", "rules", alerts.to_str().unwrap()], None);
    let dashboard = crate::support::project("examples/grafana/dashboard.json");
    let dashboard = std::fs::read_to_string(dashboard).unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(parsed["panels"].as_array().unwrap().len() > 10);
    let known = names_in(&text);
    let used = [names_in(&dashboard), names_in(&std::fs::read_to_string(alerts).unwrap())];
    for names in used {
        assert!(!names.is_empty());
        let unknown: Vec<_> = names.difference(&known).collect();
        assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
    }
}
