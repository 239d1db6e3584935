//! What was seen in the page, beside what the camera sent and when.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::SOON;
use super::browser::Page;
use super::sim::Stamp;
use super::support::RtspClient;
use super::support::film::NUMBERED_PICTURES;

/// A picture that the page presented.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    /// When, in milliseconds since 1970.
    pub(crate) shown_ms: f64,
    /// Where it stands on the `<video>`'s timeline, in milliseconds.
    pub(crate) media_ms: f64,
    /// Which of its film.
    pub(crate) picture: u64,
    /// Which film.
    pub(crate) film: u64,
}

/// The pictures of a stream that the page has presented so far; fails when one could not be read.
pub(crate) fn seen(page: &Page<'_>, stream: &str) -> Vec<Seen> {
    let list = page.eval(&format!("pictures[{}] ?? []", serde_json::json!(stream)));
    let list = list.as_array().unwrap();
    list.iter()
        .map(|entry| {
            assert_eq!(entry[3], 1, "a picture without its mark: {entry}");
            let number = |at: usize| entry[at].as_u64().unwrap();
            let time = |at: usize| entry[at].as_f64().unwrap();
            Seen { shown_ms: time(0), media_ms: time(4), picture: number(1), film: number(2) }
        })
        .collect()
}

/// When the camera sent each picture, by the stamps in them: a viewer over RTSP, at the camera or at the relay,
/// which keeps the stream warm too.
pub(crate) struct Sent {
    times: Arc<Mutex<BTreeMap<u64, f64>>>,
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Sent {
    pub(crate) fn watching(url: &str) -> Self {
        let mut client = RtspClient::watch(url).unwrap();
        client.read_frame(SOON).unwrap().unwrap();
        let address = client.stream().local_addr().unwrap();
        let times = Arc::<Mutex<BTreeMap<u64, f64>>>::default();
        let stop = Arc::<AtomicBool>::default();
        let thread = std::thread::spawn({
            let (times, stop) = (Arc::clone(&times), Arc::clone(&stop));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    let frame = match client.read_frame(Duration::from_millis(200)) {
                        Ok(Some(frame)) => frame,
                        Ok(None) => return,
                        Err(error) if is_timeout(&error) => continue,
                        Err(_) => return,
                    };
                    if let Some(stamp) = Stamp::find(&frame.payload) {
                        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
                        times.insert(stamp.count, stamp.sent_ns as f64 / 1e6);
                    }
                }
            }
        });
        Self { times, address, stop, thread: Some(thread) }
    }

    /// Where it asks from.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the other side has ended it.
    pub(crate) fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How late each picture was, in milliseconds: from the camera's sending to its presentation.
    pub(crate) fn latencies(&self, seen: &[Seen]) -> Vec<f64> {
        let times = self.times.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter()
            .filter_map(|seen| {
                // The latest of this number that had been sent by then.
                let same = |(count, sent): &(&u64, &f64)| {
                    *count % NUMBERED_PICTURES == seen.picture && **sent <= seen.shown_ms
                };
                let (_, sent) = times.iter().rev().find(same)?;
                Some(seen.shown_ms - sent)
            })
            .collect()
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// The value below which this share of all lies.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share) as usize]
}
