//! The relay between a camera that nobody here wrote (gst-rtsp-server) and the players people use.
//!
//! Pictures are left in the build folder (`tmp/*.png`) for looking at.

use rtsp_relay_testing as support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use support::{Finished, GstCamera, Program, Relay, leave, project, wait_until};

/// Longer than any of these programs takes when all is well, also on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// `source_idle_timeout_s` of these tests and the second that letting go may take.
const LET_GO: Duration = Duration::from_secs(1 + 1);

/// What ffmpeg says when packets are missing or pictures are damaged.
const COMPLAINTS: &[&str] =
    &["error", "missed", "missing", "concealing", "corrupt", "invalid", "damaged", "dropping"];

fn relay_of(camera: &GstCamera, more: &str) -> Relay {
    Relay::start(&format!(
        "source_idle_timeout_s=1\n\
         [stream]\nname=gate\nrtsp_url={}\nusername=admin\npassword=secret\n{more}",
        camera.url("main")
    ))
}

/// Decodes so many frames, gives their hashes on stdout, and saves one as PNG.
fn ffmpeg(url: &str, transport: &str, frames: usize, png: &Path) -> Command {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel warning".split(' '));
    command.args("-xerror -err_detect explode -rtsp_transport".split(' '));
    command.args([transport, "-i", url]);
    command.args(["-map", "0:v", "-frames:v", &frames.to_string()]);
    command.args(["-fps_mode", "passthrough", "-f", "framemd5", "-"]);
    command.args(["-map", "0:v", "-vf", "select=eq(n\\,20)", "-frames:v", "1", "-update", "1"]);
    command.arg("-y").arg(png);
    command
}

/// So many frames, no two at the same time, none left out, and nothing complained about.
fn expect_all_frames(finished: Finished, frames: usize) {
    let finished = finished.expect_ok("ffmpeg");
    let said = finished.stderr.to_lowercase();
    let complaint = COMPLAINTS.iter().find(|word| said.contains(**word));
    assert!(complaint.is_none(), "ffmpeg complains:\n{}", finished.stderr);
    let lines: Vec<_> = finished.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), frames, "decoded frames");
    let times: Vec<i64> = lines
        .iter()
        .map(|line| line.split(',').nth(2).and_then(|pts| pts.trim().parse().ok()).expect("a time"))
        .collect();
    // The first step is ffmpeg's own invention: it is the same with every RTSP server. Pictures
    // from before the viewer came are squeezed together in front of the newest one.
    let steps: Vec<i64> = times.windows(2).skip(1).map(|pair| pair[1] - pair[0]).collect();
    let usual = steps.last().copied().expect("more than two frames");
    let live: BTreeSet<i64> = steps.into_iter().skip_while(|&step| step < usual).collect();
    assert_eq!(live.len(), 1, "steps between the frames' times: {live:?}");
    let pictures: BTreeSet<_> = lines.iter().filter_map(|line| line.rsplit(',').next()).collect();
    assert!(pictures.len() > frames / 2, "the picture moves: {} of {frames}", pictures.len());
}

fn gstreamer(url: &str, frames: usize, png: &Path) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(project("tests/players/gst_viewer.py")).arg(url);
    command.args(["--frames", &frames.to_string()]).arg("--png").arg(png);
    command
}

fn live555(url: &str, args: &[&str]) -> Command {
    let mut command = Command::new("/usr/bin/python3");
    command.arg(project("tests/players/live555_client.py")).arg(url).args(args);
    command
}

fn mpv(url: &str, frames: usize) -> Command {
    let mut command = Command::new("mpv");
    command.args("--no-config --no-terminal --no-audio --rtsp-transport=tcp".split(' '));
    command.arg(format!("--frames={frames}"));
    command.args(["--o=-", "--of=framemd5", "--ovc=rawvideo"]).arg(url);
    command
}

/// The JSON that one of our players prints, which must say that all was right.
fn expect_right(finished: Finished, what: &str) -> Value {
    let finished = finished.expect_ok(what);
    let result: Value = serde_json::from_str(&finished.stdout).expect("one JSON object");
    assert_eq!(result["ok"], true, "{what}: {result}");
    result
}

fn expect_png(path: &Path) {
    let bytes = std::fs::read(path).expect("a picture was saved");
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 4096, "{}", path.display());
}

