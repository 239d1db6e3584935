//! A viewer that joins between two key frames sees a picture at once, and is not late afterwards.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing::sim;

use rtsp_relay_testing as support;

use std::process::Command;
use std::time::{Duration, Instant};

use rtsp_proto::codec::{Codec, Scan};
use rtsp_proto::headers::RtpInfo;
use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Options, Path, Start, Synthetic};
use support::{GstCamera, Program, Relay, RtspClient};

const SOON: Duration = Duration::from_secs(10);
/// Ticks of the RTP clock between two pictures.
const INTERVAL: u32 = 90_000 / 25;

/// A camera with a key frame every 10 s, which begins with one.
fn camera() -> Camera {
    let spec = Synthetic { width: 640, height: 360, fps: 25, bitrate_kbps: 2000, gop: 250 };
    let path = Path { start: Start::ForcedKeyFrame, ..Path::new("main", Clip::synthetic(&spec)) };
    Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap()
}

/// A camera that sends its parameter sets in-band only once in 20 s.
fn camera_with_sets_in_its_presentation() -> Camera {
    let spec = Synthetic { width: 640, height: 360, fps: 25, bitrate_kbps: 2000, gop: 50 };
    let mut clip = Clip::synthetic(&spec);
    let mut without = clip.pictures.clone();
    for unit in &mut without {
        unit.nal_units.retain(|nal| !matches!(nal[0] & 31, 7 | 8));
    }
    clip.pictures.splice(0..0, std::iter::repeat_n(without, 9).flatten());
    Camera::start(Options { paths: vec![Path::new("main", clip)], ..Options::default() }).unwrap()
}

/// Watches until so many pictures have passed.
fn warm(relay: &Relay, pictures: u32) -> RtspClient {
    let mut first = RtspClient::watch(&relay.url("door")).unwrap();
    let mut seen = 0;
    while seen < pictures {
        let frame = first.read_frame(SOON).unwrap().unwrap();
        if frame.channel == 0 {
            seen += u32::from(RtpPacket::parse(&frame.payload).unwrap().marker());
        }
    }
    first
}

#[test]
fn a_viewer_in_the_middle_of_a_group_gets_it_from_its_key_frame_on_squeezed_to_the_live_edge() {
    let camera = camera();
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let _first = warm(&relay, 60);

    let mut client = RtspClient::connect(&relay.url("door")).unwrap();
    client.describe().unwrap();
    client.setup(0, rtsp_proto::headers::TransportSpec::interleaved(0)).unwrap();
    let begun = Instant::now();
    let answer = client.play().unwrap();
    let info = RtpInfo::from_headers(&answer.headers).unwrap().unwrap().0[0].clone();
    let mut packets = Vec::new();
    while packets.len() < 1500 && begun.elapsed() < Duration::from_secs(2) {
        let frame = client.read_frame(SOON).unwrap().unwrap();
        if frame.channel == 0 {
            packets.push((begun.elapsed(), frame.payload));
        }
    }
    let views: Vec<_> =
        packets.iter().map(|(at, bytes)| (*at, RtpPacket::parse(bytes).unwrap())).collect();
    let first = views[0].1;
    assert_eq!((info.seq, info.rtptime), (Some(first.sequence()), Some(first.timestamp())));
    let begins = views.iter().take_while(|(_, packet)| packet.timestamp() == first.timestamp());
    assert!(begins.clone().any(|(_, packet)| Codec::H264.scan(packet.payload()).random_access));
    assert!(begins.last().unwrap().0 < Duration::from_millis(200), "the key frame came late");

    let mut timestamps: Vec<u32> = Vec::new();
    for pair in views.windows(2) {
        let (a, b) = (pair[0].1, pair[1].1);
        assert_eq!(b.sequence(), a.sequence().wrapping_add(1), "consecutive over burst and live");
        assert!(b.timestamp().wrapping_sub(a.timestamp()) < INTERVAL * 2, "never back, no leap");
    }
    for (_, packet) in &views {
        if timestamps.last() != Some(&packet.timestamp()) {
            timestamps.push(packet.timestamp());
        }
    }
    let steps: Vec<u32> = timestamps.windows(2).map(|t| t[1].wrapping_sub(t[0])).collect();
    let squeezed = steps.iter().take_while(|step| **step < INTERVAL / 2).count();
    assert!(squeezed >= 55, "the {squeezed} pictures before now are squeezed together");
    let span: u32 = steps[..squeezed].iter().sum();
    assert!(span < INTERVAL, "all within one picture's time, not {span} ticks");
    // The first live step is shorter by the age that the newest of them had.
    assert!(steps[squeezed] <= INTERVAL + 1, "{steps:?}");
    assert!(
        steps[squeezed + 1..].iter().all(|step| step.abs_diff(INTERVAL) < 2),
        "then live, evenly"
    );
}

