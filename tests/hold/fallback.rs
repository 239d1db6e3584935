//! Another stream in the place of one whose camera is away, and back.

use std::process::Command;
use std::time::{Duration, Instant};

use rtsp_proto::codec::Codec;

use crate::sim::{Camera, Clip, Fault};
use crate::support::{Program, Relay, RtspClient, film, leave, wait_until};
use crate::viewer::{Over, Watching, unix_ns};
use crate::{COMPLAINTS, SOON, camera};

/// How often the camera goes and comes back; each time takes as long as it must work before it is
/// shown again. More with this variable in the environment.
const ROUNDS: usize = 2;
const ROUNDS_VARIABLE: &str = "FALLBACK_TEST_ROUNDS";
const AT_ONCE: Duration = Duration::from_secs(1);
/// Of the pictures of the two clips.
const MAIN: (u32, u32) = (640, 360);
const SUB: (u32, u32) = (320, 180);

/// Each stream with its camera's URL and its fallback.
fn relay(more: &str, streams: &[(&str, &Camera, &str)]) -> Relay {
    let section = |(name, camera, fallback): &(&str, &Camera, &str)| {
        let fallback = match *fallback {
            "" => String::new(),
            name => format!("fallback={name}\n"),
        };
        format!("[stream]\nname={name}\nrtsp_url={}\n{fallback}", camera.url("main"))
    };
    let streams: String = streams.iter().map(section).collect();
    Relay::start(&format!(
        "max_clients=100\nretry_initial_ms=50\nretry_max_ms=200\nsource_idle_timeout_s=0\n\
         {more}\n{streams}"
    ))
}

fn kill(camera: &Camera) {
    camera.fault(Fault::Refuse(true)).unwrap();
    camera.fault(Fault::Reboot).unwrap();
}

/// Waits until all viewers see pictures of this size that were sent after a moment.
fn all_see(viewers: &[Watching], size: (u32, u32), after: u64) -> bool {
    let fresh = |viewer: &Watching| {
        let seen = viewer.seen();
        let last = seen.pictures.last().filter(|p| p.size == Some(size));
        last.and_then(|picture| picture.stamp).is_some_and(|stamp| stamp.sent_ns > after)
    };
    wait_until(SOON, || viewers.iter().all(fresh))
}

#[test]
fn viewers_see_the_fallback_while_the_camera_is_away_and_then_the_camera_again() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|n| n.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let (main, sub) = (camera(Clip::builtin()), camera(Clip::sub()));
    let relay = relay("on_offline=hold", &[("door", &main, "door/sub"), ("door/sub", &sub, "")]);
    let url = relay.url("door");
    let over = [Over::Tcp, Over::Tcp, Over::Tcp, Over::Udp, Over::Udp];
    let viewers = over.map(|over| Watching::start(&url, over, Codec::H264).unwrap());
    for number in 1..1000 {
        let _none = std::fs::remove_file(leave(&format!("fallback-{number:03}.png")));
    }
    let mut player = Program::start(
        Command::new("ffmpeg")
            .args("-hide_banner -nostdin -nostats -loglevel warning -xerror".split(' '))
            .args(["-err_detect", "explode", "-rtsp_transport", "tcp", "-i", &url])
            .args(["-vf", "fps=2,scale=640:360", "-y"])
            .arg(leave("fallback-%03d.png")),
    );
    let picture = |number: usize| leave(&format!("fallback-{number:03}.png"));
    let saved = || (1..).find(|number| !picture(*number).exists()).unwrap_or_default();
    let saves_more = || {
        let before = saved();
        wait_until(SOON, || saved() >= before + 4)
    };
    assert!(all_see(&viewers, MAIN, 0));
    assert!(saves_more(), "ffmpeg does not play: {}", player.stderr.text());
    assert_eq!(sub.stats().connections_total, 0, "pulled only when it is needed");
    for round in 0..rounds {
        let dies = unix_ns();
        kill(&main);
        assert!(all_see(&viewers, SUB, dies), "round {round}: the fallback");
        assert!(saves_more(), "round {round}: ffmpeg shows the fallback");
        let stats = sub.stats();
        assert_eq!((stats.sessions_open, stats.sessions_total), (1, round as u64 + 1));
        let back = unix_ns();
        main.fault(Fault::Refuse(false)).unwrap();
        assert!(all_see(&viewers, MAIN, back), "round {round}: the camera again");
        assert!(saves_more(), "round {round}: ffmpeg shows the camera again");
        let stayed = Duration::from_nanos(unix_ns() - back);
        assert!(stayed >= Duration::from_secs(5), "it has to prove itself: {stayed:?}");
        assert!(wait_until(SOON, || sub.stats().sessions_open == 0), "round {round}: let go");
    }
    for viewer in &viewers {
        viewer.expect_well();
        let seen = viewer.seen();
        let cuts = seen.pictures.windows(2).filter(|pair| pair[0].size != pair[1].size);
        assert!(cuts.clone().all(|pair| pair[1].key && pair[1].sets), "cuts are at key frames");
        assert_eq!(cuts.count(), 2 * rounds, "there and back, and no more");
    }
    assert!(!relay.log_contains("viewer left"), "nobody was disconnected");
    assert!(player.is_running(), "ffmpeg ended: {}", player.stderr.text());
    player.terminate();
    let said = player.stderr.text().to_lowercase();
    assert!(!COMPLAINTS.iter().any(|word| said.contains(word)), "ffmpeg complains: {said}");
    assert!(
        wait_until(SOON, || relay.threads() > 2 && relay.process().switches_of("h:door").is_none())
    );
}

