//! Which cameras, transports, players and codecs work together: all of them, or it says why not.
//!
//! The table stands in `docs/interop.md`; with `UPDATE_INTEROP=1` the test writes it there.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what fails here is the test, and the table is to be seen"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod cell;
mod viewers;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::thread;
use std::time::Instant;

use cell::{CAMERAS, CODECS, Camera, Codec, Source, VIEWERS, Viewer, Way};
use sim::{Clip, Options, Path, Sound, Track};
use support::namespace::multicast_over_loopback;
use support::{Certificate, GstCamera, Namespace, Relay, film, may_make_networks, project};

/// Short groups of pictures and many pictures a second: less to wait for.
const SIZE: &str = "160x120";
const FPS: u32 = 100;

fn simulated() -> sim::Camera {
    let h264 = || Clip::from_annexb(&film::h264(SIZE, FPS), FPS).unwrap();
    let h265 = Clip::from_h265(&film::h265(SIZE, FPS), FPS).unwrap();
    let sound = Sound::from_adts(&film::aac(), film::SOUND_PRIMING, film::SOUND_UNITS).unwrap();
    let paths = vec![
        Path::new(Codec::H264.name(), h264()),
        Path::new(Codec::H265.name(), h265),
        Path::new(Codec::H264Aac.name(), h264()).with(Track::Sound(sound)),
    ];
    let tls = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
    sim::Camera::start(Options { paths, tls, ..Options::default() }).unwrap()
}

fn gstreamer(more: &[&str]) -> GstCamera {
    let mut args = vec!["--width", "160", "--height", "120", "--fps", "100"];
    args.extend(["--key-interval", "50", "--path", "h264", "--path", "h265=h265"]);
    args.extend(["--path", "h264-aac=h264+aac"].iter().chain(more));
    GstCamera::start(&args)
}

/// The streams of the relay: one for each camera, way to it, and codec.
fn streams() -> impl Iterator<Item = (Camera, Source, Codec)> {
    CAMERAS
        .into_iter()
        .flat_map(|(camera, source)| CODECS.into_iter().map(move |codec| (camera, source, codec)))
}

fn stream_name((camera, source, codec): (Camera, Source, Codec)) -> String {
    format!("{}-{}-{}", camera.name(), source.name(), codec.name())
}

/// Whose group a viewer watches by multicast: of one that is running already it would not get a
/// key frame first.
fn group_name(stream: &str, viewer: Viewer) -> String {
    format!("{stream}-to-{}", viewer.name())
}

#[test]
fn every_cell_that_both_ends_support_decodes_a_hundred_pictures() {
    if !may_make_networks("every_cell_that_both_ends_support_decodes_a_hundred_pictures") {
        return;
    }
    let begun = Instant::now();
    // Multicast must not leave this machine.
    let _network = Namespace::enter_new();
    multicast_over_loopback();
    let simulated = simulated();
    let (plain, secret) = (gstreamer(&[]), gstreamer(&["--tls"]));
    let mut config = "max_clients=1000\nsource_idle_timeout_s=0\n".to_owned();
    config += "max_camera_connections=100\nmulticast_range=239.255.64.0/24\n";
    for stream in streams() {
        let (camera, source, codec) = stream;
        let url = match (camera, source) {
            (Camera::Simulated, Source::Tls) => simulated.tls_url(codec.name()).unwrap(),
            (Camera::Simulated, _) => simulated.url(codec.name()),
            (Camera::GStreamer, Source::Tls) => {
                secret.url(codec.name()).replace("rtsp://", "rtsps://")
            }
            (Camera::GStreamer, _) => plain.url(codec.name()),
        };
        let way = match source {
            Source::Tls => "tls_insecure=yes".to_owned(),
            other => format!("transport={}", other.name()),
        };
        let name = stream_name(stream);
        writeln!(config, "[stream]\nname={name}\nrtsp_url={url}\n{way}").unwrap();
        for name in
            [Viewer::Ffmpeg, Viewer::GStreamer, Viewer::Live555].map(|v| group_name(&name, v))
        {
            let more = "multicast=yes";
            writeln!(config, "[stream]\nname={name}\nrtsp_url={url}\n{way}\n{more}").unwrap();
        }
    }
    let relay = Relay::with_tls(&Certificate::new(), &config);

    let mut failures = Vec::new();
    let mut done = 0;
    for stream in streams() {
        let name = stream_name(stream);
        let views = VIEWERS.into_iter().filter(|(viewer, way)| viewer.lacking(*way).is_none()).map(
            |(viewer, way)| {
                let url = match way {
                    Way::Rtsps => relay.tls_url(&name),
                    Way::Multicast => relay.url(&group_name(&name, viewer)),
                    _ => relay.url(&name),
                };
                let title = format!("{name} {} {}", viewer.name(), way.name());
                thread::spawn(move || (title, viewers::watch(viewer, way, stream.2, &url)))
            },
        );
        let views: Vec<_> = views.collect();
        for view in views {
            let (title, outcome) = view.join().unwrap();
            println!("{title}: {}", outcome.as_ref().err().map_or("100 pictures", String::as_str));
            done += 1;
            failures.extend(outcome.err().map(|error| format!("{title}: {error}")));
        }
    }
    let table = table();
    println!("\n{table}\n{done} cells in {:.0?}", begun.elapsed());
    assert!(failures.is_empty(), "{} of {done}:\n{}", failures.len(), failures.join("\n"));
    expect_documented(&table);
}

/// The cells as a table for people: a row for each viewer and its way, a column for each camera and
/// the way to it.
fn table() -> String {
    let mut text = "| viewer | its transport |".to_owned();
    for (camera, source) in CAMERAS {
        write!(text, " {} over {} |", camera.name(), source.name()).unwrap();
    }
    text += &format!("\n|{}\n", "---|".repeat(2 + CAMERAS.len()));
    let mut reasons: Vec<&str> = Vec::new();
    for (viewer, way) in VIEWERS {
        let cell = match viewer.lacking(way) {
            None => CODECS.map(Codec::title).join(", "),
            Some(reason) => {
                let known = reasons.iter().position(|&known| known == reason);
                let number = known.unwrap_or_else(|| {
                    reasons.push(reason);
                    reasons.len() - 1
                });
                format!("no ({})", number + 1)
            }
        };
        write!(text, "| {} | {} |", viewer.name(), way.name()).unwrap();
        text += &format!(" {cell} |").repeat(CAMERAS.len());
        text.push('\n');
    }
    for (reason, number) in reasons.iter().zip(1..) {
        write!(text, "\n{number}. {reason}").unwrap();
    }
    text + "\n"
}

/// The table is the one in the documentation.
fn expect_documented(table: &str) {
    const BEGIN: &str = "<!-- table: tests/interop -->\n";
    const END: &str = "<!-- end of table -->\n";
    let path = project("docs/interop.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let right = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_INTEROP").is_some() {
        std::fs::write(&path, right).unwrap();
    } else {
        assert!(text == right, "docs/interop.md is not what was tested: UPDATE_INTEROP=1");
    }
}
