//! Cameras behind a network that loses, reorders and doubles datagrams: what viewers get of it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "the helpers are tests too"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::time::Duration;

use rtsp_proto::rtp::RtpPacket;
use sim::{Camera, Clip, Options, Path, Synthetic};
use support::{Fate, GstCamera, LossyNetwork, Passage, Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(10);
/// 1 % loss, 5 % delayed by up to 10 ms, 2 % twice.
const BAD: Fate = Fate { loss: 10, delay: 50, double: 20 };

/// Sequence number and payload of a video packet.
type Packet = (u16, Vec<u8>);

/// The relay behind the network, and a viewer that took so many video packets.
fn watch(network: &LossyNetwork, path: &str, packets: usize) -> (Relay, RtspClient, Vec<Packet>) {
    let url = format!("rtsp://127.0.0.1:{}/{path}", network.port());
    let relay = Relay::start(&format!(
        "instant_start=no\n[stream]\nname=door\nrtsp_url={url}\ntransport=udp"
    ));
    let mut client = RtspClient::watch(&relay.url("door")).unwrap();
    let mut taken = Vec::new();
    while taken.len() < packets {
        let frame = client.read_frame(SOON).unwrap().expect("the stream goes on");
        if frame.channel == 0 {
            let number = RtpPacket::parse(&frame.payload).unwrap().sequence();
            taken.push((number, frame.payload[12..].to_vec()));
        }
    }
    (relay, client, taken)
}

/// Fails unless the viewer got what the network passed on from its first packet to its last: all of
/// it, once, in the camera's order, unchanged. Numbers are the camera's but for a constant.
fn expect_what_arrived(taken: &[Packet], passage: &Passage) {
    let (first, last) = (&taken[0], &taken[taken.len() - 1]);
    let places = passage.passed.iter().enumerate();
    // A looped clip repeats payloads: each place where the first may be is tried.
    let starts = places.filter(|(_, passed)| passed.1 == first.1).map(|(place, _)| place);
    let mut why = String::from("the first packet never came from the camera");
    for start in starts {
        let shift = first.0.wrapping_sub(passage.passed[start].0);
        let expected: Vec<Packet> = passage.passed[start..]
            .iter()
            .map(|(number, payload)| (number.wrapping_add(shift), payload.clone()))
            .take_while(|(number, _)| last.0.wrapping_sub(*number) < 0x8000)
            .filter(|packet| {
                // What this machine held for too long may be missing.
                let overdue = passage.overdue.contains(&packet.0.wrapping_sub(shift));
                !overdue || taken.contains(packet)
            })
            .collect();
        if expected == taken {
            return;
        }
        let place = expected.iter().zip(taken).position(|(want, got)| want != got);
        why = format!(
            "{} expected, {} taken, other from place {place:?} on: {:?} instead of {:?}",
            expected.len(),
            taken.len(),
            place.map(|place| taken[place].0),
            place.map(|place| expected[place].0),
        );
    }
    panic!("{why}");
}

/// Fails unless the status tells of the losses within a tenth, and of the rest.
fn expect_counts(relay: &Relay, network: &LossyNetwork) {
    // Not in the loop: a later overdue datagram must not excuse an earlier late one.
    let late = relay.status("door", "packets_late").unwrap();
    let overdue = network.passage().overdue.len() as u64;
    assert!(late <= overdue, "{late} late, {overdue} overdue");
    let mut counts = String::new();
    let fit = wait_until(SOON, || {
        let passage = network.passage();
        let overdue = passage.overdue.len() as u64;
        let count = |key| relay.status("door", key).unwrap();
        let (dropped, shown) = (passage.lost.len() as u64, count("packets_lost"));
        let (reordered, doubled) = (count("packets_reordered"), count("packets_duplicate"));
        counts = format!(
            "lost {shown} of {dropped}, reordered {reordered} of {}, doubled \
             {doubled} of {}, overdue {overdue}",
            passage.overtaken, passage.doubled
        );
        (dropped * 9..=dropped * 11 + overdue * 10).contains(&(shown * 10))
            && reordered > passage.overtaken / 2
            && doubled + 5 > passage.doubled
    });
    eprintln!("{counts}, late {late}");
    assert!(fit, "{counts}");
}

#[test]
fn reordering_and_doubling_cost_nothing_and_losses_are_counted() {
    let clip = Clip::synthetic(&Synthetic::default());
    let mut main = Path::new("main", clip);
    main.stamp = false;
    let camera = Camera::start(Options { paths: vec![main], ..Options::default() }).unwrap();
    let network = LossyNetwork::before(camera.port(), BAD, 42);
    let (relay, _client, taken) = watch(&network, "main", 4000);
    let passage = network.passage();
    let events = (passage.lost.len(), passage.overtaken, passage.doubled);
    assert!(events.0 > 15 && events.1 > 30 && events.2 > 30, "{events:?}");
    expect_what_arrived(&taken, &passage);
    expect_counts(&relay, &network);
}

#[test]
fn a_camera_of_somebody_else_fares_the_same() {
    let camera = GstCamera::start(&["--protocols", "udp"]);
    let network = LossyNetwork::before(camera.port(), BAD, 7);
    let (_relay, _client, taken) = watch(&network, "main", 400);
    expect_what_arrived(&taken, &network.passage());
}
