//! Pictures on their way from one camera to many viewers; knows no sockets.
//!
//! - [`batch`]: the finished wire bytes of one access unit, shared by all viewers
//! - [`batcher`]: packets of a track into batches
//! - [`timeline`]: the relay's own sequence numbers, timestamps and SSRC
//! - [`gop`]: the current group of pictures, for viewers that join
//! - [`program`]: what viewers see, whether it comes from the camera, a fallback, or stands still:
//!   `lane` numbers one track of it, `held` is the picture that stands still
//! - [`hub`]: where it is published and viewers join
//! - [`thinner`]: what is left out of a stream that is over its limit; [`rate`]: how much it is
//! - [`subscriber`]: one viewer's queue and outlet, and who may write when; `sync`: what that is made of
//! - [`live`]: the stream as fragmented MP4, for browsers; [`mp4`] writes it
//! - [`gate`]: what a viewer that fell behind gets to see again
//! - [`burst`]: the cached group as a joining viewer gets it
//! - [`presentation`]: the tracks of a stream, and the SDP that clients are given;
//!   `place`: where it is by multicast

mod backlog;
pub mod batch;
pub mod batcher;
pub mod burst;
pub mod gate;
pub mod gop;
mod held;
pub mod hub;
mod lane;
pub mod live;
pub mod mp4;
pub mod pace;
mod place;
pub mod presentation;
pub mod program;
pub mod rate;
pub mod subscriber;
mod sync;
pub mod thinner;
pub mod timeline;

pub use batch::{Batch, Kind};
pub use hub::Hub;
pub use place::Place;
pub use presentation::Presentation;
pub use program::Program;
pub use subscriber::{Outlet, Progress, Subscriber, Viewer};

/// Tracks a stream may have; further ones are not set up.
pub const MAX_TRACKS: usize = 16;
