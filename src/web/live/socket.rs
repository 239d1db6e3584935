//! The WebSocket of a browser ([RFC 6455]): its handshake, and what the browser says.
//!
//! tungstenite reads; what it wants to write (answers to pings, the answer to the end) is taken
//! from it and goes the way of everything else that the viewer gets.
//!
//! [RFC 6455]: https://www.rfc-editor.org/rfc/rfc6455

use std::io::{self, Read, Write};
use std::sync::Arc;

use tungstenite::error::CapacityError;
use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocketConfig};
use tungstenite::{Error, WebSocket};

use super::farewell::Farewell;
use super::words;
use crate::net::Stream;
use crate::web::request::HttpRequest;
use crate::web::response::{self, HttpResponse};

/// Bytes of a message from a browser: it has nothing to say.
const MAX_MESSAGE: usize = 4096;
const READ_BUFFER: usize = 1024;
/// Messages that come at once: it answers a ping now and then.
const MOST_AT_ONCE: u32 = 64;
/// The version of RFC 6455.
const VERSION: &str = "13";

/// The key of a request for a WebSocket; or the answer to one that cannot be fulfilled.
pub(super) fn key(request: &HttpRequest) -> Result<String, HttpResponse> {
    let headers = &request.headers;
    if headers.get("Sec-WebSocket-Version").map(str::trim) != Some(VERSION) {
        let text = "the version of the WebSocket is 13";
        return Err(HttpResponse::message(426, text).with("Sec-WebSocket-Version", VERSION));
    }
    let key = headers.get("Sec-WebSocket-Key").map(str::trim).unwrap_or_default();
    // Sixteen bytes in base64.
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
    let digits = key.strip_suffix("==").unwrap_or_default();
    if digits.len() != 22 || !digits.bytes().all(base64) {
        return Err(HttpResponse::message(400, "Sec-WebSocket-Key is missing or no key"));
    }
    Ok(key.to_owned())
}

/// The answer that a WebSocket begins with.
pub(super) fn accept(key: &str) -> Vec<u8> {
    response::switching(derive_accept_key(key.as_bytes()))
}

/// The browser's side of a connection.
#[derive(Debug)]
pub(super) struct Socket(WebSocket<Pipe>);

#[derive(Debug)]
struct Pipe {
    stream: Arc<Stream>,
    /// Read already, behind the request.
    rest: Vec<u8>,
    answers: Vec<u8>,
}

impl Socket {
    /// `rest` was read behind the request.
    pub(super) fn new(stream: Arc<Stream>, rest: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let pipe = Pipe { stream, rest, answers: Vec::new() };
        Self(WebSocket::from_raw_socket(pipe, Role::Server, Some(config)))
    }

    /// Takes what there is; gives what has to be answered.
    ///
    /// # Errors
    /// The browser ended the WebSocket, or broke its rules.
    pub(super) fn receive(&mut self) -> Result<Vec<u8>, (Vec<u8>, Farewell)> {
        let mut messages = 0;
        let farewell = loop {
            match self.0.read() {
                // There is nothing to ask for.
                Ok(_) if messages < MOST_AT_ONCE => messages += 1,
                Ok(_) => break Farewell::Protocol(words::POLICY, "it says too much".to_owned()),
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    let _ = self.0.flush();
                    return Ok(std::mem::take(&mut self.0.get_mut().answers));
                }
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => break Farewell::Asked,
                Err(Error::Io(_)) => break Farewell::Gone,
                Err(Error::Capacity(error @ CapacityError::MessageTooLong { .. })) => {
                    break Farewell::Protocol(words::TOO_BIG, error.to_string());
                }
                Err(error) => break Farewell::Protocol(words::PROTOCOL_ERROR, error.to_string()),
            }
        };
        Err((std::mem::take(&mut self.0.get_mut().answers), farewell))
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() {
            loop {
                match self.stream.read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => return outcome,
                }
            }
        }
        let count = self.rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.answers.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
