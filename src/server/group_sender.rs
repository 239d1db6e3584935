//! The thread `m:NAME` of a group that somebody watches. The source writes to the group itself, as
//! to any viewer; the thread sends what must wait, and hears what members say.

use std::io;
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use super::group::{Begin, Group, bit};
use super::group_outlet::MulticastOutlet;
use super::life::is_rtcp;
use super::numbering::Numbering;
use crate::drill;
use crate::media::{Progress, Subscriber};
use crate::net::Waker;
use crate::net::multicast::Ear;
use crate::net::wait::wait_any;

const STACK: usize = 64 * 1024;
/// Only the header of a report is looked at.
const READ_SIZE: usize = 64;
/// Reports read from one socket before the others have their turn.
const READS_IN_A_ROW: usize = 64;
/// As often is it told at most that something does not get through.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// What sends to a group.
#[derive(Debug)]
pub(super) struct GroupSender {
    group: Arc<Group>,
    subscriber: Arc<Subscriber<MulticastOutlet>>,
    control: Arc<Control>,
    thread: JoinHandle<()>,
    since: Instant,
}

/// What the thread is told.
#[derive(Debug)]
struct Control {
    waker: Arc<Waker>,
    /// The first member has its answer to PLAY: what waits for it may go.
    released: AtomicBool,
    stopping: AtomicBool,
}

/// What was told of packets and pictures that did not get through.
struct Told {
    skipped: u64,
    lost: u64,
    at: Option<Instant>,
}

impl GroupSender {
    /// Joins the group to its stream's hub. Tells with which packet each of the `wanted` tracks
    /// begins, where that is known.
    ///
    /// # Errors
    /// There is no thread, or no descriptor, to be had.
    pub(super) fn start(
        group: &Arc<Group>,
        outlet: MulticastOutlet,
        wanted: u16,
    ) -> io::Result<(Self, Vec<Option<Begin>>)> {
        let slot = &group.slot;
        let name = format!("m:{}", slot.stream.name);
        drill::may_spawn(&name)?;
        let waker = Arc::new(Waker::new()?);
        let subscriber = Subscriber::new(group.id, outlet, Arc::clone(&waker), group.handoff);
        let subscriber = Arc::new(subscriber);
        let mut outbox = subscriber.outbox();
        let wants = |track: u8| bit(track.into()) & wanted != 0;
        // Tracks that nobody wants yet are offered too: somebody may, later.
        let instant = slot.stream.now().instant_start;
        let first = slot.hub.join_all(&subscriber, &mut outbox, instant, wants);
        let begins = first.iter().enumerate().map(|(track, first)| {
            let (first, numbering) = ((*first)?, outbox.outlet.numbering(track)?);
            let sequence = numbering.sequence_of(&first);
            Some(Begin { sequence, timestamp: Some(first.timestamp) })
        });
        let begins = begins.collect();
        drop(outbox);
        let (released, stopping) = (AtomicBool::new(false), AtomicBool::new(false));
        let control = Arc::new(Control { waker, released, stopping });
        let thread = Builder::new().name(name).stack_size(STACK).spawn({
            let (group, subscriber) = (Arc::clone(group), Arc::clone(&subscriber));
            let control = Arc::clone(&control);
            move || {
                let run = || run(&group, &subscriber, &control);
                if let Err(panic) = catch_unwind(AssertUnwindSafe(run)) {
                    let reason = drill::reason(&*panic);
                    let stream = &group.slot.stream.name;
                    log::error!(
                        "internal failure, the members of a multicast group go: {reason} stream={stream}"
                    );
                    group.end(&Arc::from("internal failure"));
                }
            }
        });
        let thread = match thread {
            Ok(thread) => thread,
            Err(error) => {
                slot.hub.leave(&subscriber);
                return Err(error);
            }
        };
        log::info!(
            "multicast begins stream={} group={} port={} source={} ttl={}",
            slot.stream.name,
            group.place.group,
            group.place.port,
            group.local,
            group.place.ttl
        );
        let (group, since) = (Arc::clone(group), Instant::now());
        Ok((Self { group, subscriber, control, thread, since }, begins))
    }

