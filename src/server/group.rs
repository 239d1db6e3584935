//! One stream's multicast group: it is sent to once, however many members there are, and only while
//! one of them plays.
//!
//! The group is one more viewer of the stream's hub, joined with the first member that plays and
//! gone behind the last. Members are viewers too, with no track of their own to be sent.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::group_outlet::{MulticastOutlet, peer};
use super::group_sender::GroupSender;
use super::life::Life;
use super::numbering::Numbering;
use crate::limits::{self, Places};
use crate::media::{MAX_TRACKS, Place, Viewer};
use crate::net::multicast::Ear;
use crate::net::udp_out::PortPair;
use crate::source::Slot;

/// A group that a session has set up.
#[derive(Debug)]
pub(super) struct Group {
    /// Its own among all viewers'.
    pub id: u64,
    /// Its stream.
    pub slot: Arc<Slot>,
    /// Where it is.
    pub place: Place,
    /// The address that packets come from.
    pub local: Ipv4Addr,
    /// Whether the source may write to it itself.
    pub handoff: bool,
    pair: Arc<PortPair>,
    /// A bit for each track that a playing member has set up.
    wanted: Arc<AtomicU16>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// What members say, by track.
    ears: BTreeMap<u8, Arc<Ear>>,
    members: Vec<Member>,
    sender: Option<GroupSender>,
    /// How each track was numbered when nobody played any more.
    known: Vec<Numbering>,
    /// What was sent has ended, and the group has not been told.
    bye_due: bool,
    /// It is not to be joined any more.
    closed: bool,
    /// Its part of `max_egress_kbps`: one, however many members there are.
    share: Option<limits::Place>,
}

/// A session that plays.
struct Member {
    viewer: Arc<dyn Viewer>,
    address: IpAddr,
    life: Arc<Life>,
    tracks: u16,
}

impl std::fmt::Debug for Member {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Member").field("id", &self.viewer.id()).finish_non_exhaustive()
    }
}

/// A playing member's place; dropped, it is free.
#[derive(Debug)]
pub(super) struct Membership {
    group: Arc<Group>,
    id: u64,
    life: Arc<Life>,
}

/// The packet of a track with which a member begins, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Begin {
    pub sequence: u16,
    /// Unknown where the group is sent to already.
    pub timestamp: Option<u32>,
}

impl Group {
    /// A group without members.
    pub(super) fn new(
        id: u64,
        slot: Arc<Slot>,
        place: Place,
        local: Ipv4Addr,
        pair: PortPair,
        handoff: bool,
    ) -> Self {
        let (pair, wanted, state) = (Arc::new(pair), Arc::default(), Mutex::default());
        Self { id, slot, place, local, handoff, pair, wanted, state }
    }

    /// Makes a track available; gives its ports in the group, RTP and RTCP.
    pub(super) fn set_up(&self, track: u8) -> io::Result<(u16, u16)> {
        let ports = self.place.ports(track).ok_or_else(|| {
            io::Error::other(format!("no ports for track {track}: multicast_port is too high"))
        })?;
        let mut state = self.lock();
        if let std::collections::btree_map::Entry::Vacant(entry) = state.ears.entry(track) {
            let at = SocketAddrV4::new(self.place.group, ports.1);
            entry.insert(Arc::new(Ear::open(at, self.local)?));
            if let Some(sender) = &state.sender {
                sender.wake();
            }
        }
        Ok(ports)
    }

    /// Where its packets come from: RTP and RTCP.
    pub(super) fn source_ports(&self) -> (u16, u16) {
        self.pair.ports()
    }

    /// Takes one of `most` parts of what the stream may send, if it has none yet.
    pub(super) fn share(&self, parts: &Arc<Places>, most: u32) -> Result<(), limits::Full> {
        let mut state = self.lock();
        if state.share.is_none() {
            state.share = Some(parts.take_within(most)?);
        }
        Ok(())
    }

