//! The two ways to a viewer, hand-off and queue, in every order in which the publisher and the viewer's
//! thread can come upon each other: the invariants of `src/media/subscriber.rs` as loom checks them.
//!
//! The file itself is compiled here, with locks, atomics, a queue and a waker that loom watches
//! (`sync`). What is checked: nobody waits for ever (a lost wake-up), one writes at a time, what arrives is
//! in order, whole, and once, and what is missing was thrown away up to a key frame.
//!
//! Loom tries all orders in which a thread is interrupted [`INTERRUPTIONS`] times where it need not wait;
//! `LOOM_MAX_PREEMPTIONS=4 cargo test -p rtsp-relay-testing` goes on for longer.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

#[allow(dead_code, reason = "it is the relay's")]
#[path = "../../../../src/media/backlog.rs"]
mod backlog;
#[allow(dead_code, unreachable_pub, reason = "it is the relay's")]
#[path = "../../../../src/media/subscriber.rs"]
mod subscriber;
mod sync;

/// What the file expects beside it.
mod net {
    pub(crate) use super::sync::Waker;
}
use rtsp_relay::media::{MAX_TRACKS, batch, burst, gate};

use std::sync::Arc;
use std::time::{Duration, Instant};

use loom::sync::Condvar;

use batch::{Batch, Kind};
use burst::Item;
use subscriber::{Outlet, Progress, Subscriber, Viewer};
use sync::{Mutex, Waker};

/// Enough for each mistake that was put in to try this out.
const INTERRUPTIONS: usize = 3;

/// The numbers of the batches that went out in whole.
struct Out {
    numbers: Mutex<Vec<u16>>,
    grown: Condvar,
}

impl Out {
    fn add(&self, number: u16) {
        self.numbers.lock().unwrap().push(number);
        self.grown.notify_one();
    }

    /// Waits for this one, for ever if it does not come: loom finds that.
    fn wait_for(&self, number: u16) {
        let mut numbers = self.numbers.lock().unwrap();
        while numbers.last() != Some(&number) {
            numbers = self.grown.wait(numbers).unwrap();
        }
    }
}

/// A viewer's socket. The batches with these numbers do not fit at once.
struct Socket {
    balks_at: &'static [u16],
    held: Option<u16>,
    out: Arc<Out>,
}

impl Outlet for Socket {
    fn send(&mut self, item: &Item) -> Progress {
        assert!(self.is_clear(), "a batch inside of another");
        let number = item.batch.first_sequence;
        if self.balks_at.contains(&number) {
            self.held = Some(number);
            return Progress::Held;
        }
        self.out.add(number);
        Progress::Clear
    }

    fn flush(&mut self) -> Progress {
        if let Some(number) = self.held.take() {
            self.out.add(number);
        }
        Progress::Clear
    }

    fn is_clear(&self) -> bool {
        self.held.is_none()
    }
}

/// The viewer's thread: as that of the server, with a socket that takes the rest at once.
fn view(subscriber: &Subscriber<Socket>, waker: &Waker) {
    loop {
        let ended = subscriber.ended().is_some();
        match subscriber.pump() {
            Progress::Broken => unreachable!(),
            Progress::Held => {}
            Progress::Clear if ended => return,
            Progress::Clear => {
                if subscriber.may_sleep() {
                    waker.wait();
                }
                subscriber.awake();
            }
        }
    }
}

/// What is published, and how the socket behaves.
#[derive(Clone, Copy)]
struct Script {
    /// What each batch is, and when it comes.
    batches: &'static [(Kind, Duration)],
    balks_at: &'static [u16],
    handoff: bool,
    /// So many of the batches are the cached group that the viewer begins with.
    cached: usize,
}

impl Script {
    /// All that can happen; `judge` is shown the numbers of what came out.
    fn play(self, judge: fn(&[u16])) {
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = builder.preemption_bound.or(Some(INTERRUPTIONS));
        builder.check(move || judge(&self.once()));
    }

