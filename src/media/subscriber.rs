//! One viewer's way out: who may write to it, in which order, and what happens when it is slow.
//!
//! Wake-ups are what a viewer costs, so a batch reaches the viewer without one when it can:
//!
//! - **Hand-off**: nothing is queued and nobody else is writing. The publisher writes the batch
//!   itself, without blocking. What did not fit is left to the viewer's thread.
//! - **Queue**: in every other case the batch goes into the viewer's bounded channel, and its
//!   thread is woken, if it sleeps.
//!
//! # Invariants
//!
//! Held by `tests/support/tests/handoff_model`, in every order of the two threads, and by `tests/handoff.rs`, under stress.
//!
//! 1. *Order is kept between the two ways.* `backlog` counts the batches that were accepted but
//!    are not wholly written. Only the publisher raises it, and it hands off only when it is 0.
//!    The thread lowers it after the last byte of a batch, while it holds the outbox: a publisher
//!    that sees 0 and gets the lock sees an outlet without a rest.
//! 2. *One writer at a time*: whoever holds the lock of the outbox. The publisher only tries the
//!    lock, so a viewer that holds it can never delay it.
//! 3. *No reply inside a frame*: replies go through the same outlet, behind what it still holds.
//! 4. *No lost wake-up.* The thread stores `asleep`, then looks at the queue, then sleeps; the
//!    publisher fills the queue, then takes `asleep`. All four are sequentially consistent, so
//!    one of the two sees the other. A held rest wakes the thread unconditionally.
//! 5. *Only whole pictures, from key frames on*: what goes into the channel has passed the
//!    [`Gate`]; what is thrown out of it again takes the rest of its picture along, and what
//!    belongs to a picture whose start is on the wire is put back.
//!    `intake` keeps the two apart that empty the channel: the thread, which takes one batch, and
//!    the publisher, which throws many out, so the thread never gets one from their middle.
//!
//! # Two cache lines
//!
//! Between two pictures the kernel's copies push a viewer's state out of the processor's caches. So
//! what a hand-off needs is in two neighbouring lines, and [`Viewer::is_pending`] looks at both:
//! the hub asks several viewers before it writes to the first.

use std::collections::VecDeque;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use crossbeam_channel::TrySendError;

use super::backlog::Backlog;
use super::batch::{Batch, Kind};
use super::burst::Item;
use super::gate::{Admits, Gate, bit};
use super::sync::{
    AtomicBool, AtomicU64, CACHE_LINE, Mutex, MutexGuard, OnceLock, Receiver, Sender, bounded,
};
use crate::net::Waker;

/// Batches that may wait for one viewer: pictures, audio packets and reports of [`MAX_LATENESS`] and
/// some more. Each is 16 bytes of a viewer's memory, waited in or not.
const QUEUE_SLOTS: usize = 96;
/// What has waited longer than this is thrown away up to the next key frame: all viewers together
/// hold no more than this much of a stream, and with what the kernel holds for a viewer of a
/// quarter of the rate, the picture shown is less than two seconds late.
pub const MAX_LATENESS: Duration = Duration::from_millis(750);
/// The same while the cached group is still being sent, which takes a thin link its time.
const MAX_LATENESS_AT_START: Duration = Duration::from_secs(4);

/// Where a viewer's bytes go. Never blocks.
pub trait Outlet: Send {
    /// Whether it leads to a viewer, and not to those who are joined beside it.
    const TO_VIEWER: bool = true;
    /// Writes a batch; what does not fit now is kept. Called only while nothing is kept.
    fn send(&mut self, item: &Item) -> Progress;
    /// A viewer joins, and will be sent these first.
    fn begin_with(&mut self, _burst: &[Item]) {}
    /// Goes on with what is kept.
    fn flush(&mut self) -> Progress;
    /// Whether nothing is kept.
    fn is_clear(&self) -> bool;
}

/// How far an [`Outlet`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Everything is written.
    Clear,
    /// A rest is kept until the viewer takes more.
    Held,
    /// The viewer is gone.
    Broken,
}

