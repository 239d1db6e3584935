//! A stream as browsers and players of files see it: fragmented MP4, made once for all of them.
//!
//! - [`view`]: the one place of a stream where such viewers come and go
//! - [`mux`]: a viewer of the stream's hub that publishes what it sees as fragments in a hub of its
//!   own; `picture` and `sound` are its two kinds of tracks
//! - `clock`: the tracks on one timeline; `decode_order`: when a picture is decoded
//! - [`message`]: fragments as they lie in memory, ready for WebSocket and good for files
//! - [`start`]: the cached group as a joining viewer gets it

mod clock;
mod decode_order;
pub mod message;
pub mod mux;
mod picture;
mod sound;
pub mod start;
pub mod view;

pub use mux::Mux;
pub use view::{LivePass, LiveView};

#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
#[cfg(test)]
mod tests;
