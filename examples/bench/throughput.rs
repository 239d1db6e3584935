//! `tcp1` to `tcp1000`, `m8x8`, `udp64`, `tls64` and `mp4x64`: processor time, delay and memory under so many
//! viewers.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;

use serde_json::{Map, Value, json};

use super::lab::{CAMERAS, Lab, Run, Server, Way};
use super::sample::Holdings;
use super::spread::Spread;

/// One way to load a server.
struct Scenario {
    name: &'static str,
    viewers: usize,
    path: &'static str,
    repeat: usize,
    /// Viewers that join in a second.
    join_rate: usize,
    udp: bool,
}

/// Seconds between the last viewer's first packet and the window.
const WARMUP: &str = "0.3";
/// The same for the relay where a camera has few viewers: the memory for the first group of pictures is
/// new to the process, and the kernel's work for that shows. The floor keeps no pictures.
const GROUP: &str = "2.2";

/// Viewers of a camera above which that is lost among what they cost.
const FEW: usize = 16;

const ONE: Scenario =
    Scenario { name: "tcp1", viewers: 1, path: "main", repeat: 2, join_rate: 200, udp: false };

const SCENARIOS: [Scenario; 9] = [
    ONE,
    Scenario { name: "tcp16", viewers: 16, repeat: 2, ..ONE },
    Scenario { name: "tcp64", viewers: 64, repeat: 5, join_rate: 400, ..ONE },
    Scenario { name: "tcp256", viewers: 256, repeat: 5, join_rate: 400, ..ONE },
    Scenario { name: "tcp1000", viewers: 1000, path: "small", repeat: 1, join_rate: 500, ..ONE },
    Scenario { name: "m8x8", viewers: 64, path: "", repeat: 5, join_rate: 400, ..ONE },
    Scenario { name: "udp64", viewers: 64, repeat: 5, join_rate: 400, udp: true, ..ONE },
    // Beside the floor without TLS: what encryption costs is in the ratio.
    Scenario { name: "tls64", viewers: 64, repeat: 3, join_rate: 400, ..ONE },
    // Beside the floor of RTSP, as tcp64, and beside the same viewers over RTSP.
    Scenario { name: "mp4x64", viewers: 64, repeat: 5, join_rate: 400, ..ONE },
];

/// Runs without the hand-off, which are for comparison only.
const WOKEN_RUNS: usize = 2;

/// The servers, and what the relay holds without viewers.
#[derive(Default)]
struct Results {
    direct: Vec<Run>,
    floor: Vec<Run>,
    relay: Vec<Run>,
    /// The relay in another way, for comparison.
    beside: Vec<Run>,
    fresh: Vec<Option<Holdings>>,
    left: Vec<Option<Holdings>>,
}

/// Measures and prints what the options want.
pub(crate) fn run(lab: &Lab, results: &mut Map<String, Value>) -> io::Result<()> {
    let mut cost = Vec::new();
    let mut memory = Vec::new();
    let mut held = Vec::new();
    let mut over_rtsp = None;
    let mut direct = Direct::new();
    for scenario in &SCENARIOS {
        if !lab.options.wants(scenario.name) {
            continue;
        }
        eprintln!("{} …", scenario.name);
        let measured = measure(lab, scenario, &mut direct)?;
        cost.push(cost_row(scenario.name, &measured, &measured.relay));
        if let Some((name, _)) = beside(lab, scenario, 0) {
            cost.push(cost_row(name, &measured, &measured.beside));
        }
        if scenario.name == "mp4x64" {
            over_rtsp = Some(measured.times_beside());
        }
        memory.push(memory_row(scenario, &measured));
        held.push((scenario.name, scenario.viewers as f64, measured.private_kib()));
        results.insert(scenario.name.into(), measured.json());
    }
    if cost.is_empty() {
        return Ok(());
    }
    println!(
        "| viewers | CPU s/Gbit, floor | CPU s/Gbit, relay | relay ÷ floor | p50 ms, direct | \
         p99 ms, floor | p99 ms, relay | p99 ms, added | wake-ups a picture and viewer | lost |\n\
         |---|---|---|---|---|---|---|---|---|---|"
    );
    cost.iter().for_each(|row| println!("{row}"));
    println!(
        "\n| viewers | resident MiB before | with viewers | private KiB a viewer | after | \
         threads before, with, after | files before, with, after |\n|---|---|---|---|---|---|---|"
    );
    memory.iter().for_each(|row| println!("{row}"));
    println!();
    let of = |name| held.iter().find(|held| held.0 == name);
    let few = of("tcp1").or(of("tcp16"));
    if let (Some(&(_, few, Some(least))), Some(&(_, many, Some(most)))) = (few, of("tcp256")) {
        let each = (most - least) / (many - few);
        println!("Each further viewer, from {few} to 256: {each:.1} KiB of private memory.\n");
    }
    if let Some(times) = over_rtsp {
        println!(
            "64 viewers of MP4 take {times:.2} × the processor time of 64 over RTSP in TCP.\n"
        );
    }
    Ok(())
}

