//! Why somebody is refused, in words for the log, and how often.

use std::fmt;

use crate::stats::Counter;

/// What stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// All places for viewers are taken.
    Clients,
    /// The address has as many viewers as it may have.
    ClientsPerAddress,
    /// The stream has as many viewers as it may have.
    ClientsPerStream,
    /// As many cameras are pulled as may be.
    Cameras,
    /// The stream sends as much as it may.
    Egress,
    /// The process takes as much memory as it may.
    Memory,
    /// The process takes as much of the processor as it may.
    Cpu,
    /// More connections are open than there is room for.
    Connections,
    /// The system has no thread or descriptor left.
    Resources,
    /// The camera cannot be had.
    Camera,
    /// The address has given too many wrong logins.
    Logins,
}

impl Reason {
    /// All there are, in the order of the counters.
    pub const ALL: [Self; 11] = [
        Self::Clients,
        Self::ClientsPerAddress,
        Self::ClientsPerStream,
        Self::Cameras,
        Self::Egress,
        Self::Memory,
        Self::Cpu,
        Self::Connections,
        Self::Resources,
        Self::Camera,
        Self::Logins,
    ];

    /// One word for the status: where a key of the configuration decides, its name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Clients => "max_clients",
            Self::ClientsPerAddress => "max_clients_per_ip",
            Self::ClientsPerStream => "max_clients_per_stream",
            Self::Cameras => "max_camera_connections",
            Self::Egress => "max_egress_kbps",
            Self::Memory => "max_memory_mb",
            Self::Cpu => "max_cpu_percent",
            Self::Connections => "connections",
            Self::Resources => "resources",
            Self::Camera => "camera",
            Self::Logins => "logins",
        }
    }
}

/// A refusal at a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Which limit.
    pub reason: Reason,
    /// Its value, as configured.
    pub limit: u64,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.reason.label(), self.limit)
    }
}

/// How often each reason was given.
#[derive(Debug, Default)]
pub struct Refusals([Counter; Reason::ALL.len()]);

impl Refusals {
    /// Counts one.
    pub fn count(&self, reason: Reason) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.add(1);
        }
    }

    /// How often somebody was refused for this reason.
    pub fn get(&self, reason: Reason) -> u64 {
        self.0.get(reason as usize).map_or(0, Counter::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_its_own_counter_and_name() {
        let refusals = Refusals::default();
        for (reason, times) in Reason::ALL.into_iter().zip(1..) {
            (0..times).for_each(|_| refusals.count(reason));
        }
        for (reason, times) in Reason::ALL.into_iter().zip(1..) {
            assert_eq!(refusals.get(reason), times, "{reason:?}");
            let same = Reason::ALL.into_iter().filter(|other| other.label() == reason.label());
            assert_eq!(same.count(), 1, "{reason:?}");
        }
    }
}
