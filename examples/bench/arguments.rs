//! The command line.

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Measures the relay beside the kernel's floor; prints tables, writes bench.json.

bench [--only SCENARIO]... [--repeat N] [--seconds S] [--idle-seconds S] [--no-handoff] [--pin]

  --only          tcp1 tcp16 tcp64 tcp256 tcp1000 m8x8 udp64 tls64 mp4x64 start stall
                  churn idle;
                  default all but tcp1, tls64 and mp4x64
  --repeat        runs of each kind in a scenario, floor and relay in turn; default 5, and fewer
                  where a run is long or only for comparison
  --seconds       the steady window of a run, default 2: as long as a group of pictures, so that
                  each window has its key frame
  --idle-seconds  how long the idle relay is watched, default 2
  --no-handoff    all viewers of all scenarios by channel and thread, for comparison; without it
                  tcp64 is measured both ways
  --pin           the server alone on the first processor, camera and load on the others: steadier
                  figures for processor time, none for what several processors are worth
";

/// What was asked for.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    only: Vec<String>,
    repeat: Option<usize>,
    /// The steady window of a run.
    pub(crate) seconds: f64,
    /// How long an idle relay is watched.
    pub(crate) idle_seconds: f64,
    /// Viewers are served without a thread's wake-up where possible.
    pub(crate) handoff: bool,
    /// The server has a processor for itself, and only that.
    pub(crate) pin: bool,
}

impl Options {
    /// Whether a scenario is to be run.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        match self.only.as_slice() {
            [] => !ON_REQUEST.contains(&scenario),
            only => only.iter().any(|only| only == scenario),
        }
    }

    /// How often, where `usually` is the default.
    pub(crate) fn repeat(&self, usually: usize) -> usize {
        self.repeat.unwrap_or(usually).max(1)
    }
}

const SCENARIOS: [&str; 13] = [
    "tcp1", "tcp16", "tcp64", "tcp256", "tcp1000", "m8x8", "udp64", "tls64", "mp4x64", "start",
    "stall", "churn", "idle",
];

/// In none of the goals for what the hot path costs.
const ON_REQUEST: [&str; 3] = ["tcp1", "tls64", "mp4x64"];

/// Reads the arguments; `Ok(None)` for `--help`.
pub(crate) fn parse(words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
    let mut options = Options {
        only: Vec::new(),
        repeat: None,
        seconds: 2.0,
        idle_seconds: 2.0,
        handoff: true,
        pin: false,
    };
    let mut words = words;
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--only" => {
                for scenario in value()?.split(',') {
                    if !SCENARIOS.contains(&scenario) {
                        return Err(format!("{scenario}: no such scenario; see --help"));
                    }
                    options.only.push(scenario.to_owned());
                }
            }
            "--repeat" => {
                let text = value()?;
                options.repeat =
                    Some(text.parse().map_err(|_| format!("{word} {text}: no number"))?);
            }
            "--seconds" => options.seconds = seconds(&value()?)?,
            "--idle-seconds" => options.idle_seconds = seconds(&value()?)?,
            "--no-handoff" => options.handoff = false,
            "--pin" => options.pin = true,
            _ => return Err(format!("unknown argument {word}; see --help")),
        }
    }
    Ok(Some(options))
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds = text.parse().ok().filter(|seconds| (0.1..=3600.0).contains(seconds));
    seconds.ok_or(format!("{text}: expected seconds, 0.1 to 3600"))
}
