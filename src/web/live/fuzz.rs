//! What a browser says on a WebSocket, from any bytes.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rtsp_proto::fuzz::script::take;

use super::farewell::Farewell;
use super::socket::Socket;
use crate::media::live::message;
use crate::net::Stream;

/// More reads than that mean that it goes round in circles.
const MOST_READS: usize = 64;
/// What can be answered has so many bytes at least: a ping without content, with its mask.
const SHORTEST: usize = 6;

/// However the bytes come, the answers are the same: whole messages without a mask, no more of them
/// than there were questions, and an end.
///
/// # Panics
/// When one of these does not hold.
pub fn websocket(data: &[u8]) {
    let mut script = data;
    let at = usize::from(take(&mut script)) * script.len() / 255;
    let (first, second) = script.split_at(at.min(script.len()));
    let (answers, farewell) = said(script, &[]);
    assert_eq!((answers.clone(), farewell), said(first, second), "cut at {at}");
    let mut rest = &*answers;
    let mut messages = 0;
    while !rest.is_empty() {
        let bounds = message::bounds(rest).filter(|&(_, end)| end <= rest.len());
        let (_, end) = bounds.unwrap_or_else(|| unreachable!("no message: {rest:?}"));
        assert!(matches!(rest[0], 0x88 | 0x8a), "a pong or the end: {rest:?}");
        assert!(rest[1] < 126, "a control frame is short: {rest:?}");
        rest = &rest[end..];
        messages += 1;
    }
    assert!(messages <= script.len() / SHORTEST + 1, "{messages} answers");
}

/// The answers to bytes of which some were read behind the request, and how it ends.
fn said(first: &[u8], second: &[u8]) -> (Vec<u8>, &'static str) {
    let Ok((near, mut far)) = UnixStream::pair() else { return (Vec::new(), "") };
    let told = near.set_nonblocking(true).and_then(|()| far.write_all(second));
    let closed = told.and_then(|()| far.shutdown(Shutdown::Write));
    assert!(closed.is_ok(), "it is a pair in this process: {closed:?}");
    let stream: Stream = TcpStream::from(OwnedFd::from(near)).into();
    let mut socket = Socket::new(Arc::new(stream), first.to_vec());
    let mut answers = Vec::new();
    for _ in 0..MOST_READS {
        match socket.receive() {
            Ok(more) => answers.extend(more),
            Err((more, farewell)) => {
                answers.extend(more);
                assert!(!farewell.to_string().contains(char::is_control), "{farewell}");
                let how = match farewell {
                    Farewell::Gone => "gone",
                    Farewell::Asked => "asked",
                    _ => "protocol",
                };
                return (answers, how);
            }
        }
    }
    unreachable!("it does not end");
}
