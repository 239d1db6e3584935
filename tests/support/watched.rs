//! When a viewer sees the flashes of a [film](super::film) and hears its beeps: what ffmpeg decodes,
//! by the times that it gives to pictures and samples.

use std::process::Command;
use std::time::Duration;

use super::{Program, wait_until};

/// Brighter than any picture of the pattern.
const WHITE: f64 = 200.0;
/// Louder than what an encoder makes of silence, in dB.
const LOUD: f64 = -20.0;
/// Samples that are looked at together: 1 ms.
const GRAIN: u32 = super::film::SOUND_RATE / 1000;

/// An ffmpeg that plays until it is dropped or has ended.
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
    /// Pictures so far.
    pub pictures: usize,
}

impl Watched {
    /// Begins to play a URL that has one picture and one sound, with further options of ffmpeg's
    /// input.
    pub fn start(url: &str, options: &[&str]) -> Self {
        let graph = format!(
            "[0:v]signalstats,metadata=print:key=lavfi.signalstats.YAVG:file=-:direct=1[v];\
             [0:a]aresample=48000,asetnsamples={GRAIN}:p=0,astats=metadata=1:reset=1:\
             measure_perchannel=none:measure_overall=Peak_level,\
             ametadata=print:key=lavfi.astats.Overall.Peak_level:file=-:direct=1[a]"
        );
        let mut command = Command::new("ffmpeg");
        command.args(["-hide_banner", "-nostdin", "-loglevel", "warning"]).args(options);
        command.args(["-i", url, "-filter_complex", &graph]);
        command.args(["-map", "[v]", "-map", "[a]", "-fps_mode", "passthrough", "-f", "null", "-"]);
        Self {
            program: Program::start(&mut command),
            read: 0,
            at: f64::NAN,
            was_white: false,
            was_loud: false,
            times: Times::default(),
        }
    }

    /// What was seen and heard so far.
    pub fn times(&mut self) -> &Times {
        let lines = self.program.stdout.lines_after(self.read);
        self.read += lines.len();
        for line in lines {
            if let Some((_, time)) = line.split_once("pts_time:") {
                self.at = time.trim().parse().unwrap_or(f64::NAN);
            } else if let Some(level) = line.strip_prefix("lavfi.signalstats.YAVG=") {
                let white = level.parse().is_ok_and(|level: f64| level > WHITE);
                self.times.pictures += 1;
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
    /// The flashes after `from` with their beeps: by how many ms each beep is late.
    pub fn skews_ms(&self, from: f64) -> Vec<f64> {
        let of = |flash: &f64| {
            let nearest = |a: &&f64, b: &&f64| (*a - flash).abs().total_cmp(&(*b - flash).abs());
            self.beeps.iter().min_by(nearest).map(|beep| (beep - flash) * 1000.0)
        };
        let complete = |flash: &&f64| {
            **flash > from && self.beeps.last().is_some_and(|last| **flash < last + 0.5)
        };
        self.flashes.iter().filter(complete).filter_map(of).collect()
    }
}
