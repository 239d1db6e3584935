//! Where a client's requests come from: its connection, or the POST of its tunnel.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::decoder::Decoder;
use rtsp_proto::tunnel::{Base64Decoder, Base64Error, FirstBytes, Opening, OpeningError};

use super::farewell::Farewell;
use super::tunnels::{Listening, Post};
use crate::net::tls_stream::{HANDSHAKE_RECORD, NotTls, client_failure};
use crate::net::{Interest, Ready, Stream, Waker, wait_both};

/// Requests and receiver reports are small.
const READ_SIZE: usize = 2 * 1024;

/// The read side of a client.
pub(super) struct WayIn {
    /// The client's connection; that of the GET, in a tunnel.
    stream: Arc<Stream>,
    speech: Speech,
}

enum Speech {
    /// What was read so far can be the beginning of anything.
    Fresh(Vec<u8>),
    /// Requests, as they are.
    Rtsp,
    /// Requests come by another connection.
    Tunnel(Box<Tunnel>),
}

struct Tunnel {
    get: Listening,
    /// The GET is closed.
    gone: bool,
    /// There was a POST.
    complete: bool,
    post: Option<Post>,
    base64: Base64Decoder,
}

/// What was there.
pub(super) enum Input {
    /// Nothing, or nothing that is complete.
    Nothing,
    /// Something for the decoder, which has it.
    Bytes,
    /// One half of a tunnel, with what follows its head.
    Opening(Opening, Vec<u8>),
    /// HTTP that is none.
    NoTunnel(OpeningError),
    /// TLS, where none is spoken.
    Tls,
    /// A tunnel without sense in it.
    NoBase64(Base64Error),
}

impl WayIn {
    /// A connection that nothing was read from.
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { stream, speech: Speech::Fresh(Vec::new()) }
    }

    /// From now on requests come by the POST that belongs to this GET.
    pub(super) fn listen(&mut self, get: Listening) {
        let (gone, complete) = (false, false);
        let tunnel = Tunnel { get, gone, complete, post: None, base64: Base64Decoder::new() };
        self.speech = Speech::Tunnel(Box::new(tunnel));
    }

    /// Whether the client comes through HTTP.
    pub(super) fn is_tunnel(&self) -> bool {
        matches!(self.speech, Speech::Tunnel(_))
    }

    /// Whether the client has begun something that needs more to mean anything.
    pub(super) fn is_partial(&self) -> bool {
        match &self.speech {
            Speech::Fresh(bytes) => !bytes.is_empty(),
            Speech::Rtsp => false,
            Speech::Tunnel(tunnel) => !tunnel.complete,
        }
    }

    /// Waits for the client's connection, the waker or the moment; in a tunnel also for the POST.
    pub(super) fn wait(
        &mut self,
        interest: Interest,
        waker: &Waker,
        deadline: Option<Instant>,
    ) -> io::Result<Ready> {
        let Speech::Tunnel(tunnel) = &mut self.speech else {
            return self.stream.wait(interest, waker, deadline);
        };
        let (writes, reads) = match interest {
            Interest::Read => (Interest::Hangup, true),
            Interest::ReadWrite => (Interest::Write, true),
            other => (other, false),
        };
        let readable = Ready { readable: true, ..Ready::default() };
        if reads && tunnel.has_unread() {
            return Ok(readable);
        }
        let post = tunnel.post.as_ref().filter(|_| reads);
        let Some(post) = post else {
            let ready = self.stream.wait(writes, waker, deadline)?;
            tunnel.gone |= ready.hangup;
            return Ok(ready);
        };
        let (mut ready, said) = wait_both(&self.stream, writes, &post.stream, waker, deadline)?;
        tunnel.gone |= ready.hangup;
        ready.readable = said.readable || said.hangup;
        Ok(ready)
    }

    /// Takes what is there, and gives the decoder what is for it.
    pub(super) fn receive(&mut self, decoder: &mut Decoder) -> Result<Input, Farewell> {
        match &mut self.speech {
            Speech::Rtsp => {
                let count = read(&self.stream, decoder.spare(READ_SIZE))?;
                decoder.advance(count.unwrap_or(0));
                Ok(if count.is_some() { Input::Bytes } else { Input::Nothing })
            }
            Speech::Fresh(first) => {
                let known = first.len();
                first.resize(known + READ_SIZE, 0);
                let count = read(&self.stream, &mut first[known..]);
                first.truncate(known + count.as_ref().map_or(0, |count| count.unwrap_or(0)));
                match count? {
                    Some(_) => self.begin(decoder),
                    None => Ok(Input::Nothing),
                }
            }
            Speech::Tunnel(tunnel) => tunnel.receive(decoder),
        }
    }

    /// Decides what the first bytes are, if they tell.
    fn begin(&mut self, decoder: &mut Decoder) -> Result<Input, Farewell> {
        let Speech::Fresh(first) = &mut self.speech else { return Ok(Input::Nothing) };
        if first.first() == Some(&HANDSHAKE_RECORD) {
            return Ok(Input::Tls);
        }
        match FirstBytes::of(first) {
            FirstBytes::Undecided => Ok(Input::Nothing),
            FirstBytes::Other => {
                decoder.push(first);
                self.speech = Speech::Rtsp;
                Ok(Input::Bytes)
            }
            FirstBytes::Http => match Opening::parse(first) {
                Ok(None) => Ok(Input::Nothing),
                Ok(Some((opening, length))) => {
                    let rest = first.split_off(length);
                    first.clear();
                    Ok(Input::Opening(opening, rest))
                }
                Err(error) => Ok(Input::NoTunnel(error)),
            },
        }
    }
}

