//! A hundred reloads while viewers watch.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};

use super::{House, SOON};
use crate::support::{Continuity, RtspClient, wait_until};

const ROUNDS: usize = 100;
const VIEWERS: u64 = 8;
/// Packets that each viewer gets from one round to the next.
const PACKETS: u64 = 4;

/// Watches until it is told to stop, or the relay closes; tells what was seen of the picture.
fn watch(url: &str, stop: &AtomicBool, all: &AtomicU64) -> Continuity {
    let mut viewer = RtspClient::watch(url).unwrap();
    let mut seen = Continuity::default();
    while !stop.load(SeqCst) {
        let frame = viewer.read_frame(SOON).unwrap().expect("the viewer stays");
        if frame.channel == 0 {
            seen.push(&frame.payload).unwrap();
            all.fetch_add(1, SeqCst);
        }
    }
    seen
}

#[test]
fn a_hundred_reloads_while_one_url_alternates_cost_the_other_viewers_no_packet() {
    let house = House::new("max_clients=32\nsource_idle_timeout_s=0");
    let idle = (house.relay.threads(), house.relay.fds());
    let (stop, packets) = (AtomicBool::new(false), AtomicU64::new(0));
    let rest = AtomicU64::new(0);
    let (door, yard) = (house.relay.url("door"), house.relay.url("yard"));
    std::thread::scope(|scope| {
        let others: Vec<_> =
            (0..VIEWERS).map(|_| scope.spawn(|| watch(&door, &stop, &packets))).collect();
        let stays = scope.spawn(|| watch(&yard, &stop, &rest));
        let urls = [house.far.url("sub"), house.near.url("sub")];
        assert!(wait_until(SOON, || house.near.stats().sessions_open == 2));
        for round in 0..ROUNDS {
            house
                .relay
                .rewrite(&house.text("max_clients=32\nsource_idle_timeout_s=0", &urls[round % 2]));
            match round % 4 {
                3 => assert_eq!(house.reload().0, 200),
                _ => house.hang_up(),
            }
            let due = packets.load(SeqCst) + VIEWERS * PACKETS;
            assert!(wait_until(SOON, || packets.load(SeqCst) >= due));
            // Now and then the camera has time to come, and else it is called off on the way.
            if round % 10 == 4 || round + 1 == ROUNDS {
                let far = u64::from(round % 2 == 0);
                let moved = || {
                    (house.far.stats().sessions_open, house.near.stats().sessions_open)
                        == (far, 2 - far)
                };
                assert!(wait_until(SOON, moved), "round {round}");
            }
        }
        let live = || house.curl("api/v1/streams/yard", &[]).1["state"] == "live";
        assert!(wait_until(SOON, live));
        stop.store(true, SeqCst);
        for viewer in others {
            let seen = viewer.join().unwrap();
            assert!(seen.packets > ROUNDS as u64 * PACKETS / 2, "{}", seen.packets);
            assert_eq!(seen.gaps, 0, "packets are missing of {}", seen.packets);
        }
        // Of the stream that changes its camera: one timeline, whatever it took.
        assert!(stays.join().unwrap().packets > 20);
    });
    assert_eq!(house.near.stats().sessions_max, 2, "never two sessions for one stream");
    assert_eq!(house.far.stats().sessions_max, 1);
    let back = || (house.relay.threads(), house.relay.fds()) == idle;
    assert!(wait_until(SOON, back), "{idle:?} {} {}", house.relay.threads(), house.relay.fds());
}
