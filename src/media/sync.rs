//! What the way to a viewer is made of. The model of it (`tests/support/tests/handoff_model`) puts others of the same
//! shape here, with which it goes through what threads can do to each other.

pub(super) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
pub(super) use std::sync::{Mutex, MutexGuard, OnceLock};

pub(super) use crossbeam_channel::{Receiver, Sender, bounded};

/// Bytes that the processor fetches together.
pub(super) const CACHE_LINE: usize = 64;
