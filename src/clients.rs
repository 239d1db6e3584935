//! All connections of clients, to count, list and stop them.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use crate::limits::logins::network;
use crate::net::Waker;

/// The connections that exist.
#[derive(Debug, Default)]
pub struct Clients {
    known: Mutex<BTreeMap<u64, Arc<Entry>>>,
    left: Condvar,
    next_id: AtomicU64,
    stopping: AtomicBool,
    /// When a connection that speaks something else was told of last.
    foreign_told: Mutex<Option<Instant>>,
    /// Strangers whose end was told of, and since when they are counted.
    strangers_told: Mutex<Option<(Instant, u32)>>,
    /// When room was made last.
    made_room: Mutex<Option<Instant>>,
}

/// Scanners knock all day: as often is it told at most that somebody spoke something else.
const FOREIGN_INTERVAL: Duration = Duration::from_secs(10);

/// So many lines may tell of strangers in such a time: their number is for them to choose.
const STRANGER_LINES: u32 = 20;
/// Looking for room means looking at every connection: not more often than this.
const ROOM_INTERVAL: Duration = Duration::from_millis(5);
/// Who has just come may be about to say something.
const NEWCOMER: Duration = Duration::from_millis(500);

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
    /// Why it is to end, if there is more to say than that it is.
    reason: OnceLock<Arc<str>>,
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
            reason: OnceLock::new(),
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

    /// Whether all of them are being ended.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    /// Whether there is room in the log for another line about somebody who never logged in.
    pub fn stranger_is_news(&self) -> bool {
        let mut told = self.strangers_told.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, count) = told
            .filter(|(since, _)| since.elapsed() < FOREIGN_INTERVAL)
            .unwrap_or((Instant::now(), 0));
        *told = Some((since, count.saturating_add(1)));
        count < STRANGER_LINES
    }

    /// All places are taken and somebody comes from `newcomer`: whether room is being made for him.
    /// Of the network that has most connections on which no stream was asked for, and more than the
    /// newcomer's, the oldest is ended. So whoever holds all connections keeps nobody out.
    pub fn make_room(&self, newcomer: IpAddr) -> bool {
        let mut made = self.made_room.lock().unwrap_or_else(PoisonError::into_inner);
        if made.is_some_and(|at| at.elapsed() < ROOM_INTERVAL) {
            return false;
        }
        *made = Some(Instant::now());
        let known = self.lock();
        let idle = |entry: &&Arc<Entry>| {
            let details = entry.details();
            !entry.is_stopping() && details.stream.is_none() && !details.playing
        };
        let mut counts: HashMap<IpAddr, u32> = HashMap::new();
        for entry in known.values().filter(idle) {
            *counts.entry(network(entry.address.ip())).or_default() += 1;
        }
        let own = counts.get(&network(newcomer)).copied().unwrap_or_default();
        let most =
            counts.iter().max_by_key(|(_, count)| **count).filter(|(_, count)| **count > own);
        let Some((crowd, _)) = most else { return false };
        let mut theirs = known.values().filter(idle).filter(|entry| {
            network(entry.address.ip()) == *crowd && entry.since.elapsed() >= NEWCOMER
        });
        let oldest = theirs.next();
        if let Some(oldest) = oldest {
            let _said = oldest.reason.set(Arc::from("it asked for nothing, and others came"));
            oldest.stop();
        }
        oldest.is_some()
    }

    /// Ends one; `false` when there is none of this id.
    pub fn stop_one(&self, id: u64) -> bool {
        self.lock().get(&id).map(|entry| entry.stop()).is_some()
    }

    /// Ends those whose details are such, and tells them why. Gives how many.
    pub fn stop_those(&self, reason: &Arc<str>, such: impl Fn(&Entry, &Details) -> bool) -> usize {
        let entries = self.list();
        let meant = entries.iter().filter(|entry| such(entry, &entry.details()));
        meant
            .map(|entry| {
                let _said = entry.reason.set(Arc::clone(reason));
                entry.stop();
            })
            .count()
    }

    /// Ends all and waits until they are gone, or for the deadline; gives how many are left.
    pub fn stop(&self, deadline: Instant) -> usize {
        self.stopping.store(true, SeqCst);
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

    /// Why it is to end, for its last words.
    pub fn reason(&self) -> Arc<str> {
        let known = self.reason.get().map(Arc::clone);
        known.unwrap_or_else(|| Arc::from("the relay ends the connection"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn come(clients: &Arc<Clients>, address: &str, ago: Duration) -> Registered {
        let waker = Arc::new(Waker::new().unwrap());
        let address = SocketAddr::new(address.parse().unwrap(), 1);
        let mut registered = Registered::new(clients, clients.next_id(), address, waker);
        let entry = Arc::get_mut(&mut registered.entry);
        assert!(entry.is_none(), "the list has it, too");
        let since = Instant::now().checked_sub(ago).unwrap();
        let entry = Entry {
            id: registered.entry.id,
            address,
            since,
            waker: Arc::clone(&registered.entry.waker),
            stop: AtomicBool::new(false),
            reason: OnceLock::new(),
            details: Mutex::default(),
        };
        registered.entry = Arc::new(entry);
        clients.lock().insert(registered.entry.id, Arc::clone(&registered.entry));
        registered
    }

    fn make_room(clients: &Clients, newcomer: &str) -> bool {
        *clients.made_room.lock().unwrap() = None;
        clients.make_room(newcomer.parse().unwrap())
    }

    #[test]
    fn room_is_made_by_ending_the_oldest_idle_connection_of_whoever_has_most() {
        let clients: Arc<Clients> = Arc::default();
        let long = Duration::from_secs(9);
        let crowd: Vec<_> = (0..3).map(|_| come(&clients, "2001:db8::1", long)).collect();
        let honest = come(&clients, "192.0.2.1", long);
        let asked = |entry: &Entry| entry.update(|details| details.stream = Some("door".into()));
        asked(&crowd[0].entry);
        assert!(!make_room(&clients, "2001:db8::ffff"), "its own network has most");
        assert!(make_room(&clients, "192.0.2.2"));
        let stopped: Vec<_> = crowd.iter().map(|one| one.entry.is_stopping()).collect();
        assert_eq!(stopped, [false, true, false]);
        assert!(!honest.entry.is_stopping());
        assert!(!clients.make_room("192.0.2.2".parse().unwrap()), "not twice at once");
        // One each is left: nobody has more than the other.
        assert!(!make_room(&clients, "192.0.2.1"));
    }

    #[test]
    fn who_has_just_come_may_say_what_he_wants() {
        let clients: Arc<Clients> = Arc::default();
        let _crowd: Vec<_> = (0..3).map(|_| come(&clients, "192.0.2.1", Duration::ZERO)).collect();
        assert!(!make_room(&clients, "192.0.2.2"));
    }

    #[test]
    fn a_crowd_of_strangers_does_not_fill_the_log() {
        let clients = Clients::default();
        let told = (0..1000).filter(|_| clients.stranger_is_news()).count();
        assert_eq!(told, STRANGER_LINES as usize);
    }
}