#[test]
fn parameter_sets_that_only_the_presentation_has_come_first() {
    let camera = camera_with_sets_in_its_presentation();
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let _first = warm(&relay, 70);
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    let kinds: Vec<u8> = std::iter::from_fn(|| client.read_frame(SOON).unwrap())
        .filter(|frame| frame.channel == 0)
        .map(|frame| RtpPacket::parse(&frame.payload).unwrap().payload()[0] & 31)
        .take(2)
        .collect();
    assert_eq!(kinds, [7, 8]);
}

#[test]
fn without_instant_start_or_with_too_small_a_cache_the_next_key_frame_is_the_first() {
    let spec = Synthetic { width: 640, height: 360, fps: 25, bitrate_kbps: 2000, gop: 50 };
    let path = Path::new("main", Clip::synthetic(&spec));
    let camera = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    for key in ["instant_start=no", "gop_cache_kb=64"] {
        let relay =
            Relay::start(&format!("{key}\n[stream]\nname=door\nrtsp_url={}", camera.url("main")));
        let _first = warm(&relay, 20);
        let mut client = RtspClient::watch(&relay.url("door")).unwrap();
        let mut last = None;
        for count in 0..400 {
            let frame = client.read_frame(SOON).unwrap().unwrap();
            if frame.channel != 0 {
                continue;
            }
            let packet = RtpPacket::parse(&frame.payload).unwrap();
            if count < 2 {
                let scan = Codec::H264.scan(packet.payload());
                assert!(
                    scan.parameter_sets || scan.random_access || !scan.slice,
                    "{key}: {scan:?}"
                );
            }
            let step = last.map_or(0, |last| packet.timestamp().wrapping_sub(last));
            assert!(step == 0 || step.abs_diff(INTERVAL) < 2, "{key}: nothing is squeezed: {step}");
            last = Some(packet.timestamp());
        }
    }
}

#[test]
fn ffmpeg_decodes_every_picture_from_the_first_on_without_an_error() {
    let camera = camera();
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let _first = warm(&relay, 60);
    let finished = Program::run(
        Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "warning", "-xerror", "-err_detect", "explode"])
            .args(["-rtsp_transport", "tcp", "-i", &relay.url("door")])
            .args(["-frames:v", "100", "-fps_mode", "passthrough", "-f", "framehash", "-"]),
        Duration::from_secs(30),
    )
    .expect_ok("ffmpeg");
    let pictures = finished.stdout.lines().filter(|line| line.starts_with("0,")).count();
    assert_eq!(pictures, 100, "{}", finished.stderr);
    for complaint in ["error", "missing", "conceal", "corrupt", "Invalid"] {
        assert!(!finished.stderr.contains(complaint), "{}", finished.stderr);
    }
}

/// Cameras whose key frames are followed by pictures that are shown before them and refer beyond
/// them.
fn camera_of_open_groups() -> GstCamera {
    let paths = ["--path", "avc=h264", "--path", "hevc=h265"];
    let coder = "--open-gop --bframes 2 --key-interval 15 --kbps 400 --width 320 --height 180";
    let coder: Vec<&str> = coder.split(' ').collect();
    GstCamera::start(&[&paths[..], &coder[..]].concat())
}

