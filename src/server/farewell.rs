//! Why a connection ends.

use std::fmt;
use std::sync::Arc;

/// Why a connection ends, for the log.
#[derive(Clone, Debug)]
pub(super) enum Farewell {
    /// The client went, with or without TEARDOWN.
    Gone,
    /// The client broke the rules; it has been answered.
    Refused(String),
    /// The client wanted it so; it has been answered.
    Asked,
    /// It speaks something else than RTSP; what could be answered has been.
    Foreign(String),
    /// It takes nothing, or says nothing, for too long.
    TimedOut(&'static str),
    /// The stream ended.
    Ended(Arc<str>),
    /// The connection is one half of a tunnel, and goes on in the thread of the other.
    Joined,
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it closed the connection"),
            Self::Asked => f.write_str("it asked for the end of the connection"),
            Self::Joined => f.write_str("it is one half of a tunnel"),
            Self::Refused(reason) => write!(f, "it sent what cannot be read: {reason}"),
            Self::Foreign(reason) => f.write_str(reason),
            Self::TimedOut(reason) => f.write_str(reason),
            Self::Ended(reason) => f.write_str(reason),
        }
    }
}
