//! Viewers that have no RTSP: fragmented MP4, without end or in messages.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use tungstenite::{Error, Message};

use super::super::cameras::Unit;
use super::super::world::World;
use super::{SILENCE, Visit, goes_silently, stays};

/// The largest picture of a camera here is a tenth of it.
const MOST_BOX: u64 = 4 << 20;

/// Watches as a browser does that has no RTSP: fragments without end.
pub(super) fn in_mp4(world: &World, unit: &Unit, stay: Duration) -> Visit {
    let watch = || {
        let mut stream = TcpStream::connect(world.http())?;
        stream.set_read_timeout(Some(SILENCE))?;
        write!(stream, "GET /live/{}.mp4 HTTP/1.1\r\nHost: relay\r\n\r\n", unit.name)?;
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        if status != "200" {
            return Err(io::Error::other(status));
        }
        while line.trim() != "" {
            line.clear();
            stream.read_line(&mut line)?;
        }
        world.count("joined");
        let until = Instant::now() + stay;
        let mut last = *b"    ";
        while stays(world, until) {
            let mut head = [0; 8];
            match stream.read_exact(&mut head) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
            let [s0, s1, s2, s3, kind @ ..] = head;
            let size = u64::from(u32::from_be_bytes([s0, s1, s2, s3]));
            if let Err(what) = follows(last, kind, size) {
                world.wrong(format!("{}: {what}", unit.name));
                return Ok(());
            }
            io::copy(&mut (&mut stream).take(size - 8), &mut io::sink())?;
            world.count("boxes of MP4");
            last = kind;
        }
        Ok(())
    };
    ("in MP4", watch())
}

/// Watches as the page does; every other one goes without a word.
pub(super) fn by_websocket(world: &World, unit: &Unit, stay: Duration) -> Visit {
    let watch = || {
        let (host, port) = world.http();
        let stream = TcpStream::connect((host, port))?;
        stream.set_read_timeout(Some(SILENCE))?;
        let url = format!("ws://{host}:{port}/live/{}", unit.name);
        let opened = tungstenite::client(url, stream);
        let (mut socket, _) = opened.map_err(|error| io::Error::other(error.to_string()))?;
        world.count("joined");
        let until = Instant::now() + stay;
        let mut last = *b"    ";
        while stays(world, until) {
            match socket.read() {
                Ok(Message::Binary(message)) => match whole_boxes(last, &message) {
                    Ok(end) => last = end,
                    Err(what) => {
                        world.wrong(format!("{}, by WebSocket: {what}", unit.name));
                        return Ok(());
                    }
                },
                Ok(Message::Close(_)) | Err(Error::ConnectionClosed) => return Ok(()),
                Ok(_) => continue,
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock && unit.holds => {
                    world.wrong(format!("{}: nothing by WebSocket for {SILENCE:?}", unit.name));
                    return Ok(());
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
            world.count("messages of MP4");
        }
        if !goes_silently(stay) {
            let _closed = socket.close(None).and_then(|()| socket.flush());
        }
        Ok(())
    };
    ("by WebSocket", watch())
}

/// A message has whole boxes, each behind one that it may follow; the kind of the last one.
fn whole_boxes(mut last: [u8; 4], mut message: &[u8]) -> Result<[u8; 4], String> {
    while let Some((head, _)) = message.split_first_chunk::<8>() {
        let [s0, s1, s2, s3, kind @ ..] = *head;
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        follows(last, kind, size.into())?;
        let missing = || format!("{} is cut at {} bytes", kind.escape_ascii(), message.len());
        message = message.get(size as usize..).ok_or_else(missing)?;
        last = kind;
    }
    match (message, &last) {
        ([], b"moov" | b"mdat") => Ok(last),
        _ => Err(format!("a message ends {} bytes behind {}", message.len(), last.escape_ascii())),
    }
}

/// Whether a box of this kind and size may stand behind one of the kind `last`.
fn follows(last: [u8; 4], kind: [u8; 4], size: u64) -> Result<(), String> {
    let fits = match &kind {
        b"ftyp" => last != *b"moof",
        b"moov" => last == *b"ftyp",
        b"moof" => last == *b"moov" || last == *b"mdat",
        b"mdat" => last == *b"moof",
        _ => false,
    };
    match fits && (8..=MOST_BOX).contains(&size) {
        true => Ok(()),
        false => {
            let (kind, last) = (kind.escape_ascii(), last.escape_ascii());
            Err(format!("{kind} of {size} bytes behind {last}"))
        }
    }
}
