//! The tick of the main thread: what the process takes of the machine, and what follows from it.
//!
//! It begins with the first client and ends with the last: without clients nothing wakes up.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use crate::drill;
use crate::limits::pressure::{Step, What};
use crate::limits::{Pressure, Usage};
use crate::server::Server;
use crate::source::Slot;

const INTERVAL: Duration = Duration::from_secs(1);
/// While memory is short.
const SHORT_INTERVAL: Duration = Duration::from_millis(200);
/// The processor's load is a mean over about this time.
const CPU_SPAN: Duration = Duration::from_secs(5);
/// A viewer for whom less is held is not the one to blame.
const BURDEN: usize = 256 * 1024;

/// When the next tick is, and what the last one saw.
#[derive(Debug)]
pub(super) struct Tick {
    due: Option<Instant>,
    status: Option<File>,
    usage: Usage,
    /// The most memory that was resident, and how much media was held then.
    peak: (u64, u64),
    cpu_time: Duration,
    at: Instant,
    processors: f64,
}

impl Tick {
    /// Without clients there is none.
    pub(super) fn new() -> Self {
        let status = File::open("/proc/self/status");
        if let Err(error) = &status {
            log::warn!("cannot see how much memory the relay takes: {error}");
        }
        Self {
            due: None,
            status: status.ok(),
            usage: Usage::default(),
            peak: (0, 0),
            cpu_time: cpu_time(),
            at: Instant::now(),
            processors: std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64),
        }
    }

    /// When it is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Does what is due at this moment.
    pub(super) fn run(&mut self, server: &Server, now: Instant) {
        if self.due.is_none() && server.tick.is_wanted() {
            // As if the time without clients had not been.
            (self.at, self.cpu_time, self.usage.cpu_percent) = (now, cpu_time(), 0.0);
            self.due = Some(now);
        }
        if self.due.is_none_or(|due| due > now) {
            return;
        }
        drill::pass("tick");
        self.measure(server, now);
        let goes_on = server.tick.goes_on(|| server.clients.count() > 0);
        if !goes_on {
            self.usage.cpu_percent = 0.0;
        }
        let pressure = &server.gatekeeper.pressure;
        for step in pressure.update(&self.usage) {
            self.tell(step, server);
        }
        if pressure.wants_less(&self.usage) {
            server.registry.slots().for_each(|slot| slot.shrink_cache());
        } else if !pressure.is_taken(What::Shrink) {
            server.registry.slots().for_each(|slot| slot.restore_cache());
        }
        self.shed(server, pressure);
        let interval = if pressure.is_taken(What::Shrink) { SHORT_INTERVAL } else { INTERVAL };
        self.due = goes_on.then(|| now + interval);
    }

    fn measure(&mut self, server: &Server, now: Instant) {
        if let Some(bytes) = self.status.as_ref().and_then(|status| resident(status).ok()) {
            let held = held_media(server);
            if bytes >= self.peak.0 {
                self.peak = (bytes, held);
            }
            // What was freed since the peak and not given back to the system is there for use:
            // the allocator keeps it, and nobody has to go for its sake.
            let freed = self.peak.1.saturating_sub(held);
            let spare = freed.saturating_sub(self.peak.0 - bytes);
            self.usage.memory_bytes = bytes.saturating_sub(spare);
        }
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        if passed > 0.0 {
            let cpu_time = cpu_time();
            let used = cpu_time.saturating_sub(self.cpu_time).as_secs_f64();
            let percent = used / passed / self.processors * 100.0;
            let weight = (passed / CPU_SPAN.as_secs_f64()).min(1.0);
            self.usage.cpu_percent += (percent - self.usage.cpu_percent) * weight;
            (self.at, self.cpu_time) = (now, cpu_time);
        }
    }

    /// The slowest viewers go, as many as may help: what is held for one may be held for others as
    /// well, so the next tick looks again.
    fn shed(&self, server: &Server, pressure: &Pressure) {
        let mut excess = pressure.excess(&self.usage);
        if excess == 0 {
            return;
        }
        let slots = server.registry.slots();
        let of_slot = |slot: Arc<Slot>| {
            slot.held_bytes().into_iter().map(move |held| (held, Arc::clone(&slot)))
        };
        let held = slots.flat_map(of_slot);
        let mut held: Vec<_> = held.filter(|((bytes, _), _)| *bytes >= BURDEN).collect();
        held.sort_unstable_by_key(|((bytes, _), _)| std::cmp::Reverse(*bytes));
        let reason: Arc<str> = Arc::from("the relay is short of memory, and this viewer is slow");
        for ((bytes, client), slot) in held {
            if excess == 0 {
                return;
            }
            excess = excess.saturating_sub(bytes as u64);
            let (name, held_kb) = (&slot.stream.name, bytes >> 10);
            log::warn!(
                "memory is exhausted, a slow viewer goes stream={name} client={client} held_kb={held_kb}"
            );
            slot.end_one(client, &reason);
        }
    }

    fn tell(&self, step: Step, server: &Server) {
        let config = server.config.get();
        let limits = &config.limits;
        let memory = format!(
            "memory_mb={} max_memory_mb={}",
            self.usage.memory_bytes >> 20,
            limits.max_memory_bytes >> 20
        );
        let cpu = format!(
            "cpu_percent={:.0} max_cpu_percent={}",
            self.usage.cpu_percent, limits.max_cpu_percent
        );
        match (step.what, step.taken) {
            (What::Shrink, true) => {
                log::warn!("memory gets short, cached pictures give way {memory}");
            }
            (What::Shrink, false) => log::info!("memory is no longer short {memory}"),
            (What::Refuse, true) => log::warn!("memory is short, new viewers are refused {memory}"),
            (What::Refuse, false) => log::info!("there is memory for new viewers again {memory}"),
            (What::Shed, true) => {
                log::warn!("memory is exhausted, the slowest viewers go {memory}")
            }
            (What::Shed, false) => log::info!("no more viewers have to go {memory}"),
            (What::Cpu, true) => log::warn!("the processor is busy, new viewers are refused {cpu}"),
            (What::Cpu, false) => log::info!("there is time for new viewers again {cpu}"),
        }
    }
}

/// Bytes of media in caches and queues, at least: what is held for one viewer may be held for
/// others as well, so of each stream's viewers only the greediest counts.
fn held_media(server: &Server) -> u64 {
    let of_slot = |slot: Arc<Slot>| {
        let held = slot.held_bytes().into_iter().map(|(bytes, _)| bytes).max();
        (slot.cached_bytes().max(held.unwrap_or(0))) as u64
    };
    server.registry.slots().map(of_slot).sum()
}

/// Resident memory, in bytes.
fn resident(status: &File) -> io::Result<u64> {
    // The file is kept open, for a time when there are no descriptors.
    let mut buffer = [0; 4096];
    let count = status.read_at(&mut buffer, 0)?;
    let text = String::from_utf8_lossy(buffer.get(..count).unwrap_or_default());
    let value = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = value.and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.map(|kib| kib << 10).ok_or_else(|| ErrorKind::InvalidData.into())
}

/// Processor time of all threads so far.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_sees_its_own_memory_and_time() {
        let status = File::open("/proc/self/status").unwrap();
        let before = resident(&status).unwrap();
        assert!(before > 1 << 20, "{before} bytes");
        let block = vec![1u8; 64 << 20];
        let grown = resident(&status).unwrap() - before;
        assert!(grown > 32 << 20, "{grown} bytes for {}", std::hint::black_box(&block).len());
        assert!(cpu_time() > Duration::ZERO);
    }
}
