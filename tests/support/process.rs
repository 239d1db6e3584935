//! A process as `/proc` shows it.

use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// Ticks of the CPU times in `/proc/PID/stat`: fixed by Linux's interface to user space.
const TICKS_PER_S: u64 = 100;

/// A process that is or was ours, by its id.
#[derive(Clone, Copy, Debug)]
pub struct Process(pub u32);

impl Process {
    /// How many threads it has; 0 when it is gone.
    pub fn threads(self) -> usize {
        self.count("task")
    }

    /// The names of its threads, sorted.
    pub fn thread_names(self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.path("task"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read_to_string(entry.path().join("comm")).ok())
            .map(|name| name.trim_end().to_owned())
            .collect();
        names.sort();
        names
    }

    /// How many file descriptors it has open; 0 when it is gone.
    pub fn fds(self) -> usize {
        self.count("fd")
    }

    /// Resident memory; 0 when it is gone.
    pub fn rss_kib(self) -> u64 {
        let status = fs::read_to_string(self.path("status")).unwrap_or_default();
        status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|value| value.trim().trim_end_matches("kB").trim().parse().ok())
            .unwrap_or(0)
    }

    /// User and system time of all its threads, those that ended included.
    pub fn cpu_time(self) -> Duration {
        let stat = fs::read_to_string(self.path("stat")).unwrap_or_default();
        // The name, in parentheses, may hold blanks: count from behind it.
        let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 =
            behind.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        Duration::from_millis(ticks * 1000 / TICKS_PER_S)
    }

    /// How often its threads gave up the CPU to wait, all together: its wake-ups.
    pub fn voluntary_switches(self) -> u64 {
        self.switches().map(|(_, count)| count).sum()
    }

    /// The same of the thread of this name, while there is one.
    pub fn switches_of(self, thread: &str) -> Option<u64> {
        self.switches().find(|(name, _)| name == thread).map(|(_, count)| count)
    }

    fn switches(self) -> impl Iterator<Item = (String, u64)> {
        let tasks = fs::read_dir(self.path("task")).into_iter().flatten().flatten();
        tasks.filter_map(|task| {
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let field = |name: &str| {
                let line = status.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.trim_start_matches(':').trim().to_owned())
            };
            Some((field("Name")?, field("voluntary_ctxt_switches")?.parse().ok()?))
        })
    }

    /// Its arguments as everybody on the machine can read them.
    pub fn command_line(self) -> String {
        let bytes = fs::read(self.path("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    }

    /// The ports of its IPv4 UDP sockets.
    pub fn udp_ports(self) -> Vec<u16> {
        let sockets: Vec<String> = fs::read_dir(self.path("fd"))
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.replace(']', "")))
            .collect();
        let table = fs::read_to_string(self.path("net/udp")).unwrap_or_default();
        let port = |line: &str| {
            let words: Vec<_> = line.split_whitespace().collect();
            let (_, port) = words.get(1)?.split_once(':')?;
            let ours = sockets.iter().any(|inode| Some(&inode.as_str()) == words.get(9));
            ours.then(|| u16::from_str_radix(port, 16).ok()).flatten()
        };
        table.lines().skip(1).filter_map(port).collect()
    }

    /// Sends a signal; nothing happens when the process is gone.
    pub fn signal(self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.0).ok().and_then(Pid::from_raw) {
            let _gone = kill_process(pid, signal);
        }
    }

    fn path(self, name: &str) -> String {
        format!("/proc/{}/{name}", self.0)
    }

    fn count(self, folder: &str) -> usize {
        fs::read_dir(self.path(folder)).map_or(0, |entries| entries.flatten().count())
    }
}
