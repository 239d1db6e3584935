//! What stands still, for whom, and what ends it.

use std::process::Command;
use std::time::{Duration, Instant};

use rtsp_proto::Oddities;
use rtsp_proto::codec::Codec;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};

use crate::sim::{Camera, Clip, Fault, Options, Path, Start, Synthetic};
use crate::support::{Program, Relay, RtspClient, film, wait_until};
use crate::viewer::{Over, Watching, unix_ns};
use crate::{SOON, camera, camera_at};

const AT_ONCE: Duration = Duration::from_secs(1);

fn relay(camera: &Camera, more: &str) -> Relay {
    Relay::start(&format!(
        "on_offline=hold\nretry_initial_ms=50\nretry_max_ms=200\nsource_idle_timeout_s=0\n{more}\n\
         [stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ))
}

fn kill(camera: &Camera, relay: &Relay) {
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Die).unwrap();
    assert!(relay.wait_log("camera offline", SOON).is_some());
}

fn sees_pictures(viewer: &Watching, count: usize) -> bool {
    wait_until(SOON, || viewer.seen().pictures.len() >= count)
}

/// A clip whose parameter sets are, for the first 18 s, in the camera's presentation only.
fn without_sets_in_band(width: u32, height: u32) -> Clip {
    let spec = Synthetic { width, height, fps: 25, bitrate_kbps: 500, gop: 50 };
    let mut clip = Clip::synthetic(&spec);
    let mut without = clip.pictures.clone();
    for unit in &mut without {
        unit.nal_units.retain(|nal| !matches!(nal[0] & 31, 7 | 8));
    }
    clip.pictures.splice(0..0, std::iter::repeat_n(without, 9).flatten());
    clip
}

#[test]
fn a_new_viewer_sees_the_held_picture_at_once_and_the_status_says_so() {
    let camera = camera(Clip::builtin());
    let relay = relay(&camera, "");
    let first = Watching::start(&relay.url("door"), Over::Tcp, Codec::H264).unwrap();
    assert!(sees_pictures(&first, 20));
    kill(&camera, &relay);
    for over in [Over::Tcp, Over::Udp] {
        let begun = Instant::now();
        let late = Watching::start(&relay.url("door"), over, Codec::H264).unwrap();
        assert!(wait_until(AT_ONCE, || late.seen().pictures.iter().any(|p| p.key && p.sets)));
        assert!(begun.elapsed() < AT_ONCE, "{over:?}: {:?}", begun.elapsed());
        // It goes on to be shown.
        let before = late.seen().pictures.len();
        assert!(sees_pictures(&late, before + 2));
        late.expect_well();
    }
    relay.process().signal(rustix::process::Signal::USR1);
    let line = relay.wait_log("status stream=door", SOON).unwrap();
    assert!(line.contains("state=offline") || line.contains("state=connecting"), "{line}");
    assert!(line.contains("showing=held"), "{line}");

    // With nobody left to see it there is nothing to hold.
    drop(first);
    assert!(wait_until(SOON, || relay.threads() == 2), "{:?}", relay.process().thread_names());
    let refused = RtspClient::watch(&relay.url("door")).err().unwrap().to_string();
    assert!(refused.contains("503"), "{refused}");
}

#[test]
fn who_comes_as_the_last_one_leaves_gets_the_camera_when_it_is_back() {
    let camera = camera(Clip::sub());
    let relay = relay(&camera, "");
    for round in 0..10 {
        let first = RtspClient::watch(&relay.url("door")).unwrap();
        camera.fault(Fault::Refuse(true)).unwrap();
        camera.fault(Fault::Die).unwrap();
        assert!(wait_until(SOON, || relay.process().switches_of("h:door").is_some()));
        // Some leave while the camera is dialled, some before, some after.
        std::thread::scope(|scope| {
            scope.spawn(move || drop(first));
            scope.spawn(|| camera.fault(Fault::Refuse(false)).unwrap());
            let mut client = RtspClient::connect(&relay.url("door")).unwrap();
            let url = relay.url("door");
            let cseq = client.send(rtsp_proto::Method::Describe, &url, &[]).unwrap();
            let answer = client.answer(cseq);
            assert!(answer.is_ok(), "round {round}: no answer");
        });
        assert!(wait_until(SOON, || RtspClient::watch(&relay.url("door")).is_ok()), "{round}");
    }
}

#[test]
fn the_picture_is_not_repeated_for_nobody() {
    let camera = camera(Clip::builtin());
    let relay = relay(&camera, "");
    let mut viewer = RtspClient::watch(&relay.url("door")).unwrap();
    for _ in 0..20 {
        viewer.read_frame(SOON).unwrap().unwrap();
    }
    kill(&camera, &relay);
    viewer.pause().unwrap();
    let switches = || relay.process().switches_of("h:door");
    assert!(wait_until(SOON, || switches().is_some()));
    // As long as it takes to be shown twice.
    let mut before = switches();
    let mut since = Instant::now();
    assert!(
        wait_until(SOON, || {
            if switches() != before {
                (before, since) = (switches(), Instant::now());
            }
            since.elapsed() > Duration::from_millis(2500)
        }),
        "it wakes although nobody watches"
    );
    viewer.play().unwrap();
    let begun = Instant::now();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    assert!(begun.elapsed() < AT_ONCE);
}

#[test]
fn a_camera_that_comes_back_in_the_middle_of_a_group_is_seen_from_its_key_frame_on() {
    let path = Path { start: Start::NextPicture, ..Path::new("main", Clip::builtin()) };
    let camera = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    let relay = relay(&camera, "");
    let viewer = Watching::start(&relay.url("door"), Over::Tcp, Codec::H264).unwrap();
    assert!(sees_pictures(&viewer, 60));
    for _ in 0..3 {
        kill(&camera, &relay);
        let back = unix_ns();
        camera.fault(Fault::Refuse(false)).unwrap();
        assert!(wait_until(SOON, || viewer.first_sent_after(back).is_some()));
        assert!(viewer.first_sent_after(back).unwrap().key);
    }
    viewer.expect_well();
}

#[test]
fn other_parameter_sets_reach_those_who_stayed_also_when_only_the_presentation_has_them() {
    let old = camera(without_sets_in_band(640, 360));
    let relay = relay(&old, "");
    let viewer = Watching::start(&relay.url("door"), Over::Tcp, Codec::H264).unwrap();
    assert!(sees_pictures(&viewer, 30));
    let address = old.address();
    drop(old);
    assert!(relay.wait_log("camera offline", SOON).is_some());
    let held = |viewer: &Watching| {
        let seen = viewer.seen();
        seen.pictures.iter().filter(|p| p.key && p.sets && p.size == Some((640, 360))).count()
    };
    assert!(wait_until(SOON, || held(&viewer) >= 2), "its own parameter sets are in front");
    let back = unix_ns();
    let _new = camera_at(address, without_sets_in_band(320, 240));
    assert!(wait_until(SOON, || viewer.first_sent_after(back).is_some()));
    let first = viewer.first_sent_after(back).unwrap();
    assert_eq!((first.key, first.sets, first.size), (true, true, Some((320, 240))));
    viewer.expect_well();
}

#[test]
fn h265_stands_still_and_goes_on_without_a_decoding_error() {
    stands_still_and_goes_on(&film::h265("320x180", 25));
}

#[test]
fn h265_whose_key_frames_do_not_begin_anew_by_themselves_does_too() {
    stands_still_and_goes_on(&film::h265_clean("320x180", 25));
}

fn stands_still_and_goes_on(film: &[u8]) {
    let clip = Clip::from_h265(film, 25).unwrap();
    let camera = camera(clip);
    let relay = relay(&camera, "");
    let viewer = Watching::start(&relay.url("door"), Over::Udp, Codec::H265).unwrap();
    let mut player = Program::start(
        Command::new("ffmpeg")
            .args(["-hide_banner", "-nostdin", "-nostats", "-loglevel", "warning", "-xerror"])
            .args(["-err_detect", "explode", "-rtsp_transport", "tcp", "-i", &relay.url("door")])
            .args(["-fps_mode", "passthrough", "-flush_packets", "1", "-f", "framemd5", "-"]),
    );
    let shown = |player: &Program| player.stdout.lines().len();
    assert!(wait_until(SOON, || shown(&player) > 30), "{}", player.stderr.text());
    kill(&camera, &relay);
    let before = shown(&player);
    assert!(wait_until(SOON, || shown(&player) >= before + 2), "{}", player.stderr.text());
    let back = unix_ns();
    camera.fault(Fault::Refuse(false)).unwrap();
    assert!(wait_until(SOON, || viewer.first_sent_after(back).is_some_and(|p| p.key)));
    let before = shown(&player);
    assert!(wait_until(SOON, || shown(&player) >= before + 50), "{}", player.stderr.text());
    assert!(player.is_running());
    player.terminate();
    let said = player.stderr.text().to_lowercase();
    assert!(
        !["error", "missing", "invalid", "duplicate"].iter().any(|w| said.contains(w)),
        "{said}"
    );
    viewer.expect_well();
}

/// What the relay says before it closes: the reasons of its BYEs.
fn last_words(viewer: &mut RtspClient) -> Vec<String> {
    let frames = viewer.read_to_end(SOON).unwrap();
    let reports = frames.iter().filter(|frame| frame.channel == 1);
    let packets = reports.flat_map(|f| parse_compound(&f.payload, &mut Oddities::new()));
    packets
        .filter_map(|packet| match packet {
            RtcpPacket::Bye { reason, .. } => Some(reason.unwrap_or_default()),
            _ => None,
        })
        .collect()
}

#[test]
fn holding_ends_after_its_time_with_the_reason() {
    let camera = camera(Clip::builtin());
    let relay = relay(&camera, "hold_timeout_s=2");
    let mut viewer = RtspClient::watch(&relay.url("door")).unwrap();
    for _ in 0..20 {
        viewer.read_frame(SOON).unwrap().unwrap();
    }
    kill(&camera, &relay);
    let begun = Instant::now();
    let words = last_words(&mut viewer);
    let took = begun.elapsed();
    assert!(words.iter().any(|word| word.contains("held for 2 s")), "{words:?}");
    assert!((1500..3500).contains(&took.as_millis()), "{took:?}");
    let line = relay.wait_log("viewer left", SOON).unwrap();
    assert!(line.contains("hold_timeout_s"), "{line}");
    let refused = RtspClient::watch(&relay.url("door")).err().unwrap().to_string();
    assert!(refused.contains("503"), "{refused}");
}

#[test]
fn a_camera_that_comes_back_with_another_codec_ends_the_hold_with_the_reason() {
    let old = camera(Clip::builtin());
    let relay = relay(&old, "");
    let mut viewer = RtspClient::watch(&relay.url("door")).unwrap();
    for _ in 0..20 {
        viewer.read_frame(SOON).unwrap().unwrap();
    }
    let address = old.address();
    drop(old);
    assert!(relay.wait_log("camera offline", SOON).is_some());
    let clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let _new = camera_at(address, clip);
    let words = last_words(&mut viewer);
    assert!(words.iter().any(|word| word.contains("its video is H265, not H264")), "{words:?}");
    // Whoever asks anew gets the new one.
    let again = Watching::start(&relay.url("door"), Over::Tcp, Codec::H265).unwrap();
    assert!(sees_pictures(&again, 10));
}
