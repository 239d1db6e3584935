//! What the viewers of one stream see: its camera, another stream in its place, or the last
//! picture, standing still.
//!
//! A viewer sees one program: one SSRC for each track, consecutive sequence numbers, timestamps
//! that advance with the clock on the wall. Sources have numbers of their own and come on the air
//! at a key frame, with their parameter sets in front; from there on their numbers are shifted by
//! what the cut requires. A camera that was never interrupted begins at the program's numbers, so
//! its batches pass as they are.
//!
//! Several threads publish: the camera's, the fallback's, and the one that stands in. The lock of
//! the desk is the right to publish, held while viewers are written to, which never blocks. A
//! source that is not on the air is refused before anything is copied.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::batch::{Batch, Kind};
use super::burst::Item;
use super::gate::PATIENCE;
use super::hub::{Hub, Recent};
pub use super::lane::Start;
use super::lane::{Lane, payloads};
use super::presentation::Presentation;

/// The picture that stands still is shown again so often: players take a silent stream for dead,
/// and a viewer over UDP may have missed it.
pub const REPEAT: Duration = Duration::from_secs(1);
/// A camera that is back must have worked for this long before it replaces its fallback: one that
/// comes and goes shall not make the picture jump.
pub const RETURN_AFTER: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Program {
    hub: Arc<Hub>,
    /// Bound of the cached groups of pictures, in bytes.
    gop_limit: AtomicUsize,
    desk: Mutex<Desk>,
}

