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

use rustix::process::Signal;

use super::cameras::Unit;
use super::process::Process;
use super::report::Report;
use super::{Plan, cameras};

/// More than this is not told: one thing wrong makes for many.
const MOST_WRONGS: usize = 50;
const CONFIG: &str = "relay.conf";
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct World {
    pub(super) units: Vec<Unit>,
    pub(super) seed: u64,
    port: u16,
    http_port: u16,
    /// What the relay's configuration says before its streams.
    settings: String,
    /// The last that was written of each stream: a camera that boots keeps it.
    sections: Mutex<Vec<String>>,
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
        let free = || Ok::<_, io::Error>(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port());
        let (port, http_port) = (free()?, free()?);
        // Groups that nobody else on this machine uses.
        let (group, group_port) = (std::process::id() % 256, free()? & !1);
        let settings = format!(
            "listen_address=127.0.0.1\nlisten_port={port}\nhttp_port={http_port}\nmax_clients=64\nmax_camera_connections=32\n\
             multicast_range=239.255.{group}.0/24\nmulticast_port={group_port}\nmulticast_interface=127.0.0.1\n\
             source_idle_timeout_s=1\nsource_timeout_s=2\nsource_start_timeout_s=5\n\
             retry_initial_ms=100\nretry_max_ms=1000\nwrite_timeout_s=5\nclient_timeout_s=10\n"
        );
        let sections: Vec<String> = units.iter().filter_map(Unit::section).collect();
        let file = folder.join(CONFIG);
        fs::write(&file, format!("{settings}{}", sections.concat()))?;
        let log = fs::File::create(folder.join("relay.log"))?;
        let relay = Command::new(&plan.relay)
            .arg("--config")
            .arg(&file)
            // As its unit has it.
            .env("MALLOC_ARENA_MAX", "1")
            .stdin(Stdio::null())
            .stderr(log)
            .spawn()?;
        let world = Self {
            units,
            seed: plan.seed,
            port,
            http_port,
            settings,
            sections: Mutex::new(sections),
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

    /// Where HTTP is spoken.
    pub(super) fn http(&self) -> (&'static str, u16) {
        ("127.0.0.1", self.http_port)
    }

    pub(super) fn process(&self) -> Process {
        Process(self.pid)
    }

    /// Tells the relay where the cameras are now.
    pub(super) fn reload(&self) {
        let mut sections = lock(&self.sections);
        for (section, unit) in sections.iter_mut().zip(&self.units) {
            if let Some(now) = unit.section() {
                *section = now;
            }
        }
        // As an editor does it, so that the relay never reads half a file.
        let (new, file) = (self.folder.join("relay.conf.new"), self.folder.join(CONFIG));
        let written = fs::write(&new, format!("{}{}", self.settings, sections.concat()));
        if let Err(error) = written.and_then(|()| fs::rename(&new, &file)) {
            self.wrong(format!("the soak itself cannot write {}: {error}", file.display()));
        }
        self.process().signal(Signal::HUP);
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
