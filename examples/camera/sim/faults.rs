//! What can go wrong with a camera, on demand.

use super::network::Quality;
use rtsp_proto::Method;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A misbehaviour. Those with a `bool` last until switched off, those with a method until
/// [`Fault::Normal`]; the others happen once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Everything that lasts is taken back.
    Normal,
    /// New connections are refused; those there are stay.
    Refuse(bool),
    /// Connections stay, nothing is sent any more: a camera that hangs. What was asked meanwhile
    /// is answered afterwards.
    Stall(bool),
    /// Requests are answered, media is not sent.
    Mute(bool),
    /// No pictures are sent; everything else is.
    Blind(bool),
    /// All connections are reset.
    Die,
    /// All connections are reset, and the camera begins anew: with other SSRCs, sequence numbers and
    /// time stamps, and with its clock in 1970.
    Reboot,
    /// All connections are closed.
    CloseAll,
    /// RTCP BYE to all sessions, then all connections are closed.
    ByeAndClose,
    /// So many random bytes before the next picture, on interleaved connections.
    Garbage {
        /// How many.
        bytes: usize,
    },
    /// Requests of this method are done but not answered.
    NoAnswer {
        /// Which.
        method: Method,
    },
    /// Requests of this method are refused.
    Status {
        /// Which.
        method: Method,
        /// The code of the answer.
        code: u16,
    },
    /// Requests of this method are answered late.
    SlowAnswer {
        /// Which.
        method: Method,
        /// By how much.
        ms: u64,
    },
    /// More sessions than this are refused with 453.
    MaxSessions(usize),
    /// A session whose connection ends without TEARDOWN goes on counting for this long.
    ForgetAfter {
        /// 0: it is forgotten at once.
        ms: u64,
    },
    /// A session that was torn down goes on counting for this long.
    ForgetTornDownAfter {
        /// 0: it is forgotten at once.
        ms: u64,
    },
    /// Every login is wrong.
    WrongPassword(bool),
    /// A SETUP for interleaved TCP is refused with 461.
    NoTcp(bool),
    /// Datagrams of media are lost, reordered and doubled.
    Network(Quality),
}

/// The words of [`Fault::parse`], for people.
pub const WORDS: &str = "normal | refuse on|off | stall on|off | mute on|off | blind on|off | die | \
    reboot | close | bye | garbage BYTES | no-answer METHOD | status METHOD CODE | slow METHOD MS | max-sessions N | \
    forget-after MS | forget-torn-down MS | wrong-password on|off | no-tcp on|off | \
    network LOSS% REORDER% DUPLICATE%";

impl Fault {
    /// Reads one of [`WORDS`]; `None` for anything else.
    pub fn parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let on = |word: &str| match word {
            "on" => Some(true),
            "off" => Some(false),
            _ => None,
        };
        let method = |word: &str| Method::from_name(&word.to_ascii_uppercase());
        Some(match *words {
            ["normal"] => Self::Normal,
            ["refuse", word] => Self::Refuse(on(word)?),
            ["stall", word] => Self::Stall(on(word)?),
            ["mute", word] => Self::Mute(on(word)?),
            ["blind", word] => Self::Blind(on(word)?),
            ["die"] => Self::Die,
            ["reboot"] => Self::Reboot,
            ["close"] => Self::CloseAll,
            ["bye"] => Self::ByeAndClose,
            ["garbage", n] => Self::Garbage { bytes: n.parse().ok()? },
            ["no-answer", word] => Self::NoAnswer { method: method(word) },
            ["status", word, n] => Self::Status { method: method(word), code: n.parse().ok()? },
            ["slow", word, n] => Self::SlowAnswer { method: method(word), ms: n.parse().ok()? },
            ["max-sessions", n] => Self::MaxSessions(n.parse().ok()?),
            ["forget-after", n] => Self::ForgetAfter { ms: n.parse().ok()? },
            ["forget-torn-down", n] => Self::ForgetTornDownAfter { ms: n.parse().ok()? },
            ["wrong-password", word] => Self::WrongPassword(on(word)?),
            ["no-tcp", word] => Self::NoTcp(on(word)?),
            ["network", loss, reorder, duplicate] => {
                let percent = |word: &str| word.trim_end_matches('%').parse().ok();
                let (loss, reorder) = (percent(loss)?, percent(reorder)?);
                Self::Network(Quality { loss, reorder, duplicate: percent(duplicate)? })
            }
            _ => return None,
        })
    }
}

