//! Cameras that fail and viewers that misbehave, for as long as you like, while what the relay
//! promises is checked all the time.
//!
//! `make soak MINUTES=60`, or `cargo run --release --example soak -- --help`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

mod scenario;

use std::process::ExitCode;
use std::time::Duration;

use scenario::Plan;

const HELP: &str = "\
Runs the relay between cameras that fail and viewers that misbehave, and checks what it promises.

soak [--minutes N | --seconds N] [--seed N] [--relay PROGRAM]

  --minutes  how long, default 1
  --seed     the same seed makes the same plans; the threads' timing stays their own
  --relay    default: rtsp-relay beside the folder of this program
";

fn main() -> ExitCode {
    let plan = match parse(std::env::args().skip(1)) {
        Ok(Some(plan)) => plan,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("soak: {message}");
            return ExitCode::from(2);
        }
    };
    println!("seed {} for {} s", plan.seed, plan.time.as_secs());
    match scenario::run(&plan) {
        Ok(report) => {
            println!("{report}");
            if report.violations.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            eprintln!("soak: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Plan>, String> {
    let own = std::env::current_exe().map_err(|error| error.to_string())?;
    let relay = own.parent().map(|folder| folder.join("../rtsp-relay")).unwrap_or_default();
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros() as u64;
    let mut plan = Plan { relay, seed, time: Duration::from_secs(60) };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse().map_err(|_| format!("'{text}' is no number"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--minutes" => plan.time = Duration::from_secs(60 * number(value()?)?),
            "--seconds" => plan.time = Duration::from_secs(number(value()?)?),
            "--seed" => plan.seed = number(value()?)?,
            "--relay" => plan.relay = value()?.into(),
            _ => return Err(format!("unknown argument {word}; see --help")),
        }
    }
    Ok(Some(plan))
}