/// What a viewer gets of video: number, timestamp, and what the packet holds.
fn next_packet(viewer: &mut RtspClient, codec: Codec) -> (u16, u32, Scan) {
    loop {
        let frame = viewer.read_frame(SOON).unwrap().unwrap();
        if frame.channel == 0 {
            let packet = RtpPacket::parse(&frame.payload).unwrap();
            return (packet.sequence(), packet.timestamp(), codec.scan(packet.payload()));
        }
    }
}

/// Reads up to the key frame that comes next, and so many pictures more.
fn pass_key_frame(viewer: &mut RtspClient, codec: Codec, mut pictures: u32) {
    while !next_packet(viewer, codec).2.random_access {}
    while pictures > 0 {
        pictures -= u32::from(next_packet(viewer, codec).2.picture_start);
    }
}

#[test]
fn who_joins_an_open_group_gets_nothing_that_refers_beyond_its_key_frame() {
    let camera = camera_of_open_groups();
    let [avc, hevc] = ["avc", "hevc"].map(|path| camera.url(path));
    let relay = Relay::start(&format!(
        "[stream]\nname=avc\nrtsp_url={avc}\n[stream]\nname=hevc\nrtsp_url={hevc}\n\
         [stream]\nname=late\nrtsp_url={hevc}\ninstant_start=no\n"
    ));
    for (stream, codec) in [("avc", Codec::H264), ("hevc", Codec::H265), ("late", Codec::H265)] {
        let url = relay.url(stream);
        let mut first = RtspClient::watch(&url).unwrap();
        // In the middle of what leads the key frame, and behind it.
        for pictures in [1, 2, 3, 8] {
            pass_key_frame(&mut first, codec, pictures);
            let mut viewer = RtspClient::watch(&url).unwrap();
            let (mut key, mut last, mut keys, mut leading) = (None, None, 0, 0);
            while keys < 3 {
                let (number, timestamp, scan) = next_packet(&mut viewer, codec);
                if let Some(last) = last.replace(number) {
                    assert_eq!(number.wrapping_sub(last), 1, "{stream} {pictures}: a gap");
                }
                if scan.random_access && key != Some(timestamp) {
                    (key, keys) = (Some(timestamp), keys + 1);
                }
                if !scan.slice {
                    continue;
                }
                let key = key.expect("the first picture is a key frame");
                if (timestamp.wrapping_sub(key) as i32) < 0 {
                    assert!(keys > 1, "{stream} {pictures}: it refers to what nobody has sent");
                    leading += 1;
                }
            }
            assert!(leading > 0, "{stream}: no open groups");
        }
    }
}

#[test]
fn ffmpeg_joins_open_groups_without_an_error() {
    let camera = camera_of_open_groups();
    let [avc, hevc] = ["avc", "hevc"].map(|path| camera.url(path));
    let relay = Relay::start(&format!(
        "[stream]\nname=avc\nrtsp_url={avc}\n[stream]\nname=hevc\nrtsp_url={hevc}\n"
    ));
    for (stream, codec) in [("avc", Codec::H264), ("hevc", Codec::H265)] {
        let mut first = RtspClient::watch(&relay.url(stream)).unwrap();
        for pictures in [1, 8] {
            pass_key_frame(&mut first, codec, pictures);
            // It gives the first picture of any stream with B-frames no time, so they are counted.
            let finished = Program::run(
                Command::new("ffmpeg")
                    .args(["-nostdin", "-loglevel", "warning", "-xerror", "-err_detect", "explode"])
                    .args(["-rtsp_transport", "tcp", "-i", &relay.url(stream)])
                    .args(["-vf", "settb=1/25,setpts=N", "-fps_mode", "passthrough"])
                    .args(["-frames:v", "60", "-f", "framehash", "-"]),
                Duration::from_secs(60),
            )
            .expect_ok("ffmpeg");
            let shown = finished.stdout.lines().filter(|line| line.starts_with("0,")).count();
            assert_eq!(shown, 60, "{stream}: {}", finished.stderr);
            for complaint in
                ["error", "missing", "conceal", "corrupt", "Invalid", "Could not find ref"]
            {
                assert!(!finished.stderr.contains(complaint), "{stream}: {}", finished.stderr);
            }
        }
    }
}
