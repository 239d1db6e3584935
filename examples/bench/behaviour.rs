//! `stall`, `churn` and `idle`: what one viewer does to the others, and what nobody costs.

use std::io;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::lab::{Lab, Run, Serving};
use super::sample::Holdings;
use super::spread::Spread;
use super::throughput::lost;

/// A stalled viewer shows itself only after its buffers are full.
const STALL_SECONDS: f64 = 4.0;
const CHURN_SECONDS: f64 = 4.0;
/// The relay looks at its memory and processor time each second as long as somebody is there, and once
/// more after that.
const QUIET: Duration = Duration::from_millis(1500);

/// Measures and prints what the options want.
pub(crate) fn run(lab: &Lab, results: &mut Map<String, Value>) -> io::Result<()> {
    if lab.options.wants("stall") {
        eprintln!("stall …");
        results.insert("stall".into(), stall(lab)?);
    }
    if lab.options.wants("churn") {
        eprintln!("churn …");
        results.insert("churn".into(), churn(lab)?);
    }
    if lab.options.wants("idle") {
        eprintln!("idle …");
        results.insert("idle".into(), idle(lab)?);
    }
    Ok(())
}

fn main_path() -> [String; 1] {
    [String::from("main")]
}

/// Runs of the relay: as it is well, and with trouble, in turn.
fn in_turn(lab: &Lab, repeat: usize, seconds: f64, trouble: &[&str]) -> io::Result<[Vec<Run>; 2]> {
    let paths = main_path();
    let seconds = seconds.max(lab.options.seconds).to_string();
    let well = ["--viewers", "32", "--seconds", &seconds];
    let troubled = [&well[..], trouble].concat();
    let mut runs = [Vec::new(), Vec::new()];
    for _ in 0..lab.options.repeat(repeat) {
        for (runs, arguments) in runs.iter_mut().zip([&well[..], &troubled]) {
            let relay = lab.serve(lab.relay(), &paths)?;
            runs.push(lab.run_load(&relay, &paths, arguments)?);
        }
    }
    Ok(runs)
}

fn spread(runs: &[Run], pointer: &str) -> Spread {
    Spread::of(runs.iter().map(|run| run.number(pointer)))
}

fn json_of(runs: &[Run]) -> Vec<Value> {
    runs.iter().map(Run::json).collect()
}

fn stall(lab: &Lab) -> io::Result<Value> {
    let trouble = ["--stall", "1", "--slow", "1", "--slow-rate-kbps", "1000"];
    let [well, troubled] = in_turn(lab, 2, STALL_SECONDS, &trouble)?;
    println!("| 32 viewers | p50 ms | p99 ms | max ms | lost |\n|---|---|---|---|---|");
    for (name, runs) in [("all well", &well), ("the 30 beside a stalled and a slow one", &troubled)]
    {
        println!(
            "| {name} | {:.2} | {:.2} | {:.2} | {} |",
            spread(runs, "/viewers/latency_ms/p50"),
            spread(runs, "/viewers/latency_ms/p99"),
            spread(runs, "/viewers/latency_ms/max"),
            runs.iter().map(lost).sum::<f64>(),
        );
    }
    println!(
        "| the slow one, a quarter of the rate | {:.0} | {:.0} | {:.0} | |\n\n\
         The slow one: {:.0} pictures in the window, {:.0} of them not decodable, {:.0} skipped, \
         {:.0} packets lost.\n",
        spread(&troubled, "/slow/latency_ms/p50"),
        spread(&troubled, "/slow/latency_ms/p99"),
        spread(&troubled, "/slow/latency_ms/max"),
        spread(&troubled, "/slow/pictures"),
        spread(&troubled, "/slow/undecodable_pictures"),
        spread(&troubled, "/slow/missed_pictures"),
        spread(&troubled, "/slow/lost_packets"),
    );
    Ok(json!({ "well": json_of(&well), "troubled": json_of(&troubled) }))
}

fn churn(lab: &Lab) -> io::Result<Value> {
    let [quiet, busy] = in_turn(lab, 1, CHURN_SECONDS, &["--churn", "20"])?;
    println!("| 32 viewers | p50 ms | p99 ms | CPU s/Gbit | lost |\n|---|---|---|---|---|");
    for (name, runs) in [("nobody else", &quiet), ("20 joins and leaves a second beside", &busy)] {
        println!(
            "| {name} | {:.2} | {:.2} | {:.3} | {} |",
            spread(runs, "/viewers/latency_ms/p50"),
            spread(runs, "/viewers/latency_ms/p99"),
            Spread::of(runs.iter().map(Run::cpu_per_gbit)),
            runs.iter().map(lost).sum::<f64>(),
        );
    }
    println!(
        "\nThose who come and go: first whole key frame after {:.1} ms (p50), {:.1} ms (p95), \
         {:.1} ms (max); {:.0} of {:.0} failed.\n",
        spread(&busy, "/churn/first_key_frame_ms/p50"),
        spread(&busy, "/churn/first_key_frame_ms/p95"),
        spread(&busy, "/churn/first_key_frame_ms/max"),
        spread(&busy, "/churn/failed"),
        spread(&busy, "/churn/joined"),
    );
    Ok(json!({ "quiet": json_of(&quiet), "busy": json_of(&busy) }))
}

fn idle(lab: &Lab) -> io::Result<Value> {
    let paths = main_path();
    let relay = lab.serve(lab.relay(), &paths)?;
    println!(
        "| nobody watches, {} s | wake-ups | CPU ms | resident MiB | private MiB | threads | files |\n\
         |---|---|---|---|---|---|---|",
        lab.options.idle_seconds
    );
    let fresh = watch(lab, &relay, "just started")?;
    lab.run_load(&relay, &paths, &["--viewers", "64", "--seconds", "0.5"])?;
    let left = watch(lab, &relay, "64 viewers have left")?;
    println!();
    Ok(json!({ "fresh": fresh, "left": left }))
}

fn watch(lab: &Lab, relay: &Serving, name: &str) -> io::Result<Value> {
    std::thread::sleep(QUIET);
    let before = relay.sample()?;
    std::thread::sleep(Duration::from_secs_f64(lab.options.idle_seconds));
    let used = relay.sample()?.zip(before).map(|(after, before)| after.since(&before));
    let held = relay.holdings()?.unwrap_or_default();
    let (wakeups, cpu) = used.map_or((0, 0.0), |used| (used.wakeups, used.cpu.as_secs_f64()));
    println!(
        "| {name} | {wakeups} | {:.1} | {:.2} | {:.2} | {} | {} |",
        cpu * 1e3,
        held.rss_kib / 1024.0,
        held.private_kib / 1024.0,
        held.threads,
        held.fds,
    );
    Ok(json!({ "wakeups": wakeups, "cpu_s": cpu, "held": Holdings::json(held) }))
}
