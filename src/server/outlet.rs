//! Batches onto a client's RTSP connection ([RFC 2326 section 10.12]).
//!
//! A viewer with the usual channels that has missed nothing gets the shared bytes as they are.
//! Any other gets a patched copy: other channels, the squeezed timestamps of the first group, or
//! sequence numbers that close up over what was skipped for it. A gap that a viewer sees is
//! therefore always one that the camera's network made.
//!
//! [RFC 2326 section 10.12]: https://www.rfc-editor.org/rfc/rfc2326#section-10.12

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::numbering::Numbering;
use crate::media::batch::Batch;
use crate::media::burst::Item;
use crate::media::{Outlet, Progress};
use crate::source::Slot;

/// The write side of a connection.
#[derive(Debug)]
pub(super) struct TcpOutlet {
    stream: Arc<TcpStream>,
    slot: Option<Arc<Slot>>,
    tracks: Vec<Option<TrackOut>>,
    held: Held,
    /// Replies behind what is held.
    replies: Vec<u8>,
    written: u64,
    last_progress: Instant,
}

/// How one track leaves.
#[derive(Clone, Copy, Debug)]
struct TrackOut {
    /// Of RTP and RTCP.
    channels: (u8, u8),
    numbering: Numbering,
}

/// A batch whose first bytes are on the wire, and how many.
#[derive(Debug)]
enum Held {
    Nothing,
    Shared(Arc<Batch>, usize),
    Copied(Vec<u8>, usize),
}

impl TcpOutlet {
    /// A connection without tracks.
    pub(super) fn new(stream: Arc<TcpStream>) -> Self {
        Self {
            stream,
            slot: None,
            tracks: Vec::new(),
            held: Held::Nothing,
            replies: Vec::new(),
            written: 0,
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
        let tracks = tracks
            .into_iter()
            .map(|(channels, numbering)| channels.map(|channels| TrackOut { channels, numbering }));
        self.tracks = tracks.collect();
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

    /// When the client last took something.
    pub(super) fn last_progress(&self) -> Instant {
        self.last_progress
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, Progress> {
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match (&*self.stream).write(rest) {
                Ok(0) => return Err(Progress::Broken),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Progress::Broken),
            }
        }
        if done > 0 {
            self.written += done as u64;
            self.last_progress = Instant::now();
            if let Some(slot) = &self.slot {
                slot.stats.bytes_out.add(done as u64);
            }
        }
        Ok(done)
    }
}

impl Outlet for TcpOutlet {
    fn send(&mut self, item: &Item) -> Progress {
        let batch = &item.batch;
        let index = usize::from(batch.track);
        let Some(Some(track)) = self.tracks.get_mut(index) else { return Progress::Clear };
        let usual = (2 * batch.track, 2 * batch.track + 1);
        let as_is = track.numbering.pass(item) && track.channels == usual;
        if as_is {
            return match self.write(&batch.wire) {
                Ok(done) if done == batch.wire.len() => Progress::Clear,
                Ok(done) => {
                    self.held = Held::Shared(Arc::clone(batch), done);
                    Progress::Held
                }
                Err(broken) => broken,
            };
        }
        let copy = track.numbering.copy(item, track.channels);
        match self.write(&copy) {
            Ok(done) if done == copy.len() => Progress::Clear,
            Ok(done) => {
                self.held = Held::Copied(copy, done);
                Progress::Held
            }
            Err(broken) => broken,
        }
    }

    fn flush(&mut self) -> Progress {
        let (rest, done) = match std::mem::replace(&mut self.held, Held::Nothing) {
            Held::Nothing => (None, 0),
            Held::Shared(batch, done) => (Some(Ok(batch)), done),
            Held::Copied(copy, done) => (Some(Err(copy)), done),
        };
        if let Some(rest) = rest {
            let bytes: &[u8] = match &rest {
                Ok(batch) => &batch.wire,
                Err(copy) => copy,
            };
            let total = bytes.len();
            let done = match self.write(bytes.get(done..).unwrap_or_default()) {
                Ok(more) => done + more,
                Err(broken) => return broken,
            };
            if done < total {
                self.held = match rest {
                    Ok(batch) => Held::Shared(batch, done),
                    Err(copy) => Held::Copied(copy, done),
                };
                return Progress::Held;
            }
        }
        if !self.replies.is_empty() {
            let replies = std::mem::take(&mut self.replies);
            match self.write(&replies) {
                Ok(done) if done == replies.len() => {}
                Ok(done) => {
                    self.replies = replies.get(done..).unwrap_or_default().to_vec();
                    return Progress::Held;
                }
                Err(broken) => return broken,
            }
        }
        Progress::Clear
    }

    fn is_clear(&self) -> bool {
        matches!(self.held, Held::Nothing) && self.replies.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::net::TcpListener;

    use rtsp_proto::rtp::RtpPacket;

    use super::*;
    use crate::media::batch::Kind;

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
        let mut outlet = TcpOutlet::new(Arc::new(server));
        outlet.tracks = vec![Some(TrackOut { channels, numbering: Numbering::default() })];
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
