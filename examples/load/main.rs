//! Many viewers in one thread, for measuring what a server does to them.
//!
//! `cargo run --release --example load -- --help` lists what it can do. The viewers speak RTSP
//! with interleaved TCP or UDP, or take MP4 over HTTP; they look only at the headers of what they get, and measure against the time
//! stamp that the simulated camera puts into each picture.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

mod arguments;
mod dialog;
mod figures;
mod framing;
mod media;
mod mp4;
mod ports;
mod run;
#[allow(dead_code, unreachable_pub, reason = "shared with the camera, which also writes it")]
#[path = "../camera/sim/sei.rs"]
mod sei;
mod viewer;

use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

fn main() -> ExitCode {
    let options = match arguments::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("load: {message}");
            return ExitCode::from(2);
        }
    };
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        eprintln!("load: the limit of open files stays as it is: {error}");
    }
    match run::run(options) {
        Ok(report) => {
            println!("{report:#}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}
