//! What an operator, a script and Prometheus get over HTTP, and what others do not get.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod answer;
mod api;
mod commands;
mod description;
mod events;
mod http;
mod metrics;
mod openapi;
mod prometheus;
mod requests;
mod rights;

use std::time::Duration;

use serde_json::Value;
use sim::{Camera, Options};
use support::{Relay, RtspClient, free_port};

const SOON: Duration = Duration::from_secs(20);

/// A camera with a password, a relay with HTTP, and the port of that.
struct House {
    camera: Camera,
    relay: Relay,
    port: u16,
}

impl House {
    /// `config` stands before the streams `door` and `yard/sub`.
    fn new(config: &str) -> Self {
        let camera = Camera::start(Options::default()).unwrap();
        let port = free_port();
        let relay = Relay::start(&format!(
            "http_port={port}\n{config}\n[stream]\nname=door\ncamera_id=cam1\nrtsp_url={}\n\
             [stream]\nname=yard/sub\nrtsp_url={}\n",
            camera.url("main"),
            camera.url("sub"),
        ));
        Self { camera, relay, port }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/{path}", self.port)
    }

    /// What curl prints for these arguments and this path: the status code and the body.
    fn curl(&self, path: &str, arguments: &[&str]) -> (u16, String) {
        let run = support::Program::run(
            std::process::Command::new("curl")
                .args([
                    "--silent",
                    "--show-error",
                    "--max-time",
                    "20",
                    "--write-out",
                    "%{http_code}",
                ])
                .args(arguments)
                .arg(self.url(path)),
            SOON,
        )
        .expect_ok("curl");
        let (body, code) = run.stdout.split_at(run.stdout.len() - 3);
        (code.parse().unwrap(), body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (code, body) = self.curl(path, &[]);
        assert_eq!(code, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }

    /// A viewer that plays.
    fn viewer(&self, stream: &str) -> RtspClient {
        let mut viewer = RtspClient::watch(&self.relay.url(stream)).unwrap();
        assert!(viewer.read_frame(SOON).unwrap().is_some());
        viewer
    }
}
