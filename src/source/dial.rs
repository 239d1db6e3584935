//! How the connection to a camera is made.

use std::io;
use std::net::TcpStream;
use std::time::Instant;

use rtsp_proto::Url;
use rtsp_proto::url::Scheme;

use super::slot::Slot;
use super::{Cause, Offline, OfflineKind};
use crate::net::tcp::{self, ConnectError};
use crate::net::tls_stream::{NotTls, TlsStream};
use crate::net::{Interest, Stream, Waker, wait};
use crate::system_error::words;
use crate::tls::Caller;

/// Connects, with TLS if the URL says so; `None` when nobody wants the stream any more.
pub(super) fn dial(
    slot: &Slot,
    waker: &Waker,
    url: &Url,
    deadline: Instant,
) -> Result<Option<Stream>, Offline> {
    let unreachable = |text: String| Offline::new(OfflineKind::Unreachable, text);
    let give_up = || slot.release_at().is_some_and(|at| at <= Instant::now());
    match tcp::connect(url.host(), url.port(), deadline, waker, &give_up) {
        Ok(socket) if url.scheme() == Scheme::Rtsps => {
            secure(slot, waker, url, deadline, socket, &give_up)
        }
        Ok(socket) => Ok(Some(socket.into())),
        Err(ConnectError::GivenUp) => Ok(None),
        Err(ConnectError::TimedOut) => {
            let seconds = slot.stream.now().source_start_timeout.as_secs();
            let text = format!("no answer from {} within {seconds} s", url.authority());
            Err(Offline::new(OfflineKind::StartTimeout, text).at(Cause::NoAnswer))
        }
        Err(ConnectError::Resolve(error)) => {
            let text = format!("the name {} cannot be resolved: {}", url.host(), words(&error));
            Err(unreachable(text).at(Cause::Lookup))
        }
        Err(ConnectError::Connect(error)) => {
            let text = format!("cannot connect to {}: {}", url.authority(), words(&error));
            Err(unreachable(text).at(Cause::Connect(error.kind())))
        }
    }
}

/// Agrees on TLS, so that what is wrong with the certificate is told for what it is.
fn secure(
    slot: &Slot,
    waker: &Waker,
    url: &Url,
    deadline: Instant,
    socket: TcpStream,
    give_up: &dyn Fn() -> bool,
) -> Result<Option<Stream>, Offline> {
    let refused = |text: String| Offline::new(OfflineKind::Refused, text).at(Cause::Tls);
    let Caller { session, explainer } = Caller::new(&slot.stream.now().camera_tls, url.host())
        .map_err(|error| refused(format!("TLS with the camera failed: {error}")))?;
    let tls = TlsStream::new(socket, session);
    let explain = |error: io::Error| match error.get_ref() {
        Some(inner) if inner.is::<NotTls>() => refused(format!(
            "the camera speaks no TLS at {}: an rtsp:// URL may be meant, or another port",
            url.authority()
        )),
        Some(inner) => match inner.downcast_ref() {
            Some(error @ rustls::Error::InvalidCertificate(_)) => {
                refused(explainer.explain(error)).at(Cause::Untrusted(explainer.seen()))
            }
            Some(error) => refused(explainer.explain(error)),
            None => refused(format!("TLS with the camera failed: {error}")),
        },
        None => refused(format!("the camera broke off the TLS handshake: {}", words(&error))),
    };
    loop {
        if tls.handshake().map_err(explain)? {
            return Ok(Some(tls.into()));
        }
        if give_up() {
            return Ok(None);
        }
        if Instant::now() >= deadline {
            let seconds = slot.stream.now().source_start_timeout.as_secs();
            let text = format!("no TLS handshake with {} within {seconds} s", url.authority());
            return Err(Offline::new(OfflineKind::StartTimeout, text).at(Cause::Tls));
        }
        let interest = if tls.is_pending() { Interest::ReadWrite } else { Interest::Read };
        wait(tls.socket(), interest, waker, Some(deadline)).map_err(explain)?;
    }
}

/// Whether these first bytes of a camera are a TLS record, an alert most likely: it was asked in
/// plain on its port for TLS (RFC 8446 section 5.1).
pub(super) fn speaks_tls(bytes: &[u8]) -> bool {
    const ALERT: u8 = 21;
    const HANDSHAKE: u8 = 22;
    matches!(bytes, [ALERT | HANDSHAKE, 3, 0..=4, ..])
}
