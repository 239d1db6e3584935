//! The simulated camera is what tests and benchmarks lean on, so it is tested itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here is the test")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod client;
mod codecs;
mod faults;
mod login;
mod serving;

use sim::{Camera, Options, Path};
use std::time::{Duration, Instant};

/// A camera of one path, `/main`.
fn camera(path: impl FnOnce(&mut Path), options: impl FnOnce(&mut Options)) -> Camera {
    let mut main = Path::new("main", sim::Clip::builtin());
    path(&mut main);
    let mut all = Options { paths: vec![main], ..Options::default() };
    options(&mut all);
    Camera::start(all).unwrap()
}

/// Waits for something that other threads bring about.
fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}
