//! The video of a muxed stream: batches in, whole pictures out.

use std::time::Instant;

use rtsp_proto::codec::{Codec, ParameterSets};
use rtsp_proto::depacketizer::AccessUnit;
use rtsp_proto::rtp::RtpPacket;

use super::clock::{Epoch, TrackClock};
use super::decode_order::DecodeOrder;
use crate::media::batch::{Batch, Kind, PREFIX};
use crate::media::batcher::MAX_WIRE;
use crate::media::mp4::{SampleEntry, TrackInit};
use crate::media::presentation::Track;

/// One track.
#[derive(Debug)]
pub(super) struct Video {
    /// Its place in the stream.
    pub(super) track: u8,
    pub(super) clock: TrackClock,
    pub(super) order: DecodeOrder,
    codec: Codec,
    sets: ParameterSets,
    unit: AccessUnit,
    /// The picture that is being gathered.
    open: Option<Open>,
    /// The camera marks the end of each part of a picture: only the next picture's begin shows
    /// that one is whole.
    marks_parts: bool,
    /// Timestamp of the picture that went out last.
    last: Option<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Open {
    timestamp: u32,
    arrived: Instant,
    kind: Kind,
    next_sequence: u16,
}

/// A whole picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) timestamp: u32,
    pub(super) arrived: Instant,
    pub(super) kind: Kind,
    /// NAL units with their lengths in front.
    pub(super) data: Vec<u8>,
    /// The parameter sets that came with it, in the same form.
    pub(super) sets: Vec<u8>,
}

impl Video {
    pub(super) fn new(track: &Track, index: u8, epoch: Epoch) -> Self {
        Self {
            track: index,
            clock: TrackClock::new(epoch, track.clock_rate),
            order: DecodeOrder::new(track.clock_rate.max(1)),
            codec: track.codec,
            sets: track.parameter_sets.clone(),
            unit: AccessUnit::new(track.codec),
            open: None,
            marks_parts: false,
            last: None,
        }
    }

    /// What a decoder has to know; `None` while the parameter sets have not come.
    pub(super) fn init(&self) -> Option<TrackInit> {
        let entry = SampleEntry::video(self.codec, &self.sets)?;
        Some(TrackInit { entry, timescale: self.clock.rate() })
    }

    /// Parameter sets that are known apart from the pictures, as RTP payloads.
    pub(super) fn learn<'a>(&mut self, payloads: impl IntoIterator<Item = &'a [u8]>) {
        for payload in payloads {
            self.sets.update(payload);
        }
    }

    /// Takes a batch; gives the pictures that are whole with it: the one before, its own, or none.
    pub(super) fn take(&mut self, batch: &Batch) -> [Option<Picture>; 2] {
        let mut before = None;
        if self.open.is_some_and(|open| open.timestamp != batch.timestamp) {
            if batch.lost_before() > 0 {
                self.unit.lose();
            }
            before = self.finish();
            self.open = None;
        } else if self.last == Some(batch.timestamp) && batch.kind != Kind::Config {
            self.marks_parts = true;
        }
        let open = self.open.get_or_insert(Open {
            timestamp: batch.timestamp,
            arrived: batch.arrived,
            kind: Kind::Config,
            next_sequence: batch.first_sequence,
        });
        open.kind = match (open.kind, batch.kind) {
            (Kind::RandomAccess, _) | (_, Kind::RandomAccess) => Kind::RandomAccess,
            (Kind::Reference, _) | (_, Kind::Reference) => Kind::Reference,
            (_, kind) => kind,
        };
        for frame in batch.frames() {
            let Ok(packet) = RtpPacket::parse(frame.get(PREFIX..).unwrap_or_default()) else {
                continue;
            };
            if packet.sequence() != open.next_sequence {
                self.unit.lose();
            }
            open.next_sequence = packet.sequence().wrapping_add(1);
            if batch.parameter_sets {
                self.sets.update(packet.payload());
            }
            self.unit.push(packet.payload());
        }
        let is_part = batch.wire.len() > MAX_WIRE / 2 && !batch.ends_picture();
        let own = if is_part || self.marks_parts { None } else { self.finish() };
        [before, own]
    }

    fn finish(&mut self) -> Option<Picture> {
        let (data, sets) = self.unit.finish()?;
        let open = self.open.take()?;
        self.last = Some(open.timestamp);
        let kind = if open.kind == Kind::Config { Kind::Reference } else { open.kind };
        Some(Picture { timestamp: open.timestamp, arrived: open.arrived, kind, data, sets })
    }
}
