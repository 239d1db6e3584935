//! The camera's packets onto the relay's timeline and into the stream's program.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rtsp_proto::codec::ParameterSets;
use rtsp_proto::rtcp::{NtpTime, RtcpPacket, SenderReport, parse_compound};
use rtsp_proto::rtp::{Arrival, Reception, RtpPacket, RtpPacketMut};
use rtsp_proto::{Oddities, Oddity};

use super::reports::Reports;
use super::slot::Slot;
use super::thinning::Thinning;
use super::wallclock::{Moment, WallClock};
use crate::entropy;
use crate::media::batch::{Batch, Kind, PREFIX};
use crate::media::batcher::Batcher;
use crate::media::pace::Pace;
use crate::media::program::{Begun, Start};
use crate::media::timeline::{Mapped, Timeline};
use crate::media::{Presentation, presentation};
use crate::stats::StreamStats;

/// How often viewers get a sender report at least, and the camera a receiver report: some
/// cameras stop without one every 5 s.
pub(super) const REPORT_INTERVAL: Duration = Duration::from_secs(5);
/// The name that RTCP gives to the relay (RFC 3550 section 6.5.1); no host name is told.
const CNAME: &str = "rtsp-relay";

/// All tracks of one stream; lives as long as the reader, over all its connections.
pub(super) struct Feed {
    slot: Arc<Slot>,
    presentation: Option<Presentation>,
    tracks: Vec<TrackFeed>,
    clock: WallClock,
    /// Everything is counted from here.
    epoch: Instant,
    /// Our own SSRC toward the camera.
    receiver_ssrc: u32,
    /// This connection has shown a picture that a viewer can begin with.
    startable: bool,
    thinning: Thinning,
}

struct TrackFeed {
    timeline: Timeline,
    batcher: Batcher,
    reception: Reception,
    pace: Pace,
    sets: ParameterSets,
    payload_types: Vec<u8>,
    video: bool,
    camera_ssrc: u32,
    /// The camera's last sender report: middle of its NTP time, and when it came.
    last_report: Option<(NtpTime, Duration)>,
    /// What viewers are told.
    reports: Reports,
    lost: u64,
}

/// What a packet of the camera meant beyond its media, the most important last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fed {
    /// Nothing usable: it was counted.
    Nothing,
    /// Something else than media, such as RTCP, or audio beside video.
    Other,
    /// Media of a track that counts as life of the stream.
    Media,
    /// The camera said that the stream has ended.
    Bye,
}

impl Feed {
    pub(super) fn new(slot: Arc<Slot>, now: Instant) -> Self {
        let receiver_ssrc = entropy::number() as u32;
        slot.program.reset(slot.presentation().as_deref());
        Self {
            slot,
            presentation: None,
            tracks: Vec::new(),
            clock: WallClock::default(),
            epoch: now,
            receiver_ssrc,
            startable: false,
            thinning: Thinning::default(),
        }
    }

    /// A connection described the stream. Viewers go on if they can; if not, gives the reason.
    pub(super) fn begin(
        &mut self,
        presentation: Presentation,
        now: Instant,
    ) -> Result<(), Arc<str>> {
        if self.tracks.iter().any(|track| !track.timeline.begins()) {
            // It has sent before, on the same connection: what comes now is another beginning.
            self.interrupt(true);
        }
        let begun = self.slot.program.camera_begins(&presentation);
        let continues = matches!(begun, Begun::Continues);
        let starts = self.slot.program.starts(now);
        let mut old = std::mem::take(&mut self.tracks).into_iter();
        for ((track, start), index) in presentation.tracks.iter().zip(starts).zip(0..) {
            let old = old.next().filter(|_| continues).map(|old| (old.timeline, old.reports));
            self.tracks.push(TrackFeed::new(track, index, start, old));
        }
        self.clock = WallClock::default();
        self.startable = false;
        for (track, index) in self.tracks.iter().zip(0..) {
            self.slot.program.camera_sets(index, track.sets.payloads());
        }
        self.slot.described(Arc::new(presentation.clone()));
        self.presentation = Some(presentation);
        match begun {
            Begun::Breaks(reason) => Err(reason),
            Begun::Continues | Begun::Fresh => Ok(()),
        }
    }

    /// The connection is gone; the next one continues. A picture whose end has not come is not
    /// shown: viewers who stay would see it damaged.
    pub(super) fn interrupt(&mut self, viewers_stay: bool) {
        let stats = &self.slot.stats;
        for gauge in [&stats.picture_rate_milli, &stats.gop_ms, &stats.jitter_us] {
            gauge.set(None);
        }
        for track in &mut self.tracks {
            track.timeline.interrupt();
            track.batcher.abandon();
            track.reports.interrupt();
        }
        self.slot.program.camera_lost(viewers_stay);
    }

