//! `max_bandwidth_kbps`: a stream that is more than it may be loses pictures, and none is broken.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::process::Command;
use std::time::{Duration, Instant};

use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Options, Path};
use support::{Continuity, Program, Relay, RtspClient, leave, wait_until};

const SOON: Duration = Duration::from_secs(15);
const CLOCK: u32 = 90_000;

/// A moving picture of 1500 kbit/s with a key frame a second, and as many pictures that no other
/// refers to as that others do.
fn camera(test: &str) -> Camera {
    let file = leave(&format!("bandwidth-{test}-{}.h264", std::process::id()));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-hide_banner -nostdin -loglevel error -f lavfi -i".split(' '));
    ffmpeg.args(["testsrc2=size=480x270:rate=25:duration=8", "-pix_fmt", "yuv420p"]);
    ffmpeg.args("-c:v libx264 -preset veryfast -b:v 1500k -maxrate 1500k -bufsize 750k".split(' '));
    // What a picture shown later refers to comes before it: the camera sends in this order.
    ffmpeg.args("-g 25 -sc_threshold 0 -bf 1 -b_strategy 0 -f h264 -y".split(' '));
    Program::run(ffmpeg.arg(&file), Duration::from_secs(60)).expect_ok("ffmpeg makes a clip");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let clip = Clip::from_annexb(&bytes, 25).unwrap();
    let paths = vec![Path::new("main", clip).with_audio()];
    Camera::start(Options { paths, ..Options::default() }).unwrap()
}

/// What came in a while: RTP time and bytes of each video packet, packets of sound.
struct Watched {
    video: Vec<(u32, usize)>,
    sounds: usize,
    pictures: u64,
}

fn watch(relay: &Relay, time: Duration) -> Watched {
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    let mut continuity = Continuity::default();
    let mut watched = Watched { video: Vec::new(), sounds: 0, pictures: 0 };
    let until = Instant::now() + time;
    while Instant::now() < until {
        let frame = client.read_frame(SOON).unwrap().expect("it goes on");
        match frame.channel {
            0 => {
                let packet = RtpPacket::parse(&frame.payload).unwrap();
                // Only the order of the numbers: pictures are not sent in the order of their times.
                let _shown_out_of_order = continuity.push(&frame.payload);
                watched.video.push((packet.timestamp(), frame.payload.len()));
            }
            2 => watched.sounds += 1,
            _ => {}
        }
    }
    assert_eq!(continuity.gaps, 0, "sequence numbers close up");
    watched.pictures = continuity.pictures;
    watched
}

/// The most bytes of video in any two seconds.
fn most_in_two_seconds(video: &[(u32, usize)]) -> usize {
    let sums = video.iter().enumerate().map(|(first, &(begin, _))| {
        let rest = video[first..].iter();
        let within = rest.take_while(|(time, _)| time.wrapping_sub(begin) < 2 * CLOCK);
        within.map(|(_, bytes)| bytes).sum()
    });
    sums.max().unwrap_or(0)
}

#[test]
fn at_half_its_rate_a_stream_stays_under_its_limit_and_decodes_without_an_error() {
    let camera = camera("over");
    std::thread::scope(|scope| {
        for (kbps, least_pictures) in [(1200, 100), (750, 40), (300, 6)] {
            let camera = &camera;
            scope.spawn(move || expect_thinned(camera, kbps, least_pictures));
        }
    });
}

fn expect_thinned(camera: &Camera, kbps: usize, least_pictures: u64) {
    let relay = Relay::start(&format!(
        "max_bandwidth_kbps={kbps}\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args("-hide_banner -nostdin -nostats -loglevel warning".split(' '));
    ffmpeg.args("-xerror -err_detect explode -rtsp_transport tcp -i".split(' '));
    ffmpeg.arg(relay.url("door")).args("-map 0:v -t 9 -f framemd5 -".split(' '));
    let ffmpeg = Program::start(&mut ffmpeg);
    let watched = watch(&relay, Duration::from_secs(10));
    let finished = ffmpeg.finish(Duration::from_secs(40)).expect_ok("ffmpeg");
    let said = finished.stderr.to_lowercase();
    let complaints = ["error", "missing", "concealing", "corrupt", "invalid", "gap", "mmco"];
    let complaint = complaints.iter().find(|word| said.contains(**word));
    assert!(complaint.is_none(), "{kbps}: ffmpeg complains:\n{}", finished.stderr);
    let shown = finished.stdout.lines().filter(|line| !line.starts_with('#')).count();
    assert!(shown > 5, "{kbps}: ffmpeg shows {shown}");

    let most = most_in_two_seconds(&watched.video);
    let limit = kbps * 1000 / 8 * 2;
    assert!(most <= limit, "{kbps}: {most} bytes in two seconds, of {limit}");
    assert!(watched.pictures >= least_pictures, "{kbps}: {} pictures", watched.pictures);
    assert!(watched.pictures < 245, "{kbps}: nothing was left out");
    assert!(watched.sounds > 300, "{kbps}: {} packets of sound", watched.sounds);
    assert!(relay.wait_log("leaving out pictures", SOON).is_some());
}

#[test]
fn a_stream_under_its_limit_loses_nothing() {
    let camera = camera("under");
    let relay = Relay::start(&format!(
        "max_bandwidth_kbps=2500\n[stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let watched = watch(&relay, Duration::from_secs(5));
    assert!(watched.pictures >= 120, "{}", watched.pictures);
    relay.process().signal(rustix::process::Signal::USR1);
    assert!(wait_until(SOON, || relay.log_contains("frames_thinned=0 ")));
}
