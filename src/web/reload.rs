//! `POST /api/v1/reload`: asks the main thread to read the configuration again, and tells what
//! came of it.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use serde_json::json;

use super::Web;
use super::response::HttpResponse;
use crate::logging::{Quoted, Utc};
use crate::net::Waker;

/// A reload reads a file and opens a few ports.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of reading the configuration again.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When.
    pub at: SystemTime,
    /// Whether the new configuration is in use.
    pub taken: bool,
    /// What is wrong with it, each `FILE:LINE: message`; or, if it was taken, what of it could not
    /// be done.
    pub errors: Vec<String>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
}

impl Outcome {
    /// The relay itself failed.
    pub fn failed(reason: &str) -> Self {
        let errors = vec![format!("the relay failed internally: {reason}")];
        Self { at: SystemTime::now(), taken: false, errors, warnings: Vec::new() }
    }
}

/// The last one, as the status shows it.
#[derive(Debug, Serialize)]
pub(super) struct ReloadStatus {
    at: String,
    taken: bool,
    errors: Vec<String>,
}

/// Where reloads are asked for, by whatever thread, and done, by the main thread.
#[derive(Debug)]
pub struct Reloads {
    waker: Arc<Waker>,
    desk: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct Desk {
    closed: bool,
    waiting: Vec<Sender<Arc<Outcome>>>,
    last: Option<Arc<Outcome>>,
    /// How many were taken, and how many were not.
    counts: (u64, u64),
}

impl Reloads {
    /// `waker` wakes the main thread.
    pub fn new(waker: Arc<Waker>) -> Self {
        Self { waker, desk: Mutex::default() }
    }

    /// Whether somebody waits for a reload.
    pub fn is_asked(&self) -> bool {
        !self.desk().waiting.is_empty()
    }

    /// Tells all who wait what came of it.
    pub fn done(&self, outcome: Outcome) {
        let outcome = Arc::new(outcome);
        let mut desk = self.desk();
        match outcome.taken {
            true => desk.counts.0 += 1,
            false => desk.counts.1 += 1,
        }
        desk.last = Some(Arc::clone(&outcome));
        for waiting in desk.waiting.drain(..) {
            let _gone = waiting.send(Arc::clone(&outcome));
        }
    }

    /// The relay ends: nobody waits any more.
    pub fn close(&self) {
        let mut desk = self.desk();
        desk.closed = true;
        desk.waiting.clear();
    }

    /// How many reloads were taken, and how many were not.
    pub(super) fn counts(&self) -> (u64, u64) {
        self.desk().counts
    }

    pub(super) fn last(&self) -> Option<ReloadStatus> {
        let last = self.desk().last.clone()?;
        let at = Utc(last.at).to_string();
        Some(ReloadStatus { at, taken: last.taken, errors: last.errors.clone() })
    }

    fn ask(&self) -> Receiver<Arc<Outcome>> {
        let (sender, receiver) = channel();
        let mut desk = self.desk();
        // Dropped when the relay ends: the receiver sees it.
        if !desk.closed {
            desk.waiting.push(sender);
        }
        drop(desk);
        self.waker.wake();
        receiver
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Web {
    /// Reloads, and tells what is wrong if anything is.
    pub(super) fn reload(&self, by: Option<&str>, peer: std::net::SocketAddr) -> HttpResponse {
        let by = Quoted(by.unwrap_or_default());
        log::info!("reload asked for over HTTP by={by} address={peer}");
        let Ok(outcome) = self.reloads.ask().recv_timeout(PATIENCE) else {
            return HttpResponse::message(503, "the relay is ending");
        };
        let Outcome { taken, errors, warnings, .. } = &*outcome;
        let (status, key, text) = match (taken, errors.is_empty()) {
            (true, true) => (200, "message", "the new configuration is in use"),
            (true, false) => {
                (409, "error", "the new configuration is in use, but for what could not be done")
            }
            (false, _) => (422, "error", "the new configuration is not valid: the old one stays"),
        };
        let body = json!({ key: text, "taken": taken, "errors": errors, "warnings": warnings });
        HttpResponse::of(status, &body)
    }
}
