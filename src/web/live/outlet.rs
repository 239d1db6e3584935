//! Fragments onto a viewer's connection.
//!
//! What is shared is a whole WebSocket message, and a browser gets it as it is, with one write. A
//! player gets what is in it. Only the pictures of a viewer's first group have a head of their own.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use crate::media::batch::{Batch, Kind};
use crate::media::burst::Item;
use crate::media::live::message;
use crate::media::live::start::Start;
use crate::media::{Outlet, Progress};
use crate::net::{Stream, Waker};
use crate::source::Slot;

/// How fragments leave.
#[derive(Debug)]
pub(super) enum Framing {
    /// As messages.
    Messages,
    /// One after another.
    Plain,
    /// Not at all: the first picture is kept, and the viewer's thread is woken.
    Kept(Still, Arc<Waker>),
}

/// One picture.
#[derive(Debug, Default)]
pub(super) struct Still {
    init: Option<Arc<Batch>>,
    picture: Option<Arc<Batch>>,
}

/// The write side of a connection. What a picture needs that goes out at once is in front and in
/// order, as in the outlet of RTSP.
#[derive(Debug)]
#[repr(C)]
pub(super) struct LiveOutlet {
    /// Of `stream` if it is plain.
    socket: Option<RawFd>,
    /// Nothing is held, no reply waits, and nothing in the stream.
    clear: bool,
    is_messages: bool,
    written: u64,
    slot: Arc<Slot>,
    stream: Arc<Stream>,
    start: Start,
    held: Option<Held>,
    /// What is no fragment, behind what is held.
    replies: Vec<u8>,
    /// When the viewer last took something of what is held, or began not to.
    last_progress: Instant,
    kept: Option<(Still, Arc<Waker>)>,
}

/// A fragment whose first bytes are on the wire.
#[derive(Debug)]
struct Held {
    /// In the place of the batch's bytes up to `from`.
    head: Vec<u8>,
    batch: Arc<Batch>,
    from: usize,
    /// Bytes that are out, of both.
    done: usize,
}

impl LiveOutlet {
    pub(super) fn new(stream: Arc<Stream>, slot: Arc<Slot>, framing: Framing) -> Self {
        let is_messages = matches!(framing, Framing::Messages);
        let kept = match framing {
            Framing::Kept(still, waker) => Some((still, waker)),
            Framing::Messages | Framing::Plain => None,
        };
        Self {
            socket: (!stream.is_tls()).then(|| stream.as_fd().as_raw_fd()),
            clear: true,
            is_messages,
            written: 0,
            slot,
            stream,
            start: Start::default(),
            held: None,
            replies: Vec::new(),
            last_progress: Instant::now(),
            kept,
        }
    }

