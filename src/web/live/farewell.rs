//! Why a viewer's connection ends.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::words;
use crate::source::Offline;

/// Why a viewer's connection ends, for the log and for the viewer.
#[derive(Clone, Debug)]
pub(super) enum Farewell {
    /// It went.
    Gone,
    /// It said that it goes; it has been answered.
    Asked,
    /// It got what it asked for.
    Served,
    /// It broke the WebSocket's rules, with this code.
    Protocol(u16, String),
    /// It takes nothing, or says nothing, for too long.
    TimedOut(&'static str),
    /// The stream ended.
    Ended(Arc<str>),
    /// The camera cannot be had; when it is tried again.
    Offline(Offline, Duration),
    /// It came, and nothing followed for so long.
    NoPicture,
    /// The stream sends all that it may.
    NoBandwidth,
    /// The stream is disabled, or no longer configured: why.
    Closed(Arc<str>),
    /// Nothing of the stream can be shown.
    Unplayable(String),
    /// Somebody ended it: why.
    Dismissed(Arc<str>),
    /// The relay ends.
    Stopping,
}

impl Farewell {
    /// The code of the WebSocket's last message.
    pub(super) fn code(&self) -> u16 {
        match self {
            Self::Gone | Self::Asked | Self::Served | Self::Stopping => words::GOING_AWAY,
            Self::Protocol(code, _) => *code,
            Self::Dismissed(_) | Self::TimedOut(_) => words::POLICY,
            Self::Unplayable(_) => words::INTERNAL,
            Self::Ended(_)
            | Self::Offline(..)
            | Self::NoPicture
            | Self::NoBandwidth
            | Self::Closed(_) => words::TRY_AGAIN,
        }
    }

    /// The answer to a viewer that has not been answered yet, and when it may come again.
    pub(super) fn status(&self) -> (u16, Option<Duration>) {
        const SOON: Duration = Duration::from_secs(5);
        match self {
            Self::Offline(offline, retry_in) => (offline.status().code(), Some(*retry_in)),
            Self::NoPicture => (504, Some(SOON)),
            Self::Unplayable(_) => (501, None),
            Self::Closed(_) => (404, None),
            _ => (503, Some(SOON)),
        }
    }

    /// Whether the page is told in an error message, since the stream's state does not say it.
    pub(super) fn is_error(&self) -> bool {
        matches!(self, Self::NoBandwidth | Self::Unplayable(_) | Self::Dismissed(_))
    }
}

impl fmt::Display for Farewell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone => f.write_str("it closed the connection"),
            Self::Asked => f.write_str("it ended the WebSocket"),
            Self::Served => f.write_str("it has its picture"),
            Self::Protocol(_, reason) => write!(f, "it sent what cannot be read: {reason}"),
            Self::TimedOut(reason) => f.write_str(reason),
            Self::Ended(reason) | Self::Closed(reason) | Self::Dismissed(reason) => {
                f.write_str(reason)
            }
            Self::Offline(offline, _) => offline.fmt(f),
            Self::NoPicture => f.write_str("no picture came in time"),
            Self::NoBandwidth => f.write_str("the stream sends all it may (max_egress_kbps)"),
            Self::Unplayable(reason) => f.write_str(reason),
            Self::Stopping => f.write_str("the relay ends the connection"),
        }
    }
}
