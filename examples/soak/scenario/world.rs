//! What all threads share.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::cameras::Unit;
use super::process::Process;
use super::report::Report;
use super::{Plan, cameras};

/// More than this is not told: one thing wrong makes for many.
const MOST_WRONGS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) units: Vec<Unit>,
    pub(super) seed: u64,
    port: u16,
    relay: Mutex<Child>,
    pid: u32,
    folder: PathBuf,
    /// Viewers leave and stay away.
    pub(super) calm: AtomicBool,
    pub(super) stop: AtomicBool,
    /// Connections of viewers that are open.
    pub(super) inside: AtomicUsize,
    counts: Mutex<BTreeMap<String, u64>>,
    wrongs: Mutex<Vec<String>>,
    pub(super) figures: Mutex<Vec<(Duration, u64)>>,
}

impl World {
    /// Starts cameras and relay.
    pub(super) fn open(plan: &Plan) -> io::Result<Self> {
        let units = cameras::all(plan.seed)?;
        let folder = std::env::temp_dir().join(format!("rtsp-relay-soak-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut config = format!(
            "listen_address=127.0.0.1\nlisten_port={port}\nmax_clients=64\nmax_camera_connections=32\n\
             source_idle_timeout_s=1\nsource_timeout_s=2\nsource_start_timeout_s=5\n\
             retry_initial_ms=100\nretry_max_ms=1000\nwrite_timeout_s=5\nclient_timeout_s=10\n"
        );
        for unit in &units {
            config += &unit.section();
        }
        let file = folder.join("relay.conf");
        fs::write(&file, config)?;
        let log = fs::File::create(folder.join("relay.log"))?;
        let relay = Command::new(&plan.relay)
            .arg("--config")
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()?;
        let world = Self {
            units,
            seed: plan.seed,
            port,
            pid: relay.id(),
            relay: Mutex::new(relay),
            folder,
            calm: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            inside: AtomicUsize::new(0),
            counts: Mutex::default(),
            wrongs: Mutex::default(),
            figures: Mutex::default(),
        };
        let listens = world.wait(|| std::net::TcpStream::connect(("127.0.0.1", port)).is_ok());
        match listens {
            true => Ok(world),
            false => Err(io::Error::other("the relay does not listen")),
        }
    }

    pub(super) fn url(&self, stream: &str) -> String {
        format!("rtsp://127.0.0.1:{}/{stream}", self.port)
    }

    pub(super) fn process(&self) -> Process {
        Process(self.pid)
    }

    pub(super) fn relay_lives(&self) -> bool {
        let mut relay = self.relay.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(relay.try_wait(), Ok(None))
    }

    /// Whether it comes true in good time.
    pub(super) fn wait(&self, condition: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if condition() {
                return true;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        condition()
    }

    /// Whether viewers and misfortunes go on.
    pub(super) fn goes_on(&self) -> bool {
        !self.stop.load(SeqCst)
    }

    pub(super) fn count(&self, what: &str) {
        *lock(&self.counts).entry(what.to_owned()).or_default() += 1;
    }

    /// An invariant is broken.
    pub(super) fn wrong(&self, what: String) {
        let mut wrongs = lock(&self.wrongs);
        if wrongs.len() < MOST_WRONGS {
            let _ = writeln!(io::stderr(), "soak: broken: {what}");
            wrongs.push(what);
        }
    }

    pub(super) fn report(&self, time: Duration) -> Report {
        Report {
            seed: self.seed,
            time,
            counts: lock(&self.counts).clone(),
            memory: lock(&self.figures).clone(),
            violations: lock(&self.wrongs).clone(),
            log: self.folder.join("relay.log"),
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let relay = self.relay.get_mut().unwrap_or_else(PoisonError::into_inner);
        let _gone = relay.kill();
        let _status = relay.wait();
        if lock(&self.wrongs).is_empty() {
            let _left = fs::remove_dir_all(&self.folder);
        }
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