/// Runs of one viewer at the camera itself, by the path and whether over UDP.
type Direct = BTreeMap<(&'static str, bool), Run>;

fn measure(lab: &Lab, scenario: &Scenario, known: &mut Direct) -> io::Result<Results> {
    let paths: Vec<String> = match scenario.path {
        "" => (1..=CAMERAS).map(|number| format!("cam{number}")).collect(),
        path => vec![path.to_owned()],
    };
    let seconds = lab.options.seconds.to_string();
    let (viewers, join_rate) = (scenario.viewers.to_string(), scenario.join_rate.to_string());
    let udp: &[&str] = if scenario.udp { &["--udp"] } else { &[] };
    let many = ["--viewers", &viewers, "--seconds", &seconds, "--join-rate", &join_rate];
    let many = |warmup| [&many[..], udp, &["--warmup", warmup]].concat();
    let few = scenario.viewers / paths.len() <= FEW;
    let (of_floor, of_relay) = (many(WARMUP), many(if few { GROUP } else { WARMUP }));
    let server = match scenario.name {
        "tls64" => Server::Relay { handoff: lab.options.handoff, way: Way::Rtsps },
        "mp4x64" => Server::Relay { handoff: lab.options.handoff, way: Way::Mp4 },
        _ => lab.relay(),
    };
    let mut results = Results::default();
    // Each of several cameras is like the one.
    let alone = if scenario.path.is_empty() { ONE.path } else { scenario.path };
    let direct = match known.entry((alone, scenario.udp)) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(place) => {
            let alone = [alone.to_owned()];
            let camera = lab.serve(Server::Direct, &alone)?;
            let one = [&["--seconds", seconds.as_str()], udp].concat();
            place.insert(lab.run_load(&camera, &alone, &one)?).clone()
        }
    };
    results.direct.push(direct);
    for turn in 0..lab.options.repeat(scenario.repeat) {
        let floor = lab.serve(Server::Floor, &paths)?;
        results.floor.push(lab.run_load(&floor, &paths, &of_floor)?);
        drop(floor);
        let relay = lab.serve(server, &paths)?;
        let fresh = relay.holdings()?;
        results.relay.push(lab.run_load(&relay, &paths, &of_relay)?);
        results.fresh.push(fresh);
        results.left.push(relay.holdings_after(fresh)?);
        drop(relay);
        if let Some((_, server)) = beside(lab, scenario, turn) {
            let relay = lab.serve(server, &paths)?;
            results.beside.push(lab.run_load(&relay, &paths, &of_relay)?);
        }
    }
    Ok(results)
}

/// What the relay is compared with besides the floor.
fn beside(lab: &Lab, scenario: &Scenario, turn: usize) -> Option<(&'static str, Server)> {
    let woken = Server::Relay { handoff: false, way: Way::Rtsp };
    match scenario.name {
        "tcp64" if lab.options.handoff && turn < WOKEN_RUNS => Some(("tcp64, no hand-off", woken)),
        "mp4x64" => Some(("the same over RTSP", lab.relay())),
        _ => None,
    }
}

