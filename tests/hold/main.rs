//! `on_offline=hold` and `fallback`: viewers stay while their camera is away.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

mod fallback;
mod picture;
mod restarts;
mod viewer;

use std::net::SocketAddr;
use std::time::Duration;

use sim::{Camera, Clip, Options, Path, Start};

const SOON: Duration = Duration::from_secs(15);
/// What ffmpeg says when packets are missing or pictures are damaged.
const COMPLAINTS: &[&str] =
    &["error", "missed", "missing", "concealing", "corrupt", "invalid", "damaged", "dropping"];

/// A camera that begins with a key frame, like most.
fn camera(clip: Clip) -> Camera {
    camera_at(SocketAddr::from(([127, 0, 0, 1], 0)), clip)
}

/// The same at this address.
fn camera_at(listen: SocketAddr, clip: Clip) -> Camera {
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", clip) };
    Camera::start(Options { listen, paths: vec![path], ..Options::default() }).unwrap()
}
