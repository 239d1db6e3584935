//! A simulated IP camera, for trying out the relay, for tests and for benchmarks.
//!
//! `cargo run --example camera -- --help` lists what it can do.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it is a command-line program")]

mod arguments;
mod control;
mod sim;

use signal_hook::consts::{SIGINT, SIGTERM};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or("info")).init();
    let arguments = match arguments::parse(std::env::args().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => {
            print!("{}", arguments::HELP);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprintln!("camera: {message}");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("camera: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: arguments::Arguments) -> io::Result<()> {
    let (mut signals, writer) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    let camera = Arc::new(sim::Camera::start(arguments.options)?);
    for path in camera.paths() {
        println!("{}", camera.url_with_login(path));
        if let Some(url) = camera.tls_url(path) {
            println!("{url}");
        }
    }
    if let Some(address) = arguments.control {
        println!("control {}", control::start(address, &camera)?);
    }
    signals.read_exact(&mut [0])?;
    camera.stop();
    println!("{}", camera.stats().json());
    Ok(())
}
