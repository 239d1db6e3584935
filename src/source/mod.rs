//! Cameras: pulled once, while somebody watches.
//!
//! - [`registry`]: the streams by name
//! - [`slot`]: one stream's state; [`guard`]: those who want it; `outage`: what it shows while the
//!   camera is away; `audience`: all its viewers
//! - `settings`: what the operator wrote of it, and `command`: what the operator does to it
//! - `status`: its state, as it is told
//! - [`offline`]: why a camera cannot be had
//! - [`facts`]: what a camera told of itself
//! - [`backoff`]: when it is tried again; `memory`: how long it remembers our last session
//! - `reader`: the thread of an active stream
//! - `connection`: one connection to the camera, from dialling to TEARDOWN: its sockets, and `ingest`:
//!   what is said on it
//! - `feed`: the camera's packets onto the relay's timeline and into the hub
//! - `standin`: the thread that serves viewers while the camera is away: `hold` repeats the last
//!   picture, `fallback` brings another stream
//! - `reports`: what viewers are told of a track's time
//! - `wallclock`: the camera's clock against ours, for sender reports

mod announced;
mod audience;
pub mod backoff;
mod carrier;
mod command;
mod connection;
mod datagrams;
mod dial;
pub mod facts;
mod fallback;
mod feed;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
pub mod guard;
mod hold;
mod ingest;
mod inlet;
mod memory;
pub mod offline;
mod outage;
mod reader;
pub mod registry;
mod reorder;
mod reports;
mod sender;
mod settings;
pub mod slot;
mod standin;
mod status;
mod thinning;
mod version;
mod wallclock;

pub use audience::Brief;
pub use carrier::Carrier;
pub use facts::Facts;
pub use guard::{SourceGuard, Standing};
pub use offline::{Cause, Offline, OfflineKind};
pub use registry::{AcquireError, REMOVED, Registry};
pub use settings::Settings;
pub use slot::Slot;
pub use status::Status;
