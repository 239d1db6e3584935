//! How a connection begins: with a request, or with TLS, told apart by the first byte.

use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Instant;

use super::connection::{Connection, Gone, IDLE};
use super::response::HttpResponse;
use crate::net::Interest;
use crate::net::tls_stream::{HANDSHAKE_RECORD, TlsStream, client_failure};

impl Connection {
    /// Waits for the first byte; if it is one of TLS, that is spoken from now on.
    pub(super) fn open(&mut self) -> Result<(), Gone> {
        if self.first_byte()? != HANDSHAKE_RECORD {
            return Ok(());
        }
        let keyring = self.web.keyring.get();
        let Some(keyring) = keyring.as_ref() else { return Err(self.refuse_tls()) };
        let (peer, socket) = (self.peer, self.stream.socket().try_clone());
        let session = keyring.session();
        let tls = match (socket, session) {
            (Ok(socket), Ok(session)) => TlsStream::new(socket, session),
            (Err(error), _) => {
                log::warn!("cannot serve an HTTP connection: {error} address={peer}");
                return Err(Gone);
            }
            (_, Err(error)) => {
                log::warn!("cannot speak TLS with a client: {error} address={peer}");
                return Err(Gone);
            }
        };
        self.agree(&tls)?;
        self.stream = Arc::new(tls.into());
        Ok(())
    }

    /// Looks at the first byte, and leaves it where it is.
    fn first_byte(&self) -> Result<u8, Gone> {
        let deadline = Instant::now() + IDLE;
        let mut first = [0];
        loop {
            match self.stream.socket().peek(&mut first) {
                Ok(0) => return Err(Gone),
                Ok(_) => return Ok(first[0]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.wait(Interest::Read, Some(deadline))?;
                }
                Err(_) => return Err(Gone),
            }
        }
    }

    /// The handshake, within the time of a request. Until it is over the connection itself is plain.
    fn agree(&mut self, tls: &TlsStream) -> Result<(), Gone> {
        let deadline = Instant::now() + self.web.config.get().request_timeout;
        loop {
            match tls.handshake() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::InvalidData => {
                    self.refuse(&client_failure(&error));
                    // It may still be sending, and has to read which alert it was.
                    self.let_read();
                    return Err(Gone);
                }
                Err(_) => return Err(Gone),
            }
            let interest = match (tls.is_handshaking(), tls.is_pending()) {
                (true, false) => Interest::Read,
                (true, true) => Interest::ReadWrite,
                (false, _) => Interest::Write,
            };
            if self.wait(interest, Some(deadline)).is_err() {
                if Instant::now() >= deadline {
                    self.refuse("its TLS handshake does not end");
                }
                return Err(Gone);
            }
        }
    }

    /// Answers TLS where there is no certificate for it, in plain text: other programs than browsers
    /// show that.
    fn refuse_tls(&mut self) -> Gone {
        let text = "TLS is spoken here as soon as tls_certificate and tls_key are set";
        self.refuse("it speaks TLS, and no tls_certificate is set");
        let _gone = self.write(&HttpResponse::message(400, text).encode(true, false));
        self.let_read();
        Gone
    }

    /// For who looks for the reason: strangers knock all day.
    pub(super) fn refuse(&self, reason: &str) {
        log::debug!("HTTP connection refused: {reason} address={}", self.peer);
    }
}
