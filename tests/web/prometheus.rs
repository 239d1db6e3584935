//! Prometheus itself, with the example's configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::metrics::samples;
use super::{House, SOON};
use crate::support::{Program, free_port, leave, project, wait_until};

const LOGIN: &str = "prometheus:scrape me";
/// What does not change while nobody comes or goes.
const STEADY: [&str; 5] = [
    "rtsp_relay_viewers",
    "rtsp_relay_viewers_limit",
    "rtsp_relay_cameras",
    "rtsp_relay_stream_viewers",
    "rtsp_relay_stream_state",
];

/// A Prometheus that scrapes the relay at `port`, and its folder, which goes with it.
struct Prometheus {
    program: Program,
    folder: PathBuf,
    port: u16,
}

impl Prometheus {
    fn scraping(relay: u16) -> Self {
        let folder = leave(&format!("prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let example = |file: &str| project("examples/prometheus").join(file);
        let config = std::fs::read_to_string(example("prometheus.yml")).unwrap();
        assert!(config.contains("127.0.0.1:8080") && config.contains("15s"));
        // As in the example, but for what only a test wants: its own port, and no patience.
        let config = config.replace(":8080", &format!(":{relay}")).replace("15s", "1s");
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        std::fs::copy(example("alerts.yml"), folder.join("alerts.yml")).unwrap();
        let port = free_port();
        let mut command = Command::new("prometheus");
        command
            .current_dir(&folder)
            .args(["--config.file=prometheus.yml", "--storage.tsdb.path=data"]);
        command.arg(format!("--web.listen-address=127.0.0.1:{port}"));
        Self { program: Program::start(&mut command), folder, port }
    }

    /// What its API answers, once it answers with success.
    fn ask(&self, path: &str, query: &str) -> Option<Value> {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--get", "--data-urlencode"]).arg(format!("query={query}"));
        curl.arg(format!("http://127.0.0.1:{}/api/v1/{path}", self.port));
        let answer: Value = serde_json::from_str(&Program::run(&mut curl, SOON).stdout).ok()?;
        (answer["status"] == "success").then(|| answer["data"].clone())
    }

    /// The values of a metric by its labels, without those that Prometheus adds.
    fn samples(&self, name: &str) -> BTreeMap<String, f64> {
        let data = self.ask("query", name).unwrap();
        let series = data["result"].as_array().unwrap().iter();
        series
            .map(|sample| {
                let mut labels: BTreeMap<String, String> =
                    serde_json::from_value(sample["metric"].clone()).unwrap();
                for added in ["__name__", "job", "instance"] {
                    assert!(labels.remove(added).is_some(), "{sample}");
                }
                (format!("{labels:?}"), sample["value"][1].as_str().unwrap().parse().unwrap())
            })
            .collect()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.program.kill();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}

/// The same out of what the relay says.
fn told(metrics: &str, name: &str) -> BTreeMap<String, f64> {
    let samples = samples(metrics).into_iter().filter_map(|(key, value)| {
        let (found, labels) = key.split_once('{').unwrap_or((&key, "}"));
        let pairs = labels.strip_suffix('}')?.split(',').filter_map(|label| label.split_once('='));
        let labels: BTreeMap<_, _> =
            pairs.map(|(name, value)| (name, value.trim_matches('"'))).collect();
        (found == name).then(|| (format!("{labels:?}"), value))
    });
    samples.collect()
}

#[test]
fn prometheus_scrapes_with_the_examples_configuration() {
    let (user, password) = LOGIN.split_once(':').unwrap();
    let login = format!("auth_methods=digest,basic\n[user]\nname={user}\npassword={password}\n");
    let house = House::new(&login);
    let url = house.relay.url("door");
    let url = url.replace("rtsp://", &format!("rtsp://{user}:{}@", password.replace(' ', "%20")));
    let _viewer = Program::start(Command::new("ffmpeg").args(["-i", &url, "-f", "null", "-"]));
    let prometheus = Prometheus::scraping(house.port);
    let is_up = || {
        let up = prometheus.ask("query", "up{job=\"rtsp-relay\"}");
        up.is_some_and(|up| up["result"][0]["value"][1] == "1")
    };
    assert!(wait_until(SOON, is_up), "{}", prometheus.program.stderr.text());

    let metrics = || {
        let (code, metrics) = house.curl("metrics", &["--user", LOGIN, "--basic"]);
        assert_eq!(code, 200);
        metrics
    };
    let watched = |text: &str| text.contains("rtsp_relay_stream_viewers{stream=\"door\"} 1");
    assert!(wait_until(SOON, || watched(&metrics())), "ffmpeg watches");
    let scraped = || {
        prometheus.samples("rtsp_relay_stream_state") == told(&metrics(), "rtsp_relay_stream_state")
    };
    assert!(wait_until(SOON, scraped));
    let metrics = metrics();
    for name in STEADY {
        let told = told(&metrics, name);
        assert!(!told.is_empty(), "{name}");
        assert_eq!(prometheus.samples(name), told, "{name}");
    }
    // The alerts were read, and none of them is wrong about a relay that is well.
    let evaluated = |rules: &Value| {
        let rules = rules["groups"][0]["rules"].as_array().unwrap().clone();
        (rules.len() > 4 && rules.iter().all(|rule| rule["health"] == "ok")).then_some(rules)
    };
    let mut rules = None;
    let healthy = || {
        rules = prometheus.ask("rules", "").as_ref().and_then(evaluated);
        rules.is_some()
    };
    assert!(wait_until(SOON, healthy), "{:?}", prometheus.ask("rules", ""));
    for rule in rules.unwrap() {
        assert_eq!(rule["state"], "inactive", "{rule}");
    }
}
