//! What the integration tests share: the relay and real programs as children with bounded lives, a
//! small RTSP client, a camera that nobody here wrote, and waiting for conditions.
//!
//! Each test file includes this by `mod support;` and uses the part it needs.
#![allow(dead_code, unreachable_pub, unused_imports)]
#![allow(clippy::panic, clippy::print_stderr, reason = "these helpers are tests too")]

mod certificate;
mod continuity;
mod expect;
pub mod film;
mod gst_camera;
mod listening;
mod lossy_network;
mod process;
mod program;
mod relay;
mod rtsp_client;
mod transcript;
mod wait;
mod watched;

pub use certificate::Certificate;
pub use continuity::Continuity;
pub use expect::{expect_media, response};
pub use gst_camera::GstCamera;
pub use listening::{free_port, is_listening};
pub use lossy_network::{Fate, LossyNetwork, Passage};
pub use process::Process;
pub use program::{Finished, Program};
pub use relay::Relay;
pub use rtsp_client::{Incoming, OwnedFrame, RtspClient};
pub use transcript::Transcript;
pub use wait::{wait_for, wait_until};
pub use watched::{Times, Watched};

use std::path::PathBuf;

/// A file or folder of the project, by its path from the top.
pub fn project(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where tests leave what a person may want to look at.
pub fn leave(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    std::fs::create_dir_all(&folder).expect("the target folder is ours");
    folder.join(name)
}
