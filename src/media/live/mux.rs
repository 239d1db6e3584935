//! A stream's pictures and sound as fragments, for all viewers that want them so.
//!
//! A mux is one more viewer of its stream's hub: whoever publishes there publishes here as well, in
//! the same breath, as with a fallback. Between the two there is no thread and no wake-up. What it
//! publishes in its own hub are batches like any other, with a fragment as their bytes instead of
//! packets, so its viewers are served by the same queues, gates and bursts.
//!
//! The initialization segment takes the place of a sender report: [`Kind::Control`] goes to every
//! viewer, is never thrown away, and the latest is what a joining viewer gets first. Joining and
//! muxing exclude each other, so nobody gets the segment of one group and the pictures of another.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::codec::Codec;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::RtpPacket;
use rtsp_proto::sdp::MediaKind;

use super::clock::Epoch;
use super::message::{Opcode, append_header, message};
use super::picture::{Picture, Video};
use super::sound::Sound;
use crate::media::batch::{Batch, Kind, PREFIX};
use crate::media::hub::{Hub, Recent};
use crate::media::mp4::fragment::{HEAD, Role, Sample};
use crate::media::mp4::{SampleEntry, TrackInit, append_fragment, init_segment};
use crate::media::subscriber::{Outbox, Outlet, Subscriber, Viewer};
use crate::media::{MAX_TRACKS, Presentation};

/// Muxes are viewers: those of clients count from 1, links to fallbacks from `1 << 62`.
const FIRST_ID: u64 = 1 << 61;
/// Fragments are numbered in steps. VLC takes a fragment's time from it only where a number is
/// missing, and else from the durations so far: it would begin with sound and picture apart.
const NUMBER_STEP: u32 = 2;
/// The timeline begins so much before the oldest picture: a sender report may put it earlier.
const LEAD: Duration = Duration::from_secs(10);

/// See the module.
#[derive(Debug)]
pub struct Mux {
    id: u64,
    /// Where its viewers are.
    hub: Hub,
    inner: Mutex<Inner>,
    ended: AtomicBool,
    left_out: Vec<String>,
    has_video: bool,
}

#[derive(Debug)]
struct Inner {
    video: Option<Video>,
    sound: Option<Sound>,
    left_out: Vec<String>,
    /// The initialization segment that viewers have.
    init: Option<Vec<TrackInit>>,
    /// Of the last fragment.
    number: u32,
}

impl Mux {
    /// For a stream of these tracks that begins, or was begun, at `begin`; `now` is the same as
    /// `wall` since 1970. At most one video and one sound track are taken.
    ///
    /// # Errors
    /// Why nothing of it can be played, in words.
    pub fn new(
        presentation: &Presentation,
        gop_limit: usize,
        begin: Instant,
        now: Instant,
        wall: Duration,
    ) -> Result<Self, String> {
        let begin = begin.checked_sub(LEAD).unwrap_or(begin);
        let epoch = Epoch::new(begin, now, wall);
        let (mut video, mut sound) = (None, None);
        let mut left_out = Vec::new();
        for (track, index) in presentation.tracks.iter().zip(0..) {
            if !track.offered {
                continue;
            }
            let taken = match &track.kind {
                MediaKind::Video if video.is_some() => Err("only one picture is shown".to_owned()),
                MediaKind::Video if track.codec != Codec::Other => {
                    video = Some(Video::new(track, index, epoch));
                    Ok(())
                }
                MediaKind::Audio if sound.is_some() => Err("only one sound is played".to_owned()),
                MediaKind::Audio => {
                    Sound::new(track, index, epoch).map(|found| sound = Some(found))
                }
                MediaKind::Video => Err("browsers cannot play it".to_owned()),
                _ => continue,
            };
            if let Err(reason) = taken {
                let encoding = match track.encoding.as_str() {
                    "" => format!("of payload type {}", track.payload_type),
                    name => name.to_owned(),
                };
                left_out.push(format!("{} {encoding}: {reason}", track.kind.as_str()));
            }
        }
        if video.is_none() && sound.is_none() {
            return Err(match left_out.as_slice() {
                [] => "the stream has neither video nor audio".to_owned(),
                reasons => format!("nothing of the stream can be shown: {}", reasons.join(", ")),
            });
        }
        let tracks = usize::from(video.is_some()) + usize::from(sound.is_some());
        let hub = Hub::new();
        hub.reset(tracks, gop_limit);
        static NEXT_ID: AtomicU64 = AtomicU64::new(FIRST_ID);
        let has_video = video.is_some();
        let told = left_out.clone();
        Ok(Self {
            id: NEXT_ID.fetch_add(1, SeqCst),
            hub,
            inner: Mutex::new(Inner { video, sound, left_out, init: None, number: 0 }),
            ended: AtomicBool::new(false),
            left_out: told,
            has_video,
        })
    }