/// What a hub knows of its viewers.
pub trait Viewer: Send + Sync {
    /// Gives a batch to the viewer, without ever waiting for it. `sets` are the parameter sets that
    /// a viewer needs who has missed what was before the batch.
    fn offer(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>);
    /// Whether something that was offered has not left yet.
    fn is_pending(&self) -> bool;
    /// What is held for the viewer; others may hold the same.
    fn held_bytes(&self) -> usize {
        0
    }
    /// Tells the viewer that nothing more will come, and why.
    fn end(&self, reason: &Arc<str>);
    /// Unique among all viewers.
    fn id(&self) -> u64;
    /// Whether it is one of those who watch.
    fn watches(&self) -> bool {
        true
    }
}

/// One viewer of one stream; shared by the publisher and the viewer's own thread.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Subscriber<O> {
    admission: Mutex<Admission>,
    backlog: Backlog,
    /// At the begin of the second line, with what the outlet has in front.
    outbox: Line<Mutex<Outbox<O>>>,
    id: u64,
    sender: Sender<Arc<Batch>>,
    receiver: Receiver<Arc<Batch>>,
    /// Held to take one batch out, and to throw out many: the thread must not get a picture from
    /// the middle of what is being thrown out.
    intake: Mutex<()>,
    asleep: AtomicBool,
    waker: Arc<Waker>,
    ended: OnceLock<Arc<str>>,
    broken: AtomicBool,
    /// The thread is still busy with the cached group.
    bursting: AtomicBool,
    /// When the batch that the thread took last had arrived, in µs since `epoch`.
    taken: AtomicU64,
    epoch: Instant,
    skipped: AtomicU64,
}

/// Begins a cache line.
#[derive(Debug)]
#[repr(C, align(64))]
struct Line<T>(T);

/// The publisher's side with its lock, and what else the first line has.
const _: () =
    assert!(size_of::<Mutex<Admission>>() + size_of::<Backlog>() <= CACHE_LINE, "no cache line");

/// The writing side; its lock is the right to write.
#[derive(Debug)]
#[repr(C)]
pub struct Outbox<O> {
    /// Where the bytes go; also the way for replies.
    pub outlet: O,
    burst: VecDeque<Item>,
    /// The rest that the outlet keeps is a batch of so many bytes, and counted in the backlog.
    holds_batch: Option<usize>,
}

/// The publisher's side.
#[derive(Debug)]
struct Admission {
    gate: Gate,
    /// A bit for each track that is offered at all.
    tracks: u16,
    active: bool,
    /// The publisher may write.
    handoff: bool,
    /// Arrival of the oldest batch that may still be in the channel.
    oldest: Option<Instant>,
    /// The gate was closed because the viewer was too slow, not because it is new.
    slow: bool,
}

impl<O: Outlet> Subscriber<O> {
    /// A viewer that is not yet joined to a hub. `waker` wakes its thread. With `handoff` off,
    /// every batch takes the way through channel and thread.
    pub fn new(id: u64, outlet: O, waker: Arc<Waker>, handoff: bool) -> Self {
        let (sender, receiver) = bounded(QUEUE_SLOTS);
        let epoch = Instant::now();
        let gate = Gate::closed(epoch);
        let admission =
            Admission { gate, tracks: 0, active: false, handoff, oldest: None, slow: false };
        let outbox = Outbox { outlet, burst: VecDeque::new(), holds_batch: None };
        Self {
            admission: Mutex::new(admission),
            backlog: Backlog::default(),
            outbox: Line(Mutex::new(outbox)),
            id,
            sender,
            receiver,
            intake: Mutex::new(()),
            asleep: AtomicBool::new(false),
            waker,
            ended: OnceLock::new(),
            broken: AtomicBool::new(false),
            bursting: AtomicBool::new(false),
            taken: AtomicU64::new(0),
            epoch,
            skipped: AtomicU64::new(0),
        }
    }

