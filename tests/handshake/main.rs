//! Whatever happens to a header of a camera's handshake, the viewer gets the picture, or the
//! operator an error that names the header. The cases are made from what the simulated camera
//! answers: each answer split at every byte, and each of its headers removed, moved, repeated,
//! lower-cased and blanked.
//!
//! - `record`: the answers and the first frames of a real handshake
//! - `change`: what is done to them
//! - `replay`: the dialog and the decoder with a camera that answers so, without sockets
//! - `scripted`: the same as a camera on a socket, for the relay itself
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod change;
mod record;
mod replay;
mod scripted;

use change::cases;
use record::Recording;
use replay::{Chunks, Outcome, replay};
use scripted::Scripted;
use sim::{Auth, Camera, Clip, Options, Path, Start};

/// Handshakes of cameras with and without a login, with one track and with two.
fn recordings() -> Vec<(&'static str, Recording)> {
    let camera = |auth, audio| {
        // What was recorded begins with a picture that a viewer can begin with.
        let path = Path { start: Start::NextKeyFrame, ..Path::new("main", Clip::sub()) };
        let path = if audio { path.with_audio() } else { path };
        let options = Options { auth, paths: vec![path], seed: Some(7), ..Options::default() };
        let camera = Camera::start(options).unwrap();
        Recording::of(&camera.url_with_login("main"))
    };
    let digest = Auth::Digest { sha256: false, qop: true };
    vec![
        ("no login", camera(Auth::None, true)),
        ("digest", camera(digest, false)),
        ("basic and digest", camera(Auth::Both, true)),
    ]
}

/// The frames as they must come out: whole, in order, each on its own track.
fn assert_picture(recording: &Recording, outcome: &Outcome, what: &str) {
    match outcome {
        Outcome::Picture(frames) => assert_eq!(frames, &recording.frames, "{what}"),
        Outcome::Error(text) => panic!("{what}: no picture: {text}"),
    }
}

#[test]
fn answers_split_at_every_byte_give_the_same_picture() {
    for (name, recording) in recordings() {
        let whole = replay(&recording, &Chunks::Whole);
        assert_picture(&recording, &whole, name);
        assert_picture(&recording, &replay(&recording, &Chunks::Bytes), name);
        for answer in 0..recording.answers.len() {
            let length = recording.answers[answer].wire.len();
            for at in 0..=length {
                let chunks = Chunks::Split { answer, at };
                assert_picture(
                    &recording,
                    &replay(&recording, &chunks),
                    &format!("{name} {chunks:?}"),
                );
            }
        }
    }
}

#[test]
fn every_change_of_a_single_header_ends_in_the_picture_or_is_named() {
    let (mut pictures, mut errors) = (0, Vec::new());
    for (name, recording) in recordings() {
        for (place, change) in cases(&recording) {
            let changed = recording.with(&place, change);
            let what = format!("{name}: {} of {}: {change:?}", place.header, place.of(&recording));
            for chunks in [Chunks::Whole, Chunks::Bytes] {
                match replay(&changed, &chunks) {
                    Outcome::Picture(frames) => {
                        assert_eq!(frames, recording.frames, "{what}");
                        pictures += 1;
                    }
                    Outcome::Error(text) => {
                        assert!(text.contains(&place.header), "{what}: {text}");
                        errors.push(what.clone());
                    }
                }
            }
        }
    }
    // Without the one thing a login needs, there is none; all else can be understood.
    assert!(errors.iter().all(|what| what.contains("WWW-Authenticate")), "{errors:#?}");
    assert!(pictures > 10 * errors.len(), "{pictures} pictures, {} errors", errors.len());
}

#[test]
fn the_relay_itself_copes_with_a_sample_of_the_changes() {
    scripted::sample(&recordings());
}

/// A camera without a login that shows a picture and sound.
fn picture_and_sound() -> Recording {
    let path = Path { start: Start::NextKeyFrame, ..Path::new("main", Clip::sub()) }.with_audio();
    let camera = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    Recording::of(&camera.url("main"))
}

/// The frames of some media, prefixes included.
fn frames(mut media: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    while let [b'$', _, high, low, ..] = *media {
        let (frame, rest) = media.split_at(4 + usize::from(u16::from_be_bytes([high, low])));
        frames.push(frame.to_vec());
        media = rest;
    }
    frames
}

/// A viewer of both tracks gets frames of both, and the log names what was tolerated.
fn assert_both_tracks(recording: Recording, tolerated: &str) {
    let camera = Scripted::start(recording);
    let relay = support::Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url()));
    let mut viewer = support::RtspClient::watch(&relay.url("door")).unwrap();
    let soon = std::time::Duration::from_secs(20);
    let mut seen = [false; 4];
    while !(seen[0] && seen[2]) {
        let frame = viewer.read_frame(soon).unwrap().expect("the stream goes on");
        seen[usize::from(frame.channel)] = true;
    }
    assert!(relay.wait_log(&format!("tolerating {tolerated}"), soon).is_some(), "{tolerated}");
}

#[test]
fn two_tracks_on_the_same_channels_are_told_apart_by_what_comes() {
    let mut recording = picture_and_sound();
    for answer in &mut recording.answers {
        answer.wire = answer.wire.replace("interleaved=2-3", "interleaved=0-1");
    }
    let mut media = frames(&recording.media);
    media.iter_mut().for_each(|frame| frame[1] %= 2);
    recording.media = media.concat();
    assert_both_tracks(recording, "interleaved channels other than asked for");
}

#[test]
fn reolink_frames_on_channels_nobody_set_up_are_dropped_and_counted() {
    let mut recording = picture_and_sound();
    let mut media = frames(&recording.media);
    let old: Vec<_> = media.iter().step_by(3).cloned().collect();
    for (place, mut frame) in old.into_iter().enumerate() {
        frame[1] = 6;
        media.insert(4 * place, frame);
    }
    recording.media = media.concat();
    assert_both_tracks(recording, "frames on a channel nobody set up");
}

#[test]
fn tapo_sender_reports_of_a_source_that_sends_nothing_are_left_out() {
    let mut recording = picture_and_sound();
    let mut media = frames(&recording.media);
    let mut report = vec![b'$', 1, 0, 28, 0x80, 200, 0, 6];
    report.extend_from_slice(&[0x55; 24]);
    media.push(report);
    recording.media = media.concat();
    assert_both_tracks(recording, "sender reports of a source that sends no media");
}

#[test]
fn wrong_bytes_at_any_stage_leave_nothing_behind_in_the_relay() {
    scripted::stress(&picture_and_sound());
}
