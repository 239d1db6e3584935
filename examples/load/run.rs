//! The one loop: joins, waits, reads, leaves.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use serde_json::{Value, json};

use super::arguments::Options;
use super::figures::Figures;
use super::viewer::{Outcome, Role, Viewer};

/// Shared by all viewers: what one of them has waiting is read at once.
const BUFFER: usize = 256 * 1024;
/// Ready connections taken at once.
const EVENTS: usize = 64;
/// After the last packet the loop looks so long for more before it sleeps. Waking a sleeper is paid
/// for by who sends to it; real viewers are elsewhere, and their sleep costs a server nothing.
const SPIN: Duration = Duration::from_micros(300);
/// How often slow viewers read.
const SLOW_TICK: Duration = Duration::from_millis(20);
/// Whoever has no media by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// Reading goes on so long after the window, for whoever samples the server at its end.
const AFTERMATH: Duration = Duration::from_millis(150);
/// So many different reasons of failures are kept.
const REASONS: usize = 5;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// Until everybody has what it waits for.
    Joining,
    Warmup(Instant),
    Window(Instant),
    Aftermath(Instant),
}

struct Run {
    options: Options,
    epoll: OwnedFd,
    /// Each has two numbers there: twice its place for the connection, and the next for datagrams.
    viewers: Vec<Option<Viewer>>,
    free: Vec<usize>,
    passing: VecDeque<(Instant, usize)>,
    phase: Phase,
    started: Instant,
    joined: usize,
    churned: u64,
    next_join: Instant,
    next_churn: Instant,
    next_slow: Instant,
    last_slow: Instant,
    buffer: Vec<u8>,
    reasons: Vec<String>,
    steady: Figures,
    slow: Figures,
    stalled: Figures,
    churn: Figures,
}

