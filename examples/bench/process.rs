//! The programs that take part, each ended when it is no longer needed, and all of them with us.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// What a program has to end in order.
const PATIENCE: Duration = Duration::from_secs(5);
const INTERRUPTED: i32 = 130;

static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// From now on, a signal that ends us ends all our programs too, and removes our files.
pub(crate) fn end_with_us(directory: &Path) -> io::Result<()> {
    let directory = directory.to_owned();
    let (mut signals, writer) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        if signals.read_exact(&mut [0]).is_ok() {
            for &pid in running().iter() {
                let _ = kill_process(pid, Signal::TERM);
            }
            let _ = std::fs::remove_dir_all(&directory);
            std::process::exit(INTERRUPTED);
        }
    })?;
    Ok(())
}

/// A running program.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    pid: Pid,
    /// What it prints.
    pub(crate) stdout: Option<ChildStdout>,
    /// Unless it goes to a file.
    pub(crate) stderr: Option<ChildStderr>,
}

impl Process {
    /// Starts a program; its errors go to the file, if there is one.
    pub(crate) fn start(command: &mut Command, log: Option<&Path>) -> io::Result<Self> {
        let errors = match log {
            Some(log) => File::create(log)?.into(),
            None => Stdio::piped(),
        };
        let name = command.get_program().to_owned();
        let spawned = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = spawned.map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", name.to_string_lossy()))
        })?;
        let pid = Pid::from_child(&child);
        running().push(pid);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        Ok(Self { child, pid, stdout, stderr })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub(crate) fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.is_running() {
            let _ = kill_process(self.pid, Signal::TERM);
        }
        let deadline = Instant::now() + PATIENCE;
        while self.is_running() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        running().retain(|&pid| pid != self.pid);
    }
}
