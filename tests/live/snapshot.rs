//! One picture of a stream.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use super::sim::{Clip, Fault};
use super::support::{Program, film, leave};
use super::{House, SOON, ffmpeg, silent};

/// Fetches it, and gives the hashes of the pictures in it.
fn fetch(house: &House, name: &str) -> Vec<String> {
    let file = leave(name);
    let run = Program::run(
        Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--output"])
            .arg(&file)
            .arg(house.url("snapshot/door.mp4")),
        SOON,
    );
    run.expect_ok("curl");
    let path = file.to_str().unwrap();
    // For looking at.
    ffmpeg(path, &["-y", &format!("{path}.png")]);
    hashes(&ffmpeg(path, &["-f", "framemd5", "-"]).stdout)
}

fn hashes(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(',')?.1.trim().to_owned())).collect()
}

#[test]
fn it_is_a_key_frame_of_the_stream_and_pulls_the_camera_if_need_be() {
    let film = film::h264("320x180", 25);
    let path = leave("snapshot-film.h264");
    std::fs::write(&path, &film).unwrap();
    let keys = ffmpeg(
        path.to_str().unwrap(),
        &["-vf", "select=eq(pict_type\\,I)", "-fps_mode", "passthrough", "-f", "framemd5", "-"],
    );
    let keys: BTreeSet<String> = hashes(&keys.stdout).into_iter().collect();
    assert!(keys.len() >= 7, "{keys:?}");
    let house = House::new(silent(Clip::from_annexb(&film, 25).unwrap()), "", "");
    let cold = fetch(&house, "snapshot-cold.mp4");
    assert!(cold.len() == 1 && keys.contains(&cold[0]), "{cold:?}");
    let mut browser = house.browser();
    browser.fragment(1);
    let begun = Instant::now();
    let warm = fetch(&house, "snapshot-warm.mp4");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(warm.len() == 1 && keys.contains(&warm[0]), "{warm:?}");
}

#[test]
fn it_is_the_held_picture_while_the_camera_is_away() {
    let house = House::new(silent(Clip::sub()), "on_offline=hold", "");
    let mut browser = house.browser();
    browser.fragment(1);
    house.camera.fault(Fault::Refuse(true)).unwrap();
    house.camera.fault(Fault::Die).unwrap();
    browser.state("offline");
    assert_eq!(fetch(&house, "snapshot-held.mp4").len(), 1);
}

#[test]
fn a_camera_that_shows_nothing_is_not_waited_for_without_end() {
    let house = House::new(silent(Clip::sub()), "source_start_timeout_s=2", "");
    house.camera.fault(Fault::Mute(true)).unwrap();
    let begun = Instant::now();
    let (code, _, body) = house.curl("snapshot/door.mp4", &[]);
    assert!(code == 504 && begun.elapsed() < Duration::from_secs(8), "{code} {body}");
}
