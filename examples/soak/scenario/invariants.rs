//! What must hold all the time, and what when nobody watches.

use std::io;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::rtsp_client::RtspClient;
use super::world::{World, lock};

/// `main`, and who accepts RTSP and HTTP.
const AT_REST: usize = 3;
/// The process never takes more.
const MEMORY_KIB: u64 = 128 * 1024;
/// A camera that is left sees for a moment the old session beside the new one.
const OVERLAP: u32 = 4;
/// Memory at the end is held against that after this time.
const SETTLED: Duration = Duration::from_secs(600);

/// Threads and descriptors of a relay that has had a viewer and has none.
pub(super) fn at_rest(world: &World) -> io::Result<(usize, usize)> {
    let unit = &world.units[0];
    let mut viewer = RtspClient::watch(&world.url(&unit.name))?;
    viewer.read_frame(Duration::from_secs(10))?;
    drop(viewer);
    let process = world.process();
    match world.wait(|| process.threads() == AT_REST) {
        true => Ok((process.threads(), process.fds())),
        false => Err(io::Error::other("the relay does not come to rest after its first viewer")),
    }
}

/// Checks until the time is over, and ends the run.
pub(super) fn check(world: &World, start: (usize, usize), begun: Instant, time: Duration) {
    let process = world.process();
    let calm_every = (time / 4).clamp(Duration::from_secs(4), Duration::from_secs(60));
    let mut next_calm = begun + calm_every;
    let mut doubled = vec![0; world.units.len()];
    while begun.elapsed() < time && world.relay_lives() {
        std::thread::park_timeout(Duration::from_millis(250));
        for (unit, doubled) in world.units.iter().zip(&mut doubled) {
            let sessions = lock(&unit.camera).as_ref().map_or(0, |c| c.stats().sessions_open);
            *doubled = if sessions > 1 { *doubled + 1 } else { 0 };
            if *doubled == OVERLAP {
                world.wrong(format!("{}: {sessions} sessions with the camera", unit.name));
            }
        }
        let memory = process.rss_kib();
        if memory > MEMORY_KIB {
            world.wrong(format!("{memory} KiB of memory"));
        }
        if Instant::now() >= next_calm {
            calm(world, begun, start);
            next_calm = Instant::now() + calm_every;
        }
    }
    if !world.relay_lives() {
        world.wrong("the relay has ended".into());
    }
    calm(world, begun, start);
    world.stop.store(true, SeqCst);
    settle_accounts(world);
}

/// Everybody leaves: nothing may be left of them. Then the configuration is read again.
fn calm(world: &World, begun: Instant, start: (usize, usize)) {
    let process = world.process();
    world.calm.store(true, SeqCst);
    if !world.wait(|| world.inside.load(SeqCst) == 0) {
        world.wrong("viewers do not come to an end".into());
    }
    for unit in &world.units {
        let left = || lock(&unit.camera).as_ref().is_none_or(|c| c.stats().sessions_open == 0);
        if !world.wait(left) {
            world.wrong(format!("{}: the camera is pulled and nobody watches", unit.name));
        }
    }
    let now = || (process.threads(), process.fds());
    if !world.wait(|| now() == start) && world.relay_lives() {
        let names = process.thread_names();
        world.wrong(format!("threads and descriptors {:?}, not {start:?}: {names:?}", now()));
    }
    lock(&world.figures).push((begun.elapsed(), process.rss_kib()));
    world.reload();
    process.signal(Signal::USR1);
    world.count("calms");
    world.calm.store(false, SeqCst);
}

/// Memory must not have grown over the hours.
fn settle_accounts(world: &World) {
    let figures = lock(&world.figures).clone();
    let settled = figures.iter().find(|(at, _)| *at >= SETTLED);
    if let (Some((_, before)), Some((_, after))) = (settled, figures.last()) {
        if *after > before + before / 10 {
            world.wrong(format!("memory has grown from {before} to {after} KiB"));
        }
    }
}