    /// The right to write. Held over joining and the reply to PLAY, it keeps the first frame
    /// behind the reply.
    pub fn outbox(&self) -> MutexGuard<'_, Outbox<O>> {
        self.outbox.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the way for `tracks`, a bit for each, with `burst` in front of everything that is
    /// offered from now on. Called by the hub, under its lock, while the caller of the hub holds
    /// the outbox.
    pub(super) fn activate(&self, outbox: &mut Outbox<O>, burst: Vec<Item>, tracks: u16) {
        let mut admission = self.admission();
        admission.tracks = tracks;
        admission.gate = Gate::closed(Instant::now());
        for item in &burst {
            self.backlog.add(&item.batch);
            if item.batch.video && item.batch.kind != Kind::Control {
                admission.gate.open(item.batch.track);
            }
        }
        admission.active = true;
        admission.oldest = None;
        admission.slow = false;
        self.bursting.store(!burst.is_empty(), SeqCst);
        outbox.outlet.begin_with(&burst);
        outbox.burst = burst.into();
    }

    /// Closes the way: nothing is offered any more when this returns, and what was queued is
    /// forgotten. A batch whose beginning is on the wire is still finished.
    pub fn deactivate(&self) {
        let mut outbox = self.outbox();
        self.admission().active = false;
        for item in std::mem::take(&mut outbox.burst) {
            self.backlog.remove(item.batch.bytes());
        }
        while let Ok(batch) = self.receiver.try_recv() {
            self.backlog.remove(batch.bytes());
        }
    }

    /// The thread's work: writes what is held and queued until there is nothing left or the
    /// viewer takes no more for now.
    pub fn pump(&self) -> Progress {
        let mut outbox = self.outbox();
        loop {
            if !outbox.outlet.is_clear() {
                match outbox.outlet.flush() {
                    Progress::Clear => {}
                    stuck => return stuck,
                }
            }
            if let Some(bytes) = outbox.holds_batch.take() {
                self.backlog.remove(bytes);
            }
            let item = match outbox.burst.pop_front() {
                Some(item) => item,
                None => {
                    if self.bursting.swap(false, SeqCst) {
                        outbox.burst = VecDeque::new();
                    }
                    match self.take() {
                        Some(batch) => Item::live(batch),
                        None => return Progress::Clear,
                    }
                }
            };
            let age = item.batch.arrived.saturating_duration_since(self.epoch);
            self.taken.store(age.as_micros() as u64, SeqCst);
            let bytes = item.batch.bytes();
            match outbox.outlet.send(&item) {
                Progress::Clear => self.backlog.remove(bytes),
                stuck => {
                    outbox.holds_batch = Some(bytes);
                    return stuck;
                }
            }
        }
    }

    /// The thread is about to sleep with nothing to write: `true` if it may, until its waker is
    /// woken; `false` if something came in the meantime.
    pub fn may_sleep(&self) -> bool {
        self.asleep.store(true, SeqCst);
        if self.receiver.is_empty() && self.ended.get().is_none() {
            return true;
        }
        self.asleep.store(false, SeqCst);
        false
    }

    /// The thread is awake, for whatever reason.
    pub fn awake(&self) {
        self.asleep.store(false, SeqCst);
    }

    /// Why the stream ended, once it has.
    pub fn ended(&self) -> Option<&Arc<str>> {
        self.ended.get()
    }

    /// Whether the publisher found the viewer gone.
    pub fn is_broken(&self) -> bool {
        self.broken.load(SeqCst)
    }

