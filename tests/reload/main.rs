//! The configuration read again while the relay runs: what differs is touched, and nothing else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod changes;
mod followers;
mod listeners;
mod load;
mod refused;

use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;
use sim::{Camera, Options};
use support::{Program, Relay, free_port};

const SOON: Duration = Duration::from_secs(20);

/// Two cameras, and a relay with HTTP and an administrator.
struct House {
    near: Camera,
    far: Camera,
    relay: Relay,
    port: u16,
}

impl House {
    /// With `door` and `yard`, both of the near camera.
    fn new(config: &str) -> Self {
        let near = Camera::start(Options::default()).unwrap();
        let far = Camera::start(Options::default()).unwrap();
        let port = free_port();
        let relay = Relay::start("");
        let house = Self { near, far, relay, port };
        house.relay.rewrite(&house.text(config, &house.near.url("sub")));
        house.hang_up();
        house
    }

    /// Global keys, then `door`, and `yard` at this URL.
    fn text(&self, config: &str, yard: &str) -> String {
        format!(
            "http_port={}\nadmin_username=root\nadmin_password=x\n{config}\n\
             [stream]\nname=door\nrtsp_url={}\n[stream]\nname=yard\nrtsp_url={yard}\n",
            self.port,
            self.near.url("main"),
        )
    }

    /// SIGHUP; waits until it has been followed.
    fn hang_up(&self) {
        let said = "configuration read again from";
        let before = self.relay.stderr.count(said);
        self.relay.process().signal(Signal::HUP);
        assert!(self.relay.stderr.wait_count(said, before + 1, SOON), "{:?}", self.relay.log());
        let done = ["configuration unchanged", "configuration changed"];
        let times = || done.iter().map(|said| self.relay.stderr.count(said)).sum::<usize>();
        assert!(support::wait_until(SOON, || times() > before));
    }

    /// What curl gets: the status code and the JSON.
    fn curl(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "20", "--digest", "-w", "%{http_code}"]).args(arguments);
        curl.arg(format!("http://127.0.0.1:{}/{path}", self.port));
        let out = Program::run(&mut curl, SOON).expect_ok("curl").stdout;
        let (body, code) = out.split_at(out.len() - 3);
        (code.parse().unwrap(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// The administrator's reload.
    fn reload(&self) -> (u16, Value) {
        self.curl("api/v1/reload", &["-X", "POST", "-u", "root:x"])
    }
}
