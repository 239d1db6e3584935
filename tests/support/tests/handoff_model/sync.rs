//! What stands in for `src/media/sync.rs` and for the waker: things that loom watches.
//!
//! Loom has no channel like crossbeam's, so there is one made of a lock: crossbeam's, too, does one
//! thing after another, each at one moment. So are the atomics: with the strongest order, which is what
//! decides anything here, they all happen one after another. Loom's own are weaker than that: it takes the
//! strongest order for the one below it, and lets a swap miss what was stored before it when another
//! swap of the same thread stands between.

use std::collections::VecDeque;
use std::fmt;
use std::ops::{AddAssign, SubAssign};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LockResult, TryLockResult};

use crossbeam_channel::{TryRecvError, TrySendError};
use loom::sync::Condvar;
pub(crate) use loom::sync::MutexGuard;

/// Loom's locks are larger than any real one.
pub(crate) const CACHE_LINE: usize = 4096;

/// A lock that nobody poisons: a panic ends the model.
#[derive(Debug)]
pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> LockResult<MutexGuard<'_, T>> {
        self.0.lock()
    }

    pub(crate) fn try_lock(&self) -> TryLockResult<MutexGuard<'_, T>> {
        self.0.try_lock()
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        false
    }
}

/// Of any of the orders it has the strongest.
#[derive(Debug)]
pub(crate) struct Atomic<T>(Mutex<T>);

pub(crate) type AtomicBool = Atomic<bool>;
pub(crate) type AtomicU32 = Atomic<u32>;
pub(crate) type AtomicU64 = Atomic<u64>;

impl<T: Copy> Atomic<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn load(&self, _: Ordering) -> T {
        *self.0.lock().unwrap()
    }

    pub(crate) fn store(&self, value: T, _: Ordering) {
        *self.0.lock().unwrap() = value;
    }

    pub(crate) fn swap(&self, value: T, _: Ordering) -> T {
        std::mem::replace(&mut *self.0.lock().unwrap(), value)
    }
}

/// Never below zero here: each thing is counted before it is counted off.
impl<T: Copy + AddAssign + SubAssign> Atomic<T> {
    pub(crate) fn fetch_add(&self, value: T, _: Ordering) {
        *self.0.lock().unwrap() += value;
    }

    pub(crate) fn fetch_sub(&self, value: T, _: Ordering) {
        *self.0.lock().unwrap() -= value;
    }
}

impl<T: Copy + Default> Default for Atomic<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

/// Set once.
#[derive(Debug)]
pub(crate) struct OnceLock<T> {
    value: std::sync::OnceLock<T>,
    is_set: AtomicBool,
}

impl<T> OnceLock<T> {
    pub(crate) fn new() -> Self {
        Self { value: std::sync::OnceLock::new(), is_set: AtomicBool::default() }
    }

    pub(crate) fn set(&self, value: T) -> Result<(), T> {
        let set = self.value.set(value);
        self.is_set.store(true, Ordering::SeqCst);
        set
    }

    pub(crate) fn get(&self) -> Option<&T> {
        if self.is_set.load(Ordering::SeqCst) { self.value.get() } else { None }
    }
}

/// The two ends of a bounded queue.
pub(crate) fn bounded<T>(slots: usize) -> (Sender<T>, Receiver<T>) {
    let queue = Arc::new(Queue { slots, waiting: Mutex::new(VecDeque::new()) });
    (Sender(Arc::clone(&queue)), Receiver(queue))
}

struct Queue<T> {
    slots: usize,
    waiting: Mutex<VecDeque<T>>,
}

impl<T> Queue<T> {
    fn waiting(&self) -> MutexGuard<'_, VecDeque<T>> {
        self.waiting.lock().unwrap()
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("slots", &self.slots).finish_non_exhaustive()
    }
}

#[derive(Debug)]
pub(crate) struct Sender<T>(Arc<Queue<T>>);

impl<T> Sender<T> {
    pub(crate) fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut waiting = self.0.waiting();
        if waiting.len() == self.0.slots {
            return Err(TrySendError::Full(value));
        }
        waiting.push_back(value);
        Ok(())
    }
}

#[derive(Debug)]
pub(crate) struct Receiver<T>(Arc<Queue<T>>);

impl<T> Receiver<T> {
    pub(crate) fn try_recv(&self) -> Result<T, TryRecvError> {
        self.0.waiting().pop_front().ok_or(TryRecvError::Empty)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.waiting().is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.0.waiting().len() == self.0.slots
    }
}

/// As an eventfd: woken before or after somebody waits, once.
#[derive(Debug)]
pub(crate) struct Waker {
    woken: Mutex<bool>,
    changed: Condvar,
}

impl Waker {
    pub(crate) fn new() -> Self {
        Self { woken: Mutex::new(false), changed: Condvar::new() }
    }

    pub(crate) fn wake(&self) {
        *self.woken.lock().unwrap() = true;
        self.changed.notify_one();
    }

    /// For ever, if nobody wakes it: loom finds that.
    pub(crate) fn wait(&self) {
        let mut woken = self.woken.lock().unwrap();
        while !*woken {
            woken = self.changed.wait(woken).unwrap();
        }
        *woken = false;
    }
}
