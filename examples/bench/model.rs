//! What a write, a byte and a wake-up cost, from the runs: with it an operator sizes a machine.

use serde_json::{Map, Value};

use super::spread::Spread;

/// Means over one picture and viewer.
struct Each {
    cpu_us: f64,
    kib: f64,
    wakeups: f64,
}

/// Prints the model, if the scenarios that it needs were run: large and small pictures, and one
/// with and without the hand-off.
pub(crate) fn print(results: &Map<String, Value>) {
    let (Some(large), Some(small)) =
        (each(results, "tcp256", "relay"), each(results, "tcp1000", "relay"))
    else {
        return;
    };
    let byte = (large.cpu_us - small.cpu_us) / (large.kib - small.kib);
    let write = small.cpu_us - byte * small.kib;
    print!("Model of the relay: {write:.1} µs a picture and viewer + {byte:.2} µs a KiB");
    if let (Some(with), Some(without)) =
        (each(results, "tcp64", "relay"), each(results, "tcp64", "relay_beside"))
    {
        let wakeup = (without.cpu_us - with.cpu_us) / (without.wakeups - with.wakeups);
        print!(" + {wakeup:.1} µs a wake-up");
    }
    println!(".");
}

fn each(results: &Map<String, Value>, scenario: &str, server: &str) -> Option<Each> {
    let runs = results.get(scenario)?.get(server)?.as_array()?;
    let middle = |value: &dyn Fn(&Value) -> Option<f64>| {
        Spread::of(
            runs.iter().map(|run| Some(value(run)? / number(run, "/load/viewers/pictures")?)),
        )
        .median()
    };
    Some(Each {
        cpu_us: middle(&|run| Some(number(run, "/cpu_s")? * 1e6))?,
        kib: middle(&|run| Some(number(run, "/load/bytes")? / 1024.0))?,
        wakeups: middle(&|run| number(run, "/wakeups"))?,
    })
}

fn number(value: &Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer)?.as_f64()
}
