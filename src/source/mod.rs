//! Cameras: pulled once, while somebody watches.
//!
//! - [`registry`]: the streams by name
//! - [`slot`]: one stream's state; [`guard`]: those who want it; `outage`: what it shows while the
//!   camera is away
//! - [`offline`]: why a camera cannot be had
//! - [`facts`]: what a camera told of itself
//! - [`backoff`]: when it is tried again; `memory`: how long it remembers our last session
//! - `reader`: the thread of an active stream
//! - `connection`: one connection to the camera, from dialling to TEARDOWN
//! - `feed`: the camera's packets onto the relay's timeline and into the hub
//! - `standin`: the thread that serves viewers while the camera is away: `hold` repeats the last
//!   picture, `fallback` brings another stream
//! - `reports`: what viewers are told of a track's time
//! - `wallclock`: the camera's clock against ours, for sender reports

pub mod backoff;
mod carrier;
mod connection;
mod datagrams;
mod dial;
pub mod facts;
mod fallback;
mod feed;
pub mod guard;
mod hold;
mod memory;
pub mod offline;
mod outage;
mod reader;
pub mod registry;
mod reorder;
mod reports;
mod sender;
pub mod slot;
mod standin;
mod version;
mod wallclock;

pub use carrier::Carrier;
pub use facts::Facts;
pub use guard::{SourceGuard, Standing};
pub use offline::{Cause, Offline, OfflineKind};
pub use registry::{AcquireError, Registry};
pub use slot::{Slot, Status};
