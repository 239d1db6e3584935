//! The sound of a muxed stream.

use rtsp_proto::depacketizer::{Aac, opus_duration};
use rtsp_proto::rtp::RtpPacket;

use super::clock::{Epoch, TrackClock};
use crate::media::batch::{Batch, PREFIX};
use crate::media::mp4::fragment::{Role, Sample};
use crate::media::mp4::{SampleEntry, TrackInit};
use crate::media::presentation::Track;

/// A packet whose timestamp is off by less than this part of a second follows the one before it: a
/// camera that counts unevenly must not make holes in the sound.
const EVEN: u32 = 50;

/// One track.
#[derive(Debug)]
pub(super) struct Sound {
    /// Its place in the stream.
    pub(super) track: u8,
    pub(super) clock: TrackClock,
    entry: SampleEntry,
    format: Format,
    /// When the sound so far ends.
    end: Option<u64>,
}

#[derive(Debug)]
enum Format {
    Aac(Aac),
    Opus,
}

/// Frames that belong into one fragment.
#[derive(Debug)]
pub(super) struct Frames {
    pub(super) decode_time: u64,
    pub(super) samples: Vec<Sample>,
    pub(super) data: Vec<u8>,
}

impl Sound {
    /// Of a track; the error says why MP4 cannot hold it.
    pub(super) fn new(track: &Track, index: u8, epoch: Epoch) -> Result<Self, String> {
        let fmtp = track.description.fmtp(track.payload_type).unwrap_or_default();
        let (format, entry) = if track.encoding.eq_ignore_ascii_case("mpeg4-generic") {
            let aac = Aac::from_fmtp(fmtp).map_err(|error| error.to_string())?;
            let entry = SampleEntry::aac(aac.config());
            (Format::Aac(aac), entry)
        } else if track.encoding.eq_ignore_ascii_case("opus") {
            (Format::Opus, SampleEntry::opus(2))
        } else {
            return Err("browsers cannot play it".to_owned());
        };
        let clock = TrackClock::new(epoch, track.clock_rate);
        Ok(Self { track: index, clock, entry, format, end: None })
    }

    pub(super) fn init(&self) -> TrackInit {
        TrackInit { entry: self.entry.clone(), timescale: self.clock.rate() }
    }

    /// Takes a packet; gives its frames, if it has whole ones.
    pub(super) fn take(&mut self, batch: &Batch) -> Option<Frames> {
        if batch.lost_before() > 0 {
            if let Format::Aac(aac) = &mut self.format {
                aac.lose();
            }
        }
        let (mut samples, mut data) = (Vec::new(), Vec::new());
        for frame in batch.frames() {
            let Ok(packet) = RtpPacket::parse(frame.get(PREFIX..).unwrap_or_default()) else {
                continue;
            };
            let mut add = |bytes: &[u8], duration: u32| {
                let size = bytes.len() as u32;
                samples.push(Sample { duration, size, role: Role::Sync, offset: 0 });
                data.extend_from_slice(bytes);
            };
            match &mut self.format {
                Format::Aac(aac) => {
                    let duration = aac.config().duration(self.clock.rate());
                    aac.push(packet.payload(), &mut |frame| add(frame, duration));
                }
                Format::Opus => {
                    if let Some(duration) = opus_duration(packet.payload()) {
                        add(packet.payload(), duration);
                    }
                }
            }
        }
        if samples.is_empty() {
            return None;
        }
        let place = self.clock.place(batch.timestamp, batch.arrived);
        let even = u64::from(self.clock.rate() / EVEN);
        let decode_time = match self.end {
            Some(end) if end.abs_diff(place) <= even => end,
            // Sound that was played cannot be played over.
            Some(end) => place.max(end),
            None => place,
        };
        let duration: u64 = samples.iter().map(|sample| u64::from(sample.duration)).sum();
        self.end = Some(decode_time + duration);
        Some(Frames { decode_time, samples, data })
    }
}
