//! The two ways to a viewer, hand-off and queue, under stress: order kept, nothing lost or doubled,
//! no wake-up missed, no reply inside a frame, and only whole groups for a viewer that stalls.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rtsp_relay::media::batch::{Batch, Kind};
use rtsp_relay::media::burst::Item;
use rtsp_relay::media::{Hub, Outlet, Progress, Subscriber};
use rtsp_relay::net::{Waker, wait};

const FAR: Duration = Duration::from_secs(20);

/// What left, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Out {
    Begin(u16),
    End(u16),
    Reply,
}

/// A viewer's socket that takes as much as a seeded random generator likes.
struct Whimsical {
    out: Arc<Mutex<Vec<Out>>>,
    /// Per mille of writes that do not go through at once.
    balks: u64,
    random: u64,
    held: Option<u16>,
    reply: bool,
    stalled: Arc<AtomicBool>,
    by_publisher: Arc<AtomicU64>,
}

impl Whimsical {
    fn new(seed: u64, balks: u64) -> Self {
        Self {
            out: Arc::default(),
            balks,
            random: seed | 1,
            held: None,
            reply: false,
            stalled: Arc::default(),
            by_publisher: Arc::default(),
        }
    }

    fn balk(&mut self) -> bool {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.stalled.load(SeqCst) || self.random % 1000 < self.balks
    }

    fn note(&self, what: Out) {
        self.out.lock().unwrap().push(what);
    }

    fn reply(&mut self) -> Progress {
        self.reply = true;
        self.flush()
    }
}

impl Outlet for Whimsical {
    fn send(&mut self, item: &Item) -> Progress {
        assert!(self.is_clear(), "a batch over the rest of another");
        if thread::current().name() == Some("publisher") {
            self.by_publisher.fetch_add(1, SeqCst);
        }
        let number = item.batch.first_sequence;
        self.note(Out::Begin(number));
        if self.balk() {
            self.held = Some(number);
            return Progress::Held;
        }
        self.note(Out::End(number));
        Progress::Clear
    }

    fn flush(&mut self) -> Progress {
        if !self.is_clear() && self.balk() {
            return Progress::Held;
        }
        if let Some(number) = self.held.take() {
            self.note(Out::End(number));
        }
        if std::mem::take(&mut self.reply) {
            self.note(Out::Reply);
        }
        Progress::Clear
    }

    fn is_clear(&self) -> bool {
        self.held.is_none() && !self.reply
    }
}

fn batch(number: u16, kind: Kind) -> Batch {
    Batch {
        wire: vec![0; 32].into(),
        packets: 1,
        track: 0,
        kind,
        video: true,
        unit_start: true,
        leading: false,
        parameter_sets: false,
        first_sequence: number,
        next_sequence: number.wrapping_add(1),
        preceding: number,
        timestamp: u32::from(number) * 3600,
        arrived: Instant::now(),
    }
}

/// The viewer's thread as the server runs it, but for the socket: a held rest is tried again
/// after a moment. Ends when the hub has ended and everything is out.
fn viewer(subscriber: &Subscriber<Whimsical>, waker: &Waker, replies: bool) {
    let give_up = Instant::now() + FAR;
    let mut rounds = 0u64;
    loop {
        let progress = subscriber.pump();
        rounds += 1;
        if replies && rounds % 7 == 0 {
            subscriber.outbox().outlet.reply();
        }
        assert!(Instant::now() < give_up, "the viewer never came to its end");
        match progress {
            Progress::Broken => unreachable!(),
            Progress::Held => {
                let soon = Instant::now() + Duration::from_micros(50);
                let _ = wait::wait_woken(waker, Some(soon)).unwrap();
            }
            Progress::Clear => {
                if subscriber.ended().is_some() && subscriber.pump() == Progress::Clear {
                    return;
                }
                // A lost wake-up would show here: nothing else ends this wait before the test
                // has failed.
                if subscriber.may_sleep() {
                    assert!(wait::wait_woken(waker, Some(give_up)).unwrap(), "a lost wake-up");
                }
                subscriber.awake();
            }
        }
    }
}

/// Publishes `count` batches to one viewer and gives what left.
fn run(seed: u64, balks: u64, handoff: bool, count: u16, replies: bool) -> (Vec<Out>, u64) {
    let hub = Arc::new(Hub::new());
    hub.reset(1, 1 << 20);
    let waker = Arc::new(Waker::new().unwrap());
    let outlet = Whimsical::new(seed, balks);
    let (out, by_publisher) = (Arc::clone(&outlet.out), Arc::clone(&outlet.by_publisher));
    let subscriber = Arc::new(Subscriber::new(1, outlet, Arc::clone(&waker), handoff));
    let mut outbox = subscriber.outbox();
    hub.join(&subscriber, &mut outbox, true, |_| true);
    drop(outbox);
    thread::scope(|scope| {
        scope.spawn(|| viewer(&subscriber, &waker, replies));
        let publisher = thread::Builder::new().name("publisher".into());
        let hub = &hub;
        publisher
            .spawn_scoped(scope, move || {
                for number in 0..count {
                    let kind = if number % 50 == 0 { Kind::RandomAccess } else { Kind::Reference };
                    hub.publish(batch(number, kind));
                    // Bursts and pauses, so that the viewer's thread falls asleep in between.
                    for _ in 0..(seed.wrapping_mul(u64::from(number)) % 400) {
                        std::hint::spin_loop();
                    }
                    if number % 97 == 0 {
                        thread::yield_now();
                    }
                }
                hub.end(&Arc::from("done"));
            })
            .unwrap();
    });
    let out = out.lock().unwrap().clone();
    (out, by_publisher.load(SeqCst))
}

