//! The honest viewers: ten that miss no picture, and how old each picture is when it comes.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::sim::Stamp;
use crate::support::{Continuity, RtspClient};

const SOON: Duration = Duration::from_secs(10);

/// Viewers that watch until the value is dropped.
pub(crate) struct Audience {
    stop: Arc<AtomicBool>,
    /// When a picture came and how old it was.
    seen: Arc<Mutex<Vec<(Instant, Duration)>>>,
    threads: Vec<JoinHandle<Result<u64, String>>>,
}

impl Audience {
    /// These have begun to play.
    pub(crate) fn seat(viewers: Vec<RtspClient>) -> Self {
        let (stop, seen) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::default()));
        let watch = |(number, viewer): (usize, RtspClient)| {
            let (stop, seen) = (Arc::clone(&stop), Arc::clone(&seen));
            std::thread::spawn(move || {
                watch(viewer, &stop, &seen).map_err(|error| format!("viewer {number}: {error}"))
            })
        };
        let threads = viewers.into_iter().enumerate().map(watch).collect();
        Self { stop, seen, threads }
    }

    /// The 99th percentile of the ages of the pictures that came between two moments, and how many
    /// those were.
    pub(crate) fn p99(&self, windows: &[(Instant, Instant)]) -> (Duration, usize) {
        let within = |at: &Instant| windows.iter().any(|(from, to)| from <= at && at <= to);
        let seen = self.seen.lock().unwrap();
        let mut ages: Vec<_> =
            seen.iter().filter(|(at, _)| within(at)).map(|(_, age)| *age).collect();
        ages.sort_unstable();
        let place = (ages.len() * 99).div_ceil(100).saturating_sub(1);
        (ages.get(place).copied().unwrap_or_default(), ages.len())
    }

    /// Whether all are still there; what happened to the first that is not.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.threads.iter().position(JoinHandle::is_finished) {
            None => Ok(()),
            Some(place) => Err(match self.threads.remove(place).join() {
                Ok(outcome) => format!("{outcome:?}"),
                Err(_) => "a viewer's thread failed".to_owned(),
            }),
        }
    }

    /// Ends the show: how many pictures the one with the fewest has seen.
    pub(crate) fn leave(self) -> Result<u64, String> {
        self.stop.store(true, SeqCst);
        let mut fewest = u64::MAX;
        for thread in self.threads {
            fewest = fewest.min(thread.join().map_err(|_| "a viewer's thread failed")??);
        }
        Ok(fewest)
    }
}

/// Each picture has the number behind that of the one before, and no packet is missing.
fn watch(
    mut viewer: RtspClient,
    stop: &AtomicBool,
    seen: &Mutex<Vec<(Instant, Duration)>>,
) -> Result<u64, String> {
    let (mut packets, mut last, mut pictures) = (Continuity::default(), None, 0);
    while !stop.load(SeqCst) {
        let frame = viewer.read_frame(SOON).map_err(|error| error.to_string())?;
        let Some(frame) = frame else { return Err("the relay closed its connection".into()) };
        if frame.channel != 0 {
            continue;
        }
        packets.push(&frame.payload)?;
        if packets.gaps > 0 {
            return Err(format!("a packet is missing after {pictures} pictures"));
        }
        let Some(stamp) = Stamp::find(&frame.payload) else { continue };
        if last.is_some_and(|last| stamp.count != last + 1) {
            return Err(format!("picture {} after {last:?}", stamp.count));
        }
        last = Some(stamp.count);
        pictures += 1;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let age = now.saturating_sub(Duration::from_nanos(stamp.sent_ns));
        seen.lock().unwrap().push((Instant::now(), age));
    }
    Ok(pictures)
}
