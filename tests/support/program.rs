//! A real program as a child, with a bound on its life.

use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::{Process, Transcript, wait_for};

/// How long a child that was asked to end may take before it is killed.
const TERM_PATIENCE: Duration = Duration::from_secs(10);
/// How long its pipes may stay open behind it.
const DRAIN_PATIENCE: Duration = Duration::from_secs(2);

/// A child whose output is collected, and which does not outlive this value.
pub struct Program {
    name: String,
    child: Child,
    // Held open: some of our programs end when it closes, so they go when the test process dies.
    _stdin: Option<ChildStdin>,
    pub stdout: Transcript,
    pub stderr: Transcript,
}

/// How a program ended, and what it said.
#[derive(Debug)]
pub struct Finished {
    /// `None`: it took too long and was stopped.
    pub status: Option<ExitStatus>,
    pub stdout: String,
    pub stderr: String,
}

impl Finished {
    /// Whether it ended by itself with exit code 0.
    pub fn ok(&self) -> bool {
        self.status.is_some_and(|status| status.success())
    }

    /// Fails the test with all that was said, unless the exit code was 0.
    pub fn expect_ok(self, what: &str) -> Self {
        assert!(
            self.ok(),
            "{what}: {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self
    }
}

impl Program {
    /// Starts it with its output captured.
    pub fn start(command: &mut Command) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} does not start: {error}"));
        let stdout = Transcript::of(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Transcript::of(child.stderr.take().expect("stderr is a pipe"));
        Self { name, _stdin: child.stdin.take(), child, stdout, stderr }
    }

    /// Runs it to its end, or stops it after `timeout`.
    pub fn run(command: &mut Command, timeout: Duration) -> Finished {
        Self::start(command).finish(timeout)
    }

    /// Waits for its end, or stops it after `timeout`.
    pub fn finish(mut self, timeout: Duration) -> Finished {
        let status = self.wait(timeout);
        if status.is_none() {
            let _late = self.terminate();
        }
        self.stdout.wait_end(DRAIN_PATIENCE);
        self.stderr.wait_end(DRAIN_PATIENCE);
        Finished { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }

    /// Its exit status, if it ends within `timeout`.
    pub fn wait(&mut self, timeout: Duration) -> Option<ExitStatus> {
        wait_for(timeout, || self.child.try_wait().expect("the child is ours"))
    }

    /// Whether it has not ended yet.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the child is ours").is_none()
    }

    /// SIGTERM; `None` when it did not end in time and was killed.
    pub fn terminate(&mut self) -> Option<ExitStatus> {
        if let Some(status) = self.child.try_wait().expect("the child is ours") {
            return Some(status);
        }
        self.process().signal(Signal::TERM);
        let status = self.wait(TERM_PATIENCE);
        if status.is_none() {
            self.kill();
        }
        status
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }

    /// Its place in `/proc`.
    pub fn process(&self) -> Process {
        Process(self.child.id())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            self.stderr.wait_end(DRAIN_PATIENCE);
            let lines = self.stderr.lines();
            let from = lines.len().saturating_sub(60);
            eprintln!("--- {} said on stderr:\n{}", self.name, lines[from..].join("\n"));
        }
    }
}
