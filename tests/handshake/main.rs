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

#[path = "../../examples/camera/sim/mod.rs"]
mod sim;
#[path = "../support/mod.rs"]
mod support;

mod change;
mod record;
mod replay;
mod scripted;

use change::cases;
use record::Recording;
use replay::{Chunks, Outcome, replay};
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
