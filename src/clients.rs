//! All connections of clients, to count, list and stop them.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::net::Waker;

/// The connections that exist.
#[derive(Debug, Default)]
pub struct Clients {
    known: Mutex<BTreeMap<u64, Arc<Entry>>>,
    left: Condvar,
    next_id: AtomicU64,
    /// When a connection that speaks something else was told of last.
    foreign_told: Mutex<Option<Instant>>,
}

/// Scanners knock all day: as often is it told at most that somebody spoke something else.
const FOREIGN_INTERVAL: Duration = Duration::from_secs(10);

/// One connection, as others see it.
#[derive(Debug)]
pub struct Entry {
    /// Unique since the start.
    pub id: u64,
    /// Where it comes from.
    pub address: SocketAddr,
    /// When it came.
    pub since: Instant,
    /// What wakes its thread.
    pub waker: Arc<Waker>,
    stop: AtomicBool,
    details: Mutex<Details>,
}

/// What a connection is about; empty until the client has said so.
#[derive(Clone, Debug, Default)]
pub struct Details {
    /// The stream it asked for.
    pub stream: Option<String>,
    /// Whether it plays.
    pub playing: bool,
    /// Its User-Agent, as sent.
    pub agent: String,
    /// Its login.
    pub user: Option<String>,
}

/// Keeps a connection in the list while it is served.
#[derive(Debug)]
pub struct Registered {
    clients: Arc<Clients>,
    /// The connection.
    pub entry: Arc<Entry>,
}

impl Clients {
    /// An id for a connection that is about to be served.
    pub fn next_id(&self) -> u64 {
        self.next_id.fetch_add(1, SeqCst) + 1
    }
}

impl Registered {
    /// Adds a connection to the list.
    pub fn new(clients: &Arc<Clients>, id: u64, address: SocketAddr, waker: Arc<Waker>) -> Self {
        let entry = Arc::new(Entry {
            id,
            address,
            since: Instant::now(),
            waker,
            stop: AtomicBool::new(false),
            details: Mutex::default(),
        });
        clients.lock().insert(id, Arc::clone(&entry));
        Self { clients: Arc::clone(clients), entry }
    }
}

impl Clients {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// All of them, oldest first.
    pub fn list(&self) -> Vec<Arc<Entry>> {
        self.lock().values().cloned().collect()
    }

    /// Whether it is worth a line that a connection speaks something else than it should.
    pub fn foreign_is_news(&self) -> bool {
        let mut told = self.foreign_told.lock().unwrap_or_else(PoisonError::into_inner);
        let news = told.is_none_or(|at| at.elapsed() >= FOREIGN_INTERVAL);
        if news {
            *told = Some(Instant::now());
        }
        news
    }

    /// Ends one; `false` when there is none of this id.
    pub fn stop_one(&self, id: u64) -> bool {
        self.lock().get(&id).map(|entry| entry.stop()).is_some()
    }

    /// Ends all and waits until they are gone, or for the deadline; gives how many are left.
    pub fn stop(&self, deadline: Instant) -> usize {
        let mut known = self.lock();
        loop {
            for entry in known.values() {
                entry.stop();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if known.is_empty() || left.is_zero() {
                return known.len();
            }
            known = match self.left.wait_timeout(known, left) {
                Ok((known, _)) => known,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<Entry>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// What the connection is about now.
    pub fn details(&self) -> Details {
        self.details.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes what the connection is about.
    pub fn update(&self, change: impl FnOnce(&mut Details)) {
        change(&mut self.details.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Whether it is to end.
    pub fn is_stopping(&self) -> bool {
        self.stop.load(SeqCst)
    }

    fn stop(&self) {
        if !self.stop.swap(true, SeqCst) {
            self.waker.wake();
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.clients.lock().remove(&self.entry.id);
        self.clients.left.notify_all();
    }
}
