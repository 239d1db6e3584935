//! What the sender reports say: each packet of each track by the time that a player would take it
//! for, held against the time at which the camera sent it.

use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use rtsp_proto::rtp::RtpPacket;

use super::sim::{Clip, Fault, Path, Reports, Sound, Stamp, Track};
use super::support::{Relay, RtspClient};
use super::{SOON, camera, film, relay};

/// Clock rate of each track, and how often a second it sends something with a stamp.
const TRACKS: [(f64, f64); 4] =
    [(90_000.0, 25.0), (48_000.0, 0.0), (90_000.0, 25.0), (90_000.0, 5.0)];
/// The tracks with stamps.
const STAMPED: [usize; 3] = [0, 2, 3];
/// A tick of 90 kHz, twice rounded, and the precision of this arithmetic.
const EXACT_S: f64 = 0.001;
/// Over a restart the gap is measured by when packets arrive, which a busy machine makes uneven; a
/// quarter of what the ear and the eye forgive.
const CLOSE_S: f64 = 0.010;

/// The film, other pictures, and metadata.
fn path() -> Path {
    film().with(Track::Video(Clip::sub())).with(Track::Sound(Sound::metadata()))
}

/// A viewer that knows the time.
struct Viewer {
    client: RtspClient,
    reports: [Option<(f64, u32)>; 4],
    /// By how much a report has turned a track back, at the most.
    turned_back_s: f64,
    ssrcs: [Option<u32>; 4],
}

/// A packet with a stamp: when the camera began, by its track's clock.
#[derive(Clone, Copy, Debug)]
struct Seen {
    track: usize,
    began_s: f64,
    count: u64,
}

impl Viewer {
    fn watch(relay: &Relay) -> Self {
        let client = RtspClient::watch(&relay.url("door")).unwrap();
        Self { client, reports: [None; 4], turned_back_s: 0.0, ssrcs: [None; 4] }
    }

    /// The next packet that tells when it was sent.
    fn next(&mut self) -> Seen {
        loop {
            let frame = self.client.read_frame(SOON).unwrap().expect("the relay keeps its viewers");
            let track = usize::from(frame.channel / 2);
            if frame.channel % 2 == 1 {
                self.report(track, &frame.payload);
                continue;
            }
            let packet = RtpPacket::parse(&frame.payload).unwrap();
            assert_eq!(*self.ssrcs[track].get_or_insert(packet.ssrc()), packet.ssrc());
            let report = self.reports[track];
            let (ntp, rtp) = report.unwrap_or_else(|| panic!("track {track}: no report before"));
            let (rate, per_second) = TRACKS[track];
            if let Some(stamp) = Stamp::find(packet.payload()) {
                let since = f64::from(packet.timestamp().wrapping_sub(rtp) as i32) / rate;
                let began_s = ntp + since - stamp.count as f64 / per_second;
                return Seen { track, began_s, count: stamp.count };
            }
        }
    }

    fn report(&mut self, track: usize, compound: &[u8]) {
        for packet in parse_compound(compound, &mut Oddities::default()) {
            if let RtcpPacket::SenderReport(report) = packet {
                assert!(self.ssrcs[track].is_none_or(|ssrc| ssrc == report.ssrc));
                let seconds = report.ntp.0 as f64 / 2f64.powi(32);
                if let Some((before, rtp)) = self.reports[track] {
                    let since = f64::from(report.rtp.wrapping_sub(rtp) as i32) / TRACKS[track].0;
                    self.turned_back_s = self.turned_back_s.max(before + since - seconds);
                }
                self.reports[track] = Some((seconds, report.rtp));
            }
        }
    }

    /// What came in this time, and something of each track.
    fn listen(&mut self, time: Duration) -> Vec<Seen> {
        let (begun, mut all) = (Instant::now(), Vec::new());
        while begun.elapsed() < time || !STAMPED.iter().all(|&t| has(&all, t)) {
            all.push(self.next());
        }
        all
    }

    /// Goes on until something of each track came that was sent after `counts`.
    fn skip_past(&mut self, time_s: f64) {
        let mut late = [false; 4];
        while !STAMPED.iter().all(|&track| late[track]) {
            let seen = self.next();
            late[seen.track] |= seen.count as f64 / TRACKS[seen.track].1 > time_s;
        }
    }
}

fn has(all: &[Seen], track: usize) -> bool {
    all.iter().any(|seen| seen.track == track)
}

/// Seconds since the camera began, by the last picture.
fn now_s(all: &[Seen]) -> f64 {
    let last = all.iter().rev().find(|seen| seen.track == 0).unwrap();
    last.count as f64 / TRACKS[0].1
}

/// By how much the packets differ in when the camera began.
fn spread_s(all: &[Seen]) -> f64 {
    let began = |pick: fn(f64, f64) -> f64| all.iter().map(|seen| seen.began_s).reduce(pick);
    began(f64::max).unwrap() - began(f64::min).unwrap()
}

#[test]
fn all_tracks_of_a_camera_tell_one_time_before_and_after_it_began_anew() {
    let camera = camera(path());
    let relay = relay(&camera);
    let mut first = Viewer::watch(&relay);
    let before = first.listen(Duration::from_secs(1));
    assert!(spread_s(&before) < EXACT_S, "{before:?}");
    for _ in 0..2 {
        camera.fault(Fault::Reboot).unwrap();
        first.skip_past(now_s(&before));
        let after = first.listen(Duration::from_secs(1));
        assert!(spread_s(&after) < CLOSE_S, "{after:?}");
        let step = after[0].began_s - before[0].began_s;
        assert!(step.abs() < 0.25, "the time of the stream leapt by {step} s");
        // Who comes now is told the same; the first pictures are squeezed to the live edge.
        let mut second = Viewer::watch(&relay);
        second.skip_past(now_s(&after));
        let joined = second.listen(Duration::ZERO);
        let all = [&joined[..], &[after[0]]].concat();
        assert!(spread_s(&all) < CLOSE_S, "{all:?}");
    }
}

#[test]
fn reports_that_come_late_or_never_cost_no_more_than_the_networks_unevenness() {
    for reports in [Reports::After(Duration::from_millis(700)), Reports::Never] {
        let camera = camera(Path { reports, ..path() });
        let relay = relay(&camera);
        let mut viewer = Viewer::watch(&relay);
        let before = viewer.listen(Duration::from_secs(1));
        assert!(spread_s(&before) < 0.04, "{reports:?} {before:?}");
        camera.fault(Fault::Reboot).unwrap();
        viewer.skip_past(now_s(&before));
        let after = viewer.listen(Duration::from_secs(1));
        assert!(spread_s(&after) < 0.04, "{reports:?} {after:?}");
        if reports != Reports::Never {
            viewer.skip_past(now_s(&after) + 0.2);
            let exact = viewer.listen(Duration::ZERO);
            assert!(spread_s(&exact) < EXACT_S, "{exact:?}");
        }
        // What follows a clock that drifts is less than a player stumbles over.
        let back = viewer.turned_back_s;
        assert!(back < 0.005 + EXACT_S, "{reports:?}: turned back by {back} s");
    }
}