    /// Begins: `attach` adds it to its stream's hub and gives what is cached there.
    pub(super) fn begin(&self, attach: impl FnOnce() -> Vec<Recent>) {
        // Whoever publishes waits until the group so far is through.
        let mut inner = self.lock();
        let recent = attach();
        for (track, index) in recent.iter().zip(0..) {
            if let Some(report) = &track.report {
                inner.report(report);
            }
            if let Some(video) = inner.video.as_mut().filter(|video| video.track == index) {
                video.learn(track.parameter_sets.iter().map(Vec::as_slice));
            }
        }
        for item in recent.iter().flat_map(|track| &track.pictures) {
            inner.take(&self.hub, &item.batch);
        }
    }

    /// Where its viewers are.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Tracks of the stream that are not in it, each with the reason.
    pub fn left_out(&self) -> &[String] {
        &self.left_out
    }

    /// Whether there is a picture.
    pub fn has_video(&self) -> bool {
        self.has_video
    }

    /// Whether the stream has ended.
    pub fn is_over(&self) -> bool {
        self.ended.load(SeqCst)
    }

    /// Adds a viewer, as [`Hub::join`] does.
    pub fn join<O: Outlet + 'static>(
        &self,
        viewer: &Arc<Subscriber<O>>,
        outbox: &mut Outbox<O>,
        instant: bool,
    ) {
        let _muxing = self.lock();
        self.hub.join(viewer, outbox, instant, |_| true);
    }

    /// Removes a viewer, as [`Hub::leave`] does.
    pub fn leave<O: Outlet + 'static>(&self, viewer: &Subscriber<O>) {
        self.hub.leave(viewer);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Viewer for Mux {
    fn offer(&self, batch: &Arc<Batch>, sets: Option<&Arc<Batch>>) {
        let mut inner = self.lock();
        if let (Some(video), Some(sets)) = (&mut inner.video, sets) {
            let payloads = sets.frames().filter_map(|frame| {
                RtpPacket::parse(frame.get(PREFIX..)?).ok().map(|packet| packet.payload())
            });
            video.learn(payloads);
        }
        inner.take(&self.hub, batch);
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn end(&self, reason: &Arc<str>) {
        self.ended.store(true, SeqCst);
        self.hub.end(reason);
    }

    fn id(&self) -> u64 {
        self.id
    }
}

impl Inner {
    fn take(&mut self, hub: &Hub, batch: &Batch) {
        if batch.kind == Kind::Control {
            return self.report(batch);
        }
        if let Some(video) = self.video.as_mut().filter(|video| video.track == batch.track) {
            for picture in video.take(batch).into_iter().flatten() {
                self.picture(hub, picture);
            }
        } else if let Some(sound) = self.sound.as_mut().filter(|sound| sound.track == batch.track) {
            let Some(frames) = sound.take(batch) else { return };
            if self.video.is_none() {
                self.introduce(hub, batch.arrived);
            }
            if self.init.is_some() {
                let track = u8::from(self.video.is_some());
                let fragment = Fragment {
                    track,
                    kind: Kind::Media,
                    decode_time: frames.decode_time,
                    timestamp: frames.decode_time as u32,
                    arrived: batch.arrived,
                };
                self.publish(hub, &fragment, &frames.samples, &[], &frames.data);
            }
        }
    }

    /// A sender report of a track that is muxed.
    fn report(&mut self, batch: &Batch) {
        let clock = match (&mut self.video, &mut self.sound) {
            (Some(video), _) if video.track == batch.track => &mut video.clock,
            (_, Some(sound)) if sound.track == batch.track => &mut sound.clock,
            _ => return,
        };
        let compound = batch.wire.get(PREFIX..).unwrap_or_default();
        for packet in parse_compound(compound, &mut Oddities::new()) {
            if let RtcpPacket::SenderReport(report) = packet {
                clock.report(report.rtp, report.ntp);
            }
        }
    }

    fn picture(&mut self, hub: &Hub, picture: Picture) {
        let begins = picture.kind == Kind::RandomAccess;
        if begins || self.init.is_none() {
            self.introduce(hub, picture.arrived);
        }
        let Some(video) = self.video.as_mut().filter(|_| self.init.is_some()) else { return };
        if let (Some(own), Some(sounds)) =
            (video.clock.error_s(), self.sound.as_ref().and_then(|sound| sound.clock.error_s()))
        {
            video.clock.follow(own - sounds);
        }
        let shown = video.clock.place(picture.timestamp, picture.arrived);
        let times = video.order.next(shown, begins);
        // What changes in the middle of a group cannot be told by another segment.
        let sets = if begins { &[][..] } else { &picture.sets };
        let role = match picture.kind {
            Kind::RandomAccess => Role::Sync,
            Kind::Disposable => Role::Disposable,
            _ => Role::Reference,
        };
        let size = (sets.len() + picture.data.len()) as u32;
        let sample = Sample { duration: times.duration, size, role, offset: times.offset };
        let fragment = Fragment {
            track: 0,
            kind: picture.kind,
            decode_time: times.decode,
            timestamp: shown as u32,
            arrived: picture.arrived,
        };
        self.publish(hub, &fragment, &[sample], sets, &picture.data);
    }

    /// Gives viewers the initialization segment, if they have none or another one.
    fn introduce(&mut self, hub: &Hub, arrived: Instant) {
        let mut tracks = Vec::new();
        if let Some(video) = &self.video {
            match video.init() {
                Some(init) => tracks.push(init),
                None => return,
            }
        }
        tracks.extend(self.sound.as_ref().map(Sound::init));
        if self.init.as_ref() == Some(&tracks) {
            return;
        }
        let mut wire = message(Opcode::Text, media(&tracks, &self.left_out).as_bytes());
        wire.extend(message(Opcode::Binary, &init_segment(&tracks)));
        self.init = Some(tracks);
        hub.publish(batch(wire, 0, Kind::Control, 0, arrived));
    }

    fn publish(
        &mut self,
        hub: &Hub,
        fragment: &Fragment,
        samples: &[Sample],
        sets: &[u8],
        data: &[u8],
    ) {
        self.number = self.number.wrapping_add(NUMBER_STEP);
        let data_len = sets.len() + data.len();
        let length = HEAD + samples.len().saturating_sub(1) * 16 + 8 + data_len;
        let mut wire = Vec::with_capacity(10 + length);
        append_header(&mut wire, Opcode::Binary, length);
        let id = u32::from(fragment.track) + 1;
        let parts: &[&[u8]] = &[sets, data];
        append_fragment(&mut wire, self.number, id, fragment.decode_time, samples, parts);
        let Fragment { track, kind, timestamp, arrived, .. } = *fragment;
        debug_assert!(usize::from(track) < MAX_TRACKS);
        hub.publish(batch(wire, track, kind, timestamp, arrived));
    }
}

struct Fragment {
    track: u8,
    kind: Kind,
    decode_time: u64,
    timestamp: u32,
    arrived: Instant,
}

fn batch(wire: Vec<u8>, track: u8, kind: Kind, timestamp: u32, arrived: Instant) -> Batch {
    Batch {
        wire: wire.into_boxed_slice(),
        packets: 1,
        track,
        kind,
        video: kind != Kind::Media,
        unit_start: true,
        leading: false,
        // The initialization segment has them.
        parameter_sets: true,
        first_sequence: 0,
        next_sequence: 0,
        preceding: 0,
        timestamp,
        arrived,
    }
}

/// What a page is told before the initialization segment.
fn media(tracks: &[TrackInit], left_out: &[String]) -> String {
    let codecs: Vec<_> = tracks.iter().map(|track| track.entry.codec()).collect();
    let picture = tracks.iter().find_map(|track| match track.entry {
        SampleEntry::Video { width, height, .. } => Some((width, height)),
        SampleEntry::Audio { .. } => None,
    });
    let kind = if picture.is_some() { "video" } else { "audio" };
    serde_json::json!({
        "type": "media",
        "mime": format!("{kind}/mp4; codecs=\"{}\"", codecs.join(",")),
        "width": picture.map(|(width, _)| width),
        "height": picture.map(|(_, height)| height),
        "left_out": left_out,
    })
    .to_string()
}
