//! Where everything stands: the camera, the programs, and one run of a load against a server.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::{Value, json};

use super::arguments::Options;
use super::process::{self, Process};
use super::sample::{Holdings, Sample, Used};

/// The camera's paths: what the tables say with them is in docs/performance.md.
const PATHS: [(&str, &str); 4] = [
    ("main", "synthetic:4000k@25/50"),
    ("small", "synthetic:500k@25/50"),
    ("long", "synthetic:4000k@25/250"),
    // Waiting for the camera's next picture must not drown what is added to it.
    ("fast", "synthetic:4000k@100/1000"),
];
/// Cameras of `m8x8`.
pub(crate) const CAMERAS: usize = 8;
/// What a program has to be ready.
const READY: Duration = Duration::from_secs(10);
/// Turns the relay's hand-off off.
const HANDOFF_SWITCH: &str = "RTSP_RELAY_HANDOFF";

/// Who serves the viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    /// The camera itself.
    Direct,
    /// The least program.
    Floor,
    /// The relay, with or without the hand-off.
    Relay {
        /// Pictures reach viewers without a wake-up where possible.
        handoff: bool,
        /// What viewers speak.
        way: Way,
    },
}

/// What viewers speak with the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Rtsp,
    /// RTSP over TLS.
    Rtsps,
    /// HTTP, for MP4.
    Mp4,
}

/// The programs, the camera that is always on, and a place for files.
#[derive(Debug)]
pub(crate) struct Lab {
    pub(crate) options: Options,
    examples: PathBuf,
    directory: PathBuf,
    camera_base: String,
    /// Whose is which, if they are not everybody's.
    processors: Option<Processors>,
    _camera: Process,
}

/// Processors of the server, and of everybody else. Programs inherit them from us when they start.
#[derive(Clone, Copy, Debug)]
struct Processors {
    all: CpuSet,
    server: CpuSet,
    others: CpuSet,
}

/// A server at work.
#[derive(Debug)]
pub(crate) struct Serving {
    process: Option<Process>,
    base: String,
}

/// One run of the load.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// What the load says.
    pub(crate) load: Value,
    /// What the server used in the steady window.
    pub(crate) used: Option<Used>,
    /// What the server held at the window's end.
    pub(crate) held: Option<Holdings>,
}

impl Lab {
    /// Starts the camera.
    pub(crate) fn open(options: Options) -> io::Result<Self> {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
        let own = std::env::current_exe()?;
        let examples = own.parent().unwrap_or(Path::new(".")).to_owned();
        for program in ["camera", "load", "floor", "../rtsp-relay"] {
            let file = examples.join(program);
            if !file.exists() {
                let text = format!(
                    "{} is missing; cargo build --release --bins --examples makes it",
                    file.display()
                );
                return Err(io::Error::new(io::ErrorKind::NotFound, text));
            }
        }
        let directory =
            std::env::temp_dir().join(format!("rtsp-relay-bench-{}", std::process::id()));
        fs::create_dir_all(&directory)?;
        process::end_with_us(&directory)?;
        let mut camera = Command::new(examples.join("camera"));
        camera.args(["--listen", "127.0.0.1:0", "--start", "forced", "--timeout", "3600"]);
        let numbered = (1..=CAMERAS).map(|number| (format!("cam{number}"), PATHS[0].1));
        let named = PATHS.map(|(name, what)| (name.to_owned(), what));
        for (name, what) in named.into_iter().chain(numbered) {
            camera.arg("--path").arg(format!("{name}={what}"));
        }
        let processors = options.pin.then(Processors::split).transpose()?;
        let log = directory.join("camera.log");
        let mut camera =
            Processors::of_load(processors, || Process::start(&mut camera, Some(&log)))?;
        let url = first_line(&mut camera)?;
        let base = url.rsplit_once('/').map_or(url.as_str(), |(base, _)| base).to_owned();
        Ok(Self { options, examples, directory, camera_base: base, processors, _camera: camera })
    }

