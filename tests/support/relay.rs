//! The relay under test.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::Deref;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{Certificate, Program, Sweep, free_port, leave, wait_for, wait_until};

/// Where it listens unless told otherwise.
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// What it logs when all its own threads and files are there.
const READY: &str = " ready version=";
/// How long the relay may take until it is ready.
const START_PATIENCE: Duration = Duration::from_secs(20);
/// How long the status table may take.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);
/// How long its output may take to be read behind its end.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);
/// Somebody else may have taken the port in between.
const START_ATTEMPTS: u32 = 5;
/// The exit code for "a port is taken".
const COULD_NOT_START: i32 = 3;

/// A running `rtsp-relay` on a port of its own, on the loopback. It ends with this value, and then
/// nothing that it has printed may hold a secret of its configuration.
///
/// It logs everything, unless its configuration says how much.
pub struct Relay {
    program: Program,
    host: IpAddr,
    port: u16,
    tls_port: u16,
    config: Option<ConfigFile>,
    sweep: Sweep,
}

impl Relay {
    /// With a configuration (INI): `listen_address` and `listen_port` are put before it.
    pub fn start(config: &str) -> Self {
        Self::with_file(HOST, None, config, None)
    }

    /// As [`Relay::start`], on another address of this machine, and with a variable in its
    /// environment.
    pub fn start_at(host: IpAddr, variable: Option<(&str, &str)>, config: &str) -> Self {
        let variable = variable.map(|(name, value)| (name, Path::new(value)));
        Self::with_file(host, None, config, variable)
    }

    /// As [`Relay::start`], listening on these addresses, of which 127.0.0.1 must be one.
    pub fn start_on(addresses: &str, config: &str) -> Self {
        Self::attempts(HOST, |port, _| {
            let file = ConfigFile::new(&format!(
                "listen_address={addresses}\nlisten_port={port}\n{config}\n"
            ));
            let mut command = command();
            command.args(verbosity(config)).arg("--config").arg(&file.path);
            (command, Some(file))
        })
    }

    /// The same with `rtsps_port` and this certificate.
    pub fn with_tls(certificate: &Certificate, config: &str) -> Self {
        Self::with_file(HOST, Some(certificate), config, None)
    }

    /// As [`Relay::start`], with a path in its environment.
    pub fn with_env(name: &str, path: &Path, config: &str) -> Self {
        Self::with_file(HOST, None, config, Some((name, path)))
    }

    /// As [`Relay::start`], with so many file descriptors.
    pub fn with_descriptors(most: u32, config: &str) -> Self {
        Self::attempts(HOST, |port, _| {
            let file = ConfigFile::new(&format!(
                "listen_address=127.0.0.1\nlisten_port={port}\n{config}\n"
            ));
            let mut limited = Command::new("prlimit");
            limited.arg(format!("--nofile={most}:{most}")).arg(command().get_program());
            limited.args(verbosity(config)).arg("--config").arg(&file.path);
            (limited, Some(file))
        })
    }

    fn with_file(
        host: IpAddr,
        certificate: Option<&Certificate>,
        config: &str,
        environment: Option<(&str, &Path)>,
    ) -> Self {
        Self::attempts(host, |port, tls_port| {
            let tls = certificate.map_or_else(String::new, |certificate| {
                format!("rtsps_port={tls_port}\n{}", certificate.config())
            });
            let file = ConfigFile::new(&format!(
                "listen_address={host}\nlisten_port={port}\n{tls}{config}\n"
            ));
            let mut command = command();
            command.args(verbosity(config)).arg("--config").arg(&file.path).envs(environment);
            (command, Some(file))
        })
    }

    /// With arguments and no file: `--set` of address and port is added.
    pub fn with_args(args: &[&str]) -> Self {
        Self::attempts(HOST, |port, _| {
            let mut command = command();
            command.args(args).args(["--set", "listen_address=127.0.0.1"]);
            command.arg("--set").arg(format!("listen_port={port}"));
            (command, None)
        })
    }

    fn attempts(host: IpAddr, make: impl Fn(u16, u16) -> (Command, Option<ConfigFile>)) -> Self {
        for _ in 0..START_ATTEMPTS {
            let port = free_port();
            let tls_port = free_port();
            let (mut command, config) = make(port, tls_port);
            let mut program = Program::start(&mut command);
            let mut ended = None;
            let ready = wait_until(START_PATIENCE, || {
                ended = program.wait(Duration::ZERO);
                ended.is_some() || program.stderr.contains(READY)
            });
            assert!(ready, "the relay on port {port} is not ready");
            match ended {
                None => {
                    let arguments = command.get_args().map(|text| text.to_string_lossy());
                    let mut told: Vec<_> = arguments.map(|text| text.into_owned()).collect();
                    told.extend(config.as_ref().map(|file| file.text.clone()));
                    let sweep = Sweep::of(&told.join("\n"));
                    return Self { program, host, port, tls_port, config, sweep };
                }
                Some(status) if status.code() == Some(COULD_NOT_START) => {}
                Some(status) => panic!("the relay ended at once: {status}"),
            }
        }
        panic!("no port was free for the relay");
    }

    /// Writes another configuration into its file; `listen_address` and `listen_port` stay.
    pub fn rewrite(&self, config: &str) {
        self.rewrite_whole(&format!(
            "listen_address=127.0.0.1\nlisten_port={}\n{config}\n",
            self.port
        ));
    }

    /// The same without anything put before it.
    pub fn rewrite_whole(&self, config: &str) {
        fs::write(self.file(), config).expect("the file is ours");
    }

    /// Its configuration file.
    pub fn file(&self) -> &Path {
        &self.config.as_ref().expect("it was started with a file").path
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of one of its streams.
    pub fn url(&self, stream: &str) -> String {
        format!("rtsp://{}/{stream}", SocketAddr::new(self.host, self.port))
    }

    /// `rtsps_port`; see [`Relay::with_tls`].
    pub fn tls_port(&self) -> u16 {
        self.tls_port
    }

    /// The URL of one of its streams over TLS; see [`Relay::with_tls`].
    pub fn tls_url(&self, stream: &str) -> String {
        format!("rtsps://{}/{stream}", SocketAddr::new(self.host, self.tls_port))
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

impl Drop for Relay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        self.program.kill();
        for (what, transcript) in [("log", &self.program.stderr), ("output", &self.program.stdout)]
        {
            transcript.wait_end(DRAIN_PATIENCE);
            let lines = transcript.lines();
            assert_eq!(self.sweep.find(&lines), None, "the relay's {what} shows a secret");
        }
    }
}

impl Deref for Relay {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

fn command() -> Command {
    let mut command = Command::new(super::relay_program());
    // Else only root could look into `/proc` for its descriptors.
    if !rustix::process::geteuid().is_root() {
        command.env("RTSP_RELAY_CORE_DUMP", "yes");
    }
    command
}

/// Everything, if nothing else is wanted.
fn verbosity(config: &str) -> &'static [&'static str] {
    if config.contains("log_level") { &[] } else { &["-vv"] }
}

/// A configuration that only we can read, removed with this value.
struct ConfigFile {
    path: PathBuf,
    text: String,
}

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
        Self { path, text: text.to_owned() }
    }
}

impl Drop for ConfigFile {
    fn drop(&mut self) {
        let _gone = fs::remove_file(&self.path);
    }
}