/// The faults that last.
#[derive(Debug)]
pub struct Switches {
    stall: AtomicBool,
    mute: AtomicBool,
    blind: AtomicBool,
    wrong_password: AtomicBool,
    no_tcp: AtomicBool,
    max_sessions: AtomicUsize,
    forget_after_ms: AtomicU64,
    forget_torn_down_ms: AtomicU64,
    answers: Mutex<Vec<Fault>>,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            stall: AtomicBool::new(false),
            mute: AtomicBool::new(false),
            blind: AtomicBool::new(false),
            wrong_password: AtomicBool::new(false),
            no_tcp: AtomicBool::new(false),
            max_sessions: AtomicUsize::new(usize::MAX),
            forget_after_ms: AtomicU64::new(0),
            forget_torn_down_ms: AtomicU64::new(0),
            answers: Mutex::new(Vec::new()),
        }
    }
}

impl Switches {
    /// Takes note of a fault that lasts; the others are not its business.
    pub fn set(&self, fault: &Fault) {
        match *fault {
            Fault::Normal => {
                let on_and_off =
                    [&self.stall, &self.mute, &self.blind, &self.wrong_password, &self.no_tcp];
                for switch in on_and_off {
                    switch.store(false, Ordering::Release);
                }
                self.max_sessions.store(usize::MAX, Ordering::Release);
                self.forget_after_ms.store(0, Ordering::Release);
                self.forget_torn_down_ms.store(0, Ordering::Release);
                self.answers().clear();
            }
            Fault::Stall(on) => self.stall.store(on, Ordering::Release),
            Fault::Blind(on) => self.blind.store(on, Ordering::Release),
            Fault::Mute(on) => self.mute.store(on, Ordering::Release),
            Fault::WrongPassword(on) => self.wrong_password.store(on, Ordering::Release),
            Fault::NoTcp(on) => self.no_tcp.store(on, Ordering::Release),
            Fault::MaxSessions(n) => self.max_sessions.store(n, Ordering::Release),
            Fault::ForgetAfter { ms } => self.forget_after_ms.store(ms, Ordering::Release),
            Fault::ForgetTornDownAfter { ms } => {
                self.forget_torn_down_ms.store(ms, Ordering::Release);
            }
            Fault::NoAnswer { .. } | Fault::Status { .. } | Fault::SlowAnswer { .. } => {
                self.answers().push(fault.clone());
            }
            Fault::Refuse(_)
            | Fault::Die
            | Fault::Reboot
            | Fault::CloseAll
            | Fault::ByeAndClose => {}
            Fault::Garbage { .. } | Fault::Network(_) => {}
        }
    }

    fn answers(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing at all is sent.
    pub fn stalled(&self) -> bool {
        self.stall.load(Ordering::Acquire)
    }

    /// No media is sent.
    pub fn silent(&self) -> bool {
        self.stalled() || self.mute.load(Ordering::Acquire)
    }

    /// No pictures are sent.
    pub fn blind(&self) -> bool {
        self.blind.load(Ordering::Acquire)
    }

    /// No login is right.
    pub fn wrong_password(&self) -> bool {
        self.wrong_password.load(Ordering::Acquire)
    }

    /// Interleaved TCP is refused.
    pub fn no_tcp(&self) -> bool {
        self.no_tcp.load(Ordering::Acquire)
    }

    /// How many sessions there may be.
    pub fn max_sessions(&self) -> usize {
        self.max_sessions.load(Ordering::Acquire)
    }

    /// How long a session is remembered, whether it was torn down or not.
    pub fn forget_after(&self, torn_down: bool) -> Duration {
        let ms = if torn_down { &self.forget_torn_down_ms } else { &self.forget_after_ms };
        Duration::from_millis(ms.load(Ordering::Acquire))
    }

    /// Whether this method gets no answer.
    pub fn unanswered(&self, asked: &Method) -> bool {
        self.answers().iter().any(|f| matches!(f, Fault::NoAnswer { method } if method == asked))
    }

    /// The status this method is refused with.
    pub fn status(&self, asked: &Method) -> Option<u16> {
        self.answers().iter().find_map(|fault| match fault {
            Fault::Status { method, code } if method == asked => Some(*code),
            _ => None,
        })
    }

    /// How late this method is answered.
    pub fn delay(&self, asked: &Method) -> Option<Duration> {
        self.answers().iter().find_map(|fault| match fault {
            Fault::SlowAnswer { method, ms } if method == asked => Some(Duration::from_millis(*ms)),
            _ => None,
        })
    }
}
