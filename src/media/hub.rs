//! Where one publisher meets its viewers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::MAX_TRACKS;
use super::batch::{Batch, Kind};
use super::burst::{Item, sets_before, squeeze};
use super::gate::bit;
use super::gop::Gop;
use super::rate::Rate;
use super::subscriber::{Outbox, Outlet, Subscriber, Viewer};
use super::thinner::Thinner;
use crate::net::Waker;

/// Viewers whose state is fetched from memory at once.
const WARMED: usize = 8;

/// A cache of less is not worth having.
const SMALLEST_CACHE: usize = 64 * 1024;

/// The viewers of one stream and what they need to begin with.
///
/// One thread at a time publishes. Viewers join and leave from their own threads. Joining and
/// publishing exclude each other, so a viewer gets each batch exactly once: in its burst or live.
#[derive(Default)]
pub struct Hub {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    viewers: Arc<Vec<Arc<dyn Viewer>>>,
    tracks: Vec<Track>,
    /// Bytes that all cached groups together may take.
    gop_limit: usize,
    /// The same while memory is short.
    gop_cap: Option<usize>,
    thinner: Option<Thinner>,
    /// Of what goes on to viewers.
    rate: Rate,
    /// Who wants to know that somebody joined.
    attendant: Option<Arc<Waker>>,
}

#[derive(Default)]
struct Track {
    gop: Gop,
    /// The latest sender report.
    report: Option<Arc<Batch>>,
    /// RTP payloads that a decoder needs before the first key frame.
    parameter_sets: Vec<Vec<u8>>,
}

/// What is cached of one track.
#[derive(Debug)]
pub struct Recent {
    /// The group so far, squeezed toward the live edge; of a track that is no video the last packet.
    pub pictures: Vec<Item>,
    /// RTP payloads that a decoder needs before the group, unless it has its own.
    pub parameter_sets: Vec<Vec<u8>>,
    /// The latest sender report.
    pub report: Option<Arc<Batch>>,
}

/// The first packet that a joining viewer will get of a track, for RTP-Info.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstPacket {
    /// Its sequence number.
    pub sequence: u16,
    /// The number after the packet before it, see [`Batch::preceding`].
    pub preceding: u16,
    /// Its timestamp.
    pub timestamp: u32,
}

impl Hub {
    /// A hub without viewers.
    pub fn new() -> Self {
        Self::default()
    }

    /// A hub that leaves out pictures above so many kilobits per second.
    pub fn limited(max_bandwidth_kbps: Option<u32>) -> Self {
        let thinner = max_bandwidth_kbps.map(Thinner::new);
        Self { inner: Mutex::new(Inner { thinner, ..Inner::default() }) }
    }

    /// Another limit from now on. What was left out so far stays closed up, so the viewers' numbers
    /// go on.
    pub fn change_limit(&self, max_bandwidth_kbps: Option<u32>) {
        let mut inner = self.lock();
        match (&mut inner.thinner, max_bandwidth_kbps) {
            (Some(thinner), kbps) => thinner.change(kbps.unwrap_or(u32::MAX)),
            (None, Some(kbps)) => inner.thinner = Some(Thinner::new(kbps)),
            (None, None) => {}
        }
    }

    /// Another bound of what is cached; it is kept from the next picture on.
    pub fn change_gop_limit(&self, bytes: usize) {
        self.lock().gop_limit = bytes;
    }

    /// Begins with a presentation of so many tracks: what was cached of another is forgotten.
    pub fn reset(&self, tracks: usize, gop_limit: usize) {
        let mut inner = self.lock();
        inner.gop_limit = gop_limit;
        if let Some(thinner) = &mut inner.thinner {
            thinner.reset();
        }
        let fresh = (0..tracks).map(|_| Track::default()).collect();
        let old = std::mem::replace(&mut inner.tracks, fresh);
        drop(inner);
        drop(old);
    }

    /// The parameter sets of a track, as RTP payloads; they go in front of a burst that lacks
    /// its own.
    pub fn set_parameter_sets(&self, track: u8, payloads: Vec<Vec<u8>>) {
        if let Some(track) = self.lock().tracks.get_mut(usize::from(track)) {
            track.parameter_sets = payloads;
        }
    }

    /// Gives a batch to every viewer, unless the stream's limit has it left out.
    pub fn publish(&self, batch: impl Into<Arc<Batch>>) {
        let mut batch = batch.into();
        let mut inner = self.lock();
        if let Some(thinner) = &mut inner.thinner {
            let Some(passed) = thinner.admit(batch) else { return };
            batch = passed;
        }
        inner.rate.add(batch.arrived, batch.wire.len());
        let old = inner.cache(&batch);
        let sets = inner.sets_for(&batch);
        let viewers = Arc::clone(&inner.viewers);
        drop(inner);
        for group in viewers.chunks(WARMED) {
            // What a viewer needs has been pushed out of the processor's caches by the pictures
            // written since its last turn. Asked for together, it comes at the price of one.
            let pending = group.iter().filter(|viewer| viewer.is_pending()).count();
            std::hint::black_box(pending);
            for viewer in group {
                viewer.offer(&batch, sets.as_ref());
            }
        }
        drop(old);
    }

