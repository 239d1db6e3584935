//! When a viewer sees the flashes of a [film](super::film) and hears its beeps: what ffmpeg or
//! GStreamer decodes, by the times that it gives to pictures and samples.

use std::process::Command;
use std::time::Duration;

use super::{Program, project, wait_until};

/// Brighter than any picture of the pattern.
const WHITE: f64 = 200.0;
/// Louder than what an encoder makes of silence, in dB.
const LOUD: f64 = -20.0;
/// Samples that are looked at together: 1 ms.
const GRAIN: u32 = super::film::SOUND_RATE / 1000;

/// A player that plays until it is dropped or has ended.
pub struct Watched {
    program: Program,
    /// Lines of its output that were looked at.
    read: usize,
    at: f64,
    was_white: bool,
    was_loud: bool,
    times: Times,
}

/// Times in seconds, on the player's own timeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Times {
    pub flashes: Vec<f64>,
    pub beeps: Vec<f64>,
}

impl Watched {
    /// ffmpeg begins to play a URL that has one picture and one sound.
    pub fn ffmpeg(url: &str, transport: &str) -> Self {
        Self::ffmpeg_with(&["-rtsp_transport", transport], url)
    }

    fn ffmpeg_with(options: &[&str], url: &str) -> Self {
        let graph = format!(
            "[0:v]signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-:direct=1[v];\
             [0:a]aresample=48000,asetnsamples={GRAIN}:p=0,astats=metadata=1:reset=1:\
             measure_perchannel=none:measure_overall=Peak_level,\
             ametadata=print:key=lavfi.astats.Overall.Peak_level:file=-:direct=1[a]"
        );
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-loglevel", "warning"]);
        command.args(options).args(["-i", url, "-filter_complex", &graph]);
        command.args(["-map", "[v]", "-map", "[a]", "-fps_mode", "passthrough", "-f", "null", "-"]);
        Self::of(&mut command)
    }

    /// ffmpeg begins to play a URL of HTTP, the same.
    pub fn ffmpeg_http(url: &str) -> Self {
        Self::ffmpeg_with(&[], url)
    }

    /// GStreamer does.
    pub fn gstreamer(url: &str, transport: &str) -> Self {
        let mut command = Command::new("/usr/bin/python3");
        command.arg(project("tests/players/gst_viewer.py")).arg("--sync");
        command.args(["--frames", "1000000", "--protocols", transport, url]);
        Self::of(&mut command)
    }

    fn of(command: &mut Command) -> Self {
        Self {
            program: Program::start(command),
            read: 0,
            at: f64::NAN,
            was_white: false,
            // Who comes in the middle of a beep has not heard its beginning.
            was_loud: true,
            times: Times::default(),
        }
    }

    /// What was seen and heard so far.
    pub fn times(&mut self) -> &Times {
        let lines = self.program.stdout.lines_after(self.read);
        self.read += lines.len();
        for line in lines {
            let event: Option<serde_json::Value> = serde_json::from_str(&line).ok();
            let told = |name| event.as_ref().and_then(|event| event.get(name)?.as_f64());
            self.times.flashes.extend(told("flash"));
            self.times.beeps.extend(told("beep"));
            if let Some((_, time)) = line.split_once("pts_time:") {
                self.at = time.trim().parse().unwrap_or(f64::NAN);
            } else if let Some(level) = line.strip_prefix("lavfi.signalstats.YAVG=") {
                let white = level.parse().is_ok_and(|level: f64| level > WHITE);
                self.times.flashes.extend((white && !self.was_white).then_some(self.at));
                self.was_white = white;
            } else if let Some(level) = line.strip_prefix("lavfi.astats.Overall.Peak_level=") {
                let loud = level.parse().is_ok_and(|level: f64| level > LOUD);
                self.times.beeps.extend((loud && !self.was_loud).then_some(self.at));
                self.was_loud = loud;
            }
        }
        &self.times
    }

    /// Waits for so many flashes and beeps more than there are; gives all.
    pub fn wait_more(&mut self, count: usize, timeout: Duration) -> Times {
        let before = self.times().clone();
        let done = wait_until(timeout, || {
            let times = self.times();
            times.flashes.len() >= before.flashes.len() + count
                && times.beeps.len() >= before.beeps.len() + count
        });
        let times = self.times().clone();
        assert!(done, "only {times:?}, not {count} more than {before:?}: {}", self.complaints());
        times
    }

    /// What ffmpeg had to say.
    pub fn complaints(&self) -> String {
        self.program.stderr.text()
    }
}

impl Times {
    /// By how many ms each beep after `from` is later than the flash next to it. A flash may stand
    /// alone: the pictures with which a viewer begins are from before it came, the sound is not.
    pub fn skews_ms(&self, from: f64) -> Vec<f64> {
        let of = |beep: &f64| {
            let nearest = |a: &f64, b: &f64| a.abs().total_cmp(&b.abs());
            self.flashes.iter().map(|flash| (beep - flash) * 1000.0).min_by(nearest)
        };
        let seen = |beep: &&f64| {
            **beep > from && self.flashes.last().is_some_and(|last| **beep < last + 0.5)
        };
        self.beeps.iter().filter(seen).filter_map(of).collect()
    }
}
