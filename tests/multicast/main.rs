//! Streams by multicast, each test in networks of its own: what is on the wire, who is a member and
//! for how long, and what is refused.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

mod life;
mod limits;
mod member;
mod offline;
mod refusals;
mod reload;
mod wire;

use std::time::Duration;

use sim::Camera;
use support::{Lan, Relay};

const SOON: Duration = Duration::from_secs(10);

/// A relay with a stream `door` that may be had by multicast, and more of the configuration before
/// and behind it.
fn relay_with(camera: &Camera, before: &str, behind: &str) -> Relay {
    relay_in(camera, None, before, behind)
}

/// The same with a variable in its environment.
fn relay_in(camera: &Camera, variable: Option<(&str, &str)>, before: &str, behind: &str) -> Relay {
    let url = camera.url("main");
    Relay::start_at(
        Lan::RELAY.into(),
        variable,
        &format!(
            "max_clients=100\nsource_idle_timeout_s=0\n{before}\n\
             [stream]\nname=door\nrtsp_url={url}\nmulticast=yes\n{behind}"
        ),
    )
}

fn relay(camera: &Camera) -> Relay {
    relay_with(camera, "", "")
}
