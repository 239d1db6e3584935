//! A camera that is killed and restarted, again and again, under viewers who stay.

use std::process::Command;
use std::time::Duration;

use rtsp_proto::codec::Codec;

use crate::sim::{Clip, Fault};
use crate::support::{Program, Relay, wait_until};
use crate::viewer::{Over, Watching, unix_ns};
use crate::{COMPLAINTS, SOON, camera};

/// How often the camera dies; more with this variable in the environment.
const ROUNDS: usize = 30;
const ROUNDS_VARIABLE: &str = "HOLD_TEST_ROUNDS";
/// In every so many rounds the camera stays away until the picture was repeated.
const LONG_EVERY: usize = 10;
/// So many pictures of the camera are seen before it dies again.
const PICTURES: usize = 5;
/// Viewers that are small programs of ours, besides two ffmpeg.
const OVER_TCP: usize = 12;
const OVER_UDP: usize = 6;
/// The time between two pictures.
const INTERVAL: Duration = Duration::from_millis(40);
fn ffmpeg(url: &str, transport: &str) -> Program {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel warning".split(' '));
    command.args("-xerror -err_detect explode -rtsp_transport".split(' '));
    command.args([transport, "-i", url]);
    command.args(["-fps_mode", "passthrough", "-flush_packets", "1", "-f", "framemd5", "-"]);
    Program::start(&mut command)
}

#[test]
fn viewers_of_a_camera_that_dies_again_and_again_stay_and_see_it_at_once_when_it_is_back() {
    let rounds = std::env::var(ROUNDS_VARIABLE).ok().and_then(|n| n.parse().ok());
    let rounds = rounds.unwrap_or(ROUNDS);
    let camera = camera(Clip::sub());
    let relay = Relay::start(&format!(
        "max_clients=100\non_offline=hold\nretry_initial_ms=50\nretry_max_ms=100\n\
         [stream]\nname=door\nrtsp_url={}",
        camera.url("main")
    ));
    let url = relay.url("door");
    let all = [(Over::Tcp, OVER_TCP), (Over::Udp, OVER_UDP)];
    let viewers: Vec<_> = all
        .into_iter()
        .flat_map(|(over, count)| std::iter::repeat_n(over, count))
        .map(|over| Watching::start(&url, over, Codec::H264).unwrap())
        .collect();
    let mut players = ["tcp", "udp"].map(|transport| ffmpeg(&url, transport));
    let started = || players.iter().all(|player| player.stdout.lines().len() > 20);
    assert!(wait_until(SOON, started), "ffmpeg does not play");

    let mut delays = Vec::new();
    for round in 0..rounds {
        camera.fault(Fault::Refuse(true)).unwrap();
        camera.fault(Fault::Reboot).unwrap();
        let dead = unix_ns();
        let offline = || relay.log().iter().filter(|l| l.contains("camera offline")).count();
        assert!(wait_until(SOON, || offline() > round), "round {round}: the death is noticed");
        if round % LONG_EVERY == LONG_EVERY / 2 {
            let stands_still = |viewer: &Watching| {
                let seen = viewer.seen();
                let repeated = seen.pictures.iter().filter(|p| p.came_ns > dead + 500_000_000);
                repeated.filter(|p| p.key && p.sets).count() >= 2
            };
            let still = wait_until(SOON, || viewers.iter().all(stands_still));
            assert!(still, "round {round}: the last picture is repeated");
        }
        let back = unix_ns();
        camera.fault(Fault::Refuse(false)).unwrap();
        let all_saw = || viewers.iter().all(|v| v.sent_after(back) >= PICTURES);
        assert!(wait_until(SOON, all_saw), "round {round}: the camera is seen again");
        for viewer in &viewers {
            let first = viewer.first_sent_after(back).unwrap();
            assert!(first.key, "round {round}: it begins with a key frame");
            delays.push(first.came_ns.saturating_sub(first.stamp.unwrap().sent_ns));
        }
    }
    for viewer in &viewers {
        viewer.expect_well();
    }
    assert!(!relay.log_contains("viewer left"), "nobody was disconnected");
    let shown = viewers[0].seen().pictures.len();
    for player in &mut players {
        let decoded = || player.stdout.lines().len();
        assert!(
            wait_until(SOON, || decoded() + 30 > shown),
            "ffmpeg shows {} of {shown}",
            decoded()
        );
        assert!(player.is_running(), "ffmpeg ended: {}", player.stderr.text());
        player.terminate();
        let said = player.stderr.text().to_lowercase();
        let complaint = COMPLAINTS.iter().find(|word| said.contains(**word));
        assert!(complaint.is_none(), "ffmpeg complains: {said}");
    }
    delays.sort_unstable();
    let at = |part: usize| Duration::from_nanos(delays[(delays.len() - 1) * part / 100]);
    eprintln!(
        "rounds={rounds} viewers={} delay median={:?} 99%={:?} longest={:?} decoded={:?}",
        viewers.len() + players.len(),
        at(50),
        at(99),
        at(100),
        players.each_ref().map(|player| player.stdout.lines().len())
    );
    assert!(at(50) <= INTERVAL, "from the camera's key frame to the viewers: {:?}", at(50));
}
