//! Many viewers, slow ones, and those that have gone.

use std::time::{Duration, Instant};

use super::browser::{Browser, Fragment, Got};
use super::sim::{Clip, Fault, Synthetic};
use super::support::{Continuity, RtspClient, wait_until};
use super::{House, SOON, film, silent};

#[test]
fn many_viewers_share_one_mux_and_leave_nothing_behind() {
    let house = House::new(film(), "max_clients=50\nsource_idle_timeout_s=0", "");
    // A connection that has been served, so that what is made once is there.
    assert!(house.status()["clients"].as_u64() == Some(0));
    let idle = (house.relay.threads(), house.relay.fds());
    let mut viewers: Vec<Browser> = (0..20).map(|_| house.browser()).collect();
    for viewer in &mut viewers {
        viewer.fragment(1);
    }
    assert_eq!(house.status()["clients"], 20);
    let busy = house.relay.threads();
    // One thread a viewer and one for the camera.
    assert!(busy <= idle.0 + 20 + 1 + 1, "{busy} threads, {} before", idle.0);
    // From some picture on all get the same bytes.
    let of = |viewer: &mut Browser, number: u32| -> Fragment {
        viewer.find(|got| match got {
            Got::Fragment(fragment) if fragment.number >= number => Some(fragment.clone()),
            _ => None,
        })
    };
    let number = viewers.iter_mut().map(|viewer| viewer.fragment(1).number).max().unwrap() + 20;
    let first = of(&mut viewers[0], number);
    for viewer in &mut viewers[1..] {
        assert_eq!(of(viewer, number), first);
    }
    drop(viewers);
    let back = || (house.relay.threads(), house.relay.fds());
    assert!(wait_until(SOON, || back().0 <= idle.0 && back().1 <= idle.1), "{:?}", back());
    assert!(wait_until(SOON, || house.status()["state"] == "idle"));
    // And it begins anew.
    house.browser().fragment(1);
}

#[test]
fn a_browser_that_reads_nothing_delays_nobody_and_goes_on_at_a_key_frame() {
    let spec = Synthetic { width: 1920, height: 1080, fps: 25, bitrate_kbps: 8000, gop: 25 };
    let house = House::new(silent(Clip::synthetic(&spec)), "write_timeout_s=60", "");
    let mut stalled = house.browser();
    stalled.fragment(1);
    let mut other = RtspClient::watch(&house.relay.url("door")).unwrap();
    let mut continuity = Continuity::default();
    let (mut latest, mut longest) = (Instant::now(), Duration::ZERO);
    let until = Instant::now() + Duration::from_secs(8);
    while Instant::now() < until {
        let frame = other.read_frame(SOON).unwrap().expect("it goes on");
        if frame.channel == 0 {
            continuity.push(&frame.payload).unwrap();
        }
        longest = longest.max(latest.elapsed());
        latest = Instant::now();
    }
    assert!(longest < Duration::from_millis(500), "no packet for {longest:?}");
    assert!(house.relay.rss_kib() < 64 * 1024, "{} KiB", house.relay.rss_kib());
    let mut last = stalled.fragment(1);
    let mut jumps = 0;
    let until = Instant::now() + Duration::from_secs(4);
    while Instant::now() < until {
        let next = stalled.fragment(1);
        if next.decode - last.decode > 2 * 3600 {
            jumps += 1;
            assert!(next.sync, "after the jump a decoder can begin");
        }
        last = next;
    }
    assert!(jumps >= 1, "nothing was skipped: the test did not stall the viewer");
    assert!(house.relay.wait_log("viewer too slow, skipping to a key frame", SOON).is_some());
    assert!(house.status()["frames_skipped"].as_u64().unwrap() > 0);
}

#[test]
fn viewers_of_both_kinds_are_counted_alike() {
    let house = House::new(film(), "source_idle_timeout_s=0", "");
    let mut browser = house.browser();
    browser.fragment(1);
    let mut player = RtspClient::watch(&house.relay.url("door")).unwrap();
    assert!(player.read_frame(SOON).unwrap().is_some());
    assert_eq!(house.status()["clients"], 2);
    let before = house.status()["bytes_out"].as_u64().unwrap();
    drop(player);
    assert!(wait_until(SOON, || house.status()["clients"] == 1));
    for _ in 0..25 {
        browser.fragment(1);
    }
    assert!(house.status()["bytes_out"].as_u64().unwrap() > before);
    // A camera that goes while nobody is there is not called again.
    drop(browser);
    assert!(wait_until(SOON, || house.status()["state"] == "idle"));
    house.camera.fault(Fault::Die).unwrap();
    assert_eq!(house.status()["state"], "idle");
}
