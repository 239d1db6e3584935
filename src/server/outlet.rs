//! Batches onto a client's RTSP connection ([RFC 2326 section 10.12]).
//!
//! A viewer with the usual channels that has missed nothing gets the shared bytes as they are.
//! Any other gets a patched copy: other channels, the squeezed timestamps of the first group, or
//! sequence numbers that close up over what was skipped for it. A gap that a viewer sees is
//! therefore always one that the camera's network made.
//!
//! [RFC 2326 section 10.12]: https://www.rfc-editor.org/rfc/rfc2326#section-10.12

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::sync::Arc;
use std::time::Instant;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};

use super::numbering::{HEAD, Numbering};
use crate::media::burst::Item;
use crate::media::{MAX_TRACKS, Outlet, Progress};
use crate::net::Stream;
use crate::source::Slot;

/// Slices that there is room for at least: blocks of a kilobyte and less would stay, one of each
/// size, in the thread's own store of free memory.
const ROOM: usize = 128;

/// The write side of a connection.
///
/// What a picture needs that goes out at once is in front and in order: a cache line for each
/// viewer, see [`Subscriber`](crate::media::Subscriber).
#[derive(Debug)]
#[repr(C)]
pub(super) struct TcpOutlet {
    /// Of `stream` if it is plain, without a way through its place in memory.
    socket: Option<RawFd>,
    /// Nothing is held, no reply waits, and nothing in the stream.
    clear: bool,
    written: u64,
    slot: Option<Arc<Slot>>,
    tracks: [Option<TrackOut>; MAX_TRACKS],
    stream: Arc<Stream>,
    held: Option<Held>,
    /// Replies behind what is held.
    replies: Vec<u8>,
    /// When the client last took something of what is held, or began not to.
    last_progress: Instant,
}

/// How one track leaves.
#[derive(Clone, Copy, Debug)]
struct TrackOut {
    /// Of RTP and RTCP.
    channels: (u8, u8),
    numbering: Numbering,
}

/// A batch whose first bytes are on the wire.
#[derive(Debug)]
struct Held {
    item: Item,
    track: TrackOut,
    as_is: bool,
    /// How many bytes.
    done: usize,
}

