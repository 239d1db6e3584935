//! Real players, each judging for itself whether what it got was right.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::cell::{Codec, Viewer, Way};
use super::support::{Program, leave, project};

/// Longer than any of them takes when the machine is busy.
const PATIENCE: Duration = Duration::from_secs(60);
const PICTURES: usize = 100;

/// Watches a hundred pictures; an error says what was wrong.
pub(crate) fn watch(viewer: Viewer, way: Way, codec: Codec, url: &str) -> Result<(), String> {
    match viewer {
        Viewer::Ffmpeg => ffmpeg(way, codec, url),
        Viewer::GStreamer => gstreamer(way, codec, url),
        Viewer::Live555 => live555(way, codec, url),
    }
}

fn ffmpeg(way: Way, codec: Codec, url: &str) -> Result<(), String> {
    let transport = match way {
        Way::Tcp | Way::Rtsps => "tcp",
        Way::Udp => "udp",
        Way::Multicast => "udp_multicast",
        Way::Http => "http",
    };
    let input = ["-rtsp_transport", transport, "-analyzeduration", "1000000", "-i", url];
    decode(&input, codec.has_sound())
}

/// ffmpeg decodes a hundred pictures of its input without an error, and some of the sound.
fn decode(input: &[&str], sound: bool) -> Result<(), String> {
    let mut command = Command::new("ffmpeg");
    command.args(["-hide_banner", "-nostdin", "-loglevel", "error"]);
    command.args(["-xerror", "-err_detect", "explode", "-threads", "1"]).args(input);
    command.args(["-map", "0", "-fps_mode", "passthrough", "-frames:v", "100"]);
    // The sound ends before the pictures do: neither is cut short by the other.
    command.args(["-frames:a", "20", "-f", "framehash", "-"]);
    let finished = Program::run(&mut command, PATIENCE);
    let count = |stream: &str| finished.stdout.lines().filter(|l| l.starts_with(stream)).count();
    let (pictures, sounds) = (count("0,"), count("1,"));
    if finished.ok() && finished.stderr.is_empty() && pictures == PICTURES && sound == (sounds > 0)
    {
        return Ok(());
    }
    let (status, said) = (finished.status, finished.stderr);
    Err(format!("ffmpeg {status:?}: {pictures} pictures, {sounds} sounds: {said}"))
}

fn gstreamer(way: Way, codec: Codec, url: &str) -> Result<(), String> {
    let protocols = match way {
        Way::Tcp | Way::Rtsps => "tcp",
        Way::Udp => "udp",
        Way::Multicast => "multicast",
        Way::Http => "http",
    };
    let mut command = Command::new("/usr/bin/python3");
    command.arg(project("tests/players/gst_viewer.py")).args(["--insecure", "--frames", "100"]);
    command.args(["--sounds", if codec.has_sound() { "1" } else { "0" }]);
    command.args(["--protocols", protocols, url]);
    let result = told(&mut command)?;
    let sounds = result["sounds"].as_u64().unwrap_or(0);
    let right = result["frames"] == PICTURES && codec.has_sound() == (sounds > 0);
    if right { Ok(()) } else { Err(result.to_string()) }
}

/// The client checks each packet; what it put together ffmpeg decodes.
fn live555(way: Way, codec: Codec, url: &str) -> Result<(), String> {
    let name = url.rsplit('/').next().unwrap_or(url);
    let output = leave(&format!("interop-{name}-{}.bin", way.name().replace(' ', "-")));
    let mut command = Command::new("/usr/bin/python3");
    command.arg(project("tests/players/live555_client.py"));
    command.args(["--pictures", "101", "--expect-key-frame", "--rtp-info", "require"]);
    command.arg("--output").arg(&output).args(match way {
        Way::Udp => &["--transport", "udp"][..],
        Way::Multicast => &["--transport", "multicast"],
        Way::Http => &["--http", "tunnel"],
        _ => &["--transport", "tcp"],
    });
    // live555 asks for multicast when the SDP names a group, which is asked for in the query.
    let query = if way == Way::Multicast { "?multicast" } else { "" };
    let result = told(command.arg(format!("{url}{query}")))?;
    let tracks = result["tracks"].as_array().map_or(0, Vec::len);
    let heard = result["tracks"][1]["packets"].as_u64().unwrap_or(0);
    if tracks != 1 + usize::from(codec.has_sound()) || codec.has_sound() != (heard > 0) {
        return Err(result.to_string());
    }
    let format = if codec == Codec::H265 { "hevc" } else { "h264" };
    let done = decode(&["-f", format, "-i", &output.to_string_lossy()], false);
    let _gone = std::fs::remove_file(output);
    done
}

/// The JSON object with which one of our players ends; an error if it is not content.
fn told(command: &mut Command) -> Result<Value, String> {
    let finished = Program::run(command, PATIENCE);
    let last = finished.stdout.lines().last().unwrap_or_default();
    let result: Option<Value> = serde_json::from_str(last).ok();
    match result {
        Some(result) if finished.ok() => Ok(result),
        _ => Err(format!("{:?}: {last} {}", finished.status, finished.stderr)),
    }
}