    /// Adds a member at `address` that plays `tracks`, a bit for each of so many. Tells with which
    /// packet each of them begins: for the first member the cached group of pictures is sent, for
    /// others nothing can be, since all members would get it.
    ///
    /// # Errors
    /// It is closed, or there is no thread to be had.
    pub(super) fn join(
        self: &Arc<Self>,
        viewer: Arc<dyn Viewer>,
        address: IpAddr,
        tracks: u16,
        count: usize,
    ) -> io::Result<(Membership, Vec<Option<Begin>>)> {
        let mut state = self.lock();
        if state.sender.as_ref().is_some_and(GroupSender::has_ended) {
            // Its members are told already, and a new one begins anew.
            let ended = state.silence();
            drop(state);
            if let Some(ended) = ended {
                ended.stop();
            }
            state = self.lock();
        }
        if state.closed {
            return Err(io::Error::other("the group is closed"));
        }
        let (id, life) = (viewer.id(), Arc::new(Life::new()));
        let wanted = self.wanted.fetch_or(tracks, Relaxed) | tracks;
        let begins = match &state.sender {
            Some(sender) => sender.position(count),
            None => {
                state.known.resize(count, Numbering::default());
                let outlet = MulticastOutlet::new(
                    Arc::clone(&self.pair),
                    self.local,
                    Arc::clone(&self.slot),
                    self.place,
                    &state.known,
                    Arc::clone(&self.wanted),
                );
                match GroupSender::start(self, outlet, wanted) {
                    Ok((sender, begins)) => {
                        state.sender = Some(sender);
                        state.bye_due = false;
                        begins
                    }
                    Err(error) => {
                        self.wanted.store(state.wanted(), Relaxed);
                        return Err(error);
                    }
                }
            }
        };
        let plays = |track: usize| bit(track) & tracks != 0;
        let begins = begins.into_iter().enumerate();
        let begins = begins.map(|(track, begin)| begin.filter(|_| plays(track))).collect();
        let member = Member { viewer, address, life: Arc::clone(&life), tracks };
        state.members.push(member);
        Ok((Membership { group: Arc::clone(self), id, life }, begins))
    }

    /// Tells the group that nothing more will come, and why, unless somebody plays or it was told.
    pub(super) fn say_bye(&self, reason: &str) {
        let mut state = self.lock();
        if !std::mem::take(&mut state.bye_due) {
            return;
        }
        for (numbering, track) in state.known.iter().zip(0u8..) {
            let sent = numbering.last_packet().is_some();
            if let Some(ports) = self.place.ports(track).filter(|_| sent) {
                let to = peer(self.place.group, ports).rtcp;
                let route = self.pair.route(self.local.into(), to);
                self.pair.send_control(&route, &numbering.bye(reason));
            }
        }
    }

    /// The source and the number of the last packet of a track.
    pub(super) fn last_packet(&self, track: usize) -> Option<(u32, u16)> {
        let state = self.lock();
        match &state.sender {
            Some(sender) => sender.numbering(track)?.last_packet(),
            None => state.known.get(track)?.last_packet(),
        }
    }

    /// What members say is heard here.
    pub(super) fn ears(&self) -> Vec<Arc<Ear>> {
        self.lock().ears.values().cloned().collect()
    }

    /// RTCP came from this address: a sign of life of the members there. Our own reports are
    /// heard as well.
    pub(super) fn heard_from(&self, from: SocketAddr) {
        if from == SocketAddr::from((self.local, self.pair.ports().1)) {
            return;
        }
        let state = self.lock();
        let there = state.members.iter().filter(|member| member.address == from.ip());
        there.for_each(|member| member.life.touch());
    }

    /// Tells all members that nothing more will come, and why.
    pub(super) fn end(&self, reason: &Arc<str>) {
        self.lock().members.iter().for_each(|member| member.viewer.end(reason));
    }

    /// Tells all members that nothing more will come, and why; nobody joins any more.
    pub(super) fn close(&self, reason: &Arc<str>) {
        self.lock().closed = true;
        self.end(reason);
    }

    /// Whether nobody joins any more.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn leave(&self, id: u64) {
        let mut state = self.lock();
        state.members.retain(|member| member.viewer.id() != id);
        self.wanted.store(state.wanted(), Relaxed);
        let sender = match state.members.is_empty() {
            true => state.silence(),
            false => None,
        };
        drop(state);
        if let Some(sender) = sender {
            sender.stop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Nothing is sent any more when this returns. Gives the sender, whose thread is to be ended
    /// without the lock.
    fn silence(&mut self) -> Option<GroupSender> {
        let sender = self.sender.take()?;
        sender.silence();
        for (track, known) in self.known.iter_mut().enumerate() {
            *known = sender.numbering(track).unwrap_or_default();
        }
        self.bye_due = true;
        Some(sender)
    }

    fn wanted(&self) -> u16 {
        self.members.iter().fold(0, |all, member| all | member.tracks)
    }
}

impl Membership {
    /// The member has its answer to PLAY: what waits for it may go.
    pub(super) fn release(&self) {
        if let Some(sender) = &self.group.lock().sender {
            sender.release();
        }
    }

    /// When the member was last heard over UDP.
    pub(super) fn heard(&self) -> Option<std::time::Instant> {
        self.life.heard()
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.group.leave(self.id);
    }
}

/// The bit of a track.
pub(super) fn bit(track: usize) -> u16 {
    if track < MAX_TRACKS { 1 << track } else { 0 }
}