    fn once(self) -> Vec<u16> {
        let start = Instant::now();
        let mut batches = self.batches.iter().zip(0..).map(|(&(kind, at), number)| {
            Arc::new(Batch {
                wire: vec![0; 32].into(),
                packets: 1,
                track: 0,
                kind,
                video: true,
                unit_start: true,
                leading: false,
                parameter_sets: false,
                first_sequence: number,
                next_sequence: number + 1,
                preceding: number,
                timestamp: 3600 * u32::from(number),
                arrived: start + at,
            })
        });
        let out = Arc::new(Out { numbers: Mutex::new(Vec::new()), grown: Condvar::new() });
        let socket = Socket { balks_at: self.balks_at, held: None, out: Arc::clone(&out) };
        let waker = Arc::new(Waker::new());
        let subscriber = Arc::new(Subscriber::new(1, socket, Arc::clone(&waker), self.handoff));
        let cached = batches.by_ref().take(self.cached).map(Item::live).collect();
        subscriber.activate(&mut subscriber.outbox(), cached, 1);
        let viewer = {
            let subscriber = Arc::clone(&subscriber);
            loom::thread::spawn(move || view(&subscriber, &waker))
        };
        for batch in batches {
            subscriber.offer(&batch, None);
        }
        // Before the end, which wakes the thread whatever it has missed.
        out.wait_for(self.batches.len() as u16 - 1);
        subscriber.end(&Arc::from("the end"));
        viewer.join().unwrap();
        assert!(!subscriber.is_pending(), "what is written is not counted as waiting");
        out.numbers.lock().unwrap().clone()
    }
}

const AT_ONCE: Duration = Duration::ZERO;
const LATE: Duration = Duration::from_secs(2);

const PICTURES: &[(Kind, Duration)] =
    &[(Kind::RandomAccess, AT_ONCE), (Kind::Reference, AT_ONCE), (Kind::Reference, AT_ONCE)];

#[test]
fn what_is_handed_off_and_what_is_queued_arrives_in_order() {
    let script = Script { batches: PICTURES, balks_at: &[], handoff: true, cached: 0 };
    script.play(|numbers| assert_eq!(numbers, [0, 1, 2]));
}

#[test]
fn a_rest_is_finished_before_the_next_picture() {
    for balks_at in [&[0][..], &[1], &[0, 1], &[2]] {
        let script = Script { batches: PICTURES, balks_at, handoff: true, cached: 0 };
        script.play(|numbers| assert_eq!(numbers, [0, 1, 2]));
    }
}

#[test]
fn through_the_queue_alone_no_wake_up_is_lost() {
    let script = Script { batches: PICTURES, balks_at: &[], handoff: false, cached: 0 };
    script.play(|numbers| assert_eq!(numbers, [0, 1, 2]));
}

#[test]
fn the_cached_group_comes_before_what_is_live() {
    for balks_at in [&[][..], &[0]] {
        let script = Script { batches: PICTURES, balks_at, handoff: true, cached: 2 };
        script.play(|numbers| assert_eq!(numbers, [0, 1, 2]));
    }
}

#[test]
fn what_is_thrown_out_while_the_thread_takes_it_leaves_whole_groups() {
    let batches = &[
        (Kind::RandomAccess, AT_ONCE),
        (Kind::Reference, AT_ONCE),
        (Kind::Reference, LATE),
        (Kind::RandomAccess, LATE),
    ];
    let script = Script { batches, balks_at: &[], handoff: false, cached: 0 };
    script.play(|numbers| {
        assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
        assert!(numbers.contains(&3), "what is there at last: {numbers:?}");
        let begun = |needed: u16| !numbers.contains(&(needed + 1)) || numbers.contains(&needed);
        assert!(begun(0) && begun(1), "a picture without what it refers to: {numbers:?}");
    });
}
