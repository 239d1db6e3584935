//! Viewers that speak RTSP: one thread each.
//!
//! - `client`: the thread of one: waits, reads, writes, notices silence
//! - `requests`: which method answers; `describe`, `setup` and `play` are the larger ones, `answers`
//!   what they say, and `claim` what they need: a place, and the camera
//! - `session`: what a client has set up
//! - `features`: methods, feature tags and versions; `live` and `notify`: what RTSP 2.0 says of a live
//!   presentation, and of its end
//! - `target`: which stream and track a URI means
//! - `way_out`: everything that leaves for a client: by `outlet` onto its connection, by
//!   `udp_outlet` to its UDP ports, at the pace of `udp_pace`, with the numbers of `numbering`
//! - [`udp`]: the UDP ports for all clients, and the thread that listens there

mod answers;
mod claim;
mod client;
mod describe;
mod features;
mod live;
mod notify;
mod numbering;
mod outlet;
mod play;
mod requests;
mod session;
mod setup;
mod target;
pub mod udp;
mod udp_outlet;
mod udp_pace;
mod way_out;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

pub use udp::UdpPorts;

use crate::access::Access;
use crate::clients::Clients;
use crate::config::model::Config;
use crate::limits::Places;
use crate::source::Registry;

/// What all clients share.
#[derive(Debug)]
pub struct Server {
    /// The operator's decisions.
    pub config: Arc<Config>,
    /// The streams.
    pub registry: Arc<Registry>,
    /// Who may watch.
    pub access: Arc<Access>,
    /// Places for viewers.
    pub places: Arc<Places>,
    /// Every connection, watching or not.
    pub clients: Arc<Clients>,
    /// Where media over UDP leaves.
    pub udp: Arc<UdpPorts>,
    /// Whether a source may write to a viewer itself; off only in tests and measurements.
    pub handoff: bool,
}

/// Connections beyond `max_clients` that may ask for something without getting a place: further
/// ones are closed unanswered.
const SPARE_CONNECTIONS: usize = 64;

impl Server {
    /// Serves a connection in a thread of its own.
    pub fn accept(self: &Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let most = self.config.limits.max_clients as usize + SPARE_CONNECTIONS;
        if self.clients.count() >= most {
            log::warn!("connection refused, {most} are open address={peer}");
            return;
        }
        let stream = Arc::new(stream);
        if let Err(error) = client::spawn(self, &stream, peer) {
            log::warn!("cannot serve a connection: {error} address={peer}");
            // Not a word of RTSP has been read, but a player understands this as an answer.
            let answer = b"RTSP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n";
            let _ = stream.set_nonblocking(true);
            let _ = (&*stream).write(answer);
        }
    }
}
