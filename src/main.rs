//! `rtsp-relay`, the program: reads the command line, and turns outcomes into exit codes.
#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to the one who started it")]

use std::process::ExitCode;

use rtsp_relay::cli::{self, Command, RunOptions};
use rtsp_relay::{config, daemon, logging};

/// The configuration is not valid.
const INVALID: u8 = 1;
/// The command line is not valid.
const USAGE: u8 = 2;
/// A part could not be started.
const FAILED: u8 = 3;

fn main() -> ExitCode {
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
        Ok(Command::Probe(_)) => {
            eprintln!("rtsp-relay: probe is not part of this version");
            ExitCode::from(USAGE)
        }
        Err(error) => {
            eprintln!("rtsp-relay: {error}");
            ExitCode::from(USAGE)
        }
    }
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
    match daemon::run(loaded.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::from(FAILED)
        }
    }
}