    /// Pictures that the viewer was too slow for, in all.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(SeqCst)
    }

    fn take(&self) -> Option<Arc<Batch>> {
        let _intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        self.receiver.try_recv().ok()
    }

    fn admission(&self) -> MutexGuard<'_, Admission> {
        self.admission.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(&self, batch: &Arc<Batch>, admission: &mut Admission) {
        if !(admission.handoff && self.hand_off(batch, admission)) {
            self.enqueue(batch, admission);
        }
    }

    /// Writes the batch now, if the invariants allow it; `false` if it has to be queued.
    fn hand_off(&self, batch: &Arc<Batch>, admission: &mut Admission) -> bool {
        if !self.backlog.is_empty() {
            return false;
        }
        let mut outbox = match self.outbox.0.try_lock() {
            Ok(outbox) => outbox,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        if !outbox.outlet.is_clear() {
            return false;
        }
        match outbox.outlet.send(&Item::live(Arc::clone(batch))) {
            Progress::Clear => {}
            Progress::Held => {
                outbox.holds_batch = Some(batch.bytes());
                self.backlog.add(batch);
                drop(outbox);
                self.waker.wake();
            }
            Progress::Broken => {
                drop(outbox);
                admission.active = false;
                self.broken.store(true, SeqCst);
                self.waker.wake();
            }
        }
        true
    }

    fn enqueue(&self, batch: &Arc<Batch>, admission: &mut Admission) {
        if self.is_stale(batch, admission) {
            self.throw_out(batch.arrived, admission);
            if admission.gate.admits(batch) == Admits::No {
                self.skip(batch, true);
                return;
            }
        }
        if self.receiver.is_empty() {
            admission.oldest = Some(batch.arrived);
        }
        self.backlog.add(batch);
        let sent = self.sender.try_send(Arc::clone(batch));
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) = sent {
            // Cannot be for long enough to matter: a full channel was found stale above.
            self.backlog.remove(batch.bytes());
            admission.gate.close(batch.arrived, |_| false);
            self.skip(batch, true);
        }
        if self.asleep.swap(false, SeqCst) {
            self.waker.wake();
        }
    }

    /// Whether what waits in the channel is too old, or too much, for more to be added.
    fn is_stale(&self, batch: &Batch, admission: &Admission) -> bool {
        if self.receiver.is_empty() {
            return false;
        }
        let taken = self.epoch + Duration::from_micros(self.taken.load(SeqCst));
        let oldest = admission.oldest.map_or(taken, |oldest| oldest.max(taken));
        let limit = if self.bursting.load(SeqCst) { MAX_LATENESS_AT_START } else { MAX_LATENESS };
        self.receiver.is_full() || batch.arrived.saturating_duration_since(oldest) > limit
    }

    /// Empties the channel of all pictures whose beginning is still in it.
    fn throw_out(&self, now: Instant, admission: &mut Admission) {
        let _intake = self.intake.lock().unwrap_or_else(PoisonError::into_inner);
        let mut begun_here = [false; super::MAX_TRACKS];
        let mut kept = Vec::new();
        while let Ok(batch) = self.receiver.try_recv() {
            let begun = &mut begun_here[usize::from(batch.track) % super::MAX_TRACKS];
            *begun |= batch.unit_start;
            let keep = batch.kind == Kind::Control || batch.video && !*begun;
            if keep {
                kept.push(batch);
            } else {
                self.skip(&batch, true);
                self.backlog.remove(batch.bytes());
            }
        }
        for batch in kept {
            // There is room: no more than came out goes in again.
            let bytes = batch.bytes();
            if self.sender.try_send(batch).is_err() {
                self.backlog.remove(bytes);
            }
        }
        admission.oldest = Some(now);
        admission.slow = true;
        admission.gate.close(now, |track| !begun_here[usize::from(track)]);
    }

    fn skip(&self, batch: &Batch, slow: bool) {
        if slow && batch.video && batch.unit_start {
            self.skipped.fetch_add(1, SeqCst);
        }
    }
}

impl<O: Outlet> Viewer for Subscriber<O> {
    fn offer(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>) {
        let mut admission = self.admission();
        if !admission.active || admission.tracks & bit(batch.track) == 0 {
            return;
        }
        match admission.gate.admits(batch) {
            Admits::No => return self.skip(batch, admission.slow),
            Admits::Yes => {}
            Admits::Opens => {
                admission.slow = false;
                if let Some(sets) = sets {
                    self.pass_on(sets, &mut admission);
                }
            }
        }
        self.pass_on(batch, &mut admission);
    }

    fn is_pending(&self) -> bool {
        // All of it, whatever comes out: asking is what brings it near.
        let poisoned = self.outbox.0.is_poisoned() | self.admission.is_poisoned();
        !self.backlog.is_empty() | poisoned
    }

    fn held_bytes(&self) -> usize {
        self.backlog.bytes()
    }

    fn end(&self, reason: &Arc<str>) {
        let _ = self.ended.set(Arc::clone(reason));
        self.asleep.store(false, SeqCst);
        self.waker.wake();
    }

    fn id(&self) -> u64 {
        self.id
    }

    fn watches(&self) -> bool {
        O::TO_VIEWER
    }
}