    /// SSRC and sequence number of an RTP packet that is one of this track; `None` for one that is
    /// not to be fed.
    pub(super) fn number(
        &self,
        index: u8,
        packet: &[u8],
        oddities: &mut Oddities,
    ) -> Option<(u32, u16)> {
        let track = self.tracks.get(usize::from(index))?;
        let Ok(packet) = RtpPacket::parse(packet) else {
            oddities.note(Oddity::BadRtp);
            return None;
        };
        if !track.payload_types.contains(&packet.payload_type()) {
            oddities.note(Oddity::UnknownPayloadType);
            return None;
        }
        Some((packet.ssrc(), packet.sequence()))
    }

    /// An RTP packet that came after its turn was given away, as a frame: it is not fed. The camera
    /// is not told that it was lost; for the viewers it was.
    pub(super) fn behind(&mut self, index: u8, frame: &[u8], now: Instant) {
        let Some(track) = self.tracks.get_mut(usize::from(index)) else { return };
        let Ok(packet) = RtpPacket::parse(frame.get(PREFIX..).unwrap_or_default()) else { return };
        let since = now.saturating_duration_since(self.epoch);
        match track.reception.packet(packet.sequence(), packet.timestamp(), since) {
            Arrival::Duplicate => self.count_duplicate(),
            _ => {
                self.slot.stats.packets_late.add(1);
                track.lost = track.lost.min(track.reception.lost());
            }
        }
    }

    /// A packet was put back into its place.
    pub(super) fn count_reordered(&self) {
        self.slot.stats.packets_reordered.add(1);
    }

    /// A packet came twice.
    pub(super) fn count_duplicate(&self) {
        self.slot.stats.packets_duplicate.add(1);
    }

    /// An RTP packet of a track, as an interleaved frame with its prefix, which came at `now`.
    pub(super) fn rtp(
        &mut self,
        index: u8,
        frame: &mut [u8],
        now: Instant,
        oddities: &mut Oddities,
    ) -> Fed {
        let has_video = self.has_video();
        let leads = index == self.leading();
        let Some(track) = self.tracks.get_mut(usize::from(index)) else { return Fed::Nothing };
        let stats = &self.slot.stats;
        let Ok(mut packet) = RtpPacketMut::parse(frame.get_mut(PREFIX..).unwrap_or_default())
        else {
            oddities.note(Oddity::BadRtp);
            return Fed::Nothing;
        };
        let view = packet.as_packet();
        if !track.payload_types.contains(&view.payload_type()) {
            oddities.note(Oddity::UnknownPayloadType);
            return Fed::Nothing;
        }
        let arrival = track.reception.packet(
            view.sequence(),
            view.timestamp(),
            now.saturating_duration_since(self.epoch),
        );
        if arrival == Arrival::Duplicate {
            stats.packets_duplicate.add(1);
            return Fed::Nothing;
        }
        track.camera_ssrc = view.ssrc();
        let mut advanced = false;
        let begins_timeline = track.timeline.begins();
        if begins_timeline {
            track.begin(view.timestamp(), &self.clock, now);
        }
        let payload = view.payload();
        let scan = track.batcher.scan(payload);
        let new_sets = scan.parameter_sets && track.sets.update(payload);
        if let Some(oddity) = departure(track.timeline.map(&mut packet, now)) {
            oddities.note(oddity);
        }
        if begins_timeline {
            let moment = track.reports.by_camera(&track.timeline, &mut self.clock, now);
            let moment = moment.or_else(|| track.by_arrival(now));
            if let Some(moment) = moment {
                self.slot.program.camera(track.report(index, moment, now));
            }
            advanced = self.clock.take_advance();
        }
        if let Some(channel) = frame.get_mut(1) {
            *channel = 2 * index;
        }
        let counts = track.video || !has_video;
        let mut begins = false;
        let (mut sent, mut comes_on_air) = (false, false);
        track.batcher.push(frame, &scan, now, &mut |batch| {
            begins |= matches!(batch.kind, Kind::RandomAccess | Kind::Media);
            sent = true;
            stats.packets.add(batch.packets.into());
            stats.bytes_in.add(batch.wire.len() as u64);
            if batch.video && batch.unit_start {
                stats.pictures.add(1);
                let is_key = batch.kind == Kind::RandomAccess;
                track.pace.picture(batch.arrived, batch.timestamp, is_key);
            }
            comes_on_air |= self.slot.program.camera(batch);
        });
        if leads && sent {
            track.tell_pace(stats);
        }
        if comes_on_air {
            self.slot.camera_on_air();
        }
        let lost = track.reception.lost();
        if lost > track.lost {
            stats.packets_lost.add(lost - track.lost);
            track.lost = lost;
        }
        if new_sets {
            self.publish_sets(index);
        }
        if begins && counts && !self.startable {
            self.startable = true;
            self.slot.startable();
        }
        if advanced {
            self.tell_others(index, now);
        }
        if counts { Fed::Media } else { Fed::Other }
    }