    /// Where each of so many tracks is: who joins now gets no packet before the next one.
    pub(super) fn position(&self, tracks: usize) -> Vec<Option<Begin>> {
        let outbox = self.subscriber.outbox();
        let next = |track| {
            let (_, last) = outbox.outlet.numbering(track)?.last_packet()?;
            Some(Begin { sequence: last.wrapping_add(1), timestamp: None })
        };
        (0..tracks).map(next).collect()
    }

    /// How a track is numbered.
    pub(super) fn numbering(&self, track: usize) -> Option<Numbering> {
        self.subscriber.outbox().outlet.numbering(track)
    }

    /// Whether nothing will come any more.
    pub(super) fn has_ended(&self) -> bool {
        self.subscriber.ended().is_some() || self.thread.is_finished()
    }

    /// Has the thread look again at what it listens to.
    pub(super) fn wake(&self) {
        self.control.waker.wake();
    }

    /// Lets go what waits for the first member's answer.
    pub(super) fn release(&self) {
        if !self.control.released.swap(true, SeqCst) {
            self.wake();
        }
    }

    /// Nothing is sent any more when this returns.
    pub(super) fn silence(&self) {
        self.group.slot.hub.leave(&self.subscriber);
        self.control.stopping.store(true, SeqCst);
        self.wake();
    }

    /// Waits for the thread's end, behind [`GroupSender::silence`].
    pub(super) fn stop(self) {
        // It is gone when the members are: what is left behind can be counted.
        let _ = self.thread.join();
        log::info!(
            "multicast ends stream={} group={} seconds={:.1} bytes={}",
            self.group.slot.stream.name,
            self.group.place.group,
            self.since.elapsed().as_secs_f64(),
            self.subscriber.outbox().outlet.written()
        );
    }
}

/// The thread's work.
fn run(group: &Group, subscriber: &Subscriber<MulticastOutlet>, control: &Control) {
    let mut told = Told { skipped: 0, lost: 0, at: None };
    let mut readable = Vec::new();
    while !control.stopping.load(SeqCst) {
        let progress = match control.released.load(SeqCst) {
            true => subscriber.pump(),
            false => Progress::Held,
        };
        if let Some(reason) = subscriber.ended() {
            return group.end(reason);
        }
        told.tell(group, subscriber);
        if progress == Progress::Clear && !subscriber.may_sleep() {
            continue;
        }
        let resume = match progress {
            Progress::Clear => None,
            _ => subscriber.outbox().outlet.resume_at(),
        };
        let ears = group.ears();
        let sockets: Vec<_> = ears.iter().map(|ear| ear.as_fd()).collect();
        let waited = wait_any(&sockets, &control.waker, resume, &mut readable);
        subscriber.awake();
        if let Err(error) = waited {
            return group.end(&Arc::from(format!("its multicast group cannot be served: {error}")));
        }
        drill::pass("multicast");
        readable.iter().filter_map(|&place| ears.get(place)).for_each(|ear| hear(group, ear));
    }
}

fn hear(group: &Group, ear: &Ear) {
    let mut buffer = [0; READ_SIZE];
    for _ in 0..READS_IN_A_ROW {
        match ear.receive(&mut buffer) {
            Ok((length, from)) => {
                if buffer.get(..length).is_some_and(is_rtcp) {
                    group.heard_from(from);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => {}
        }
    }
}

impl Told {
    fn tell(&mut self, group: &Group, subscriber: &Subscriber<MulticastOutlet>) {
        let (skipped, lost) = (subscriber.skipped(), subscriber.outbox().outlet.lost());
        let due = self.at.is_none_or(|at| at.elapsed() >= TELL_INTERVAL);
        if !due || (skipped, lost) == (self.skipped, self.lost) {
            return;
        }
        let (pictures, packets) = (skipped - self.skipped, lost - self.lost);
        (self.skipped, self.lost, self.at) = (skipped, lost, Some(Instant::now()));
        group.slot.stats.frames_skipped.add(pictures);
        log::warn!(
            "multicast does not get through stream={} group={} packets_refused={packets} pictures_skipped={pictures}",
            group.slot.stream.name,
            group.place.group
        );
    }
}