/// All players at once: each gets every picture, the camera sees one of us, and only meanwhile.
fn all_players_share_one_session(login: &str, frames: usize) {
    let camera = GstCamera::start(&["--auth", login]);
    let relay = relay_of(&camera, "");
    assert_eq!(camera.count("connected"), 0, "nobody watches yet");

    let url = relay.url("gate");
    let saved = [leave(&format!("ffmpeg-{login}.png")), leave(&format!("gstreamer-{login}.png"))];
    let pictures = frames.to_string();
    let wishes = ["--pictures", &pictures, "--expect-key-frame", "--rtp-info", "require"];
    let one = Program::start(&mut ffmpeg(&url, "tcp", frames, &saved[0]));
    let two = Program::start(&mut gstreamer(&url, frames, &saved[1]));
    let three = Program::start(&mut live555(&url, &wishes));
    let four = Program::start(&mut mpv(&url, frames));

    expect_all_frames(one.finish(PATIENCE), frames);
    let gstreamer = expect_right(two.finish(PATIENCE), "GStreamer");
    assert_eq!(
        (gstreamer["frames"].as_u64(), gstreamer["lost"].as_u64()),
        (Some(frames as u64), Some(0))
    );
    let live555 = expect_right(three.finish(PATIENCE), "live555");
    assert_eq!(live555["tracks"][0]["lost"], 0);
    let mpv = four.finish(PATIENCE).expect_ok("mpv");
    assert_eq!(mpv.stdout.lines().filter(|l| !l.starts_with('#')).count(), frames, "mpv's frames");
    saved.iter().for_each(|path| expect_png(path));

    assert_eq!(camera.count("connected"), 1, "connections that the camera saw");
    assert_eq!(camera.count("session"), 1, "sessions that the camera saw");
    assert!(
        wait_until(LET_GO, || camera.open_connections() == 0),
        "the camera is kept although nobody watches"
    );
    assert_eq!(camera.requests("TEARDOWN"), 1, "the camera is told that we leave");
}

#[test]
fn four_players_share_one_session_of_a_camera_with_digest() {
    all_players_share_one_session("digest", 250);
}

#[test]
fn four_players_share_one_session_of_a_camera_with_basic() {
    all_players_share_one_session("basic", 100);
}

#[test]
fn a_viewer_that_comes_back_gets_the_camera_back() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let relay = relay_of(&camera, "");
    // A goodbye, a closed connection, a reset one: the camera must be let go after each.
    for (round, leaving) in [None, Some("--kill"), Some("--reset")].into_iter().enumerate() {
        let mut args = vec!["--pictures", "20", "--expect-key-frame"];
        args.extend(leaving);
        expect_right(Program::run(&mut live555(&relay.url("gate"), &args), PATIENCE), "live555");
        assert!(
            wait_until(LET_GO, || camera.requests("TEARDOWN") == round + 1),
            "{leaving:?}: the camera is kept"
        );
    }
    assert_eq!(camera.count("session"), 3);
    assert_eq!(camera.most_sessions(), 1, "two sessions with the camera at once");
}

#[test]
fn picture_and_sound_arrive_over_udp() {
    let camera = GstCamera::start(&["--auth", "digest", "--audio"]);
    let relay = relay_of(&camera, "");
    let args = ["--pictures", "50", "--transport", "udp", "--rtp-info", "require"];
    let result =
        expect_right(Program::run(&mut live555(&relay.url("gate"), &args), PATIENCE), "live555");
    let tracks = result["tracks"].as_array().expect("tracks");
    assert_eq!(tracks.len(), 2, "{result}");
    assert!(tracks.iter().all(|track| track["packets"].as_u64() > Some(10)), "{result}");
    assert!(tracks.iter().all(|track| track["lost"] == 0), "{result}");
}

