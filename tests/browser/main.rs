//! What people see in a browser: live pictures, at once and without delay, and words where there is none.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test's helpers are tests too"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod browser;
mod https;
mod latency;
mod letting_go;
mod logins;
mod lookout;
mod outages;
mod reordered;
mod seen;
mod sound;
mod using;

use std::time::Duration;

use sim::{Camera, Clip, Options, Path, Start};
use support::{Relay, film, free_port};

/// Until something that has no time of its own must have happened; the machine may be busy.
const SOON: Duration = Duration::from_secs(30);
/// So often at the most what has a time of its own is tried: somebody else may keep the machine busy
/// for a while, but not each time.
const TRIES: usize = 6;
const DESKTOP: (u32, u32) = (1600, 900);

/// A camera with numbered films, a relay with a page, and the page's port.
struct House {
    camera: Camera,
    relay: Relay,
    port: u16,
}

impl House {
    /// `streams` are called `cam0` and so on, and show the film of their number. `config` stands in
    /// front of them.
    fn new(streams: u32, size: (u32, u32), config: &str) -> Self {
        let paths = (0..streams).map(|number| {
            let film = film::numbered(number, size.0, size.1);
            let clip = Clip::from_annexb(&film, 25).unwrap();
            Path { start: Start::NextPicture, ..Path::new(format!("cam{number}"), clip) }
        });
        Self::with(paths.collect(), config, "")
    }

    /// With these paths, each of which becomes a stream of its name. `more` stands in each of them.
    fn with(paths: Vec<Path>, config: &str, more: &str) -> Self {
        let names: Vec<_> = paths.iter().map(|path| path.name.clone()).collect();
        let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
        let port = free_port();
        let mut text = format!(
            "http_port={port}\nmax_clients=64\nmax_camera_connections=32\nmax_cpu_percent=100\n{config}\n"
        );
        for name in names {
            let url = camera.url(&name);
            text += &format!("[stream]\nname={name}\nrtsp_url={url}\n{more}\n");
        }
        let relay = Relay::start(&text);
        Self { camera, relay, port }
    }

    /// The address of the page, with what stands behind it.
    fn page(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}/{rest}", self.port)
    }
}