#[test]
fn without_hold_viewers_stay_as_long_as_a_fallback_serves_them_and_no_longer() {
    let (main, sub) = (camera(Clip::builtin()), camera(Clip::sub()));
    let relay = relay("", &[("door", &main, "sub"), ("sub", &sub, "")]);
    let viewers = [Over::Tcp, Over::Udp]
        .map(|over| Watching::start(&relay.url("door"), over, Codec::H264).unwrap());
    assert!(all_see(&viewers, MAIN, 0));
    let dies = unix_ns();
    kill(&main);
    assert!(all_see(&viewers, SUB, dies));
    relay.process().signal(rustix::process::Signal::USR1);
    let line = relay.wait_log("status stream=door", SOON).unwrap();
    assert!(line.contains("showing=fallback"), "{line}");
    // A viewer who comes now sees it too, and is told the camera's tracks.
    let late = Watching::start(&relay.url("door"), Over::Tcp, Codec::H264).unwrap();
    assert!(all_see(&[late], SUB, dies));
    viewers.iter().for_each(Watching::expect_well);
    kill(&sub);
    let begun = Instant::now();
    assert!(wait_until(SOON, || viewers.iter().all(|viewer| viewer.seen().ended)));
    assert!(begun.elapsed() < AT_ONCE, "{:?}", begun.elapsed());
    assert!(relay.wait_log("the fallback is offline, too", SOON).is_some());
    let refused = RtspClient::watch(&relay.url("door")).err().unwrap().to_string();
    assert!(refused.contains("503"), "{refused}");
}

#[test]
fn a_stream_whose_camera_never_answered_shows_its_fallbacks_fallback() {
    let (main, second, third) = (camera(Clip::builtin()), camera(Clip::sub()), camera(Clip::sub()));
    kill(&main);
    kill(&second);
    let streams = [("a", &main, "b"), ("b", &second, "c"), ("c", &third, "")];
    let relay = relay("", &streams);
    let viewer = [Watching::start(&relay.url("a"), Over::Tcp, Codec::H264).unwrap()];
    assert!(all_see(&viewer, SUB, 0));
    let back = unix_ns();
    main.fault(Fault::Refuse(false)).unwrap();
    assert!(all_see(&viewer, MAIN, back));
    viewer[0].expect_well();
    assert!(wait_until(SOON, || third.stats().sessions_open == 0), "let go, one after the other");
}

#[test]
fn what_cannot_stand_in_does_not_and_the_log_says_why() {
    let main = camera(Clip::builtin());
    let other = camera(Clip::from_h265(&film::h265("320x180", 25), 25).unwrap());
    for (more, reason) in [
        ("", "the fallback cannot stand in: its video is H265, not H264"),
        ("max_camera_connections=1", "the fallback cannot be pulled: max_camera_connections=1"),
    ] {
        let relay = relay(more, &[("door", &main, "sub"), ("sub", &other, "")]);
        let viewer = Watching::start(&relay.url("door"), Over::Tcp, Codec::H264).unwrap();
        assert!(wait_until(SOON, || viewer.seen().pictures.len() > 5));
        kill(&main);
        assert!(relay.wait_log(reason, SOON).is_some(), "{reason}");
        assert!(wait_until(SOON, || viewer.seen().ended), "{reason}");
        assert!(wait_until(SOON, || other.stats().sessions_open == 0), "{reason}");
        main.fault(Fault::Refuse(false)).unwrap();
    }
}