    /// Adds a viewer of the tracks for which `wants` is true. With `instant` it gets the cached
    /// group of pictures first. The caller holds the viewer's outbox, and so decides what goes out
    /// before. Tells the first packet of each track, where it is known already.
    pub fn join<O: Outlet + 'static>(
        &self,
        viewer: &Arc<Subscriber<O>>,
        outbox: &mut Outbox<O>,
        instant: bool,
        wants: impl Fn(u8) -> bool,
    ) -> Vec<Option<FirstPacket>> {
        let wanted = (0..MAX_TRACKS as u8).filter(|&track| wants(track));
        let offered = wanted.fold(0, |tracks, track| tracks | bit(track));
        self.join_offered(viewer, outbox, instant, wants, offered)
    }

    /// Like [`Hub::join`], for a viewer that is offered all tracks from then on, and takes what it
    /// wants by then.
    pub fn join_all<O: Outlet + 'static>(
        &self,
        viewer: &Arc<Subscriber<O>>,
        outbox: &mut Outbox<O>,
        instant: bool,
        wants: impl Fn(u8) -> bool,
    ) -> Vec<Option<FirstPacket>> {
        self.join_offered(viewer, outbox, instant, wants, u16::MAX)
    }

    fn join_offered<O: Outlet + 'static>(
        &self,
        viewer: &Arc<Subscriber<O>>,
        outbox: &mut Outbox<O>,
        instant: bool,
        wants: impl Fn(u8) -> bool,
        offered: u16,
    ) -> Vec<Option<FirstPacket>> {
        let mut inner = self.lock();
        let now = inner.edge();
        let mut burst: Vec<Item> = Vec::new();
        let mut first = Vec::new();
        for (track, index) in inner.tracks.iter().zip(0..) {
            let items = match wants(index) && instant {
                true => squeeze(&track.gop, &track.parameter_sets, now),
                false => Vec::new(),
            };
            first.push(items.first().map(|item| FirstPacket {
                sequence: item.batch.first_sequence,
                preceding: item.batch.preceding,
                timestamp: item.timestamp.unwrap_or(item.batch.timestamp),
            }));
            let report = track.report.iter().filter(|_| wants(index)).cloned().map(Item::live);
            burst.extend(report.chain(items));
        }
        viewer.activate(outbox, burst, offered);
        let mut viewers = Vec::clone(&inner.viewers);
        viewers.retain(|known| known.id() != viewer_id(viewer));
        viewers.push(Arc::clone(viewer) as Arc<dyn Viewer>);
        inner.viewers = Arc::new(viewers);
        if let Some(attendant) = &inner.attendant {
            attendant.wake();
        }
        first
    }

    /// Adds a viewer that begins anywhere and sees all tracks. Gives what is cached of each.
    pub fn attach(&self, viewer: Arc<dyn Viewer>) -> Vec<Recent> {
        let mut inner = self.lock();
        let now = inner.edge();
        let recent = |track: &Track| Recent {
            pictures: squeeze(&track.gop, &[], now),
            parameter_sets: track.parameter_sets.clone(),
            report: track.report.clone(),
        };
        let recent = inner.tracks.iter().map(recent).collect();
        let mut viewers = Vec::clone(&inner.viewers);
        viewers.push(viewer);
        inner.viewers = Arc::new(viewers);
        if let Some(attendant) = &inner.attendant {
            attendant.wake();
        }
        recent
    }

    /// Removes a viewer by its id; something may be on its way to it still.
    pub fn detach(&self, id: u64) {
        let mut inner = self.lock();
        let rest = inner.viewers.iter().filter(|known| known.id() != id);
        inner.viewers = Arc::new(rest.cloned().collect());
    }

    /// Who is woken from now on when a viewer joins.
    pub fn attend(&self, attendant: Option<Arc<Waker>>) {
        self.lock().attendant = attendant;
    }

    /// Removes a viewer; when this returns, nothing is offered to it any more.
    pub fn leave<O: Outlet + 'static>(&self, viewer: &Subscriber<O>) {
        let mut inner = self.lock();
        if inner.viewers.iter().any(|known| known.id() == viewer.id()) {
            let rest = inner.viewers.iter().filter(|known| known.id() != viewer.id());
            inner.viewers = Arc::new(rest.cloned().collect());
        }
        drop(inner);
        viewer.deactivate();
    }

    /// Tells all viewers that nothing more will come, and removes them.
    pub fn end(&self, reason: &Arc<str>) {
        let viewers = std::mem::take(&mut self.lock().viewers);
        for viewer in viewers.iter() {
            viewer.end(reason);
        }
    }

    /// The SSRC of a track, once something of it is cached.
    pub fn ssrc(&self, track: u8) -> Option<u32> {
        self.lock().tracks.get(usize::from(track))?.gop.batches().first()?.ssrc()
    }

    /// Lets the cached groups have half of what they take now: memory is short. Without them
    /// viewers begin with the next key frame.
    pub fn shrink_cache(&self) {
        let mut inner = self.lock();
        let cached = inner.cached_bytes();
        let half = inner.gop_cap.unwrap_or(cached).min(cached) / 2;
        let half = Some(half).filter(|&half| half >= SMALLEST_CACHE).unwrap_or(0);
        inner.gop_cap = Some(half);
        if cached <= half {
            return;
        }
        let old: Vec<_> = inner.tracks.iter_mut().map(|track| track.gop.clear()).collect();
        drop(inner);
        drop(old);
    }

    /// Memory is no longer short.
    pub fn restore_cache(&self) {
        self.lock().gop_cap = None;
    }

    /// When the oldest of what is cached came; `None` when nothing is.
    pub fn cached_since(&self) -> Option<Instant> {
        let inner = self.lock();
        let first = |track: &Track| track.gop.batches().first().map(|batch| batch.arrived);
        inner.tracks.iter().filter_map(first).min()
    }

    /// Bytes of the cached groups.
    pub fn cached_bytes(&self) -> usize {
        self.lock().cached_bytes()
    }

    /// Bytes that are held for each viewer for whom some are, with its id.
    pub fn held_bytes(&self) -> Vec<(usize, u64)> {
        let viewers = Arc::clone(&self.lock().viewers);
        let held = viewers.iter().map(|viewer| (viewer.held_bytes(), viewer.id()));
        held.filter(|&(bytes, _)| bytes > 0).collect()
    }

    /// Ends one viewer, and tells it why.
    pub fn end_one(&self, id: u64, reason: &Arc<str>) {
        let viewers = Arc::clone(&self.lock().viewers);
        if let Some(viewer) = viewers.iter().find(|viewer| viewer.id() == id) {
            viewer.end(reason);
        }
    }

    /// Bits per second that go to each viewer, and if that is unknown as yet, when it will be.
    pub fn bits_per_second(&self) -> Result<u64, Option<Instant>> {
        let inner = self.lock();
        inner.rate.bits_per_second().ok_or_else(|| inner.rate.known_at())
    }

    /// Pictures that the stream's limit has had left out.
    pub fn thinned(&self) -> u64 {
        self.lock().thinner.as_ref().map_or(0, Thinner::thinned)
    }

    /// How many are joined who watch.
    pub fn viewers(&self) -> usize {
        self.lock().viewers.iter().filter(|viewer| viewer.watches()).count()
    }

    /// Forgets what is cached: it is too old to begin with.
    pub fn forget(&self) {
        let mut inner = self.lock();
        inner.rate.interrupt();
        let old: Vec<_> =
            inner.tracks.iter_mut().map(|track| (track.gop.clear(), track.report.take())).collect();
        drop(inner);
        drop(old);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn viewer_id<O: Outlet>(viewer: &Subscriber<O>) -> u64 {
    Viewer::id(viewer)
}

impl Inner {
    /// The moment toward which a joining viewer's pictures are shifted, if nothing has to go with them.
    fn edge(&self) -> Option<Instant> {
        (self.tracks.len() == 1).then(Instant::now)
    }

    fn cached_bytes(&self) -> usize {
        self.tracks.iter().map(|track| track.gop.bytes()).sum()
    }

    /// The parameter sets for viewers who begin with this batch, if it does not hold its own.
    fn sets_for(&self, batch: &Arc<Batch>) -> Option<Arc<Batch>> {
        let track = self.tracks.get(usize::from(batch.track))?;
        let lacking = batch.kind == Kind::RandomAccess && !batch.parameter_sets;
        let payloads = Some(&track.parameter_sets).filter(|sets| lacking && !sets.is_empty())?;
        Some(Arc::new(sets_before(batch, payloads)))
    }

    fn cache(&mut self, batch: &Arc<Batch>) -> Vec<Arc<Batch>> {
        let others: usize = self
            .tracks
            .iter()
            .zip(0..)
            .filter(|&(_, index)| index != batch.track)
            .map(|(track, _)| track.gop.bytes())
            .sum();
        let limit = self.gop_cap.map_or(self.gop_limit, |cap| cap.min(self.gop_limit));
        let limit = limit.saturating_sub(others);
        match self.tracks.get_mut(usize::from(batch.track)) {
            None => Vec::new(),
            Some(track) if batch.kind == Kind::Control => {
                track.report.replace(Arc::clone(batch)).into_iter().collect()
            }
            Some(track) => track.gop.push(batch, limit),
        }
    }
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("viewers", &self.viewers()).finish_non_exhaustive()
    }
}
