//! Viewers that connect again when they are cut off, as players do.

use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::support::RtspClient;

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// Without a packet for so long a viewer is cut off, too.
const SILENCE: Duration = Duration::from_secs(4);
const STACK: usize = 256 * 1024;
/// The RTP marker bit ends a picture.
const MARKER: u8 = 0x80;

#[derive(Default)]
struct State {
    playing: AtomicBool,
    pictures: AtomicUsize,
    reconnects: AtomicUsize,
    /// Attempts that brought nothing.
    failures: AtomicUsize,
    pauses: Mutex<Vec<Duration>>,
}

/// All of them; they leave with this value.
pub(crate) struct Viewers {
    states: Vec<Arc<State>>,
    threads: Vec<JoinHandle<()>>,
    ended: Arc<AtomicBool>,
}

impl Viewers {
    /// So many of them, in the network of the calling thread.
    pub(crate) fn start(count: usize, url: &'static str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let states: Vec<_> = (0..count).map(|_| Arc::new(State::default())).collect();
        let begin = |state: &Arc<State>| {
            let (state, ended) = (Arc::clone(state), Arc::clone(&ended));
            let builder = std::thread::Builder::new().stack_size(STACK);
            builder.spawn(move || state.watch(url, &ended)).unwrap()
        };
        let threads = states.iter().map(begin).collect();
        Self { states, threads, ended }
    }

    /// How many get pictures.
    pub(crate) fn playing(&self) -> usize {
        self.states.iter().filter(|state| state.playing.load(SeqCst)).count()
    }

    /// How often each was cut off and plays again.
    pub(crate) fn reconnects(&self) -> Vec<usize> {
        self.states.iter().map(|state| state.reconnects.load(SeqCst)).collect()
    }

    /// How many had to connect again.
    pub(crate) fn reconnected(&self) -> usize {
        self.reconnects().iter().filter(|&&count| count > 0).count()
    }

    /// What each has seen so far.
    pub(crate) fn pictures(&self) -> Vec<usize> {
        self.states.iter().map(|state| state.pictures.load(SeqCst)).collect()
    }

    /// From the last packet before each cut to the first one behind it.
    pub(crate) fn pauses(&self) -> Vec<Duration> {
        self.states.iter().flat_map(|state| state.pauses.lock().unwrap().clone()).collect()
    }

    /// For a failed assertion.
    pub(crate) fn describe(&self) -> String {
        let failures: usize = self.states.iter().map(|state| state.failures.load(SeqCst)).sum();
        format!(
            "{} play, {} had to connect again, {failures} attempts failed",
            self.playing(),
            self.reconnected()
        )
    }
}

impl Drop for Viewers {
    fn drop(&mut self) {
        self.ended.store(true, SeqCst);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

impl State {
    fn watch(&self, url: &str, ended: &AtomicBool) {
        let mut last_packet = None;
        while !ended.load(SeqCst) {
            if let Ok(mut client) = RtspClient::watch(url) {
                self.play(&mut client, &mut last_packet, ended);
            } else {
                self.failures.fetch_add(1, SeqCst);
            }
            self.playing.store(false, SeqCst);
            if !ended.load(SeqCst) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    fn play(&self, client: &mut RtspClient, last: &mut Option<Instant>, ended: &AtomicBool) {
        let mut is_first = true;
        while let Ok(Some(frame)) = client.read_frame(SILENCE) {
            let now = Instant::now();
            if std::mem::take(&mut is_first) {
                if let Some(last) = *last {
                    self.pauses.lock().unwrap().push(now - last);
                    self.reconnects.fetch_add(1, SeqCst);
                }
                self.playing.store(true, SeqCst);
            }
            *last = Some(now);
            if frame.channel == 0 && frame.payload.get(1).is_some_and(|byte| byte & MARKER != 0) {
                self.pictures.fetch_add(1, SeqCst);
            }
            if ended.load(SeqCst) {
                return;
            }
        }
    }
}
