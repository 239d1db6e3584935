//! Programs that nobody here wrote, speaking RTSP 2.0 with the relay.

use std::process::Command;

use serde_json::Value;

use super::*;
use deviations::{Part, check};
use recorder::Recorder;
use support::{Program, project};

/// Longer than any of these programs takes when all is well, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A GStreamer viewer that begins with RTSP 2.0, and what it says of `frames` pictures.
fn gstreamer(url: &str, protocols: &str, frames: u32) -> Value {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(project("tests/players/gst_viewer.py")).arg(url);
    command.args(["--rtsp2", "--protocols", protocols, "--frames", &frames.to_string()]);
    let finished = Program::run(&mut command, PATIENCE).expect_ok("GStreamer");
    serde_json::from_str(&finished.stdout).expect("one JSON object")
}

#[test]
fn gstreamer_plays_in_the_second_version_and_the_exchange_is_by_the_book() {
    let house = House::new();
    for protocols in ["tcp", "udp"] {
        let recorder = Recorder::before(house.relay.port());
        let result = gstreamer(&recorder.url("hall"), protocols, 50);
        assert_eq!((&result["ok"], &result["frames"]), (&true.into(), &50.into()), "{result}");

        let exchanges = recorder.exchanges(0);
        let count = |method: &str| {
            exchanges.iter().filter(|(request, _)| request.method.as_str() == method).count()
        };
        assert_eq!((count("DESCRIBE"), count("SETUP")), (1, 2), "{protocols}");
        assert!(count("PLAY") >= 1, "{protocols}");
        for (request, answer) in &exchanges {
            assert_eq!(request.version, Version::V2_0, "{protocols}: {}", request.method);
            // The last one may have been cut off.
            let Some(answer) = answer else { continue };
            assert_eq!(answer.status.code(), 200, "{protocols}: {request:?} {answer:?}");
        }
        check(Part::Rtspsrc, Part::Server, protocols, &exchanges);
        let pipelined = exchanges.iter().filter(|(request, _)| {
            request.method.as_str() == "SETUP" && request.headers.get("Session").is_none()
        });
        assert_eq!(pipelined.count(), 2, "{protocols}: SETUPs before the id was known");
    }
}
