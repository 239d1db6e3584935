//! Pictures that are not sent in the order in which they are shown.

use super::browser::Browser;
use super::seen::seen;
use super::sim::{Clip, Path, Sound, Track};
use super::support::film::{self, NUMBERED_PICTURES};
use super::support::wait_until;
use super::{DESKTOP, House, SOON};

/// Milliseconds between two pictures of the film.
const PICTURE_MS: f64 = 40.0;
/// How far a picture may stand from its place: the relay follows the camera's clock.
const OFF_MS: f64 = 15.0;

#[test]
fn b_frames_are_shown_in_their_order_and_at_their_times() {
    let clip = Clip::from_annexb(&film::numbered_reordered(5, 320, 180), 25).unwrap().reordered();
    assert!(clip.pictures.iter().filter(|picture| picture.lag < 0).count() > 100, "B-frames");
    let sound = Sound::from_ogg(&film::opus(), film::OPUS_PACKETS).unwrap();
    let path = Path::new("cam0", clip).with(Track::Sound(sound));
    let house = House::with(vec![path], "", "");
    let browser = Browser::alone();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    // Without the sound and with it.
    for round in 0..2 {
        let before = seen(&page, "cam0").len();
        assert!(wait_until(SOON, || seen(&page, "cam0").len() >= before + 20), "it plays");
        page.eval("pictures.cam0.length = 0");
        assert!(wait_until(SOON, || seen(&page, "cam0").len() >= 75), "it goes on");
        let pictures = seen(&page, "cam0");
        let mut last = pictures[0];
        let (mut every, mut late) = (0, 0);
        for &next in &pictures[1..] {
            let step = (next.picture + NUMBERED_PICTURES - last.picture) % NUMBERED_PICTURES;
            let time = next.media_ms - last.media_ms;
            // It may have jumped to the live edge on a busy machine, but never back.
            assert!(step < NUMBERED_PICTURES / 2, "{last:?} and then {next:?}");
            let off = time - step as f64 * PICTURE_MS;
            // A page that is called late reads the picture that is shown by then, not the one it is told of.
            let read_late = (off.abs() - PICTURE_MS).abs() < OFF_MS;
            assert!(
                off.abs() < OFF_MS || read_late,
                "off by {off:.1} ms: {last:?} and then {next:?}"
            );
            late += usize::from(read_late);
            every += usize::from(step == 1);
            last = next;
        }
        assert!(late * 5 <= pictures.len(), "{late} of {} out of place", pictures.len());
        println!("{every} of {} pictures came right behind the one before", pictures.len() - 1);
        assert!(every > 0, "never two neighbours");
        if round == 0 {
            page.key("m");
            assert!(page.becomes("!document.querySelector('video').muted", SOON));
        }
    }
    assert!(page.becomes("document.querySelector('article .words').hidden", SOON));
    page.expect_no_errors();
}
