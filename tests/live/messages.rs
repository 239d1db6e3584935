//! The order and the content of what a browser gets.

use std::thread;
use std::time::{Duration, Instant};

use super::browser::{Browser, Got};
use super::sim::{Clip, Fault};
use super::{House, SOON, ffmpeg, film, silent};

#[test]
fn a_browser_is_told_the_state_and_the_codecs_and_then_gets_one_picture_a_message() {
    let house = House::new(film(), "", "");
    let mut browser = house.browser();
    let mut got = Vec::new();
    while got.len() < 150 {
        got.push(browser.next().unwrap());
    }
    let Got::Text(first) = &got[0] else { panic!("{:?}", got[0]) };
    assert_eq!(first["type"], "state");
    assert!(["connecting", "live"].contains(&first["state"].as_str().unwrap()), "{first}");
    let init = got.iter().position(|got| matches!(got, Got::Init(_))).unwrap();
    let Got::Text(media) = &got[init - 1] else { panic!("{:?}", got[init - 1]) };
    assert_eq!(media["type"], "media");
    assert_eq!((&media["width"], &media["height"]), (&320.into(), &180.into()));
    let mime = media["mime"].as_str().unwrap();
    let codecs = mime.strip_prefix("video/mp4; codecs=\"avc1.").unwrap();
    assert!(codecs.ends_with(",mp4a.40.2\""), "{mime}");
    for track in [1, 2] {
        let mut last = None;
        for got in &got[init + 1..] {
            let Got::Fragment(fragment) = got else { continue };
            if fragment.track != track {
                continue;
            }
            if let Some((decode, duration)) = last {
                let step = fragment.decode - decode;
                assert!(step > 0 && step <= 2 * u64::from(duration), "{step} after {duration}");
            } else {
                assert!(fragment.sync, "a decoder can begin with it");
            }
            last = Some((fragment.decode, fragment.duration));
        }
        assert!(last.is_some(), "track {track}");
    }
}

#[test]
fn who_comes_to_a_warm_stream_has_the_group_so_far_at_once_and_is_at_its_live_edge() {
    let house = House::new(film(), "", "");
    let mut first = house.browser();
    for _ in 0..35 {
        first.fragment(1);
    }
    let mut second = house.browser();
    let opening = second.fragment(1);
    assert!(second.opened.elapsed() < Duration::from_millis(500));
    assert!(opening.sync);
    // The pictures of the group are next to each other, and the last of them is followed by the
    // first one that both get as the same bytes.
    let mut shared = second.fragment(1);
    let mut squeezed = 1;
    let mut last = opening.decode;
    while shared.duration < 1000 {
        assert!(shared.decode > last);
        last = shared.decode;
        squeezed += 1;
        shared = second.fragment(1);
    }
    assert!(squeezed > 2, "{squeezed}");
    assert!(last - opening.decode < 3600 / 4, "{} ticks", last - opening.decode);
    let live = second.fragment(1);
    assert_eq!(live.decode - shared.decode, 3600, "the newest is where it belongs");
    let twin = first.find(|got| match got {
        Got::Fragment(fragment) if fragment.number == live.number => Some(fragment.clone()),
        _ => None,
    });
    assert_eq!(twin, live, "made once for both");
}

#[test]
fn what_browsers_get_is_a_file_without_a_fault() {
    let house = House::new(film(), "", "");
    let mut early = house.browser();
    for _ in 0..30 {
        early.fragment(1);
    }
    let mut late = house.browser();
    let mut file = late.find(|got| match got {
        Got::Init(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let mut pictures = 0;
    while pictures < 75 {
        if let Got::Fragment(fragment) = late.next().unwrap() {
            pictures += u32::from(fragment.track == 1);
            file.extend(fragment.bytes);
        }
    }
    let path = super::support::leave("browser.mp4");
    std::fs::write(&path, &file).unwrap();
    let decoded = ffmpeg(path.to_str().unwrap(), &["-map", "0:v", "-f", "framemd5", "-"]);
    let lines = decoded.stdout.lines().filter(|line| !line.starts_with('#')).count();
    // ffmpeg leaves out what falls onto the same moment of its clock.
    assert!((30..=75).contains(&lines), "{lines} pictures");
    assert_eq!(decoded.stderr, "");
}

#[test]
fn other_parameters_make_another_segment() {
    // A film that changes its size every eight seconds.
    let mut clip = Clip::from_annexb(&film::h264("320x180", 25), 25).unwrap();
    let other = Clip::from_annexb(&film::h264("160x90", 25), 25).unwrap();
    clip.pictures.truncate(50);
    clip.pictures.extend(other.pictures.into_iter().take(50));
    let house = House::new(silent(clip), "", "");
    let mut browser = house.browser();
    let mut width = || {
        browser.find(|got| match got {
            Got::Text(text) if text["type"] == "media" => text["width"].as_u64(),
            _ => None,
        })
    };
    let widths = [width(), width(), width()];
    assert!(widths == [320, 160, 320] || widths == [160, 320, 160], "{widths:?}");
    assert!(browser.fragment(1).sync);
}

#[test]
fn a_page_hears_within_two_seconds_that_the_camera_has_gone_and_is_back() {
    let house = House::new(film(), "on_offline=hold", "");
    let mut browser = house.browser();
    browser.fragment(1);
    house.camera.fault(Fault::Refuse(true)).unwrap();
    house.camera.fault(Fault::Die).unwrap();
    let killed = Instant::now();
    let state = browser.state("offline");
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    assert!(state["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{state}");
    // The last picture goes on to be shown.
    let held = browser.fragment(1);
    assert!(held.sync);
    assert!(browser.fragment(1).decode > held.decode);
    house.camera.fault(Fault::Normal).unwrap();
    house.camera.fault(Fault::Refuse(false)).unwrap();
    browser.state("live");
    let mut steps = Vec::new();
    let mut last = browser.fragment(1).decode;
    while steps.len() < 30 {
        let next = browser.fragment(1).decode;
        steps.push(next - last);
        last = next;
    }
    assert!(steps[20..].iter().all(|&step| step == 3600), "{steps:?}");
}

#[test]
fn a_browser_is_asked_for_signs_of_life_and_is_let_go_without_them() {
    let house = House::new(silent(Clip::sub()), "client_timeout_s=10", "");
    let mut browser = house.browser();
    browser.find(|got| matches!(got, Got::Ping(_)).then_some(()));
    let good = thread::spawn(move || (0..25 * 14).for_each(|_| drop(browser.fragment(1))));
    let mut dead = Browser::open(house.port, "door", &[]).unwrap();
    dead.answers = false;
    let (code, reason) = dead.close();
    assert_eq!((code, reason.as_str()), (1008, "it has been silent"));
    // The other has answered, and plays on.
    good.join().unwrap();
    assert!(house.relay.wait_log("it has been silent", SOON).is_some());
}
