//! Sockets, waiting and waking; knows nothing of RTSP.
//!
//! - [`wake`]: an eventfd that one thread writes and another polls
//! - [`mod@wait`]: one `poll` on a socket and a waker, with a deadline
//! - [`tcp`]: connecting with a deadline, and the options that a relay's sockets need
//! - [`stream`]: a connection, plain or with TLS; [`tls_stream`]: the latter
//! - [`udp`]: pairs of ports for RTP and RTCP
//! - [`multicast`]: which way to a group, and hearing what is sent to it
//! - [`acceptor`]: a listener with its thread
//! - [`udp_out`]: UDP to many clients from one pair of sockets, many packets in one call

pub mod acceptor;
pub mod multicast;
pub mod stream;
pub mod tcp;
pub mod tls_stream;
pub mod udp;
pub mod udp_out;
pub mod wait;
pub mod wake;

pub use acceptor::Acceptor;
pub use stream::Stream;
pub use wait::{Interest, Ready, wait, wait_all, wait_both, wait_readable};
pub use wake::Waker;
