//! Every codec comes through, and sound and picture stay together.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what fails here is the test"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod clocks;
mod passing;
mod players;

use std::time::Duration;

use sim::{Camera, Clip, Options, Path, Sound, Track};
use support::{Relay, film};

const SOON: Duration = Duration::from_secs(20);

/// H.265 with flashes and AAC with beeps.
fn film() -> Path {
    let clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let sound = Sound::from_adts(&film::aac(), film::SOUND_PRIMING, film::SOUND_UNITS).unwrap();
    Path::new("main", clip).with(Track::Sound(sound))
}

/// A camera of one path.
fn camera(path: Path) -> Camera {
    Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap()
}

/// A relay whose viewers stay when the camera goes, and which calls it again soon.
fn relay(camera: &Camera) -> Relay {
    let url = camera.url("main");
    Relay::start(&format!(
        "on_offline=hold\nretry_initial_ms=200\n[stream]\nname=door\nrtsp_url={url}"
    ))
}
