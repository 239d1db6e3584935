//! The lines a child writes, as they come.

use std::io::{BufRead, BufReader, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// What one pipe of a child brought so far. Clones share it.
#[derive(Clone, Default)]
pub struct Transcript(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    lines: Vec<String>,
    ended: bool,
}

impl Transcript {
    /// Reads `pipe` to its end, on a thread of its own.
    pub fn of(pipe: impl Read + Send + 'static) -> Self {
        let transcript = Self::default();
        let shared = Arc::clone(&transcript.0);
        thread::spawn(move || {
            let mut reader = BufReader::new(pipe);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                lock(&shared).lines.push(text);
                shared.changed.notify_all();
                line.clear();
            }
            lock(&shared).ended = true;
            shared.changed.notify_all();
        });
        transcript
    }

    /// All lines so far.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.0).lines.clone()
    }

    /// The lines so far without the first `read` ones.
    pub fn lines_after(&self, read: usize) -> Vec<String> {
        lock(&self.0).lines.get(read..).unwrap_or_default().to_vec()
    }

    /// All lines so far as one text.
    pub fn text(&self) -> String {
        self.lines().join("\n")
    }

    /// Whether a line holds `part`.
    pub fn contains(&self, part: &str) -> bool {
        lock(&self.0).lines.iter().any(|line| line.contains(part))
    }

    /// How many lines hold `part`.
    pub fn count(&self, part: &str) -> usize {
        lock(&self.0).lines.iter().filter(|line| line.contains(part)).count()
    }

    /// The first line that holds `part`, waiting for it; `None` at the timeout or the end.
    pub fn wait_line(&self, part: &str, timeout: Duration) -> Option<String> {
        self.wait_count(part, 1, timeout).then(|| {
            let state = lock(&self.0);
            state.lines.iter().find(|line| line.contains(part)).cloned().unwrap_or_default()
        })
    }

    /// Whether `count` lines that hold `part` came within `timeout`.
    #[must_use]
    pub fn wait_count(&self, part: &str, count: usize, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = lock(&self.0);
        loop {
            if state.lines.iter().filter(|line| line.contains(part)).count() >= count {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if state.ended || left.is_zero() {
                return false;
            }
            state =
                self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the pipe's end, which comes when the child and its children are gone.
    pub fn wait_end(&self, timeout: Duration) {
        let state = lock(&self.0);
        let _in_time = self
            .0
            .changed
            .wait_timeout_while(state, timeout, |state| !state.ended)
            .unwrap_or_else(PoisonError::into_inner);
    }
}

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}