impl TcpOutlet {
    /// A connection without tracks.
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self {
            socket: (!stream.is_tls()).then(|| stream.as_fd().as_raw_fd()),
            clear: true,
            written: 0,
            slot: None,
            tracks: [None; MAX_TRACKS],
            stream,
            held: None,
            replies: Vec::new(),
            last_progress: Instant::now(),
        }
    }

    /// Begins with these tracks: for each of the presentation the RTP and RTCP channels, `None`
    /// for those the client did not set up, and how it is numbered.
    pub(super) fn set_tracks(
        &mut self,
        slot: &Arc<Slot>,
        tracks: impl IntoIterator<Item = (Option<(u8, u8)>, Numbering)>,
    ) {
        self.tracks = [None; MAX_TRACKS];
        for (track, (channels, numbering)) in self.tracks.iter_mut().zip(tracks) {
            *track = channels.map(|channels| TrackOut { channels, numbering });
        }
        self.slot = Some(Arc::clone(slot));
        self.last_progress = Instant::now();
    }

    /// Whether what went out last was of this stream.
    pub(super) fn serves(&self, slot: &Arc<Slot>) -> bool {
        self.slot.as_ref().is_some_and(|known| Arc::ptr_eq(known, slot))
    }

    /// How a track is numbered, if it goes out here.
    pub(super) fn numbering(&self, track: usize) -> Option<Numbering> {
        self.tracks.get(track)?.as_ref().map(|track| track.numbering)
    }

    /// Writes bytes that are no batch, behind everything that was begun.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Progress {
        if self.clear && !bytes.is_empty() {
            // The wait begins now, however long ago the last picture was.
            self.last_progress = Instant::now();
            self.clear = false;
        }
        self.replies.extend_from_slice(bytes);
        self.flush()
    }

    /// RTCP BYE on each track: no more packets, and why.
    pub(super) fn say_bye(&mut self, reason: &str) -> Progress {
        let mut bytes = Vec::new();
        for track in self.tracks.iter().flatten() {
            let packet = track.numbering.bye(reason);
            bytes.extend_from_slice(&[b'$', track.channels.1]);
            bytes.extend_from_slice(&(packet.len() as u16).to_be_bytes());
            bytes.extend_from_slice(&packet);
        }
        self.reply(&bytes)
    }

    /// Bytes of replies that the client has not taken yet.
    pub(super) fn owed(&self) -> usize {
        self.replies.len()
    }

    /// Bytes written to the client so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// When the client last took something of what is held, or began not to.
    pub(super) fn last_progress(&self) -> Instant {
        self.last_progress
    }

    /// Writes these slices; tells how many bytes went at once.
    fn write(&mut self, mut slices: &mut [IoSlice<'_>]) -> Result<usize, Progress> {
        let mut done = 0;
        while !slices.is_empty() {
            let outcome = match &*slices {
                [only] => self.stream.write(only),
                several => self.stream.write_vectored(several),
            };
            match outcome {
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
        if let Some(slot) = &self.slot {
            slot.stats.bytes_out.add(written as u64);
        }
    }

    /// Writes a batch from its byte `done` on; tells how many bytes of it are out then.
    fn write_batch(
        &mut self,
        item: &Item,
        track: &TrackOut,
        as_is: bool,
        done: usize,
    ) -> Result<usize, Progress> {
        let wire = &*item.batch.wire;
        if as_is {
            let rest = wire.get(done..).unwrap_or_default();
            return Ok(done + self.write(&mut [IoSlice::new(rest)])?);
        }
        let heads = track.numbering.heads(item, track.channels);
        let pieces = item.batch.frames().zip(&heads).flat_map(|(frame, head)| {
            let length = frame.len().min(HEAD);
            [IoSlice::new(&head[..length]), IoSlice::new(&frame[length..])]
        });
        let mut slices = Vec::with_capacity((2 * heads.len()).max(ROOM));
        slices.extend(pieces);
        let mut rest = slices.as_mut_slice();
        IoSlice::advance_slices(&mut rest, done);
        Ok(done + self.write(rest)?)
    }

    /// Most of what goes out: a shared batch to a viewer that has room for it. Tells how many of
    /// its bytes went.
    fn write_shared(&mut self, socket: RawFd, wire: &[u8]) -> Result<usize, Progress> {
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL;
        match send(socket, wire, flags) {
            Ok(done) => {
                self.count(done);
                Ok(done)
            }
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(_) => Err(Progress::Broken),
        }
    }

    /// What became of a batch of which so many bytes are out.
    fn settle(&mut self, held: Held) -> Progress {
        if held.done < held.item.batch.wire.len() {
            self.held = Some(held);
        } else if !self.stream.is_pending() {
            return Progress::Clear;
        }
        self.clear = false;
        Progress::Held
    }
}

impl Outlet for TcpOutlet {
    fn send(&mut self, item: &Item) -> Progress {
        let batch = &item.batch;
        let Some(Some(track)) = self.tracks.get_mut(usize::from(batch.track)) else {
            return Progress::Clear;
        };
        let usual = (2 * batch.track, 2 * batch.track + 1);
        let as_is = track.numbering.pass(item) && track.channels == usual;
        let track = *track;
        let outcome = match self.socket {
            Some(socket) if as_is => self.write_shared(socket, &batch.wire),
            _ => self.write_batch(item, &track, as_is, 0),
        };
        let plain = self.socket.is_some();
        match outcome {
            Ok(done) if done == batch.wire.len() && (plain || !self.stream.is_pending()) => {
                Progress::Clear
            }
            Ok(done) => {
                self.last_progress = Instant::now();
                self.settle(Held { item: item.clone(), track, as_is, done })
            }
            Err(broken) => broken,
        }
    }

    fn flush(&mut self) -> Progress {
        if let Some(mut held) = self.held.take() {
            let before = held.done;
            match self.write_batch(&held.item, &held.track, held.as_is, held.done) {
                Ok(done) => held.done = done,
                Err(broken) => return broken,
            }
            if held.done > before {
                self.last_progress = Instant::now();
            }
            if self.settle(held) == Progress::Held {
                return Progress::Held;
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

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};

    use rtsp_proto::rtp::RtpPacket;

    use super::*;
    use crate::media::batch::{Batch, Kind};

    fn batch(first: u16, preceding: u16) -> Arc<Batch> {
        let mut wire = vec![b'$', 0, 0, 16];
        rtsp_proto::rtp::write_header(&mut wire, true, 96, first, 1000, 7);
        wire.extend_from_slice(&[0x41, 1, 2, 3]);
        Arc::new(Batch {
            wire: wire.into(),
            packets: 1,
            track: 0,
            kind: Kind::Reference,
            video: true,
            unit_start: true,
            leading: false,
            parameter_sets: false,
            first_sequence: first,
            next_sequence: first.wrapping_add(1),
            preceding,
            timestamp: 1000,
            arrived: Instant::now(),
        })
    }

    fn outlet(channels: (u8, u8)) -> (TcpOutlet, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (server, _) = listener.accept().unwrap();
        server.set_nonblocking(true).unwrap();
        let mut outlet = TcpOutlet::new(Arc::new(server.into()));
        outlet.tracks[0] = Some(TrackOut { channels, numbering: Numbering::default() });
        (outlet, client)
    }

    fn read_frame(client: &mut TcpStream) -> (u8, u16, u32) {
        let mut frame = [0; 20];
        client.read_exact(&mut frame).unwrap();
        let packet = RtpPacket::parse(&frame[4..]).unwrap();
        (frame[1], packet.sequence(), packet.timestamp())
    }

    #[test]
    fn what_the_relay_skipped_leaves_no_gap_and_what_the_network_lost_does() {
        let (mut outlet, mut client) = outlet((0, 1));
        for (first, preceding) in [(10, 10), (11, 11), (50, 50), (53, 51)] {
            assert_eq!(outlet.send(&Item::live(batch(first, preceding))), Progress::Clear);
        }
        let seen: Vec<u16> = (0..4).map(|_| read_frame(&mut client).1).collect();
        assert_eq!(seen, [10, 11, 12, 15]);
    }

    #[test]
    fn a_client_gets_the_channels_it_asked_for_and_the_squeezed_time() {
        let (mut outlet, mut client) = outlet((6, 7));
        outlet.send(&Item { batch: batch(10, 10), timestamp: Some(77) });
        assert_eq!(read_frame(&mut client), (6, 10, 77));
    }

    #[test]
    fn a_reply_waits_behind_a_frame_that_was_begun() {
        let (mut outlet, mut client) = outlet((0, 1));
        let mut sent = 0u32;
        while outlet.send(&Item::live(batch(sent as u16, sent as u16))) == Progress::Clear {
            sent += 1;
        }
        assert_eq!(outlet.reply(b"RTSP/1.0 200 OK\r\n\r\n"), Progress::Held);
        client.set_nonblocking(false).unwrap();
        let mut received = Vec::new();
        let whole = (sent as usize + 1) * 20 + 19;
        while received.len() < whole {
            let mut chunk = [0; 65536];
            let count = client.read(&mut chunk).unwrap();
            received.extend_from_slice(&chunk[..count]);
            outlet.flush();
        }
        assert!(outlet.is_clear());
        assert_eq!(&received[whole - 19..], b"RTSP/1.0 200 OK\r\n\r\n");
        assert!(received[..whole - 19].chunks(20).all(|frame| frame[0] == b'$'));
    }
}