    /// An RTCP compound of a track.
    pub(super) fn rtcp(
        &mut self,
        index: u8,
        bytes: &[u8],
        now: Instant,
        oddities: &mut Oddities,
    ) -> Fed {
        let is_alone = self.tracks.len() == 1;
        let Some(track) = self.tracks.get_mut(usize::from(index)) else { return Fed::Nothing };
        let (mut fed, mut advanced) = (Fed::Other, false);
        for packet in parse_compound(bytes, oddities) {
            match packet {
                // Tapo C320WS: reports of a source that sends nothing.
                RtcpPacket::SenderReport(report)
                    if track.camera_ssrc != 0 && report.ssrc != track.camera_ssrc =>
                {
                    oddities.note(Oddity::ForeignReport);
                }
                RtcpPacket::SenderReport(report) => {
                    track.last_report = Some((report.ntp, now - self.epoch));
                    track.reports.hear(&report, unix_now());
                    let moment = track.reports.by_camera(&track.timeline, &mut self.clock, now);
                    if let Some(moment) = moment {
                        self.slot.program.camera(track.report(index, moment, now));
                    }
                    advanced |= self.clock.take_advance();
                }
                RtcpPacket::Bye { ref ssrcs, .. }
                    if track.camera_ssrc != 0
                        && ssrcs.contains(&track.camera_ssrc)
                        && (track.video || is_alone) =>
                {
                    fed = Fed::Bye;
                    break;
                }
                _ => {}
            }
        }
        if advanced {
            self.tell_others(index, now);
        }
        fed
    }

    /// The camera's clock has gone forward for the viewers of one track: those of all others are told.
    fn tell_others(&mut self, but: u8, now: Instant) {
        for (track, index) in self.tracks.iter_mut().zip(0..).filter(|&(_, index)| index != but) {
            if let Some(moment) = track.reports.anew(&track.timeline, &self.clock, now) {
                self.slot.program.camera(track.report(index, moment, now));
            }
        }
    }

    /// What is due: sender reports for cameras that send none. Gives the receiver reports for the
    /// camera, by track.
    pub(super) fn reports(&mut self, now: Instant) -> Vec<(u8, Vec<u8>)> {
        self.thinning.tell(&self.slot, now);
        let mut receiver_reports = Vec::new();
        for (track, index) in self.tracks.iter_mut().zip(0..) {
            let told = track.reports.told_at();
            let overdue = told.is_none_or(|told| now - told >= 2 * REPORT_INTERVAL);
            if let Some(moment) = overdue.then(|| track.by_arrival(now)).flatten() {
                self.slot.program.camera(track.report(index, moment, now));
            }
            let since = now - self.epoch;
            let last = track.last_report;
            let block = track.reception.report_block(track.camera_ssrc, last, since);
            let reports = if track.camera_ssrc == 0 { Vec::new() } else { vec![block] };
            let mut bytes = Vec::new();
            RtcpPacket::ReceiverReport { ssrc: self.receiver_ssrc, reports }.encode(&mut bytes);
            source_description(self.receiver_ssrc).encode(&mut bytes);
            receiver_reports.push((index, bytes));
        }
        receiver_reports
    }

    /// The stream's name.
    pub(super) fn stream(&self) -> &str {
        &self.slot.stream.name
    }

    /// The track by which the stream is judged: the picture, if there is one.
    fn leading(&self) -> u8 {
        self.tracks.iter().position(|track| track.video).unwrap_or(0) as u8
    }

    /// Whether one of the tracks is video.
    pub(super) fn has_video(&self) -> bool {
        self.tracks.iter().any(|track| track.video)
    }

    /// The place of a media description among the tracks that are relayed.
    pub(super) fn track_of_media(&self, media: usize) -> Option<u8> {
        let tracks = &self.presentation.as_ref()?.tracks;
        tracks.iter().position(|track| track.media == media).map(|index| index as u8)
    }

    /// The media description of the first track whose packets may have this payload type.
    pub(super) fn media_of_payload_type(&self, payload_type: u8) -> Option<usize> {
        let place =
            self.tracks.iter().position(|track| track.payload_types.contains(&payload_type))?;
        Some(self.presentation.as_ref()?.tracks.get(place)?.media)
    }

