//! How the connection to a camera is made.

use std::net::TcpStream;
use std::time::Instant;

use rtsp_proto::Url;
use rtsp_proto::url::Scheme;

use super::slot::Slot;
use super::{Cause, Offline, OfflineKind};
use crate::net::Waker;
use crate::net::tcp::{self, ConnectError};

/// Connects; `None` when nobody wants the stream any more.
pub(super) fn dial(
    slot: &Slot,
    waker: &Waker,
    url: &Url,
    deadline: Instant,
) -> Result<Option<TcpStream>, Offline> {
    let unreachable = |text: String| Offline::new(OfflineKind::Unreachable, text);
    if url.scheme() == Scheme::Rtsps {
        let text = "rtsps:// cameras are not supported yet";
        return Err(Offline::new(OfflineKind::Refused, text));
    }
    let give_up = || slot.release_at().is_some_and(|at| at <= Instant::now());
    match tcp::connect(url.host(), url.port(), deadline, waker, &give_up) {
        Ok(stream) => Ok(Some(stream)),
        Err(ConnectError::GivenUp) => Ok(None),
        Err(ConnectError::TimedOut) => {
            let seconds = slot.stream.source_start_timeout.as_secs();
            let text = format!("no answer from {} within {seconds} s", url.authority());
            Err(Offline::new(OfflineKind::StartTimeout, text).at(Cause::NoAnswer))
        }
        Err(ConnectError::Resolve(error)) => {
            let text = format!("the name {} cannot be resolved: {error}", url.host());
            Err(unreachable(text).at(Cause::Lookup))
        }
        Err(ConnectError::Connect(error)) => {
            let text = format!("cannot connect to {}: {error}", url.authority());
            Err(unreachable(text).at(Cause::Connect(error.kind())))
        }
    }
}

/// Whether these first bytes of a camera are a TLS record, an alert most likely: it was asked in
/// plain on its port for TLS (RFC 8446 section 5.1).
pub(super) fn speaks_tls(bytes: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    matches!(bytes, [ALERT | HANDSHAKE, 3, 0..=4, ..])
}