    /// Writes bytes that are no fragment, behind everything that was begun.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Progress {
        if self.clear && !bytes.is_empty() {
            // The wait begins now, however long ago the last picture was.
            self.last_progress = Instant::now();
            self.clear = false;
        }
        self.replies.extend_from_slice(bytes);
        self.flush()
    }

    /// Bytes of replies that the viewer has not taken yet.
    pub(super) fn owed(&self) -> usize {
        self.replies.len()
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// When the viewer last took something of what is held, or began not to.
    pub(super) fn last_progress(&self) -> Instant {
        self.last_progress
    }

    /// The picture that was to be kept, with its initialization segment, as a file that begins at 0.
    pub(super) fn still(&self) -> Option<Vec<u8>> {
        let (still, _) = self.kept.as_ref()?;
        let (init, picture) = (still.init.as_ref()?, still.picture.as_ref()?);
        Some(crate::media::live::start::still(&init.wire, &picture.wire))
    }

    fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> Result<usize, Progress> {
        let mut done = 0;
        while !slices.is_empty() {
            match self.stream.write_vectored(slices) {
                Ok(0) => return Err(Progress::Broken),
                Ok(count) => {
                    done += count;
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Progress::Broken),
            }
        }
        self.count(done);
        Ok(done)
    }

    fn count(&mut self, written: usize) {
        self.written += written as u64;
        self.slot.stats.bytes_out.add(written as u64);
    }

    /// Most of what goes out: shared bytes to a viewer that has room for them.
    fn write_shared(&mut self, socket: RawFd, bytes: &[u8]) -> Result<usize, Progress> {
        match send(socket, bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
            Ok(done) => {
                self.count(done);
                Ok(done)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(_) => Err(Progress::Broken),
        }
    }

    /// Goes on with a fragment; `true` when all of it is out.
    fn write_held(&mut self, held: &mut Held) -> Result<bool, Progress> {
        let head = held.head.get(held.done..).unwrap_or_default();
        let skip = held.done.saturating_sub(held.head.len());
        let rest = held.batch.wire.get(held.from + skip..).unwrap_or_default();
        held.done += match (self.socket, head.is_empty()) {
            (Some(socket), true) => self.write_shared(socket, rest)?,
            _ => self.write(&mut [IoSlice::new(head), IoSlice::new(rest)])?,
        };
        Ok(held.done >= held.head.len() + held.batch.wire.len().saturating_sub(held.from))
    }

    fn keep(&mut self, batch: &Arc<Batch>) {
        let Some((still, waker)) = &mut self.kept else { return };
        match batch.kind {
            Kind::Control => still.init = Some(Arc::clone(batch)),
            Kind::RandomAccess if still.picture.is_none() && still.init.is_some() => {
                still.picture = Some(Arc::clone(batch));
                waker.wake();
            }
            _ => {}
        }
    }
}

impl Outlet for LiveOutlet {
    fn begin_with(&mut self, burst: &[Item]) {
        self.start = Start::new(burst);
    }

    fn send(&mut self, item: &Item) -> Progress {
        let wire = &item.batch.wire;
        if self.kept.is_some() {
            self.keep(&item.batch);
            return Progress::Clear;
        }
        let (mut head, mut from) = (Vec::new(), 0);
        if !self.is_messages {
            let payload = match item.batch.kind {
                Kind::Control => message::last_payload(wire).len(),
                _ => wire.len() - message::bounds(wire).map_or(0, |(header, _)| header),
            };
            from = wire.len() - payload;
        }
        if item.timestamp.is_some() {
            if let Some((own, header)) = self.start.head(item) {
                from = own.len();
                head = if self.is_messages { own } else { own[header..].to_vec() };
            }
        }
        let outcome = match self.socket {
            Some(socket) if head.is_empty() => {
                let rest = wire.get(from..).unwrap_or_default();
                self.write_shared(socket, rest).map(|done| (done, done == rest.len()))
            }
            _ => Ok((0, false)),
        };
        match outcome {
            Ok((_, true)) => Progress::Clear,
            Ok((done, false)) => {
                self.last_progress = Instant::now();
                self.clear = false;
                self.held = Some(Held { head, batch: Arc::clone(&item.batch), from, done });
                self.flush()
            }
            Err(broken) => broken,
        }
    }

    fn flush(&mut self) -> Progress {
        if let Some(mut held) = self.held.take() {
            let before = held.done;
            let outcome = self.write_held(&mut held);
            if held.done > before {
                self.last_progress = Instant::now();
            }
            match outcome {
                Ok(true) => {}
                Ok(false) => {
                    self.held = Some(held);
                    return Progress::Held;
                }
                Err(broken) => return broken,
            }
        }
        if !self.replies.is_empty() {
            let mut replies = std::mem::take(&mut self.replies);
            let done = match self.write(&mut [IoSlice::new(&replies)]) {
                Ok(done) => done,
                Err(broken) => return broken,
            };
            if done > 0 {
                self.last_progress = Instant::now();
            }
            if done < replies.len() {
                replies.drain(..done);
                self.replies = replies;
                return Progress::Held;
            }
        }
        match self.stream.flush() {
            Ok(true) => {
                self.clear = true;
                Progress::Clear
            }
            Ok(false) => Progress::Held,
            Err(_) => Progress::Broken,
        }
    }

    fn is_clear(&self) -> bool {
        self.clear && (self.socket.is_some() || !self.stream.is_pending())
    }
}
