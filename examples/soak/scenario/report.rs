//! The figures of a run.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What happened.
#[derive(Debug)]
pub struct Report {
    pub seed: u64,
    pub time: Duration,
    /// How often what happened.
    pub counts: BTreeMap<String, u64>,
    /// Resident memory in KiB when nobody watched.
    pub memory: Vec<(Duration, u64)>,
    /// Each invariant that was broken.
    pub violations: Vec<String>,
    /// The relay's log; kept when something was broken.
    pub log: PathBuf,
}

impl Report {
    /// How often something happened.
    pub fn count(&self, what: &str) -> u64 {
        self.counts.get(what).copied().unwrap_or(0)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<24} {:>10}", "seed", self.seed)?;
        writeln!(f, "{:<24} {:>10.0}", "seconds", self.time.as_secs_f64())?;
        for (what, times) in &self.counts {
            writeln!(f, "{what:<24} {times:>10}")?;
        }
        let memory = self.memory.iter().map(|(_, kib)| *kib);
        if let (Some(first), Some(last)) = (self.memory.first(), self.memory.last()) {
            writeln!(f, "{:<24} {:>10}", "memory at first, KiB", first.1)?;
            writeln!(f, "{:<24} {:>10}", "memory at most, KiB", memory.max().unwrap_or(0))?;
            writeln!(f, "{:<24} {:>10}", "memory at last, KiB", last.1)?;
        }
        write!(f, "{:<24} {:>10}", "broken invariants", self.violations.len())?;
        for violation in &self.violations {
            write!(f, "\n  {violation}")?;
        }
        if !self.violations.is_empty() {
            write!(f, "\nThe relay's log: {}", self.log.display())?;
        }
        Ok(())
    }
}