    /// The machine in a line.
    pub(crate) fn machine(&self) -> String {
        let processors = std::thread::available_parallelism().map_or(0, usize::from);
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = text.lines().find(|line| line.starts_with("model name"));
        let model =
            model.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name);
        format!("{processors} processors ({model}), Linux {}", kernel.trim())
    }

    /// Where the JSON goes: into the target directory.
    pub(crate) fn report_file(&self) -> PathBuf {
        let target = self.examples.ancestors().nth(2).unwrap_or(&self.examples);
        target.join("bench.json")
    }

    /// The relay as the options want it.
    pub(crate) fn relay(&self) -> Server {
        Server::Relay { handoff: self.options.handoff, way: Way::Rtsp }
    }

    /// Starts a server for these paths.
    pub(crate) fn serve(&self, server: Server, paths: &[String]) -> io::Result<Serving> {
        let sources: Vec<String> =
            paths.iter().map(|path| format!("{}/{path}", self.camera_base)).collect();
        match server {
            Server::Direct => Ok(Serving { process: None, base: self.camera_base.clone() }),
            Server::Floor => {
                let mut command = Command::new(self.examples.join("floor"));
                let log = self.directory.join("floor.log");
                let mut process = Processors::of_server(self.processors, || {
                    Process::start(command.args(&sources), Some(&log))
                })?;
                let base = format!("rtsp://{}", first_line(&mut process)?);
                Ok(Serving { process: Some(process), base })
            }
            Server::Relay { handoff, way } => {
                let free = || -> io::Result<u16> {
                    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
                };
                let (port, other_port) = (free()?, free()?);
                let config = self.directory.join("relay.conf");
                let mut text = relay_config(port, paths, &sources);
                match way {
                    Way::Rtsp => {}
                    Way::Rtsps => text.insert_str(0, &self.tls_config(other_port)?),
                    Way::Mp4 => text.insert_str(0, &format!("http_port={other_port}\n")),
                }
                fs::write(&config, text)?;
                let mut command = Command::new(self.examples.join("../rtsp-relay"));
                // As its unit has it.
                command.env("MALLOC_ARENA_MAX", "1");
                command.arg("-c").arg(&config).env_remove(HANDOFF_SWITCH);
                if !handoff {
                    command.env(HANDOFF_SWITCH, "off");
                }
                let log = self.directory.join("relay.log");
                let mut process = Processors::of_server(self.processors, || {
                    Process::start(&mut command, Some(&log))
                })?;
                // No connection tells us: what a client's thread touches would be in its memory.
                let deadline = Instant::now() + READY;
                loop {
                    let said = fs::read_to_string(&log).unwrap_or_default();
                    if said.contains(" ready version=") {
                        break;
                    }
                    if Instant::now() > deadline || !process.is_running() {
                        return Err(io::Error::other(format!("the relay does not start: {said}")));
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                let base = match way {
                    Way::Rtsp => format!("rtsp://127.0.0.1:{port}"),
                    Way::Rtsps => format!("rtsps://127.0.0.1:{other_port}"),
                    Way::Mp4 => format!("http://127.0.0.1:{other_port}/live"),
                };
                Ok(Serving { process: Some(process), base })
            }
        }
    }

    /// `rtsps_port` with a certificate of the kind that authorities give away: ECDSA, P-256.
    fn tls_config(&self, port: u16) -> io::Result<String> {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]);
        let made = made.map_err(io::Error::other)?;
        let file = self.directory.join("relay.pem");
        fs::write(&file, made.cert.pem() + &made.key_pair.serialize_pem())?;
        let file = file.display();
        Ok(format!("rtsps_port={port}\ntls_certificate={file}\ntls_key={file}\n"))
    }

    /// Starts a load without waiting for it.
    pub(crate) fn start_load(
        &self,
        serving: &Serving,
        paths: &[String],
        arguments: &[&str],
    ) -> io::Result<Process> {
        let mut command = Command::new(self.examples.join("load"));
        command.args(arguments);
        command.args(paths.iter().map(|path| format!("{}/{path}", serving.base)));
        Processors::of_load(self.processors, || Process::start(&mut command, None))
    }

    /// Runs a load, and watches the server in its steady window.
    pub(crate) fn run_load(
        &self,
        serving: &Serving,
        paths: &[String],
        arguments: &[&str],
    ) -> io::Result<Run> {
        let mut load = self.start_load(serving, paths, arguments)?;
        let missing = || io::Error::other("the load has no output");
        let errors = load.stderr.take().ok_or_else(missing)?;
        let (mut before, mut after, mut held) = (None, None, None);
        for line in BufReader::new(errors).lines() {
            match line?.as_str() {
                "steady" => before = serving.sample()?,
                "end" => {
                    after = serving.sample()?;
                    held = serving.holdings()?;
                }
                other => eprintln!("{other}"),
            }
        }
        let mut text = String::new();
        load.stdout.take().ok_or_else(missing)?.read_to_string(&mut text)?;
        let result = serde_json::from_str(&text).map_err(io::Error::other)?;
        let used = before.zip(after).map(|(before, after): (Sample, Sample)| after.since(&before));
        let run = Run { load: result, used, held };
        if let Some(failures) = run.load["failures"].as_array().filter(|all| !all.is_empty()) {
            eprintln!("load: {failures:?}");
        }
        Ok(run)
    }
}

