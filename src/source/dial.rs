//! How the connection to a camera is made.

use std::net::TcpStream;
use std::time::Instant;

use rtsp_proto::Url;
use rtsp_proto::url::Scheme;

use super::slot::Slot;
use super::{Offline, OfflineKind};
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
            Err(Offline::new(OfflineKind::StartTimeout, text))
        }
        Err(ConnectError::Resolve(error)) => {
            Err(unreachable(format!("the name {} cannot be resolved: {error}", url.host())))
        }
        Err(ConnectError::Connect(error)) => {
            Err(unreachable(format!("cannot connect to {}: {error}", url.authority())))
        }
    }
}