impl Tunnel {
    fn has_unread(&self) -> bool {
        let known = self.post.as_ref();
        self.get.has_post()
            || known.is_some_and(|post| !post.rest.is_empty() || post.stream.has_unread())
    }

    fn receive(&mut self, decoder: &mut Decoder) -> Result<Input, Farewell> {
        if self.gone {
            return Err(Farewell::Gone);
        }
        let mut room = [0; READ_SIZE];
        loop {
            let Some(post) = &mut self.post else {
                match self.get.take_post() {
                    Some(post) => self.begin(post),
                    None => return Ok(Input::Nothing),
                }
                continue;
            };
            let rest = std::mem::take(&mut post.rest);
            let body = match rest.is_empty() {
                false => &rest[..],
                true => match read(&post.stream, &mut room) {
                    Ok(Some(count)) => &room[..count],
                    // What the old one had is read: the new one may go on.
                    Ok(None) => match self.get.take_post() {
                        Some(post) => {
                            self.begin(post);
                            continue;
                        }
                        None => return Ok(Input::Nothing),
                    },
                    // The client may open another one when it has something to say.
                    Err(_) => {
                        self.post = None;
                        continue;
                    }
                },
            };
            let mut requests = Vec::with_capacity(body.len() / 4 * 3 + 3);
            let outcome = self.base64.push(body, &mut requests);
            decoder.push(&requests);
            return Ok(outcome.map_or_else(Input::NoBase64, |()| Input::Bytes));
        }
    }

    fn begin(&mut self, post: Post) {
        self.post = Some(post);
        self.complete = true;
        self.base64 = Base64Decoder::new();
    }
}

/// How many bytes there were; `None` if there were none after all.
fn read(stream: &Stream, room: &mut [u8]) -> Result<Option<usize>, Farewell> {
    match stream.read(room) {
        Ok(0) => Err(Farewell::Gone),
        Ok(count) => Ok(Some(count)),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(None),
            ErrorKind::InvalidData => Err(Farewell::Foreign(tls_failure(&error))),
            _ => Err(Farewell::Gone),
        },
    }
}

fn tls_failure(error: &io::Error) -> String {
    if error.get_ref().is_some_and(|inner| inner.is::<NotTls>()) {
        return "it speaks plain text on rtsps_port; listen_port is for that".to_owned();
    }
    client_failure(error)
}
