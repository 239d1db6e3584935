//! Where a client's requests come from: its connection.

use std::io::ErrorKind;
use std::sync::Arc;

use rtsp_proto::decoder::Decoder;

use super::client::Farewell;
use crate::net::Stream;
use crate::net::tls_stream::{HANDSHAKE_RECORD, NotTls};

/// Requests and receiver reports are small.
const READ_SIZE: usize = 2 * 1024;

/// The read side of a client.
pub(super) struct WayIn {
    stream: Arc<Stream>,
    /// Nothing was read yet.
    fresh: bool,
}

impl WayIn {
    /// A connection that nothing was read from.
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream, fresh: true }
    }

    /// Gives the decoder what is there; `false` if there was nothing after all.
    pub(super) fn receive(&mut self, decoder: &mut Decoder) -> Result<bool, Farewell> {
        let room = decoder.spare(READ_SIZE);
        match self.stream.read(room) {
            Ok(0) => Err(Farewell::Gone),
            Ok(_) if std::mem::take(&mut self.fresh) && room.first() == Some(&HANDSHAKE_RECORD) => {
                let text = "it speaks TLS on the port for plain RTSP; rtsps_port is for that";
                Err(Farewell::Foreign(text.to_owned()))
            }
            Ok(count) => {
                decoder.advance(count);
                Ok(true)
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(false),
                ErrorKind::InvalidData => Err(Farewell::Foreign(tls_failure(&error))),
                _ => Err(Farewell::Gone),
            },
        }
    }
}

fn tls_failure(error: &std::io::Error) -> String {
    let inner = error.get_ref();
    if inner.is_some_and(|inner| inner.is::<NotTls>()) {
        return "it speaks plain text on rtsps_port; listen_port is for that".to_owned();
    }
    match inner.and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::AlertReceived(alert)) => {
            format!("it does not accept the relay's TLS, or tls_certificate: {alert:?}")
        }
        _ => format!("its TLS cannot be understood: {error}"),
    }
}
