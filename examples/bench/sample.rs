//! What the kernel knows of a process: time on the processors, wake-ups, memory, threads, files.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// Ticks of the times in `/proc/PID/stat`, the same on all Linux architectures of today.
const TICKS_PER_SECOND: f64 = 100.0;

/// A process at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    at: Instant,
    /// Of each thread: nanoseconds on a processor, and how often it was given one.
    threads: BTreeMap<String, (u64, u64)>,
    /// Of all threads, also of those that have ended; coarse.
    ticks: u64,
}

/// Between two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Used {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// How often threads were given a processor: wake-ups, and a few preemptions.
    pub(crate) wakeups: u64,
    /// From the one to the other.
    pub(crate) wall: Duration,
}

impl Sample {
    /// Looks at a process.
    pub(crate) fn take(pid: u32) -> io::Result<Self> {
        let at = Instant::now();
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let entry = entry?;
            // A thread may end meanwhile.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else { continue };
            let mut numbers = text.split_whitespace().map(|word| word.parse().unwrap_or(0));
            let (ns, slices) = (numbers.next().unwrap_or(0), numbers.nth(1).unwrap_or(0));
            threads.insert(entry.file_name().to_string_lossy().into_owned(), (ns, slices));
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold spaces; utime and stime are fields 14 and 15.
        let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let ticks = fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        Ok(Self { at, threads, ticks })
    }

    /// What was used from `before` until this sample.
    pub(crate) fn since(&self, before: &Self) -> Used {
        let mut ns = 0;
        let mut wakeups = 0;
        for (thread, (now_ns, now_slices)) in &self.threads {
            let (old_ns, old_slices) = before.threads.get(thread).copied().unwrap_or_default();
            ns += now_ns.saturating_sub(old_ns);
            wakeups += now_slices.saturating_sub(old_slices);
        }
        // What ended threads used is only in the coarse sum.
        let ended = before.threads.keys().any(|thread| !self.threads.contains_key(thread));
        let known = ns > 0 || self.ticks == before.ticks;
        let cpu = match ended || !known {
            true => Duration::from_secs_f64((self.ticks - before.ticks) as f64 / TICKS_PER_SECOND),
            false => Duration::from_nanos(ns),
        };
        Used { cpu, wakeups, wall: self.at - before.at }
    }
}

/// What a process holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Holdings {
    /// Resident memory in KiB.
    pub(crate) rss_kib: f64,
    /// Of it, what no other process shares.
    pub(crate) private_kib: f64,
    /// Threads.
    pub(crate) threads: usize,
    /// Open files.
    pub(crate) fds: usize,
}

impl Holdings {
    /// Looks at a process; walking its memory disturbs it for a moment.
    pub(crate) fn take(pid: u32) -> io::Result<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let kib = |name: &str| -> f64 {
            let lines = text.lines().filter_map(|line| line.split_once(':'));
            let values = lines.filter(|(found, _)| found.starts_with(name));
            values
                .filter_map(|(_, value)| value.split_whitespace().next()?.parse::<f64>().ok())
                .sum()
        };
        Ok(Self {
            rss_kib: kib("Rss"),
            private_kib: kib("Private_Clean") + kib("Private_Dirty"),
            threads: fs::read_dir(format!("/proc/{pid}/task"))?.count(),
            fds: fs::read_dir(format!("/proc/{pid}/fd"))?.count(),
        })
    }

    /// As JSON.
    pub(crate) fn json(self) -> Value {
        json!({
            "rss_kib": self.rss_kib, "private_kib": self.private_kib,
            "threads": self.threads, "fds": self.fds,
        })
    }
}
