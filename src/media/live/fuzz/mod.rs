//! Any packets as MP4: a script says what is published, and browsers look at what they get.

mod browser;
mod reader;

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::codec::Codec;
use rtsp_proto::fuzz::script::{take, take_u16};
use rtsp_proto::rtcp::{NtpTime, RtcpPacket, SenderReport};
use rtsp_proto::rtp::write_header;
use rtsp_proto::sdp::SessionDescription;

pub(crate) use self::browser::Browser;
use super::LiveView;
use crate::media::batch::{Batch, Kind};
use crate::media::batcher::Batcher;
use crate::media::{Hub, Presentation};
use crate::net::Waker;

const CACHE: usize = 64 * 1024;
/// At the begin, since 1970, as the browsers' clock says.
const WALL: Duration = Duration::from_secs(1 << 30);
const MAX_BROWSERS: usize = 4;
/// A picture's bytes, in several packets.
const PART: usize = 1400;

const HEAD: &str = "v=0\r\ns=-\r\nt=0 0\r\n";
const H264: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n";
const H264_SETS: &str =
    "a=fmtp:96 sprop-parameter-sets=Z2QAKKzZQHgCJ+XARAAAAwAEAAADAMg8YMZY,aO+Pyw==\r\n";
const H265: &str = "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H265/90000\r\n";
const SOUNDS: [&str; 6] = [
    "",
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/48000/2\r\na=fmtp:97 mode=AAC-hbr;\
     sizelength=13;indexlength=3;indexdeltalength=3;config=1190\r\n",
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 opus/48000/2\r\n",
    "m=audio 0 RTP/AVP 0\r\n",
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/1/1\r\na=fmtp:97 constantsize=3;config=1188\r\n",
    "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 mpeg4-generic/4294967295\r\na=fmtp:97 mode=AAC-lbr;\
     sizelength=6;indexlength=2;indexdeltalength=2;config=1190\r\n",
];
const UNITS: [&[u8]; 8] = [
    &[0x65, 0x88, 0x84, 0x21],
    &[0x41, 0x9a, 0x22, 0x11],
    &[0x01, 0x9e, 0x41],
    b"\x67\x42\xc0\x1e\xd9\x00\xa0\x3d\xb0\x11\x00\x00\x03\x00\x01\x00\x00\x03\x00\x32\x0f\x16\x2e\x48",
    b"\x68\xeb\xe3\xcb\x20",
    &[0x06, 5, 1, 0],
    // STAP-A of a small set, and of a set and a key frame.
    b"\x78\x00\x05\x68\xeb\xe3\xcb\x20",
    b"\x78\x00\x05\x68\xeb\xe3\xcb\x20\x00\x03\x65\x88\x84",
];
const UNITS_H265: [&[u8]; 8] = [
    &[0x26, 1, 0xaf, 0x08],
    &[0x02, 1, 0xd0, 0x11],
    &[0x00, 1, 0xe0],
    b"\x40\x01\x0c\x01\xff\xff\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\x95\x98\x09",
    b"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x3f\xa0\x05\x02\x01\x69\x65\
      \x95\x9a\x49\x32\xbc\x04\x04\x00\x00\x03\x00\x04\x00\x00\x03\x00\x64\x20",
    b"\x44\x01\xc1\x72\xb4\x62\x40",
    &[0x2a, 1, 0xac, 0x08],
    &[0x4e, 1, 5, 1, 0],
];
/// AAC-hbr with a frame of two bytes and with two, AAC of a constant size, Opus of 20 and of 60 ms.
const FRAMES: [&[u8]; 6] = [
    &[0, 16, 0, 2 << 3, 1, 2],
    &[0, 32, 0, 2 << 3, 0, 1 << 3, 1, 2, 3],
    &[1, 2, 3, 4, 5, 6],
    &[0x78, 1, 2, 3],
    &[0x7b, 3, 1, 2, 3],
    &[0, 8, 2 << 2, 1, 2],
];