/// What a source's tracks mean for the viewers.
#[derive(Debug)]
pub enum Begun {
    /// They go on.
    Continues,
    /// There was nothing they could have been told.
    Fresh,
    /// They cannot be shown this: why.
    Breaks(Arc<str>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OnAir {
    Nobody,
    Camera,
    Fallback,
}

#[derive(Debug)]
struct Desk {
    /// The tracks that viewers were told of.
    told: Option<Presentation>,
    lanes: Vec<Lane>,
    on_air: OnAir,
    /// Viewers have a picture, and the next source must begin with a key frame.
    waits_for_key: bool,
    camera: Source,
    fallback: Source,
    /// The parameter sets of each lane's last picture.
    sets: Vec<Vec<Vec<u8>>>,
}

#[derive(Debug, Default)]
struct Source {
    /// For each of its tracks the lane it feeds.
    lanes: Vec<Option<u8>>,
    /// For each lane the RTP payloads of the parameter sets that are known apart from the pictures.
    sets: Vec<Vec<Vec<u8>>>,
    /// For each lane a sender report that is about what has not been shown yet.
    reports: Vec<Option<Batch>>,
    /// Since when it has been sending.
    since: Option<Instant>,
}

impl Source {
    fn new(lanes: Vec<Option<u8>>, count: usize) -> Self {
        let reports = (0..count).map(|_| None).collect();
        Self { lanes, sets: vec![Vec::new(); count], reports, since: None }
    }
}

impl Program {
    /// Nothing so far, for the viewers of `hub`.
    pub fn new(hub: Arc<Hub>, gop_limit: usize) -> Self {
        let desk = Desk {
            told: None,
            lanes: Vec::new(),
            on_air: OnAir::Nobody,
            waits_for_key: false,
            camera: Source::default(),
            fallback: Source::default(),
            sets: Vec::new(),
        };
        Self { hub, gop_limit: gop_limit.into(), desk: Mutex::new(desk) }
    }

    /// Another bound of the cached groups of pictures.
    pub fn change_gop_limit(&self, bytes: usize) {
        self.gop_limit.store(bytes, Relaxed);
        self.hub.change_gop_limit(bytes);
    }

    /// Begins anew, for clients who may have been told of these tracks.
    pub fn reset(&self, told: Option<&Presentation>) {
        let mut desk = self.desk();
        desk.tell(told.cloned());
        self.hub.reset(desk.lanes.len(), self.gop_limit.load(Relaxed));
    }

    /// A camera described its tracks.
    pub fn camera_begins(&self, presentation: &Presentation) -> Begun {
        let mut desk = self.desk();
        let begun = match &desk.told {
            None => Begun::Fresh,
            Some(told) if told.is_compatible(presentation) => Begun::Continues,
            Some(told) => Begun::Breaks(match presentation.lanes_of(told) {
                Err(reason) => format!("the camera has changed: {reason}").into(),
                Ok(_) => "the camera has other tracks than before".into(),
            }),
        };
        if !matches!(begun, Begun::Continues) {
            desk.tell(Some(presentation.clone()));
            self.hub.reset(desk.lanes.len(), self.gop_limit.load(Relaxed));
        }
        let lanes = (0..presentation.tracks.len() as u8).map(Some).collect();
        desk.camera = Source::new(lanes, desk.lanes.len());
        begun
    }

    /// Another stream is to be shown in the camera's place. Gives its tracks when clients are to be
    /// told of them, because there were none yet.
    ///
    /// # Errors
    /// Why it cannot be shown to those who watch.
    pub fn fallback_begins(
        &self,
        presentation: &Presentation,
    ) -> Result<Option<Presentation>, String> {
        let mut desk = self.desk();
        let mut tell = None;
        if desk.told.is_none() {
            tell = Some(presentation.clone());
            desk.tell(tell.clone());
            self.hub.reset(desk.lanes.len(), self.gop_limit.load(Relaxed));
        }
        let told = desk.told.as_ref().unwrap_or(presentation);
        let lanes = presentation.lanes_of(told)?;
        desk.fallback = Source::new(lanes, desk.lanes.len());
        Ok(tell)
    }

    /// Where the timelines of the camera's tracks begin.
    pub fn starts(&self, now: Instant) -> Vec<Start> {
        self.desk().lanes.iter().map(|lane| lane.start(now)).collect()
    }

    /// The parameter sets of one of the camera's tracks, as RTP payloads.
    pub fn camera_sets(&self, track: u8, sets: Vec<Vec<u8>>) {
        let mut desk = self.desk();
        if desk.on_air == OnAir::Camera || desk.on_air == OnAir::Nobody && !desk.waits_for_key {
            desk.use_sets(&self.hub, track, &sets);
        }
        if let Some(known) = desk.camera.sets.get_mut(usize::from(track)) {
            *known = sets;
        }
    }

    /// A batch of the camera. `true` when the camera comes on the air with it.
    pub fn camera(&self, batch: Batch) -> bool {
        self.desk().take(&self.hub, OnAir::Camera, batch)
    }

    /// A batch of the fallback, `sets` in front of it for those who have not seen any. `true` when
    /// the fallback comes on the air with it.
    pub fn fallback(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>) -> bool {
        let sets = sets.map(payloads).unwrap_or_default();
        self.desk().take_copy(&self.hub, &Item::live(Arc::clone(batch)), &sets)
    }

    /// Sees to it that `attach` is the first to feed the fallback, and feeds what is cached of it.
    /// `true` when the fallback comes on the air with that.
    pub fn fallback_joins(&self, attach: impl FnOnce() -> Vec<Recent>) -> bool {
        // Whoever publishes the fallback waits for the desk until the group so far is through.
        let mut desk = self.desk();
        let mut on_air = false;
        for recent in attach() {
            if let Some(report) = recent.report {
                desk.take_copy(&self.hub, &Item::live(report), &[]);
            }
            for item in &recent.pictures {
                on_air |= desk.take_copy(&self.hub, item, &recent.parameter_sets);
            }
        }
        on_air
    }

    /// The camera is gone. With `stay` viewers go on; else what they would begin with is forgotten.
    pub fn camera_lost(&self, stay: bool) {
        let mut desk = self.desk();
        desk.camera.since = None;
        if desk.on_air == OnAir::Camera {
            desk.off_air();
        }
        desk.waits_for_key = stay && desk.lanes.iter().any(|lane| lane.last_at().is_some());
        if !stay {
            self.hub.forget();
            desk.lanes.iter_mut().for_each(|lane| lane.held = Default::default());
        }
    }

    /// The fallback is gone.
    pub fn fallback_lost(&self) {
        let mut desk = self.desk();
        desk.fallback = Source::default();
        if desk.on_air == OnAir::Fallback {
            desk.off_air();
        }
    }

    /// Whether the fallback is what viewers see.
    pub fn shows_fallback(&self) -> bool {
        self.desk().on_air == OnAir::Fallback
    }

    /// Whether there is a picture that can stand still.
    pub fn has_picture(&self) -> bool {
        self.desk().lanes.iter().any(|lane| !lane.held.is_empty())
    }

    /// Shows the last key frame again if that is due. Tells when it will be due again; `None` when
    /// there is no need: nobody watches, there is no picture, or something is on the air.
    pub fn repeat(&self, now: Instant) -> Option<Instant> {
        let mut desk = self.desk();
        let watched = desk.on_air == OnAir::Nobody && self.hub.viewers() > 0;
        let shown = desk.lanes.iter().filter(|lane| watched && !lane.held.is_empty());
        let due = shown.filter_map(Lane::last_at).max()? + REPEAT;
        if now < due {
            return Some(due);
        }
        let Desk { lanes, sets, .. } = &mut *desk;
        for (lane, sets) in lanes.iter_mut().zip(sets) {
            for batch in lane.again(sets, now) {
                lane.went_out(&batch);
                self.hub.publish(batch);
            }
        }
        Some(now + REPEAT)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn tell(&mut self, told: Option<Presentation>) {
        self.lanes = told.iter().flat_map(|told| &told.tracks).map(Lane::new).collect();
        self.sets = vec![Vec::new(); self.lanes.len()];
        self.told = told;
        self.on_air = OnAir::Nobody;
        self.waits_for_key = false;
        self.camera = Source::default();
        self.fallback = Source::default();
    }

    fn off_air(&mut self) {
        self.on_air = OnAir::Nobody;
        self.waits_for_key = true;
        for lane in &mut self.lanes {
            lane.cut();
            lane.held.finish();
        }
    }

    /// These parameter sets are those of what viewers see.
    fn use_sets(&mut self, hub: &Hub, lane: u8, sets: &[Vec<u8>]) {
        hub.set_parameter_sets(lane, sets.to_vec());
        if let Some(own) = self.sets.get_mut(usize::from(lane)) {
            *own = sets.to_vec();
        }
    }

    fn source(&mut self, from: OnAir) -> &mut Source {
        if from == OnAir::Fallback { &mut self.fallback } else { &mut self.camera }
    }

    /// Takes a batch that is shared with the fallback's own viewers; copied only if it is shown.
    fn take_copy(&mut self, hub: &Hub, item: &Item, sets: &[Vec<u8>]) -> bool {
        let batch = &item.batch;
        let source = &mut self.fallback;
        let Some(&Some(lane)) = source.lanes.get(usize::from(batch.track)) else { return false };
        let known = source.sets.get_mut(usize::from(lane));
        if let Some(known) = known.filter(|k| batch.kind == Kind::RandomAccess && *k != sets) {
            *known = sets.to_vec();
            if self.on_air == OnAir::Fallback {
                self.use_sets(hub, lane, sets);
            }
        }
        let source = &mut self.fallback;
        source.since.get_or_insert(batch.arrived);
        let is_shown = self.on_air == OnAir::Fallback || batch.kind == Kind::Control;
        if !is_shown && !self.may_cut(OnAir::Fallback, lane, batch) {
            return false;
        }
        let mut copy = batch.again(batch.arrived);
        if let Some(timestamp) = item.timestamp {
            copy.renumber(copy.first_sequence, timestamp);
        }
        self.take(hub, OnAir::Fallback, copy)
    }

    fn take(&mut self, hub: &Hub, from: OnAir, batch: Batch) -> bool {
        let source = self.source(from);
        source.since.get_or_insert(batch.arrived);
        let lane = source.lanes.get(usize::from(batch.track)).copied().flatten();
        let Some(lane) = lane else { return false };
        if batch.kind == Kind::Control {
            self.report(hub, from, lane, batch);
            return false;
        }
        let cuts = self.on_air != from;
        if cuts {
            if !self.may_cut(from, lane, &batch) {
                return false;
            }
            self.on_air = from;
            self.waits_for_key |= from == OnAir::Fallback;
            self.lanes.iter_mut().for_each(Lane::cut);
            for (sets, lane) in self.source(from).sets.clone().iter().zip(0..) {
                self.use_sets(hub, lane, sets);
            }
        }
        self.pass(hub, from, lane, batch);
        cuts
    }

    /// Whether a source may come on the air with this batch.
    fn may_cut(&self, from: OnAir, track: u8, batch: &Batch) -> bool {
        if self.lanes.iter().any(Lane::is_unfinished) {
            return false;
        }
        let is_camera = from == OnAir::Camera;
        let source = if is_camera { &self.camera } else { &self.fallback };
        let age = source.since.map(|since| batch.arrived.saturating_duration_since(since));
        let age = age.unwrap_or_default();
        let wins = match self.on_air {
            OnAir::Nobody => true,
            OnAir::Camera => false,
            OnAir::Fallback => is_camera && age >= RETURN_AFTER,
        };
        if is_camera && !self.waits_for_key {
            return wins;
        }
        let video = |lane: u8| self.lanes.get(usize::from(lane)).is_some_and(|lane| lane.video);
        let leads = video(track) || !source.lanes.iter().flatten().any(|&lane| video(lane));
        wins && leads && begins(batch, age)
    }

    /// Gives a sender report to the viewers, or keeps it until they see what it is about.
    fn report(&mut self, hub: &Hub, from: OnAir, track: u8, mut report: Batch) {
        let lane = self.lanes.get(usize::from(track)).filter(|lane| lane.is_spliced());
        if let Some(lane) = lane.filter(|_| self.on_air == from) {
            lane.place_report(&mut report, track);
            hub.publish(report);
        } else if let Some(kept) = self.source(from).reports.get_mut(usize::from(track)) {
            *kept = Some(report);
        }
    }

    /// Gives a batch of what is on the air to the viewers.
    fn pass(&mut self, hub: &Hub, from: OnAir, track: u8, mut batch: Batch) {
        let waits = self.waits_for_key || from == OnAir::Fallback;
        let since = self.source(from).since;
        let foreign = from == OnAir::Fallback;
        let Some(lane) = self.lanes.get_mut(usize::from(track)) else { return };
        if lane.is_spliced() {
            if !lane.follow_cut(&mut batch) {
                return;
            }
            lane.place(&mut batch, track);
        } else {
            let age = since.map(|since| batch.arrived.saturating_duration_since(since));
            if lane.video && waits && !begins(&batch, age.unwrap_or_default()) {
                return;
            }
            let source = if foreign { &mut self.fallback } else { &mut self.camera };
            let report = source.reports.get_mut(usize::from(track)).and_then(Option::take);
            let known = self.sets.get(usize::from(track)).map(Vec::as_slice).unwrap_or_default();
            let sets = if waits && !batch.parameter_sets { known } else { &[] };
            let sets = lane.splice(&mut batch, track, sets, foreign, waits && lane.video);
            // A player shall not have to guess how this belongs together with the other tracks.
            if let Some(mut report) = report {
                lane.place_report(&mut report, track);
                hub.publish(report);
            }
            if let Some(sets) = sets {
                hub.publish(sets);
            }
        }
        lane.went_out(&batch);
        let batch = Arc::new(batch);
        if lane.video {
            lane.held.note(&batch);
        }
        hub.publish(batch);
    }
}

/// Whether a decoder that has seen other pictures can begin here. A source that has shown no
/// random access point for long has none.
fn begins(batch: &Batch, age: Duration) -> bool {
    match batch.kind {
        Kind::RandomAccess => true,
        Kind::Media => batch.unit_start,
        Kind::Control => false,
        _ => batch.unit_start && age > PATIENCE,
    }
}

#[cfg(test)]
pub(crate) mod tests;
