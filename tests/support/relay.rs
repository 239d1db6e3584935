//! The relay under test.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Certificate, Program, free_port, is_listening, leave, wait_for, wait_until};

/// How long the relay may take until it listens.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// How long the status table may take.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);
/// Somebody else may have taken the port in between.
const START_ATTEMPTS: u32 = 5;
/// The exit code for "a port is taken".
const COULD_NOT_START: i32 = 3;

/// A running `rtsp-relay` on a port of its own, on the loopback. It ends with this value.
pub struct Relay {
    program: Program,
    port: u16,
    tls_port: u16,
    _config: Option<ConfigFile>,
}

impl Relay {
    /// With a configuration (INI): `listen_address` and `listen_port` are put before it.
    pub fn start(config: &str) -> Self {
        Self::with_file(None, config, None)
    }

    /// The same with `rtsps_port` and this certificate.
    pub fn with_tls(certificate: &Certificate, config: &str) -> Self {
        Self::with_file(Some(certificate), config, None)
    }

    /// As [`Relay::start`], with a path in its environment.
    pub fn with_env(name: &str, path: &Path, config: &str) -> Self {
        Self::with_file(None, config, Some((name, path)))
    }

    /// As [`Relay::start`], with so many file descriptors.
    pub fn with_descriptors(most: u32, config: &str) -> Self {
        Self::attempts(false, |port, _| {
            let file = ConfigFile::new(&format!(
                "listen_address=127.0.0.1\nlisten_port={port}\n{config}\n"
            ));
            let mut limited = Command::new("prlimit");
            limited.arg(format!("--nofile={most}:{most}")).arg(command().get_program());
            limited.arg("--config").arg(&file.0);
            (limited, Some(file))
        })
    }

    fn with_file(
        certificate: Option<&Certificate>,
        config: &str,
        environment: Option<(&str, &Path)>,
    ) -> Self {
        Self::attempts(certificate.is_some(), |port, tls_port| {
            let tls = certificate.map_or_else(String::new, |certificate| {
                format!("rtsps_port={tls_port}\n{}", certificate.config())
            });
            let file = ConfigFile::new(&format!(
                "listen_address=127.0.0.1\nlisten_port={port}\n{tls}{config}\n"
            ));
            let mut command = command();
            command.arg("--config").arg(&file.0).envs(environment);
            (command, Some(file))
        })
    }

    /// With arguments and no file: `--set` of address and port is added.
    pub fn with_args(args: &[&str]) -> Self {
        Self::attempts(false, |port, _| {
            let mut command = command();
            command.args(args).args(["--set", "listen_address=127.0.0.1"]);
            command.arg("--set").arg(format!("listen_port={port}"));
            (command, None)
        })
    }

    fn attempts(tls: bool, make: impl Fn(u16, u16) -> (Command, Option<ConfigFile>)) -> Self {
        for _ in 0..START_ATTEMPTS {
            let port = free_port();
            let tls_port = free_port();
            let (mut command, config) = make(port, tls_port);
            let mut program = Program::start(&mut command);
            let mut ended = None;
            let ready = wait_until(START_PATIENCE, || {
                ended = program.wait(Duration::ZERO);
                ended.is_some() || (is_listening(port) && (!tls || is_listening(tls_port)))
            });
            assert!(ready, "the relay does not listen on port {port}");
            match ended {
                None => return Self { program, port, tls_port, _config: config },
                Some(status) if status.code() == Some(COULD_NOT_START) => {}
                Some(status) => panic!("the relay ended at once: {status}"),
            }
        }
        panic!("no port was free for the relay");
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its streams.
    pub fn url(&self, stream: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{stream}", self.port)
    }

    /// `rtsps_port`; see [`Relay::with_tls`].
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The URL of one of its streams over TLS; see [`Relay::with_tls`].
    pub fn tls_url(&self, stream: &str) -> String {
        format!("rtsps://127.0.0.1:{}/{stream}", self.tls_port)
    }

    /// Whether a log line holds `part`.
    pub fn log_contains(&self, part: &str) -> bool {
        self.program.stderr.contains(part)
    }

    /// The first log line that holds `part`, waiting for it.
    pub fn wait_log(&self, part: &str, timeout: Duration) -> Option<String> {
        self.program.stderr.wait_line(part, timeout)
    }

    /// The log so far.
    pub fn log(&self) -> Vec<String> {
        self.program.stderr.lines()
    }

    /// A number of the status table, by its key; `None` when it does not come.
    pub fn status(&self, stream: &str, key: &str) -> Option<u64> {
        let seen = self.log().len();
        self.process().signal(Signal::USR1);
        wait_for(STATUS_PATIENCE, || {
            let lines = self.log();
            let stream = format!("stream={stream}");
            let mut rows = lines.iter().skip(seen).filter(|line| line.contains(&stream));
            rows.find_map(|line| {
                let value = line.split_once(&format!(" {key}="))?.1;
                value.split(' ').next()?.parse().ok()
            })
        })
    }

    pub fn threads(&self) -> usize {
        self.program.process().threads()
    }

    pub fn fds(&self) -> usize {
        self.program.process().fds()
    }

    pub fn rss_kib(&self) -> u64 {
        self.program.process().rss_kib()
    }

    pub fn cpu_time(&self) -> Duration {
        self.program.process().cpu_time()
    }

    /// SIGTERM: how it ended and how long that took; fails the test when it had to be killed.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        let status = self.program.terminate().expect("the relay did not end on SIGTERM");
        (status, begun.elapsed())
    }
}

impl Deref for Relay {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

fn command() -> Command {
    Command::new(env!("CARGO_BIN_EXE_rtsp-relay"))
}

/// A configuration that only we can read, removed with this value.
struct ConfigFile(PathBuf);

impl ConfigFile {
    fn new(text: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = leave(&format!("relay-{}-{number}.conf", std::process::id()));
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .expect("the target folder is ours");
        Self(path)
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.0);
    }
}