fn cost_row(name: &str, results: &Results, relay: &[Run]) -> String {
    let of = |runs: &[Run], value: fn(&Run) -> Option<f64>| Spread::of(runs.iter().map(value));
    let ratio = relay.iter().zip(&results.floor);
    let ratio = ratio.map(|(relay, floor)| Some(relay.cpu_per_gbit()? / floor.cpu_per_gbit()?));
    let p99 = |run: &Run| run.number("/viewers/latency_ms/p99");
    let direct = of(&results.direct, |run| run.number("/viewers/latency_ms/p50"));
    let added = relay.iter().map(|run| Some(p99(run)? - direct.median()?));
    let lost: f64 = relay.iter().map(lost).sum();
    format!(
        "| {name} | {:.3} | {:.3} | {:.2} | {direct:.2} | {:.2} | {:.2} | {:.2} | {:.2} | {lost} |",
        of(&results.floor, Run::cpu_per_gbit),
        of(relay, Run::cpu_per_gbit),
        Spread::of(ratio),
        of(&results.floor, p99),
        of(relay, p99),
        Spread::of(added),
        of(relay, Run::wakeups_per_picture),
    )
}

/// Packets, pictures and viewers that did not arrive.
pub(crate) fn lost(run: &Run) -> f64 {
    let kinds = ["lost_packets", "missed_pictures", "undecodable_pictures", "failed"];
    kinds.iter().filter_map(|kind| run.number(&format!("/viewers/{kind}"))).sum()
}

fn memory_row(scenario: &Scenario, results: &Results) -> String {
    let held = || results.relay.iter().map(|run| run.held);
    let rss = |all: &mut dyn Iterator<Item = Option<Holdings>>| {
        Spread::of(all.map(|holdings| Some(holdings?.rss_kib / 1024.0)))
    };
    let each = held().zip(&results.fresh).map(|(with, fresh)| {
        Some((with?.private_kib - (*fresh)?.private_kib) / scenario.viewers as f64)
    });
    let three = |count: fn(Holdings) -> usize| {
        let last = |holdings: Option<Option<Holdings>>| {
            holdings.flatten().map_or("-".to_owned(), |holdings| count(holdings).to_string())
        };
        let (fresh, left) = (results.fresh.last().copied(), results.left.last().copied());
        format!("{}, {}, {}", last(fresh), last(held().next_back()), last(left))
    };
    format!(
        "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} |",
        scenario.name,
        rss(&mut results.fresh.iter().copied()),
        rss(&mut held()),
        Spread::of(each),
        rss(&mut results.left.iter().copied()),
        three(|holdings| holdings.threads),
        three(|holdings| holdings.fds),
    )
}

impl Results {
    /// Processor time of a second, as a multiple of what it is beside.
    fn times_beside(&self) -> Spread {
        let share = |run: &Run| Some(run.used?.cpu.as_secs_f64() / run.used?.wall.as_secs_f64());
        let pairs = self.relay.iter().zip(&self.beside);
        Spread::of(pairs.map(|(relay, beside)| Some(share(relay)? / share(beside)?)))
    }

    /// What the relay holds with its viewers.
    fn private_kib(&self) -> Option<f64> {
        Spread::of(self.relay.iter().map(|run| Some(run.held?.private_kib))).median()
    }

    fn json(&self) -> Value {
        let all = |runs: &[Run]| runs.iter().map(Run::json).collect::<Vec<_>>();
        let holdings = |all: &[Option<Holdings>]| {
            all.iter().map(|holdings| holdings.map(Holdings::json)).collect::<Vec<_>>()
        };
        json!({
            "direct": all(&self.direct),
            "floor": all(&self.floor),
            "relay": all(&self.relay),
            "relay_beside": all(&self.beside),
            "relay_before": holdings(&self.fresh),
            "relay_after": holdings(&self.left),
        })
    }
}