/// Whatever packets, parameter sets and reports come, and whenever a browser does: whole messages,
/// boxes that nest, the samples that are announced and no byte else, times of decoding that never
/// go back, a text that says what the segment does, and a snapshot that is a file.
///
/// # Panics
/// When one of these does not hold.
pub fn mp4(data: &[u8]) {
    let mut script = data;
    let Some(mut show) = Show::new(&mut script) else { return };
    while !script.is_empty() {
        show.step(&mut script);
    }
    show.end();
}

/// One stream and those who watch it.
struct Show {
    hub: Arc<Hub>,
    view: Arc<LiveView>,
    presentation: Presentation,
    waker: Arc<Waker>,
    units: &'static [&'static [u8]],
    batchers: Vec<Batcher>,
    /// Sequence number and timestamp of each track.
    places: [(u16, u32); 2],
    now: Instant,
    wall: Duration,
    browsers: Vec<Browser>,
}

impl Show {
    fn new(script: &mut &[u8]) -> Option<Self> {
        let kind = take(script);
        let codec = match kind % 4 {
            0 | 1 => Some(Codec::H264),
            2 => Some(Codec::H265),
            _ => None,
        };
        let video = match kind % 4 {
            0 => [H264, H264_SETS].concat(),
            1 => H264.to_owned(),
            2 => H265.to_owned(),
            _ => String::new(),
        };
        let sdp = [HEAD, &video, SOUNDS[usize::from(kind / 4) % SOUNDS.len()]].concat();
        let mut oddities = Oddities::new();
        let sdp = SessionDescription::parse(sdp.as_bytes(), &mut oddities).ok()?;
        let presentation = Presentation::new(&sdp, |_| true, &mut oddities);
        let hub = Arc::new(Hub::new());
        hub.reset(presentation.tracks.len(), CACHE);
        let batchers = presentation.tracks.iter().zip(0..).map(|(track, index)| {
            let is_video = codec.is_some() && index == 0;
            Batcher::new(index, track.codec, is_video)
        });
        Some(Self {
            view: LiveView::new(Arc::clone(&hub)),
            hub,
            batchers: batchers.collect(),
            presentation,
            waker: Arc::new(Waker::new().ok()?),
            units: if codec == Some(Codec::H265) { &UNITS_H265 } else { &UNITS },
            places: [(take_u16(script), u32::from(take_u16(script)) << 16); 2],
            now: Instant::now(),
            wall: WALL,
            browsers: Vec::new(),
        })
    }

    fn step(&mut self, script: &mut &[u8]) {
        let what = take(script);
        match what % 16 {
            // The usual: a picture, sound.
            0..=5 => {
                let unit = self.units[usize::from(what >> 4) % self.units.len()];
                let is_set = matches!(what >> 4 & 7, 3..=5);
                self.packet(0, 1, if is_set { 0 } else { 3600 }, !is_set, unit);
            }
            6 | 7 => {
                let frame = FRAMES[usize::from(what >> 4) % FRAMES.len()];
                self.packet(1, 1, 960, true, frame);
            }
            // A picture of so many bytes, in fragments.
            8 => self.large(take_u16(script), what & 0x10 != 0),
            // Any packet.
            9 | 10 => {
                let flags = take(script);
                let step = if flags & 0x0c == 0 { take_u16(script) } else { 1 };
                let ticks = match flags >> 4 & 3 {
                    0 => u32::from(take_u16(script)) << 16 | u32::from(take_u16(script)),
                    1 => u32::from(take_u16(script)),
                    2 => 0u32.wrapping_sub(u32::from(take_u16(script))),
                    _ => 3600,
                };
                let length = usize::from(take(script)).min(script.len());
                let (payload, rest) = script.split_at(length);
                *script = rest;
                self.packet(usize::from(flags & 1), step, ticks, flags & 2 != 0, payload);
            }
            11 => self.report(script),
            12 => self.now += Duration::from_millis(u64::from(take_u16(script))),
            13 => {
                let units = self.units[3..6].iter().map(|unit| unit.to_vec());
                self.hub.set_parameter_sets(0, units.collect());
            }
            14 => {
                if self.browsers.len() == MAX_BROWSERS {
                    self.browsers.remove(usize::from(what >> 4) % MAX_BROWSERS);
                }
                let (view, told) = (&self.view, &self.presentation);
                self.browsers.extend(Browser::come(view, told, &self.waker, self.now));
            }
            _ => match what >> 4 {
                0..=7 if !self.browsers.is_empty() => drop(self.browsers.remove(0)),
                8..=11 => self.flush(),
                _ => self.browsers.iter().for_each(Browser::look),
            },
        }
        let cached = self.view.mux().map_or(0, |mux| mux.hub().cached_bytes());
        assert!(cached <= 2 * CACHE + 256 * 1024, "{cached} bytes are kept");
    }

