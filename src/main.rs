//! `rtsp-relay`, the program: reads the command line, and turns outcomes into exit codes.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the one who started it")]

use std::io::IsTerminal;
use std::process::ExitCode;

use rtsp_relay::cli::{self, Command, RunOptions};
use rtsp_relay::{config, core_dump, daemon, logging, probe};

/// The configuration is not valid.
const INVALID: u8 = 1;
/// The command line is not valid.
const USAGE: u8 = 2;
/// A part could not be started.
const FAILED: u8 = 3;

fn main() -> ExitCode {
    // Before the first password is read.
    if let Err(error) = core_dump::forbid() {
        eprintln!("rtsp-relay: cannot do without core dumps: {error}");
        return ExitCode::from(FAILED);
    }
    match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => {
            print!("{}", cli::HELP);
            ExitCode::SUCCESS
        }
        Ok(Command::Version) => {
            println!("rtsp-relay {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Ok(Command::Run(options)) => run(&options),
        Ok(Command::Probe(options)) => probe(&options),
        Err(error) => {
            eprintln!("rtsp-relay: {error}");
            ExitCode::from(USAGE)
        }
    }
}

fn probe(options: &probe::ProbeOptions) -> ExitCode {
    let target = match probe::Target::new(options) {
        Ok(target) => target,
        Err(error) => {
            eprintln!("rtsp-relay: {error}");
            return ExitCode::from(USAGE);
        }
    };
    let tell = |line: &str| {
        if !options.json && std::io::stderr().is_terminal() {
            eprintln!("{line}");
        }
    };
    let report = match probe::run(&target, &tell) {
        Ok(report) => report,
        Err(error) => {
            eprintln!("rtsp-relay: {error}");
            return ExitCode::from(FAILED);
        }
    };
    if options.json {
        println!("{}", probe::json(&report));
    } else {
        print!("{}", probe::text(&report));
    }
    if report.failure().is_none() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) }
}

fn run(options: &RunOptions) -> ExitCode {
    let loaded = match config::load(&options.sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            for error in errors {
                eprintln!("{error}");
            }
            return ExitCode::from(INVALID);
        }
    };
    if options.print_config {
        print!("{}", config::print(&loaded.config));
        return ExitCode::SUCCESS;
    }
    if options.check {
        for warning in &loaded.warnings {
            eprintln!("{warning}");
        }
        print!("{}", config::summary(&loaded.config));
        return ExitCode::SUCCESS;
    }
    logging::init(options.log_level(loaded.config.log_level));
    for warning in &loaded.warnings {
        log::warn!("{warning}");
    }
    log::info!("configuration read from {}", loaded.origin);
    match daemon::run(loaded.config, &options.sources, &|level| options.log_level(level)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(FAILED)
        }
    }
}
