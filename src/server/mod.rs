//! Viewers that speak RTSP: one thread each.
//!
//! - `client`: the thread of one: waits, reads, writes, notices silence
//! - `requests`: which method answers; `describe`, `setup` and `play` are the larger ones, `answers`
//!   what they say, and `claim` what they need: a place, and the camera
//! - `farewell`: why a connection ends
//! - `session`: what a client has set up
//! - `features`: methods, feature tags and versions; `live` and `notify`: what RTSP 2.0 says of a live
//!   presentation, and of its end
//! - `target`: which stream and track a URI means
//! - `way_in`: where its requests come from: its connection, or a tunnel through HTTP, which an
//!   `opening` began and whose halves find each other by `tunnels`
//! - `way_out`: everything that leaves for a client: by `outlet` onto its connection, by
//!   `udp_outlet` to its UDP ports, at the pace of `udp_pace`, with the numbers of `numbering`
//! - `groups`: the multicast groups of all streams; `group`: one of them, its members and what they
//!   are sent: by `group_outlet`, with the thread of `group_sender`
//! - `life`: when a client was last heard beside its connection
//! - [`udp`]: the UDP ports for all clients, and the thread that listens there

mod answers;
mod claim;
mod client;
mod describe;
mod farewell;
mod features;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod group;
mod group_outlet;
mod group_sender;
mod groups;
mod life;
mod live;
mod notify;
mod numbering;
mod opening;
mod outlet;
mod play;
mod requests;
mod session;
mod setup;
mod target;
mod tunnels;
pub mod udp;
mod udp_outlet;
mod udp_pace;
mod way_in;
mod way_out;

use std::net::{Shutdown, SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

pub use groups::Groups;
pub use tunnels::Tunnels;
pub use udp::UdpPorts;

use crate::access::Access;
use crate::clients::Clients;
use crate::config::model::Config;
use crate::current::Current;
use crate::drill;
use crate::limits::{Gatekeeper, Reason, Wanted};
use crate::net::Stream;
use crate::net::tls_stream::TlsStream;
use crate::source::Registry;
use crate::tls::Keyring;

/// What all clients share.
#[derive(Debug)]
pub struct Server {
    /// The operator's decisions.
    pub config: Arc<Current<Config>>,
    /// The streams.
    pub registry: Arc<Registry>,
    /// Who may watch.
    pub access: Current<Access>,
    /// Who may come in.
    pub gatekeeper: Arc<Gatekeeper>,
    /// Every connection, watching or not.
    pub clients: Arc<Clients>,
    /// Where media over UDP leaves.
    pub udp: Arc<UdpPorts>,
    /// Where media by multicast leaves.
    pub groups: Groups,
    /// The halves of tunnels through HTTP.
    pub tunnels: Arc<Tunnels>,
    /// Who the relay is to those who speak TLS.
    pub keyring: Arc<Current<Option<Keyring>>>,
    /// Whether the main thread has something to watch over.
    pub tick: Arc<Wanted>,
    /// As many connections the system has descriptors for, those set aside that cameras need.
    pub most_connections: AtomicUsize,
    /// Whether a source may write to a viewer itself; off only in tests and measurements.
    pub handoff: bool,
}

/// Connections beyond `max_clients` that may ask for something without getting a place: further
/// ones are refused at once.
const SPARE_CONNECTIONS: usize = 64;
/// Connections more than that while others are being ended to make room.
const LEAVING_CONNECTIONS: usize = 64;
/// Not a word of RTSP has been read, but a player understands this as an answer.
const NO_ROOM: &[u8] = b"RTSP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n";

impl Server {
    /// Serves a connection to `rtsps_port`.
    pub fn accept_tls(self: &Arc<Self>, socket: TcpStream, peer: SocketAddr) {
        let keyring = self.keyring.get();
        let Some(keyring) = keyring.as_ref() else { return };
        match keyring.session() {
            Ok(session) => self.accept(TlsStream::new(socket, session).into(), peer),
            Err(error) => log::warn!("cannot speak TLS with a client: {error} address={peer}"),
        }
    }

    /// Serves a connection in a thread of its own. A panic on the way there costs this connection.
    pub fn accept(self: &Arc<Self>, stream: Stream, peer: SocketAddr) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| self.accept_or_refuse(stream, peer))) {
            let reason = drill::reason(&*panic);
            log::error!("internal failure, a connection is not served: {reason} address={peer}");
        }
    }

    fn accept_or_refuse(self: &Arc<Self>, stream: Stream, peer: SocketAddr) {
        drill::pass("accept");
        let most = self.config.get().limits.max_clients as usize + SPARE_CONNECTIONS;
        let all = self.most_connections.load(Relaxed);
        let most = most.min(all);
        let stream = Arc::new(stream);
        let open = self.clients.count();
        let leaving = LEAVING_CONNECTIONS.min(all.saturating_sub(most));
        let room = open < most || (open < most + leaving && self.clients.make_room(peer.ip()));
        let reason = if !room {
            if self.clients.stranger_is_news() {
                log::warn!("connection refused, {most} are open address={peer}");
            }
            Reason::Connections
        } else if let Err(error) = client::spawn(self, &stream, peer) {
            log::warn!("connection refused, it cannot be served: {error} address={peer}");
            Reason::Resources
        } else {
            self.tick.want();
            return;
        };
        self.gatekeeper.refusals.count(reason);
        let _ = stream.socket().set_nonblocking(true);
        if !stream.is_tls() {
            let _ = stream.write(NO_ROOM);
            let _ = stream.socket().shutdown(Shutdown::Write);
        }
    }
}
