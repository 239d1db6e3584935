//! Cuts, from the camera's side to what a viewer gets.

use rtsp_proto::Oddities;
use rtsp_proto::codec::Codec;
use rtsp_proto::rtp::RtpPacket;
use rtsp_proto::sdp::SessionDescription;

use super::super::batch::PREFIX;
use super::super::batcher::Batcher;
use super::super::batcher::tests::{B, IDR, P, SPS, frame};
use super::super::subscriber::Viewer;
use super::*;

/// Ticks from one picture to the next.
const STEP: u32 = 3600;

/// A viewer that keeps what it is offered.
#[derive(Default)]
pub(crate) struct Recorder(pub(crate) Mutex<Vec<Arc<Batch>>>);

impl Viewer for Recorder {
    fn offer(&self, batch: &Arc<Batch>, _sets: Option<&Arc<Batch>>) {
        self.0.lock().unwrap().push(Arc::clone(batch));
    }

    fn is_pending(&self) -> bool {
        false
    }

    fn end(&self, _reason: &Arc<str>) {}

    fn id(&self) -> u64 {
        7
    }
}

struct Stage {
    program: Program,
    seen: Arc<Recorder>,
    began: Instant,
}

/// What a viewer gets of one packet: sequence number, ticks since the first, NAL unit type.
type Got = (u16, u32, u8);

impl Stage {
    fn new() -> Self {
        let hub = Arc::new(Hub::new());
        let seen = Arc::new(Recorder::default());
        let program = Program::new(Arc::clone(&hub), usize::MAX);
        assert!(matches!(program.camera_begins(&presentation("H264")), Begun::Fresh));
        hub.attach(Arc::clone(&seen) as Arc<dyn Viewer>);
        Self { program, seen, began: Instant::now() }
    }

    fn at(&self, ms: u64) -> Instant {
        self.began + Duration::from_millis(ms)
    }

    /// Pictures of one connection or of the fallback, one packet each: sequence number, timestamp,
    /// NAL unit. They come 40 ms apart, from `ms` on.
    fn send(&self, ms: u64, packets: &[(u16, u32, &[u8])], publish: impl Fn(Batch)) {
        let mut batcher = Batcher::new(0, Codec::H264, true);
        for (&(sequence, timestamp, payload), count) in packets.iter().zip(0..) {
            let frame = frame(sequence, timestamp, true, payload);
            let scan = Codec::H264.scan(payload);
            let now = self.at(ms + 40 * count);
            batcher.push(&frame, &scan, now, &mut |batch| publish(batch));
        }
    }

    fn camera(&self, ms: u64, packets: &[(u16, u32, &[u8])]) {
        self.send(ms, packets, |batch| {
            self.program.camera(batch);
        });
    }

    fn fallback(&self, ms: u64, packets: &[(u16, u32, &[u8])]) {
        self.send(ms, packets, |batch| {
            self.program.fallback(&Arc::new(batch), None);
        });
    }

    /// What came since the last call; it must follow on, in one SSRC.
    fn got(&self, from: &mut Option<(u16, u32)>) -> Vec<Got> {
        let batches = std::mem::take(&mut *self.seen.0.lock().unwrap());
        let frames = batches.iter().flat_map(|batch| batch.frames());
        let packets = frames.map(|frame| RtpPacket::parse(&frame[PREFIX..]).unwrap());
        packets
            .map(|packet| {
                let first = from.get_or_insert((packet.sequence(), packet.timestamp()));
                (
                    packet.sequence().wrapping_sub(first.0),
                    packet.timestamp().wrapping_sub(first.1),
                    packet.payload()[0] & 31,
                )
            })
            .collect()
    }
}

fn presentation(encoding: &str) -> Presentation {
    let text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
         a=rtpmap:96 {encoding}/90000\r\n"
    );
    let sdp = SessionDescription::parse(text.as_bytes(), &mut Oddities::new()).unwrap();
    Presentation::new(&sdp, |_| true, &mut Oddities::new())
}

#[test]
fn the_last_key_frame_is_repeated_and_the_camera_goes_on_at_its_own() {
    let (stage, mut from) = (Stage::new(), None);
    stage.program.camera_sets(0, vec![SPS.to_vec()]);
    stage.camera(0, &[(10, 0, IDR), (11, STEP, P)]);
    assert_eq!(stage.got(&mut from), [(0, 0, 5), (1, STEP, 1)]);

    stage.program.camera_lost(true);
    assert_eq!(stage.program.repeat(stage.at(900)), Some(stage.at(1040)), "not yet");
    assert_eq!(stage.program.repeat(stage.at(1040)), Some(stage.at(2040)));
    assert_eq!(stage.got(&mut from), [(2, 93_600, 7), (3, 93_600, 5)], "with its parameter sets");

    // Other numbers. What refers to pictures that were not shown, from before or around the key
    // frame, is left out.
    assert!(matches!(stage.program.camera_begins(&presentation("H264")), Begun::Continues));
    let t = 777_000;
    let pictures: [(u16, u32, &[u8]); 5] = [
        (500, t, P),
        (501, t + 3 * STEP, IDR),
        (502, t + STEP, B),
        (503, t + 2 * STEP, B),
        (504, t + 4 * STEP, P),
    ];
    stage.camera(2000, &pictures);
    let base = 93_600 + 86_400 + STEP;
    assert_eq!(stage.got(&mut from), [(4, base, 5), (5, base + STEP, 1)]);
    assert_eq!(stage.program.repeat(stage.at(9000)), None, "the camera is on the air");
}

#[test]
fn a_fallback_takes_over_at_a_key_frame_and_gives_back_to_a_camera_that_has_proved_itself() {
    let (stage, mut from) = (Stage::new(), None);
    stage.camera(0, &[(10, 0, IDR)]);
    stage.program.fallback_begins(&presentation("h264")).unwrap();
    stage.fallback(40, &[(900, 5, IDR)]);
    assert_eq!(stage.got(&mut from).len(), 1, "the camera is on the air");

    stage.program.camera_lost(true);
    stage.fallback(80, &[(901, 5 + STEP, P), (902, 5 + 2 * STEP, IDR), (903, 5 + 3 * STEP, P)]);
    assert_eq!(stage.got(&mut from), [(1, 3 * STEP, 5), (2, 4 * STEP, 1)]);
    assert!(stage.program.shows_fallback());

    assert!(matches!(stage.program.camera_begins(&presentation("H264")), Begun::Continues));
    stage.camera(200, &[(40, 70, IDR), (41, 70 + STEP, P)]);
    assert_eq!(stage.got(&mut from), [], "too early");
    stage.camera(5200, &[(42, 450_070, P), (43, 450_070 + STEP, IDR)]);
    let after = stage.got(&mut from);
    assert_eq!(after.len(), 1);
    assert_eq!((after[0].0, after[0].2), (3, 5));
    assert!(!stage.program.shows_fallback());
}

#[test]
fn another_codec_is_no_fallback_and_ends_a_camera_that_comes_back_with_it() {
    let stage = Stage::new();
    let reason = stage.program.fallback_begins(&presentation("H265")).unwrap_err();
    assert_eq!(reason, "its video is H265, not H264");
    let Begun::Breaks(reason) = stage.program.camera_begins(&presentation("H265")) else {
        panic!("viewers of H.264 cannot go on");
    };
    assert_eq!(&*reason, "the camera has changed: its video is H265, not H264");
}
