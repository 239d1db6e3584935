//! What the integration tests share: the relay and real programs as children with bounded lives, a
//! small RTSP client, a camera that nobody here wrote, and waiting for conditions.
//!
//! A crate, so that it is compiled once for all of them.
#![allow(clippy::panic, clippy::print_stderr, reason = "these helpers are tests too")]
#![allow(clippy::new_without_default, reason = "a network or a certificate is nobody's default")]

mod capture;
mod certificate;
mod continuity;
mod expect;
pub mod film;
mod gst_camera;
mod listening;
mod lossy_network;
pub mod namespace;
mod process;
mod program;
mod relay;
mod rtsp_client;
#[path = "../../examples/camera/sim/mod.rs"]
pub mod sim;
mod sweep;
mod transcript;
mod wait;
mod watched;

pub use capture::Capture;
pub use certificate::Certificate;
pub use continuity::Continuity;
pub use expect::{expect_media, response};
pub use gst_camera::GstCamera;
pub use listening::{free_port, free_udp_pair, is_listening};
pub use lossy_network::{Fate, LossyNetwork, Passage};
pub use namespace::{Lan, Namespace, may_make_networks};
pub use process::Process;
pub use program::{Finished, Program};
pub use relay::Relay;
pub use rtsp_client::{Incoming, OwnedFrame, RtspClient, tcp_from};
pub use sweep::Sweep;
pub use transcript::Transcript;
pub use wait::{wait_for, wait_until};
pub use watched::{Times, Watched};

use std::path::{Path, PathBuf};

/// A file or folder of the project, by its path from the top.
pub fn project(path: &str) -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.ancestors().nth(2).expect("it is two folders down").join(path)
}

/// The program that is tested: it is built where the tests are.
pub fn relay_program() -> PathBuf {
    built().join("rtsp-relay")
}

/// Where tests leave what a person may want to look at.
pub fn leave(name: &str) -> PathBuf {
    let folder = built().with_file_name("tmp");
    std::fs::create_dir_all(&folder).expect("the target folder is ours");
    folder.join(name)
}

/// `target/debug`, of `target/debug/deps/TEST`.
fn built() -> PathBuf {
    let own = std::env::current_exe().expect("the test's own file");
    own.ancestors().nth(2).expect("a test is two folders down").to_owned()
}