    /// The media descriptions of the tracks, by their places in the presentation.
    pub(super) fn media(&self) -> Vec<usize> {
        let tracks = self.presentation.iter().flat_map(|presentation| &presentation.tracks);
        tracks.map(|track| track.media).collect()
    }

    /// The camera refused to set up some media: viewers are not told of them.
    pub(super) fn skip(&mut self, media: &[usize]) {
        let Some(presentation) = &mut self.presentation else { return };
        for track in &mut presentation.tracks {
            track.offered = !media.contains(&track.media);
        }
        self.slot.described(Arc::new(presentation.clone()));
    }

    fn publish_sets(&mut self, index: u8) {
        let Some(track) = self.tracks.get(usize::from(index)) else { return };
        self.slot.program.camera_sets(index, track.sets.payloads());
        if let Some(presentation) = &mut self.presentation {
            if let Some(described) = presentation.tracks.get_mut(usize::from(index)) {
                described.parameter_sets = track.sets.clone();
            }
            self.slot.described(Arc::new(presentation.clone()));
        }
    }
}

impl TrackFeed {
    /// `old` is what goes on of the track on the connection before; else it begins at `start`.
    fn new(
        track: &presentation::Track,
        index: u8,
        start: Start,
        old: Option<(Timeline, Reports)>,
    ) -> Self {
        let (timeline, reports) = old.unwrap_or_else(|| {
            let Start { ssrc, sequence, timestamp } = start;
            let timeline = Timeline::new(track.clock_rate, ssrc, sequence, timestamp);
            (timeline, Reports::new(track.clock_rate))
        });
        Self {
            timeline,
            batcher: Batcher::new(index, track.codec, track.is_video()),
            reception: Reception::new(track.clock_rate),
            pace: Pace::new(track.clock_rate),
            sets: track.parameter_sets.clone(),
            payload_types: track.description.payload_types(),
            video: track.is_video(),
            camera_ssrc: 0,
            last_report: None,
            reports,
            lost: 0,
        }
    }

    /// The camera's first packet on this connection has this timestamp.
    fn begin(&mut self, timestamp: u32, clock: &WallClock, now: Instant) {
        let Self { camera_ssrc, timeline, reports, .. } = self;
        if let Some(begins) = reports.beginning(*camera_ssrc, timestamp, timeline, clock, now) {
            timeline.begin_at(begins);
        }
    }

    /// How the camera sends it.
    fn tell_pace(&self, stats: &StreamStats) {
        let rate = self.pace.per_second().map(|rate| (rate * 1000.0).round() as u64);
        stats.picture_rate_milli.set(rate);
        stats.gop_ms.set(self.pace.key_interval().map(|interval| interval.as_millis() as u64));
        stats.jitter_us.set(Some(self.reception.jitter().as_micros() as u64));
    }

    fn by_arrival(&mut self, now: Instant) -> Option<Moment> {
        self.reports.by_arrival(&self.timeline, unix_now(), now)
    }

    /// A sender report for the viewers.
    fn report(&self, index: u8, Moment { ntp, rtp }: Moment, now: Instant) -> Batch {
        let ssrc = self.timeline.ssrc();
        let (packets, octets) = self.timeline.sent();
        let mut bytes = Vec::new();
        let report = SenderReport { ssrc, ntp, rtp, packets, octets, reports: Vec::new() };
        RtcpPacket::SenderReport(report).encode(&mut bytes);
        source_description(ssrc).encode(&mut bytes);
        let mut wire = vec![b'$', 2 * index + 1];
        wire.extend_from_slice(&(bytes.len() as u16).to_be_bytes());
        wire.extend_from_slice(&bytes);
        Batch {
            wire: wire.into(),
            packets: 1,
            track: index,
            kind: Kind::Control,
            video: self.video,
            unit_start: false,
            leading: false,
            parameter_sets: false,
            first_sequence: 0,
            next_sequence: 0,
            preceding: 0,
            timestamp: rtp,
            arrived: now,
        }
    }
}

fn source_description(ssrc: u32) -> RtcpPacket {
    RtcpPacket::SourceDescription { chunks: vec![(ssrc, Some(CNAME.to_owned()))] }
}

fn departure(mapped: Mapped) -> Option<Oddity> {
    match mapped {
        Mapped::Continues | Mapped::Begins => None,
        Mapped::SsrcChanged => Some(Oddity::SsrcChange),
        Mapped::SequenceJumped => Some(Oddity::SequenceJump),
        Mapped::TimestampJumped => Some(Oddity::TimestampJump),
    }
}

fn unix_now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