    fn packet(&mut self, track: usize, step: u16, ticks: u32, marker: bool, payload: &[u8]) {
        let Some(batcher) = self.batchers.get_mut(track) else { return };
        let (sequence, timestamp) = &mut self.places[track];
        *sequence = sequence.wrapping_add(step);
        *timestamp = timestamp.wrapping_add(ticks);
        let mut frame = vec![b'$', 2 * track as u8];
        frame.extend_from_slice(&(12 + payload.len() as u16).to_be_bytes());
        write_header(&mut frame, marker, 96 + track as u8, *sequence, *timestamp, 1);
        frame.extend_from_slice(payload);
        let scan = batcher.scan(payload);
        batcher.push(&frame, &scan, self.now, &mut |batch| self.hub.publish(batch));
    }

    fn large(&mut self, bytes: u16, key: bool) {
        let is_h265 = self.units[0] == UNITS_H265[0];
        let (head, kind): (&[u8], u8) = match (is_h265, key) {
            (false, true) => (&[0x7c], 5),
            (false, false) => (&[0x5c], 1),
            (true, true) => (&[0x62, 1], 19),
            (true, false) => (&[0x62, 1], 1),
        };
        let count = usize::from(bytes) / PART + 1;
        for number in 0..count {
            let (first, last) = (number == 0, number + 1 == count);
            let mut payload = head.to_vec();
            payload.push(u8::from(first) << 7 | u8::from(last) << 6 | kind);
            payload.resize(payload.len() + PART.min(usize::from(bytes) + 1), 0x88);
            self.packet(0, 1, if first { 3600 } else { 0 }, last, &payload);
        }
    }

    /// A sender report: of about now, or of any time.
    fn report(&mut self, script: &mut &[u8]) {
        let flags = take(script);
        let track = usize::from(flags & 1).min(self.batchers.len() - 1);
        let ntp = if flags & 2 == 0 {
            NtpTime::from_unix(self.wall + Duration::from_millis(take_u16(script).into()))
        } else {
            let word = |script: &mut &[u8]| u64::from(take_u16(script));
            NtpTime(word(script) << 48 | word(script) << 32 | word(script))
        };
        let timestamp = self.places[track].1.wrapping_add(take_u16(script).into());
        let report =
            SenderReport { ssrc: 1, ntp, rtp: timestamp, packets: 0, octets: 0, reports: vec![] };
        let mut wire = vec![b'$', 2 * track as u8 + 1, 0, 0];
        RtcpPacket::SenderReport(report).encode(&mut wire);
        let length = (wire.len() - 4) as u16;
        wire[2..4].copy_from_slice(&length.to_be_bytes());
        self.hub.publish(Batch {
            wire: wire.into_boxed_slice(),
            packets: 1,
            track: track as u8,
            kind: Kind::Control,
            video: false,
            unit_start: true,
            leading: false,
            parameter_sets: false,
            first_sequence: 0,
            next_sequence: 0,
            preceding: 0,
            timestamp,
            arrived: self.now,
        });
    }

    fn flush(&mut self) {
        for batcher in &mut self.batchers {
            batcher.flush(&mut |batch| self.hub.publish(batch));
        }
    }

    fn end(mut self) {
        self.flush();
        self.browsers.iter().for_each(Browser::look);
        self.browsers.clear();
        assert!(self.view.mux().is_none() && self.hub.viewers() == 0, "nobody is left behind");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn the_corpus_and_every_finding_hold() {
        let corpus = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/mp4");
        rtsp_proto::fuzz::over_corpus(&corpus, &[super::mp4]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]
        #[test]
        fn whatever_is_published_is_mp4(data in prop::collection::vec(any::<u8>(), 0..400)) {
            super::mp4(&data);
        }
    }
}
