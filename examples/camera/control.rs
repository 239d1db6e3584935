//! The control port: a line in, a line out, so that scripts and benchmarks can drive the camera.
//!
//! `status` is answered with one JSON object, a fault ([`WORDS`]) with `ok`, anything else with
//! `error: …`.

use super::sim::faults::WORDS;
use super::sim::{Camera, Fault};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

/// A longer line ends the connection.
const MAX_LINE: u64 = 256;

/// Serves the port in threads of its own, for as long as the program runs.
pub(crate) fn start(address: SocketAddr, camera: &Arc<Camera>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let camera = Arc::clone(camera);
    std::thread::Builder::new().name("control".into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let camera = Arc::clone(&camera);
            let serve = move || {
                let _ = serve(&stream, &camera);
            };
            if let Err(error) = std::thread::Builder::new().name("control".into()).spawn(serve) {
                log::warn!("cannot serve the control port: {error}");
            }
        }
    })?;
    Ok(address)
}

fn serve(stream: &TcpStream, camera: &Camera) -> io::Result<()> {
    let mut lines = BufReader::new(stream);
    loop {
        let mut line = String::new();
        if lines.by_ref().take(MAX_LINE).read_line(&mut line)? == 0 || !line.ends_with('\n') {
            return Ok(());
        }
        let answer = answer(line.trim(), camera) + "\n";
        (&mut &*stream).write_all(answer.as_bytes())?;
    }
}

fn answer(line: &str, camera: &Camera) -> String {
    if line == "status" {
        return camera.stats().json();
    }
    match Fault::parse(line).map(|fault| camera.fault(fault)) {
        Some(Ok(())) => "ok".into(),
        Some(Err(error)) => format!("error: {error}"),
        None => format!("error: expected status | {WORDS}"),
    }
}