impl Processors {
    fn split() -> io::Result<Self> {
        let all = sched_getaffinity(None)?;
        let (mut server, mut others) = (CpuSet::new(), CpuSet::new());
        for processor in (0..CpuSet::MAX_CPU).filter(|&processor| all.is_set(processor)) {
            let set = if server.count() == 0 { &mut server } else { &mut others };
            set.set(processor);
        }
        if others.count() == 0 {
            return Err(io::Error::other("--pin needs two processors"));
        }
        Ok(Self { all, server, others })
    }

    fn of_server<T>(own: Option<Self>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        Self::on(own.map(|own| (own.server, own.all)), start)
    }

    fn of_load<T>(own: Option<Self>, start: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        Self::on(own.map(|own| (own.others, own.all)), start)
    }

    /// Starts something on the first set; we ourselves are on the second again afterwards.
    fn on<T>(
        sets: Option<(CpuSet, CpuSet)>,
        start: impl FnOnce() -> io::Result<T>,
    ) -> io::Result<T> {
        let Some((during, after)) = sets else { return start() };
        sched_setaffinity(None, &during)?;
        let started = start();
        sched_setaffinity(None, &after)?;
        started
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Serving {
    /// The server's processor time; nothing for the camera.
    pub(crate) fn sample(&self) -> io::Result<Option<Sample>> {
        self.process.as_ref().map(|process| Sample::take(process.pid())).transpose()
    }

    /// The server's memory, threads and files; nothing for the camera.
    pub(crate) fn holdings(&self) -> io::Result<Option<Holdings>> {
        self.process.as_ref().map(|process| Holdings::take(process.pid())).transpose()
    }

    /// What the server holds when everybody has left, or after a while if it holds on.
    pub(crate) fn holdings_after(&self, fresh: Option<Holdings>) -> io::Result<Option<Holdings>> {
        let deadline = Instant::now() + Duration::from_secs(2);
        loop {
            let now = self.holdings()?;
            let back = now
                .zip(fresh)
                .is_none_or(|(now, fresh)| now.threads <= fresh.threads && now.fds <= fresh.fds);
            if back || Instant::now() > deadline {
                return Ok(now);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Run {
    /// A number of the load's report.
    pub(crate) fn number(&self, pointer: &str) -> Option<f64> {
        self.load.pointer(pointer)?.as_f64()
    }

    /// What the viewers received in the window.
    pub(crate) fn gbit(&self) -> f64 {
        self.number("/bytes").unwrap_or(0.0) * 8.0 / 1e9
    }

    /// Processor seconds for each Gbit.
    pub(crate) fn cpu_per_gbit(&self) -> Option<f64> {
        Some(self.used?.cpu.as_secs_f64() / self.gbit()).filter(|cost| cost.is_finite())
    }

    /// Wake-ups of the server for each picture and viewer.
    pub(crate) fn wakeups_per_picture(&self) -> Option<f64> {
        Some(self.used?.wakeups as f64 / self.number("/viewers/pictures")?)
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Value {
        json!({
            "load": self.load,
            "gbit": self.gbit(),
            "cpu_s": self.used.map(|used| used.cpu.as_secs_f64()),
            "cpu_s_per_gbit": self.cpu_per_gbit(),
            "wakeups": self.used.map(|used| used.wakeups),
            "sampled_s": self.used.map(|used| used.wall.as_secs_f64()),
            "held": self.held.map(Holdings::json),
        })
    }
}

fn first_line(process: &mut Process) -> io::Result<String> {
    let mut line = String::new();
    if let Some(stdout) = &mut process.stdout {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    match line.trim() {
        "" => Err(io::Error::other("a program does not start; is it built?")),
        line => Ok(line.to_owned()),
    }
}

fn relay_config(port: u16, paths: &[String], sources: &[String]) -> String {
    let mut text = format!(
        "listen_address=127.0.0.1\nlisten_port={port}\nmax_clients=100000\nmax_memory_mb=8192\n\
         max_cpu_percent=100\nmax_camera_connections=100\nsource_idle_timeout_s=0\n\
         retry_initial_ms=100\n"
    );
    for (path, source) in paths.iter().zip(sources) {
        text += &format!("\n[stream]\nname={path}\nrtsp_url={source}\ntransport=tcp\n");
    }
    text
}
