//! Everything that leaves for one client: replies and interleaved tracks on its connection, and
//! the tracks that it wants over UDP.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use super::numbering::Numbering;
use super::outlet::TcpOutlet;
use super::session::Session;
use super::udp_outlet::UdpOutlet;
use crate::media::burst::Item;
use crate::media::hub::FirstPacket;
use crate::media::{Outlet, Progress};
use crate::net::Stream;
use crate::source::Slot;

/// The write side of a client. In order: what each picture needs is in front.
#[derive(Debug)]
#[repr(C)]
pub(super) struct WayOut {
    /// Apart, because most clients have none.
    udp: Option<Box<UdpOutlet>>,
    tcp: TcpOutlet,
}

impl WayOut {
    /// A connection without tracks.
    pub(super) fn new(stream: Arc<Stream>) -> Self {
        Self { tcp: TcpOutlet::new(stream), udp: None }
    }

    /// Begins with what the session has set up; `local` is the address the client has reached. A
    /// stream that was paused goes on without a gap, also over the other transport.
    pub(super) fn set_tracks(&mut self, slot: &Arc<Slot>, session: &Session, local: IpAddr) {
        let resumes = self.tcp.serves(slot);
        let known = |track| self.numbering(track).filter(|_| resumes).unwrap_or_default();
        let known: Vec<Numbering> = (0..session.tracks.len()).map(known).collect();
        let known = || known.iter().copied();
        self.tcp.set_tracks(slot, session.channels().zip(known()));
        self.udp = session.lease.as_ref().filter(|_| session.uses_udp()).map(|lease| {
            let pair = Arc::clone(lease.pair());
            let tracks = session.peers().zip(known());
            Box::new(UdpOutlet::new(pair, local, Arc::clone(slot), tracks))
        });
    }

    /// The number under which the viewer will see this packet, if it comes next on its track.
    pub(super) fn sequence_of(&self, track: usize, first: &FirstPacket) -> u16 {
        self.numbering(track).unwrap_or_default().sequence_of(first)
    }

    /// The source and the number of the last packet of a track.
    pub(super) fn last_packet(&self, track: usize) -> Option<(u32, u16)> {
        self.numbering(track)?.last_packet()
    }

    fn numbering(&self, track: usize) -> Option<Numbering> {
        let udp = self.udp.as_ref().and_then(|udp| udp.numbering(track));
        udp.or_else(|| self.tcp.numbering(track))
    }

    /// Bytes of replies that the client has not taken yet.
    pub(super) fn owed(&self) -> usize {
        self.tcp.owed()
    }

    /// Writes bytes that are no batch onto the connection, behind everything that was begun there.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Progress {
        self.tcp.reply(bytes)
    }

    /// RTCP BYE on each track, and the end of UDP.
    pub(super) fn say_bye(&mut self, reason: &str) {
        if let Some(udp) = &self.udp {
            udp.say_bye(reason);
        }
        self.end_udp();
        self.tcp.say_bye(reason);
    }

    /// Sends nothing over UDP any more.
    pub(super) fn end_udp(&mut self) {
        if let Some(lost) = self.udp.take().map(|udp| udp.lost()).filter(|&lost| lost > 0) {
            log::debug!("the network has refused packets of a viewer packets={lost}");
        }
    }

    /// Bytes written to the client so far.
    pub(super) fn written(&self) -> u64 {
        self.tcp.written() + self.udp.as_ref().map_or(0, |udp| udp.written())
    }

    /// When the client last took something of what is held now.
    pub(super) fn last_progress(&self) -> Instant {
        match &self.udp {
            Some(udp) if self.tcp.is_clear() => udp.last_progress(),
            _ => self.tcp.last_progress(),
        }
    }

    /// Whether something is held until the connection takes more, and the moment until which
    /// something else is held.
    pub(super) fn waits(&self) -> (bool, Option<Instant>) {
        (!self.tcp.is_clear(), self.udp.as_ref().and_then(|udp| udp.resume_at()))
    }
}

impl Outlet for WayOut {
    fn send(&mut self, item: &Item) -> Progress {
        match &mut self.udp {
            Some(udp) if udp.carries(item.batch.track) => udp.send(item),
            _ => self.tcp.send(item),
        }
    }

    fn flush(&mut self) -> Progress {
        let tcp = self.tcp.flush();
        let udp = self.udp.as_mut().map_or(Progress::Clear, |udp| udp.flush());
        match (tcp, udp) {
            (Progress::Broken, _) | (_, Progress::Broken) => Progress::Broken,
            (Progress::Held, _) | (_, Progress::Held) => Progress::Held,
            (Progress::Clear, Progress::Clear) => Progress::Clear,
        }
    }

    fn is_clear(&self) -> bool {
        self.tcp.is_clear() && self.udp.as_ref().is_none_or(|udp| udp.is_clear())
    }
}