#[test]
fn picture_and_sound_arrive_on_the_channels_a_player_asks_for() {
    let camera = GstCamera::start(&["--auth", "digest", "--audio"]);
    let relay = relay_of(&camera, "");
    let args = ["--pictures", "50", "--channels", "4", "--rtp-info", "require"];
    let result =
        expect_right(Program::run(&mut live555(&relay.url("gate"), &args), PATIENCE), "live555");
    let tracks = result["tracks"].as_array().expect("tracks");
    let seen: Vec<_> =
        tracks.iter().map(|t| (t["codec"].as_str(), t["channels"][0].as_u64())).collect();
    assert_eq!(seen, [(Some("H264"), Some(4)), (Some("PCMA"), Some(6))]);
    assert!(tracks.iter().all(|track| track["packets"].as_u64() > Some(10)), "{result}");
}

#[test]
fn players_over_udp_get_every_picture() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let relay = relay_of(&camera, "");
    let url = relay.url("gate");
    let saved = [leave("ffmpeg-udp.png"), leave("gstreamer-udp.png")];
    let wishes =
        ["--transport", "udp", "--pictures", "100", "--expect-key-frame", "--rtp-info", "require"];
    let one = Program::start(&mut ffmpeg(&url, "udp", 100, &saved[0]));
    let two = Program::start(gstreamer(&url, 100, &saved[1]).args(["--protocols", "udp"]));
    let three = Program::start(&mut live555(&url, &wishes));
    expect_all_frames(one.finish(PATIENCE), 100);
    let gstreamer = expect_right(two.finish(PATIENCE), "GStreamer");
    assert_eq!((gstreamer["frames"].as_u64(), gstreamer["lost"].as_u64()), (Some(100), Some(0)));
    let live555 = expect_right(three.finish(PATIENCE), "live555");
    assert_eq!(live555["tracks"][0]["lost"], 0);
    saved.iter().for_each(|path| expect_png(path));
    let joined = relay.log().into_iter().filter(|line| line.contains("viewer joined"));
    let over_udp = joined.filter(|line| line.contains(" transport=udp ")).count();
    assert_eq!(over_udp, 3);
    assert_eq!(camera.count("session"), 1, "sessions that the camera saw");
    assert!(
        wait_until(LET_GO, || !relay.process().thread_names().iter().any(|name| name == "udp")),
        "a thread stays although nobody watches over UDP"
    );
}

#[test]
fn a_player_that_tries_udp_first_gets_its_picture() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let relay = relay_of(&camera, "");
    let args = ["--pictures", "25", "--transport", "auto"];
    expect_right(Program::run(&mut live555(&relay.url("gate"), &args), PATIENCE), "live555");
    // ffmpeg and GStreamer with their own order of transports.
    let mut plain = Command::new("ffmpeg");
    plain.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-i", &relay.url("gate")]);
    plain.args(["-frames:v", "25", "-f", "null", "-"]);
    Program::run(&mut plain, PATIENCE).expect_ok("ffmpeg");
    let png = leave("gstreamer-auto.png");
    let mut viewer = gstreamer(&relay.url("gate"), 25, &png);
    viewer.args(["--protocols", "auto"]);
    expect_right(Program::run(&mut viewer, PATIENCE), "GStreamer");
}

#[test]
fn a_viewers_login_is_asked_for_before_the_camera_is_called() {
    let camera = GstCamera::start(&["--auth", "digest"]);
    let relay = Relay::start(&format!(
        "client_username=family\nclient_password=watch me\n\
         [stream]\nname=gate\nrtsp_url={}\nusername=admin\npassword=secret\n",
        camera.url("main")
    ));
    let url = relay.url("gate");
    let refused = Program::run(
        &mut live555(&url, &["--user", "family", "--password", "wrong", "--pictures", "5"]),
        PATIENCE,
    );
    assert!(refused.stdout.contains("answered with 401"), "{}", refused.stdout);
    assert_eq!(camera.count("connected"), 0, "a stranger makes the camera be called");

    let login = ["--user", "family", "--password", "watch me"];
    let args = [&login[..], &["--pictures", "25"]].concat();
    expect_right(Program::run(&mut live555(&url, &args), PATIENCE), "live555");
    let mut viewer = gstreamer(&url, 25, &leave("gstreamer-login.png"));
    viewer.args(login);
    expect_right(Program::run(&mut viewer, PATIENCE), "GStreamer");
    let inside = url.replace("rtsp://", "rtsp://family:watch%20me@");
    expect_all_frames(
        Program::run(&mut ffmpeg(&inside, "tcp", 25, &leave("ffmpeg-login.png")), PATIENCE),
        25,
    );
}
