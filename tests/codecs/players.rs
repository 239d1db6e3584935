//! When players show the flashes and sound the beeps of a film.

use std::time::Instant;

use super::sim::Fault;
use super::support::{RtspClient, Times, Watched};
use super::{SOON, camera, film, relay};

/// More is seen and heard as one after the other.
const TOGETHER_MS: f64 = 40.0;

/// The last flash so far.
fn now(times: &Times) -> f64 {
    times.flashes.last().copied().unwrap_or(0.0)
}

fn expect_together(what: &str, times: &Times, from: f64) {
    let skews = times.skews_ms(from);
    eprintln!("{what}: the beeps are late by {skews:.1?} ms");
    let together = skews.iter().all(|skew| skew.abs() < TOGETHER_MS);
    assert!(skews.len() >= 2 && together, "{what}: {skews:?} of {times:?}");
}

/// Listens until a beep is well over: silence takes far fewer bytes.
fn wait_for_silence(url: &str) {
    let mut listener = RtspClient::watch(url).unwrap();
    let (mut loudest, mut quiet) = (0, 0);
    let begun = Instant::now();
    while quiet < 10 {
        assert!(begun.elapsed() < SOON, "no beep, and silence behind it");
        let frame = listener.read_frame(SOON).unwrap().expect("the relay keeps its viewers");
        if frame.channel == 2 {
            let size = frame.payload.len();
            loudest = loudest.max(size);
            quiet = if size * 3 > loudest { 0 } else { quiet + 1 };
        }
    }
}

/// A viewer from the start, one who comes in the middle of a group of pictures, and one who comes
/// after the camera began anew.
fn expect_always_together(player: fn(&str, &str) -> Watched) {
    let camera = camera(film());
    let relay = relay(&camera);
    let url = relay.url("door");
    let mut first = player(&url, "tcp");
    first.wait_more(1, SOON);
    let mut second = player(&url, "udp");
    expect_together("first viewer", &first.wait_more(3, SOON), 0.0);
    expect_together("second viewer", &second.wait_more(2, SOON), 0.0);
    // A beep that is cut off would be heard again when the sound goes on.
    wait_for_silence(&url);
    let gone = [now(first.times()), now(second.times())];
    camera.fault(Fault::Reboot).unwrap();
    let mut third = player(&url, "tcp");
    expect_together("first viewer, after", &first.wait_more(5, SOON), gone[0] + 0.5);
    expect_together("second viewer, after", &second.wait_more(1, SOON), gone[1] + 0.5);
    expect_together("third viewer", &third.wait_more(2, SOON), 0.0);
}

#[test]
fn ffmpeg_shows_flash_and_beep_together_before_and_after_a_reconnect() {
    expect_always_together(Watched::ffmpeg);
}

#[test]
fn gstreamer_shows_flash_and_beep_together_before_and_after_a_reconnect() {
    expect_always_together(Watched::gstreamer);
}
