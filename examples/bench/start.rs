//! `start`: how soon a viewer sees a picture, when the camera is being watched already and when
//! it first has to be dialled.

use std::io;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::lab::{Lab, Run, Server};
use super::spread::Spread;

/// Joins of the warm case, spread over so many seconds of one group of pictures.
const WARM_VIEWERS: usize = 40;
const WARM_RATE: usize = 8;
/// The group is so old when the first of them joins.
const WARM_AGE: Duration = Duration::from_secs(3);
/// Between a source's last viewer and the next cold start.
const LET_GO: Duration = Duration::from_millis(150);
/// One viewer, for long enough to judge its clock.
const ONE: [&str; 5] = ["--until-key", "--warmup", "0", "--seconds", "0.3"];

/// Measures and prints.
pub(crate) fn run(lab: &Lab, results: &mut Map<String, Value>) -> io::Result<()> {
    if !lab.options.wants("start") {
        return Ok(());
    }
    eprintln!("start …");
    let warm = warm(lab, &[String::from("long")])?;
    let paths = [String::from("fast")];
    let (mut direct, mut first, mut cold) = (Vec::new(), Vec::new(), Vec::new());
    let camera = lab.serve(Server::Direct, &paths)?;
    let mut relay = lab.serve(lab.relay(), &paths)?;
    for turn in 0..lab.options.repeat(5) * 2 {
        direct.push(lab.run_load(&camera, &paths, &ONE)?);
        // Every other time the relay has just been started and does not know the camera.
        let (runs, fresh) = if turn % 2 == 0 { (&mut first, true) } else { (&mut cold, false) };
        if fresh {
            relay = lab.serve(lab.relay(), &paths)?;
        }
        runs.push(lab.run_load(&relay, &paths, &ONE)?);
        std::thread::sleep(LET_GO);
    }
    let key = |run: &Run| run.number("/viewers/first_key_frame_ms/p50");
    let shown = |run: &Run| run.number("/viewers/shown_late_ms/p50");
    let of = |runs: &[Run], value: fn(&Run) -> Option<f64>| Spread::of(runs.iter().map(value));
    let base = of(&direct, key).median();
    let added = |runs: &[Run]| Spread::of(runs.iter().map(|run| Some(key(run)? - base?)));
    println!(
        "| first whole key frame, ms after connecting | | added | shown late by ms |\n\
         |---|---|---|---|\n\
         | camera itself, key frame at once | {:.1} | | {:.1} |\n\
         | relay, cold, camera never dialled | {:.1} | {:.1} | {:.1} |\n\
         | relay, cold, presentation remembered | {:.1} | {:.1} | {:.1} |",
        of(&direct, key),
        of(&direct, shown),
        of(&first, key),
        added(&first),
        of(&first, shown),
        of(&cold, key),
        added(&cold),
        of(&cold, shown),
    );
    let part = |quantity: &str, part: &str| {
        let pointer = format!("/viewers/{quantity}/{part}");
        Spread::of(warm.iter().map(|run| run.number(&pointer)))
    };
    for share in ["p50", "p95", "max"] {
        println!(
            "| relay, warm, key frame every 10 s, {share} of {WARM_VIEWERS} | {:.1} | | {:.1} |",
            part("first_key_frame_ms", share),
            part("shown_late_ms", share),
        );
    }
    println!();
    let all = |runs: &[Run]| runs.iter().map(Run::json).collect::<Vec<_>>();
    results.insert(
        "start".into(),
        json!({
            "direct": all(&direct), "relay_first": all(&first),
            "relay_cold": all(&cold), "relay_warm": all(&warm),
        }),
    );
    Ok(())
}

/// One viewer keeps the camera; the others join in the middle of its group of pictures.
fn warm(lab: &Lab, paths: &[String]) -> io::Result<Vec<Run>> {
    let (viewers, rate) = (WARM_VIEWERS.to_string(), WARM_RATE.to_string());
    let arguments =
        ["--viewers", &viewers, "--join-rate", &rate, "--until-key", "--seconds", "0.5"];
    let mut runs = Vec::new();
    for _ in 0..lab.options.repeat(1) {
        let relay = lab.serve(lab.relay(), paths)?;
        let holder = lab.start_load(&relay, paths, &["--seconds", "60"])?;
        std::thread::sleep(WARM_AGE);
        runs.push(lab.run_load(&relay, paths, &arguments)?);
        drop(holder);
    }
    Ok(runs)
}
