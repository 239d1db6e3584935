//! Players that know nothing of the relay.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::sim::{Clip, Track};
use super::support::{Program, Times, Watched, film, wait_until};
use super::{House, SOON, ffmpeg, silent};

/// More is seen and heard as one after the other.
const TOGETHER_MS: f64 = 40.0;
const NOBODY: u32 = 65_534;
/// Bytes of a second, as MPEG-TS.
const SECOND: u64 = 135_000;
/// For a longer look: so many seconds.
const SECONDS_VARIABLE: &str = "LIVE_TEST_SECONDS";

fn decodes(house: &House, what: &str) {
    let url = house.url("live/door.mp4");
    let arguments =
        ["-map", "0:v", "-frames:v", "75", "-fps_mode", "passthrough", "-f", "framemd5"];
    let decoded = ffmpeg(&url, &[&arguments[..], &["-"]].concat());
    let lines: Vec<_> = decoded.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!((lines.len(), decoded.stderr.as_str()), (75, ""), "{what}");
}

#[test]
fn ffmpeg_decodes_every_picture_from_the_first_on() {
    let house = House::new(super::film(), "", "");
    decodes(&house, "the first viewer");
    let mut warm = house.browser();
    for _ in 0..30 {
        warm.fragment(1);
    }
    decodes(&house, "one who comes in the middle of a group");
}

#[test]
fn open_groups_of_h265_are_played() {
    let clip = Clip::from_h265(&film::h265_clean("320x180", 25), 25).unwrap();
    let house = House::new(silent(clip), "", "");
    let mut warm = house.browser();
    for _ in 0..40 {
        warm.fragment(1);
    }
    decodes(&house, "H.265");
}

#[test]
fn sound_and_picture_belong_together() {
    let house = House::new(super::film(), "", "");
    expect_together(&house);
}

/// A viewer, and one that joins later, see and hear what belongs together at one time.
pub(super) fn expect_together(house: &House) {
    let url = house.url("live/door.mp4");
    let mut first = Watched::ffmpeg_http(&url);
    let long = Duration::from_secs(seconds() as u64);
    let early = first.wait_more(seconds() - 1, SOON + long);
    let mut second = Watched::ffmpeg_http(&url);
    for (who, times) in [("first", early), ("second", second.wait_more(3, SOON))] {
        belong_together(who, &times, 2);
    }
}

/// So many beeps at the least were heard, and each with its flash.
fn belong_together(who: &str, times: &Times, least: usize) {
    // The sound may begin before the first picture.
    let skews = times.skews_ms(times.flashes[0] - 0.3);
    eprintln!("{who}: the beeps are late by {skews:.1?} ms");
    let together = skews.iter().all(|skew| skew.abs() < TOGETHER_MS);
    assert!(skews.len() >= least && together, "{who}: {skews:?} of {times:?}");
}

/// How long mpv and VLC play.
fn seconds() -> usize {
    let told = std::env::var(SECONDS_VARIABLE).ok();
    told.and_then(|text| text.parse().ok()).unwrap_or(4)
}

/// Where a player records what it plays; VLC as somebody else than the test.
struct Recording(PathBuf);

impl Recording {
    fn new(player: &str) -> Self {
        let name = format!("rtsp-relay-{player}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, Permissions::from_mode(0o777)).unwrap();
        Self(folder)
    }

    fn file(&self) -> PathBuf {
        self.0.join("seen")
    }

    /// In all seconds but the one that was cut off a flash is seen with its beep.
    fn expect_together(&self, who: &str) {
        let whole = seconds() - 1;
        let times = Watched::ffmpeg_http(&self.file().to_string_lossy()).wait_more(whole, SOON);
        belong_together(who, &times, whole - 1);
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn mpv_plays_it_with_its_sound() {
    let house = House::new(super::film(), "", "");
    // Then the picture begins with the sound.
    let mut warm = house.browser();
    warm.fragment(1);
    let recording = Recording::new("mpv");
    let mut mpv = Command::new("mpv");
    let options = "--no-config --no-terminal --of=matroska --ovc=mpeg4 --oac=pcm_s16le";
    mpv.args(options.split(' ')).arg(format!("--frames={}", 25 * seconds()));
    mpv.arg(format!("--o={}", recording.file().display())).arg(house.url("live/door.mp4"));
    Program::run(&mut mpv, SOON * 2 + Duration::from_secs(seconds() as u64)).expect_ok("mpv");
    recording.expect_together("mpv");
}

#[test]
fn vlc_plays_it_with_its_sound() {
    let house = House::new(super::film(), "", "");
    let recording = Recording::new("vlc");
    let mut vlc = Command::new("vlc");
    vlc.args(["-I", "dummy", "--sout"]);
    vlc.arg(format!("#std{{access=file,mux=ts,dst={}}}", recording.file().display()));
    vlc.arg(house.url("live/door.mp4")).env("HOME", &recording.0);
    if rustix::process::getuid().is_root() {
        // VLC refuses to run as root.
        vlc.uid(NOBODY).gid(NOBODY);
    }
    let mut vlc = Program::start(&mut vlc);
    let size = || std::fs::metadata(recording.file()).map_or(0, |file| file.len());
    let long = Duration::from_secs(seconds() as u64);
    let plays = wait_until(SOON + long, || size() > SECOND * (seconds() as u64 + 1));
    let _ended = vlc.terminate();
    assert!(plays, "{} bytes: {}", size(), vlc.stderr.text());
    recording.expect_together("vlc");
}

#[test]
fn sound_alone_is_played_and_what_mp4_cannot_hold_is_left_out_in_words() {
    let sound = super::film().more.remove(0);
    let Track::Sound(_) = &sound else { panic!("the film has no sound") };
    let house = House::new(silent(Clip::sub()).with(sound), "", "media=audio");
    let url = house.url("live/door.mp4");
    let arguments = ["-map", "0:a", "-frames:a", "50", "-f", "framemd5", "-"];
    let decoded = ffmpeg(&url, &arguments);
    let lines = decoded.stdout.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((lines, decoded.stderr.as_str()), (50, ""));
    let mut browser = house.browser();
    let media = browser.find(|got| match got {
        super::browser::Got::Text(text) if text["type"] == "media" => Some(text.clone()),
        _ => None,
    });
    assert_eq!(media["mime"], "audio/mp4; codecs=\"mp4a.40.2\"");
    assert!(media["width"].is_null());
}
