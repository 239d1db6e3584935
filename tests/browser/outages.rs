//! A picture that does not come is told in words, and comes back by itself.

use std::time::{Duration, Instant};

use super::browser::{Browser, Page};
use super::seen::seen;
use super::sim::{Clip, Fault, Path, Start};
use super::support::{film, wait_until};
use super::{DESKTOP, House, SOON, TRIES};

/// How long until the page says that a camera is away.
const TOLD: Duration = Duration::from_secs(2);
const WORDS: &str = "article .words";

fn plays(page: &Page<'_>, stream: &str) -> bool {
    let before = seen(page, stream).len();
    wait_until(SOON, || seen(page, stream).len() >= before + 25)
}

/// The camera dies and comes back under the page, whose stream has this in its configuration.
fn dies_and_comes_back(config: &str, name: &str) {
    let house = House::new(1, (320, 180), config);
    let browser = Browser::start();
    let page = browser.open(&house.page(""), DESKTOP);
    assert!(plays(&page, "cam0"));
    assert!(page.becomes("document.querySelector('article .words').hidden", SOON));
    let mut told = Vec::new();
    while told.iter().filter(|took| **took <= TOLD).count() < 2 {
        assert!(told.len() < TRIES, "told only after {told:.1?}");
        house.camera.fault(Fault::Refuse(true)).unwrap();
        house.camera.fault(Fault::Die).unwrap();
        let begun = Instant::now();
        page.expect_text(WORDS, "Camera offline: ", SOON);
        told.push(begun.elapsed());
        println!("{name}: told after {:.2?}", begun.elapsed());
        page.expect_text(WORDS, "Next try in ", SOON);
        page.expect_text(WORDS, "refused", SOON);
        page.picture(name);
        let before = seen(&page, "cam0").len();
        house.camera.fault(Fault::Refuse(false)).unwrap();
        let again = wait_until(SOON, || seen(&page, "cam0").len() >= before + 50);
        assert!(again, "it does not play again");
        assert!(page.becomes("document.querySelector('article .words').hidden", SOON));
    }
    assert!(page.text("document.querySelector('#announcement').textContent").contains("cam0"));
    page.expect_no_errors();
}

#[test]
fn a_camera_that_dies_is_told_and_played_again() {
    dies_and_comes_back("retry_max_ms=3000", "offline");
}

#[test]
fn a_held_picture_stays_with_the_reason_over_it() {
    dies_and_comes_back("retry_max_ms=3000\non_offline=hold", "held");
}

#[test]
fn what_the_browser_cannot_play_and_who_is_one_too_many_is_told() {
    let h265 = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let h264 = Clip::from_annexb(&film::numbered(1, 320, 180), 25).unwrap();
    let path = |name: &str, clip| Path { start: Start::ForcedKeyFrame, ..Path::new(name, clip) };
    let paths = vec![path("new", h265), path("full", h264)];
    let house = House::with(paths, "max_clients_per_stream=1", "");
    let first = super::seen::Sent::watching(&house.relay.url("full"));
    let browser = Browser::start();
    let page = browser.open(&house.page(""), DESKTOP);
    let words = |stream: &str| format!("article[data-stream={stream}] .words");
    page.expect_text(&words("full"), "All places are taken", SOON);
    page.expect_text(&words("full"), "Next try in ", SOON);
    page.expect_text(&words("new"), "This browser cannot play H.265", SOON);
    page.picture("refused");
    drop(first);
    assert!(plays(&page, "full"), "there is a place again");
    page.expect_no_errors();
}
