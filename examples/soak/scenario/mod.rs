//! One run: the relay as a child, cameras and viewers in this process.
//!
//! - [`world`]: what all threads share, and what was found wrong
//! - [`cameras`]: two of each kind, and what befalls them
//! - [`viewers`]: those who come, stall, vanish
//! - [`invariants`]: what must hold all the time, and what when nobody watches
//! - [`report`]: the figures at the end
#![allow(dead_code, unreachable_pub, reason = "shared parts are used in part")]

mod cameras;
mod invariants;
mod report;
mod viewers;
mod world;

#[path = "../../../tests/support/continuity.rs"]
mod continuity;
#[path = "../../load/media.rs"]
mod media;
#[path = "../../../tests/support/process.rs"]
mod process;
#[path = "../../../tests/support/rtsp_client.rs"]
mod rtsp_client;
#[path = "../../camera/sim/mod.rs"]
mod sim;

// The stamp of a picture, where `media` looks for it.
use sim::sei;

pub use report::Report;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use world::World;

/// Viewers at one time, at the most.
const WATCHERS: u64 = 12;

/// What to do.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The relay's program.
    pub relay: PathBuf,
    /// For whatever is left to chance.
    pub seed: u64,
    /// How long.
    pub time: Duration,
}

/// Runs the plan; an error if it could not be begun.
pub fn run(plan: &Plan) -> io::Result<Report> {
    let world = Arc::new(World::open(plan)?);
    let start = invariants::at_rest(&world)?;
    let begun = Instant::now();
    let mut threads = Vec::new();
    for number in 0..WATCHERS {
        let world = Arc::clone(&world);
        threads.push(std::thread::spawn(move || viewers::watch(&world, number)));
    }
    let fate = Arc::clone(&world);
    threads.push(std::thread::spawn(move || cameras::befall(&fate)));
    invariants::check(&world, start, begun, plan.time);
    for thread in threads {
        if thread.join().is_err() {
            world.wrong("a thread of the soak itself panicked".into());
        }
    }
    Ok(world.report(begun.elapsed()))
}
