//! Batches to a multicast group: what a [`UdpOutlet`] sends, as far as a member wants it.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Instant;

use super::numbering::Numbering;
use super::udp_outlet::{UdpOutlet, UdpPeer};
use crate::media::burst::Item;
use crate::media::{Outlet, Place, Progress};
use crate::net::udp_out::PortPair;
use crate::source::Slot;

/// The way of one stream's media to its group.
#[derive(Debug)]
pub(super) struct MulticastOutlet {
    udp: UdpOutlet,
    /// A bit for each track that a playing member has set up.
    wanted: Arc<AtomicU16>,
}

impl MulticastOutlet {
    /// From `pair` and the address `local` to the group; `known` tells for each track how it is
    /// numbered.
    pub(super) fn new(
        pair: Arc<PortPair>,
        local: Ipv4Addr,
        slot: Arc<Slot>,
        place: Place,
        known: &[Numbering],
        wanted: Arc<AtomicU16>,
    ) -> Self {
        let tracks = known.iter().zip(0u8..).map(|(&numbering, track)| {
            (place.ports(track).map(|ports| peer(place.group, ports)), numbering)
        });
        Self { udp: UdpOutlet::new(pair, local.into(), slot, tracks), wanted }
    }

    /// How a track is numbered.
    pub(super) fn numbering(&self, track: usize) -> Option<Numbering> {
        self.udp.numbering(track)
    }

    /// When what is held goes on.
    pub(super) fn resume_at(&self) -> Option<Instant> {
        self.udp.resume_at()
    }

    /// Bytes sent so far.
    pub(super) fn written(&self) -> u64 {
        self.udp.written()
    }

    /// Packets that the network refused.
    pub(super) fn lost(&self) -> u64 {
        self.udp.lost()
    }
}

impl Outlet for MulticastOutlet {
    const TO_VIEWER: bool = false;

    fn send(&mut self, item: &Item) -> Progress {
        let bit = 1u16.checked_shl(item.batch.track.into()).unwrap_or(0);
        match self.wanted.load(Relaxed) & bit {
            0 => Progress::Clear,
            _ => self.udp.send(item),
        }
    }

    fn flush(&mut self) -> Progress {
        self.udp.flush()
    }

    fn is_clear(&self) -> bool {
        self.udp.is_clear()
    }
}

/// The two ports of a track in a group.
pub(super) fn peer(group: Ipv4Addr, (rtp, rtcp): (u16, u16)) -> UdpPeer {
    UdpPeer { rtp: SocketAddr::from((group, rtp)), rtcp: SocketAddr::from((group, rtcp)) }
}
