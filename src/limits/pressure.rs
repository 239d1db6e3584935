//! Whether the process takes more memory or processor time than it may, and what follows.
//!
//! Memory: above `SHRINK` of the limit the cached pictures give way, above `REFUSE` nobody new
//! comes in, above `SHED` the slowest viewers go. The processor only decides whether somebody
//! new comes in. Each step is taken back some way below where it was taken, so that nothing goes
//! back and forth at a limit.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};

use super::refusal::{Reason, Refusal};

/// Shares of the limit of memory, in percent: where a step is taken, and where it is taken back.
const SHRINK: (u64, u64) = (75, 65);
const REFUSE: (u64, u64) = (85, 75);
const SHED: (u64, u64) = (92, 85);
/// The share of `max_cpu_percent`, in percent, below which somebody new may come in again.
const CPU_RELEASE: f64 = 85.0;

/// What the process takes now.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Usage {
    /// Resident memory, without what of it is free for use again.
    pub memory_bytes: u64,
    /// Of the whole machine, over the last seconds.
    pub cpu_percent: f64,
}

/// What the process may take, and which steps are taken.
#[derive(Debug)]
pub struct Pressure {
    max_memory_bytes: AtomicU64,
    max_cpu_percent: AtomicU32,
    shrinks: AtomicBool,
    refuses: AtomicBool,
    sheds: AtomicBool,
    cpu: AtomicBool,
}

/// A step that was taken, or taken back: news for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it is about.
    pub what: What,
    /// Whether it is taken now.
    pub taken: bool,
}

/// The steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Caches shrink.
    Shrink,
    /// Nobody new comes in, for want of memory.
    Refuse,
    /// The slowest viewers go.
    Shed,
    /// Nobody new comes in, for want of processor time.
    Cpu,
}

impl Pressure {
    /// With these limits, and nothing taken.
    pub fn new(max_memory_bytes: u64, max_cpu_percent: u32) -> Self {
        Self {
            max_memory_bytes: max_memory_bytes.into(),
            max_cpu_percent: max_cpu_percent.into(),
            shrinks: AtomicBool::new(false),
            refuses: AtomicBool::new(false),
            sheds: AtomicBool::new(false),
            cpu: AtomicBool::new(false),
        }
    }

    /// Other limits from now on; what follows from them is seen at the next update.
    pub fn change(&self, max_memory_bytes: u64, max_cpu_percent: u32) {
        self.max_memory_bytes.store(max_memory_bytes, Relaxed);
        self.max_cpu_percent.store(max_cpu_percent, Relaxed);
    }

    fn max_memory_bytes(&self) -> u64 {
        self.max_memory_bytes.load(Relaxed)
    }

    /// Takes the steps that are due, and takes back those that are not any more; tells which.
    pub fn update(&self, usage: &Usage) -> Vec<Step> {
        let memory = (usage.memory_bytes as f64, self.max_memory_bytes() as f64 / 100.0);
        let above = |(on, off): (u64, u64)| {
            (memory.0 >= memory.1 * on as f64, memory.0 < memory.1 * off as f64)
        };
        let max_cpu = f64::from(self.max_cpu_percent.load(Relaxed));
        let cpu = (usage.cpu_percent >= max_cpu, usage.cpu_percent < max_cpu * CPU_RELEASE / 100.0);
        let steps = [
            (What::Shrink, &self.shrinks, above(SHRINK)),
            (What::Refuse, &self.refuses, above(REFUSE)),
            (What::Shed, &self.sheds, above(SHED)),
            (What::Cpu, &self.cpu, cpu),
        ];
        let news = steps.into_iter().filter_map(|(what, switch, (on, off))| {
            let before = switch.load(Relaxed);
            let taken = on || before && !off;
            switch.store(taken, Relaxed);
            (taken != before).then_some(Step { what, taken })
        });
        news.collect()
    }

    /// Whether a step is taken.
    pub fn is_taken(&self, what: What) -> bool {
        match what {
            What::Shrink => self.shrinks.load(Relaxed),
            What::Refuse => self.refuses.load(Relaxed),
            What::Shed => self.sheds.load(Relaxed),
            What::Cpu => self.cpu.load(Relaxed),
        }
    }

    /// Whether the caches must give way further.
    pub fn wants_less(&self, usage: &Usage) -> bool {
        usage.memory_bytes >= self.max_memory_bytes() / 100 * SHRINK.0
    }

    /// Why nobody new comes in, if so.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.is_taken(What::Refuse) {
            return Some(Refusal { reason: Reason::Memory, limit: self.max_memory_bytes() >> 20 });
        }
        let limit = self.max_cpu_percent.load(Relaxed).into();
        self.is_taken(What::Cpu).then_some(Refusal { reason: Reason::Cpu, limit })
    }

    /// Bytes above what makes the slowest go; 0 when that is not taken.
    pub fn excess(&self, usage: &Usage) -> u64 {
        let wanted = self.max_memory_bytes() / 100 * SHED.1;
        match self.is_taken(What::Shed) {
            true => usage.memory_bytes.saturating_sub(wanted),
            false => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn caches_shrink_first_then_nobody_comes_in_then_the_slowest_go_and_back_with_some_slack() {
        let pressure = Pressure::new(1000, 80);
        let at = |memory_bytes| {
            let usage = Usage { memory_bytes, cpu_percent: 0.0 };
            let steps = pressure.update(&usage);
            let steps: Vec<_> = steps.iter().map(|step| (step.what, step.taken)).collect();
            (steps, pressure.excess(&usage))
        };
        assert_eq!(at(700), (vec![], 0));
        assert_eq!(at(760), (vec![(What::Shrink, true)], 0));
        assert_eq!(at(860), (vec![(What::Refuse, true)], 0));
        assert_eq!(pressure.refusal().unwrap().reason, Reason::Memory);
        assert_eq!(at(930), (vec![(What::Shed, true)], 80));
        assert_eq!(at(870), (vec![], 20));
        assert_eq!(at(840), (vec![(What::Shed, false)], 0));
        assert_eq!(at(740), (vec![(What::Refuse, false)], 0));
        assert_eq!(pressure.refusal(), None);
        assert_eq!(at(640), (vec![(What::Shrink, false)], 0));
    }

    #[test]
    fn a_busy_processor_keeps_newcomers_out_until_it_has_some_to_spare() {
        let pressure = Pressure::new(1000, 80);
        let at = |cpu_percent| pressure.update(&Usage { memory_bytes: 0, cpu_percent });
        assert_eq!(at(79.0), []);
        assert_eq!(at(80.0), [Step { what: What::Cpu, taken: true }]);
        assert_eq!(pressure.refusal().unwrap().to_string(), "max_cpu_percent=80");
        assert_eq!(at(70.0), []);
        assert_eq!(at(67.0), [Step { what: What::Cpu, taken: false }]);
        assert_eq!(pressure.refusal(), None);
    }
}
