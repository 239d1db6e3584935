//! The page keeps up with what happens: with events and without, and with another camera's picture.

use std::io::{Read, Write};
use std::net::TcpStream;

use super::browser::Browser;
use super::seen::{Sent, seen};
use super::sim::{Camera, Clip, Fault, Options, Path, Start};
use super::support::{film, wait_until};
use super::{DESKTOP, House, SOON};

/// More follow the events than the relay lets: the page is refused.
const FOLLOWERS: usize = 40;

/// Follows the events, if there is a place.
fn follow(port: u16) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n").unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    (head == *b"HTTP/1.1 200").then_some(stream)
}

#[test]
fn without_events_the_page_asks_and_goes_on() {
    let house = House::new(1, (320, 180), "");
    let followers: Vec<_> = (0..FOLLOWERS).map_while(|_| follow(house.port)).collect();
    assert!(followers.len() < FOLLOWERS, "there is room for more");
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    assert!(wait_until(SOON, || seen(&page, "cam0").len() > 10));
    assert!(page.becomes("refusals > 0", SOON), "the events are not refused");
    // Somebody comes and goes.
    let viewer = Sent::watching(&house.relay.url("cam0"));
    let address = viewer.address().to_string();
    page.expect_text(".viewers", &address, SOON);
    drop(viewer);
    let gone = format!("!document.querySelector('.viewers').textContent.includes('{address}')");
    assert!(page.becomes(&gone, SOON));
    assert!(page.becomes("document.querySelector('#trouble').hidden", SOON));
    page.expect_no_errors();
}

#[test]
fn events_that_are_cut_off_are_followed_again() {
    let house = House::new(1, (320, 180), "");
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    assert!(wait_until(SOON, || seen(&page, "cam0").len() > 10));
    let offline = |offline: bool| {
        let conditions = serde_json::json!({ "offline": offline, "latency": 0,
            "downloadThroughput": -1, "uploadThroughput": -1 });
        page.call("Network.enable", serde_json::json!({}));
        page.call("Network.emulateNetworkConditions", conditions);
    };
    let dot = "getComputedStyle(document.querySelector('article .dot')).backgroundColor";
    let live = page.text(dot);
    offline(true);
    page.expect_text("#trouble", "The relay does not answer. Trying again.", SOON);
    page.picture("no-answer");
    assert_ne!(page.text(dot), live, "nobody knows whether it is live");
    offline(false);
    assert!(page.becomes("document.querySelector('#trouble').hidden", SOON));
    let viewer = Sent::watching(&house.relay.url("cam0"));
    page.expect_text(".viewers", &viewer.address().to_string(), SOON);
    let before = seen(&page, "cam0").len();
    assert!(wait_until(SOON, || seen(&page, "cam0").len() > before + 25), "it plays");
    page.expect_no_errors();
}

#[test]
fn the_fallback_is_seen_while_the_camera_is_away_and_then_the_camera_again() {
    let clip = Clip::from_annexb(&film::numbered(9, 640, 360), 25).unwrap();
    let path = Path { start: Start::NextPicture, ..Path::new("sub", clip) };
    let sub = Camera::start(Options { paths: vec![path], ..Options::default() }).unwrap();
    let section = format!("[stream]\nname=sub\nrtsp_url={}", sub.url("sub"));
    let clip = Clip::from_annexb(&film::numbered(0, 320, 180), 25).unwrap();
    let more = format!("fallback=sub\nretry_initial_ms=50\nretry_max_ms=300\n{section}");
    let house = House::with(vec![Path::new("cam0", clip)], "source_idle_timeout_s=0", &more);
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    let shows = |film: u64| {
        wait_until(SOON, || {
            let pictures = seen(&page, "cam0");
            let last = &pictures[pictures.len().saturating_sub(25)..];
            last.len() == 25 && last.iter().all(|seen| seen.film == film)
        })
    };
    assert!(shows(0), "the camera");
    for _ in 0..2 {
        house.camera.fault(Fault::Refuse(true)).unwrap();
        house.camera.fault(Fault::Reboot).unwrap();
        assert!(shows(9), "the fallback");
        page.expect_text("#details .state", "Viewers see the fallback stream", SOON);
        page.expect_text("article .words", "Camera offline: ", SOON);
        assert_eq!(
            page.eval("document.querySelector('article').classList.contains('covered')"),
            false
        );
        page.picture("fallback");
        house.camera.fault(Fault::Refuse(false)).unwrap();
        assert!(shows(0), "the camera again");
        assert!(page.becomes("document.querySelector('article .words').hidden", SOON));
    }
    page.expect_no_errors();
}
