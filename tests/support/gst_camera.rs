//! gst-rtsp-server as a camera, through `tests/players/gst_camera.py`.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::{Program, project};

/// Debian's Python, which sees Debian's GStreamer binding; another one on PATH does not.
const PYTHON: &str = "/usr/bin/python3";
const START_PATIENCE: Duration = Duration::from_secs(30);

/// A camera with the paths, the login and the picture that its arguments say. It tells what its
/// clients do.
pub struct GstCamera {
    program: Program,
    host: String,
    port: u16,
}

impl GstCamera {
    /// With the arguments of `tests/players/gst_camera.py`.
    pub fn start(args: &[&str]) -> Self {
        let mut command = Command::new(PYTHON);
        command.arg(project("tests/players/gst_camera.py")).args(args);
        let program = Program::start(&mut command);
        let ready = program
            .stdout
            .wait_line("\"ready\"", START_PATIENCE)
            .unwrap_or_else(|| panic!("no camera: {}", program.stderr.text()));
        let port = event(&ready).and_then(|ready| ready["port"].as_u64());
        let port = port.and_then(|port| u16::try_from(port).ok()).expect("a port number");
        let listen = args.windows(2).find(|pair| pair[0] == "--listen");
        let host = listen.map_or("127.0.0.1", |pair| pair[1]).to_owned();
        Self { program, host, port }
    }

    /// The port it listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its paths, without a login.
    pub fn url(&self, path: &str) -> String {
        format!("rtsp://{}:{}/{}", self.host, self.port, path.trim_start_matches('/'))
    }

    /// All that it told, in order.
    pub fn events(&self) -> Vec<Value> {
        self.program.stdout.lines().iter().filter_map(|line| event(line)).collect()
    }

    /// How often `name` happened: `connected`, `closed`, `session`, `session-removed`, `media`,
    /// `unprepared`.
    pub fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|event| event["event"] == name).count()
    }

    /// How many requests of this method came.
    pub fn requests(&self, method: &str) -> usize {
        let events = self.events();
        events.iter().filter(|e| e["event"] == "request" && e["method"] == method).count()
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.count("connected") - self.count("closed").min(self.count("connected"))
    }

    /// The most sessions that ever were open at one time. A session counts until the camera
    /// forgot it.
    pub fn most_sessions(&self) -> usize {
        let (mut open, mut most) = (0_usize, 0);
        for event in self.events() {
            match event["event"].as_str() {
                Some("session") => open += 1,
                Some("session-removed") => open = open.saturating_sub(1),
                _ => {}
            }
            most = most.max(open);
        }
        most
    }

    /// SIGKILL: the camera dies without a word.
    pub fn kill(&mut self) {
        self.program.kill();
    }
}

fn event(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}