/// Frames are whole, replies are between them; gives the frames' numbers.
fn whole_frames(out: &[Out]) -> Vec<u16> {
    let mut open = None;
    let mut numbers = Vec::new();
    for event in out {
        match (event, open) {
            (Out::Begin(number), None) => open = Some(*number),
            (Out::End(number), Some(begun)) if *number == begun => {
                open = None;
                numbers.push(*number);
            }
            (Out::Reply, None) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(open, None);
    numbers
}

#[test]
fn every_picture_arrives_once_and_in_order_whichever_way_it_took() {
    for seed in 1..40 {
        for (balks, handoff) in [(0, true), (30, true), (300, true), (30, false)] {
            let (out, by_publisher) = run(seed, balks, handoff, 2000, seed % 2 == 0);
            let numbers = whole_frames(&out);
            // The channel may overflow when the scheduler is unkind; then whole groups are
            // missing, and what follows a gap is a key frame.
            for pair in numbers.windows(2) {
                assert!(
                    pair[1] == pair[0] + 1 || pair[1] > pair[0] && pair[1] % 50 == 0,
                    "{pair:?}"
                );
            }
            assert_eq!(by_publisher > 0, handoff, "seed {seed} balks {balks}");
            if handoff && balks == 0 && seed % 2 == 1 {
                assert_eq!(numbers.len(), 2000);
            }
        }
    }
}

#[test]
fn a_viewer_that_stalls_gets_whole_groups_and_holds_little() {
    let hub = Hub::new();
    hub.reset(1, 0);
    let waker = Arc::new(Waker::new().unwrap());
    let outlet = Whimsical::new(1, 0);
    let (out, stalled) = (Arc::clone(&outlet.out), Arc::clone(&outlet.stalled));
    let subscriber = Arc::new(Subscriber::new(1, outlet, waker, true));
    hub.join(&subscriber, &mut subscriber.outbox(), true, |_| true);
    let start = Instant::now();
    // 25 pictures a second, a key frame every 2 s; the viewer stalls from 1 s to 9 s. The clock is
    // in the batches.
    for number in 0..500u16 {
        stalled.store((25..225).contains(&number), SeqCst);
        let kind = if number % 50 == 0 { Kind::RandomAccess } else { Kind::Reference };
        let mut batch = batch(number, kind);
        batch.arrived = start + Duration::from_millis(40) * u32::from(number);
        hub.publish(batch);
        if number > 225 {
            assert_eq!(subscriber.pump(), Progress::Clear);
        }
    }
    let numbers = whole_frames(&out.lock().unwrap());
    assert_eq!(numbers[..26], (0..26).collect::<Vec<_>>(), "the one that was begun is finished");
    let resumed = numbers[26];
    assert!(
        resumed % 50 == 0 && (200..=250).contains(&resumed),
        "it goes on at key frame {resumed}"
    );
    assert_eq!(numbers[26..], (resumed..500).collect::<Vec<_>>());
    assert!(subscriber.skipped() >= 150, "{}", subscriber.skipped());
}

#[test]
fn joining_in_the_middle_neither_misses_nor_doubles_a_picture() {
    // Fewer than a viewer's queue holds: nothing takes them out before the end.
    const PICTURES: u16 = 90;
    for seed in 0..200u64 {
        let hub = Arc::new(Hub::new());
        hub.reset(1, 1 << 20);
        hub.publish(batch(0, Kind::RandomAccess));
        let waker = Arc::new(Waker::new().unwrap());
        let outlet = Whimsical::new(seed, 0);
        let out = Arc::clone(&outlet.out);
        let subscriber = Arc::new(Subscriber::new(1, outlet, waker, true));
        thread::scope(|scope| {
            let hub = &hub;
            scope.spawn(move || {
                for number in 1..PICTURES {
                    hub.publish(batch(number, Kind::Reference));
                }
            });
            for _ in 0..seed * 20 {
                std::hint::spin_loop();
            }
            hub.join(&subscriber, &mut subscriber.outbox(), true, |_| true);
        });
        assert_eq!(subscriber.pump(), Progress::Clear);
        let all: Vec<u16> = (0..PICTURES).collect();
        assert_eq!(whole_frames(&out.lock().unwrap()), all, "seed {seed}");
    }
}

#[test]
fn nothing_is_offered_after_a_viewer_has_left() {
    let hub = Hub::new();
    hub.reset(1, 1 << 20);
    let outlet = Whimsical::new(1, 0);
    let out = Arc::clone(&outlet.out);
    let subscriber = Arc::new(Subscriber::new(1, outlet, Arc::new(Waker::new().unwrap()), true));
    hub.join(&subscriber, &mut subscriber.outbox(), true, |_| true);
    hub.publish(batch(0, Kind::RandomAccess));
    hub.leave(&subscriber);
    hub.publish(batch(1, Kind::Reference));
    assert_eq!(whole_frames(&out.lock().unwrap()), [0]);
    assert_eq!(hub.viewers(), 0);
    // Coming back begins with the group so far.
    hub.join(&subscriber, &mut subscriber.outbox(), true, |_| true);
    assert_eq!(subscriber.pump(), Progress::Clear);
    assert_eq!(whole_frames(&out.lock().unwrap()), [0, 0, 1]);
}
