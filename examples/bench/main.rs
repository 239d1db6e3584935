//! Measures the relay against what the kernel alone costs, with the simulated camera, `load` and
//! `floor`, all on this machine. `make bench` builds everything and runs it; docs/performance.md
//! says what the figures mean. It reports, and never judges: no time makes it fail.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

mod arguments;
mod behaviour;
mod lab;
mod model;
mod process;
mod sample;
mod spread;
mod start;
mod throughput;

use std::process::ExitCode;
use std::time::Instant;

use serde_json::{Value, json};

use arguments::Options;
use lab::Lab;

fn main() -> ExitCode {
    let options = match arguments::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("bench: {message}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> std::io::Result<()> {
    let began = Instant::now();
    let lab = Lab::open(options)?;
    println!("{}\n", lab.machine());
    let mut results = serde_json::Map::new();
    throughput::run(&lab, &mut results)?;
    start::run(&lab, &mut results)?;
    behaviour::run(&lab, &mut results)?;
    model::print(&results);
    println!("Measured in {:.0} s.", began.elapsed().as_secs_f64());
    let report = json!({ "machine": lab.machine(), "scenarios": Value::Object(results) });
    let file = lab.report_file();
    std::fs::write(&file, format!("{report:#}\n"))?;
    println!("All single runs: {}", file.display());
    Ok(())
}