/// Plays the whole scenario; the report.
pub(crate) fn run(options: Options) -> io::Result<Value> {
    let now = Instant::now();
    let mut run = Run {
        options,
        epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
        viewers: Vec::new(),
        free: Vec::new(),
        passing: VecDeque::new(),
        phase: Phase::Joining,
        started: now,
        joined: 0,
        churned: 0,
        next_join: now,
        next_churn: now,
        next_slow: now,
        last_slow: now,
        buffer: vec![0; BUFFER],
        reasons: Vec::new(),
        steady: Figures::default(),
        slow: Figures::default(),
        stalled: Figures::default(),
        churn: Figures::default(),
    };
    let mut events = Vec::with_capacity(EVENTS);
    let mut window = Duration::ZERO;
    let mut busy = now;
    while run.advance(&mut window) {
        let sleep = if busy.elapsed() < SPIN { Duration::ZERO } else { run.timeout() };
        let timeout = Timespec::try_from(sleep).ok();
        match epoll::wait(&run.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        if !events.is_empty() {
            busy = Instant::now();
        }
        for event in events.drain(..) {
            let number = event.data.u64() as usize;
            if number % 2 == 0 {
                run.read(number / 2, usize::MAX);
            } else {
                run.receive(number / 2);
            }
        }
        run.come_and_go();
    }
    Ok(run.report(window))
}

impl Run {
    /// Goes to the next phase when it is time; `false` at the end.
    fn advance(&mut self, window: &mut Duration) -> bool {
        let now = Instant::now();
        match self.phase {
            Phase::Joining if self.everybody_is_there(now) => {
                self.phase = Phase::Warmup(now + self.options.warmup);
            }
            Phase::Warmup(until) if now >= until => {
                eprintln!("steady");
                self.phase = Phase::Window(Instant::now());
            }
            Phase::Window(since) if now - since >= self.options.window => {
                eprintln!("end");
                *window = now - since;
                self.phase = Phase::Aftermath(now + AFTERMATH);
            }
            Phase::Aftermath(until) => return now < until,
            _ => {}
        }
        true
    }

    fn everybody_is_there(&self, now: Instant) -> bool {
        if self.joined < self.options.viewers {
            return false;
        }
        let late = now - self.next_join > PATIENCE;
        late || self.viewers.iter().flatten().all(|viewer| match self.options.until_key {
            true => viewer.has_key(),
            false => viewer.has_media(),
        })
    }

    /// How long nothing has to be done.
    fn timeout(&self) -> Duration {
        let mut next = match self.phase {
            Phase::Joining if self.joined < self.options.viewers => self.next_join,
            Phase::Joining => Instant::now() + SLOW_TICK,
            Phase::Warmup(until) | Phase::Aftermath(until) => until,
            Phase::Window(since) => since + self.options.window,
        };
        if self.options.slow > 0 {
            next = next.min(self.next_slow);
        }
        if let Some(churn) = self.next_churn() {
            next = next.min(churn);
        }
        if let Some(&(leaves, _)) = self.passing.front() {
            next = next.min(leaves);
        }
        next.saturating_duration_since(Instant::now())
    }

    fn next_churn(&self) -> Option<Instant> {
        let busy = matches!(self.phase, Phase::Warmup(_) | Phase::Window(_));
        (busy && self.options.churn_every.is_some()).then_some(self.next_churn)
    }

    fn come_and_go(&mut self) {
        let now = Instant::now();
        while self.joined < self.options.viewers && now >= self.next_join {
            let role = match self.joined {
                index if index < self.options.stalled => Role::Stalled,
                index if index < self.options.stalled + self.options.slow => Role::Slow,
                _ => Role::Steady,
            };
            self.join(self.joined, role);
            self.joined += 1;
            let gone = self.options.join_every.saturating_mul(self.joined as u32);
            self.next_join = self.started + gone;
        }
        if let (Some(due), Some(every)) = (self.next_churn(), self.options.churn_every) {
            if now >= due {
                self.next_churn = due.max(now.checked_sub(every).unwrap_or(now)) + every;
                let index = self.churned as usize;
                self.churned += 1;
                if let Some(slot) = self.join(index, Role::Passing) {
                    self.passing.push_back((now + self.options.churn_stay, slot));
                }
            }
        }
        while let Some(&(leaves, slot)) = self.passing.front() {
            if now < leaves {
                break;
            }
            self.passing.pop_front();
            self.leave(slot);
        }
        if self.options.slow > 0 && now >= self.next_slow {
            self.read_slowly(now);
        }
    }

    fn join(&mut self, index: usize, role: Role) -> Option<usize> {
        self.figures(role).joined += 1;
        let target = &self.options.targets[index % self.options.targets.len()];
        let viewer = match Viewer::join(target, role, self.options.udp) {
            Ok(viewer) => viewer,
            Err(error) => {
                self.fail(role, format!("cannot connect: {error}"));
                return None;
            }
        };
        let slot = self.free.last().copied().unwrap_or(self.viewers.len());
        if let Err(error) = self.watch(&viewer, slot) {
            self.fail(role, format!("cannot wait for it: {error}"));
            return None;
        }
        self.free.pop();
        if slot == self.viewers.len() {
            self.viewers.push(None);
        }
        self.viewers[slot] = Some(viewer);
        Some(slot)
    }

    fn watch(&self, viewer: &Viewer, slot: usize) -> io::Result<()> {
        let number = |number: usize| epoll::EventData::new_u64(number as u64);
        epoll::add(&self.epoll, &viewer.stream, number(2 * slot), epoll::EventFlags::IN)?;
        if let Some(ports) = &viewer.ports {
            let flags = epoll::EventFlags::IN;
            epoll::add(&self.epoll, &ports.rtp, number(2 * slot + 1), flags)?;
        }
        Ok(())
    }

    fn figures(&mut self, role: Role) -> &mut Figures {
        match role {
            Role::Steady => &mut self.steady,
            Role::Slow => &mut self.slow,
            Role::Stalled => &mut self.stalled,
            Role::Passing => &mut self.churn,
        }
    }

    /// Reads at most `most` bytes of one viewer.
    fn read(&mut self, slot: usize, most: usize) -> usize {
        let Some(Some(viewer)) = self.viewers.get_mut(slot) else { return 0 };
        let in_window = matches!(self.phase, Phase::Window(_));
        let most = most.min(self.buffer.len());
        let figures = match viewer.role {
            Role::Steady => &mut self.steady,
            Role::Slow => &mut self.slow,
            Role::Stalled => &mut self.stalled,
            Role::Passing => &mut self.churn,
        };
        match viewer.read(&mut self.buffer[..most], figures, in_window) {
            Outcome::Nothing => 0,
            Outcome::Read(count) => {
                figures.bytes += if in_window { count as u64 } else { 0 };
                let quiet = match viewer.role {
                    Role::Stalled => viewer.has_key(),
                    Role::Slow => viewer.has_media(),
                    Role::Steady | Role::Passing => false,
                };
                if quiet && most == self.buffer.len() {
                    // From now on it is read by the clock, or not at all.
                    let _ = epoll::delete(&self.epoll, &viewer.stream);
                    viewer.budget = 0.0;
                }
                count
            }
            Outcome::Gone(reason) => {
                let role = viewer.role;
                self.leave(slot);
                self.fail(role, reason);
                0
            }
        }
    }

    /// Takes all datagrams of one viewer.
    fn receive(&mut self, slot: usize) {
        let Some(Some(viewer)) = self.viewers.get_mut(slot) else { return };
        let in_window = matches!(self.phase, Phase::Window(_));
        let figures = match viewer.role {
            Role::Passing => &mut self.churn,
            _ => &mut self.steady,
        };
        let bytes = viewer.receive(&mut self.buffer, figures, in_window);
        figures.bytes += if in_window { bytes as u64 } else { 0 };
    }

    fn read_slowly(&mut self, now: Instant) {
        let rate = self.options.slow_bytes_per_second;
        let more = rate * (now - self.last_slow).as_secs_f64();
        self.last_slow = now;
        self.next_slow = now + SLOW_TICK;
        for slot in 0..self.viewers.len() {
            let Some(viewer) = &mut self.viewers[slot] else { continue };
            if viewer.role != Role::Slow || !viewer.has_media() {
                continue;
            }
            // Not more than a tenth of a second is made good.
            viewer.budget = (viewer.budget + more).min(rate / 10.0);
            let most = viewer.budget as usize;
            if most > 0 {
                let count = self.read(slot, most) as f64;
                if let Some(viewer) = &mut self.viewers[slot] {
                    viewer.budget -= count;
                }
            }
        }
    }

    fn leave(&mut self, slot: usize) {
        if let Some(viewer) = self.viewers.get_mut(slot).and_then(Option::take) {
            let role = viewer.role;
            viewer.leave(self.figures(role));
            self.passing.retain(|&(_, passing)| passing != slot);
            self.free.push(slot);
        }
    }

    fn fail(&mut self, role: Role, reason: String) {
        self.figures(role).failed += 1;
        let reason = format!("{role:?}: {reason}");
        if self.reasons.len() < REASONS && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    fn report(&mut self, window: Duration) -> Value {
        for slot in 0..self.viewers.len() {
            self.leave(slot);
        }
        let all = [&self.steady, &self.slow, &self.stalled, &self.churn];
        let bytes: u64 = all.iter().map(|figures| figures.bytes).sum();
        let mut report = json!({
            "seconds": window.as_secs_f64(),
            "total_seconds": self.started.elapsed().as_secs_f64(),
            "bytes": bytes,
            "viewers": self.steady.summary(),
            "failures": self.reasons,
        });
        let others =
            [("slow", &mut self.slow), ("stalled", &mut self.stalled), ("churn", &mut self.churn)];
        for (name, figures) in others {
            if figures.joined > 0 {
                report[name] = figures.summary();
            }
        }
        report
    }
}
