//! What a client has set up.

use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::headers::{NptTime, PipelinedRequests};
use rtsp_proto::{Headers, Version};

use super::group::{Group, Membership, bit};
use super::target::{CONTROL, Target};
use super::udp::Lease;
use super::udp_outlet::UdpPeer;
use crate::entropy;

/// A session; it lives and dies with its connection.
#[derive(Debug)]
pub(super) struct Session {
    /// Unguessable; hexadecimal, because dashes confuse some clients.
    pub id: String,
    /// What its client speaks, from its SETUP to its end.
    pub version: Version,
    /// The client's number for this session, given in the SETUP that made it.
    pub pipeline: Option<PipelinedRequests>,
    /// When it was made.
    since: Instant,
    /// The number of the PLAY that plays.
    pub play_cseq: u32,
    /// The stream.
    pub stream: String,
    /// `scheme://authority` of its SETUP, for the URLs we give when a request names none.
    pub origin: String,
    /// For each track how it is carried, `None` for those not set up.
    pub tracks: Vec<Option<Carrier>>,
    /// The ports that the tracks over UDP leave by.
    pub lease: Option<Lease>,
    /// The group that the tracks by multicast go to.
    pub group: Option<Arc<Group>>,
    /// Its place there, while it plays.
    pub membership: Option<Membership>,
    /// Media flows, or is about to.
    pub playing: bool,
}

/// How a track gets to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carrier {
    /// On these channels of the connection: RTP and RTCP.
    Interleaved(u8, u8),
    /// To these ports.
    Udp(UdpPeer),
    /// To the stream's group.
    Multicast,
}

impl Session {
    /// A session of a stream with so many tracks, none of them set up.
    pub(super) fn new(target: &Target, tracks: usize) -> Self {
        let id = entropy::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
        let Target { stream, origin, .. } = target.clone();
        Self {
            id,
            version: Version::V1_0,
            pipeline: None,
            since: Instant::now(),
            play_cseq: 0,
            stream,
            origin,
            tracks: vec![None; tracks],
            lease: None,
            group: None,
            membership: None,
            playing: false,
        }
    }

    /// Whether a request with these headers belongs to this session: by its id or, as long as the
    /// client cannot know that, by the number that the client has given it.
    pub(super) fn is_meant_by(&self, headers: &Headers) -> bool {
        match headers.get("Session") {
            Some(named) => id_of(named) == self.id,
            None => {
                let number = PipelinedRequests::from_headers(headers).ok().flatten();
                number.is_some() && number == self.pipeline
            }
        }
    }

    /// Where the presentation stands: its time begins with the session.
    pub(super) fn npt(&self) -> NptTime {
        NptTime::Millis(self.since.elapsed().as_millis() as u64)
    }

    /// The URL of the stream, see [`Target::base`].
    pub(super) fn base(&self) -> String {
        format!("{}/{}/", self.origin, self.stream)
    }

    /// The URL of one of its tracks.
    pub(super) fn track_url(&self, track: usize) -> String {
        format!("{}{CONTROL}{track}", self.base())
    }

    /// How many tracks are set up.
    pub(super) fn set_up_tracks(&self) -> usize {
        self.tracks.iter().flatten().count()
    }

    /// Takes down one track of several; `false` when it was not set up, or is the last.
    pub(super) fn take_down(&mut self, track: u8) -> bool {
        let more = self.set_up_tracks() > 1;
        let slot = self.tracks.get_mut(usize::from(track)).filter(|slot| more && slot.is_some());
        slot.map(|slot| *slot = None).is_some()
    }

    /// Sets up a track on the channels the client asked for, or, if it asked for none or for one
    /// that another track has, on the next free pair. `None` without a free pair or track.
    pub(super) fn set_up(&mut self, track: u8, wanted: Option<(u8, u8)>) -> Option<(u8, u8)> {
        let index = usize::from(track);
        self.tracks.get(index)?;
        let used = |channel: u8| {
            let others = self.channels().enumerate().filter(|&(other, _)| other != index);
            others.filter_map(|(_, pair)| pair).any(|(a, b)| a == channel || b == channel)
        };
        let fits = |&(rtp, rtcp): &(u8, u8)| rtp != rtcp && !used(rtp) && !used(rtcp);
        let free = || (0..=254).step_by(2).map(|channel| (channel, channel + 1)).find(fits);
        let usual = (2 * track, 2 * track + 1);
        let pair = match wanted {
            Some(pair) => Some(pair).filter(fits).or_else(free)?,
            None => Some(usual).filter(fits).or_else(free)?,
        };
        *self.tracks.get_mut(index)? = Some(Carrier::Interleaved(pair.0, pair.1));
        Some(pair)
    }

    /// Sets up a track over UDP, from the ports of `lease` if the session has none yet. `None`
    /// without such a track.
    pub(super) fn set_up_udp(&mut self, track: u8, peer: UdpPeer, lease: Lease) -> Option<&Lease> {
        *self.tracks.get_mut(usize::from(track))? = Some(Carrier::Udp(peer));
        let lease = self.lease.get_or_insert(lease);
        lease.listen_to(peer.rtcp);
        Some(lease)
    }

    /// Sets up a track by multicast. `None` without such a track.
    pub(super) fn set_up_multicast(&mut self, track: u8, group: Arc<Group>) -> Option<()> {
        *self.tracks.get_mut(usize::from(track))? = Some(Carrier::Multicast);
        self.group = Some(group);
        Some(())
    }

    /// The tracks that come by multicast, a bit for each.
    pub(super) fn tracks_by_multicast(&self) -> u16 {
        let tracks = self.tracks.iter().enumerate();
        let tracks = tracks.filter(|(_, track)| **track == Some(Carrier::Multicast));
        tracks.fold(0, |all, (track, _)| all | bit(track))
    }

    /// Whether a track is sent to the client alone.
    pub(super) fn is_sent(&self, track: usize) -> bool {
        let carrier = self.tracks.get(track).copied().flatten();
        carrier.is_some_and(|carrier| carrier != Carrier::Multicast)
    }

    /// For each track its channels on the connection.
    pub(super) fn channels(&self) -> impl Iterator<Item = Option<(u8, u8)>> {
        self.tracks.iter().map(|track| match track {
            Some(Carrier::Interleaved(rtp, rtcp)) => Some((*rtp, *rtcp)),
            _ => None,
        })
    }

    /// For each track its UDP ports.
    pub(super) fn peers(&self) -> impl Iterator<Item = Option<UdpPeer>> {
        self.tracks.iter().map(|track| match track {
            Some(Carrier::Udp(peer)) => Some(*peer),
            _ => None,
        })
    }

    /// Whether a track goes over UDP to the client alone.
    pub(super) fn uses_udp(&self) -> bool {
        self.peers().any(|peer| peer.is_some())
    }

    /// Whether nobody sees if what is sent is taken.
    pub(super) fn is_unseen(&self) -> bool {
        self.uses_udp() || self.tracks_by_multicast() != 0
    }

    /// When the client was last heard over UDP.
    pub(super) fn heard(&self) -> Option<Instant> {
        let alone = self.lease.as_ref().and_then(Lease::heard);
        alone.max(self.membership.as_ref().and_then(Membership::heard))
    }

    /// Whether a track is set up.
    pub(super) fn is_set_up(&self) -> bool {
        self.tracks.iter().any(Option::is_some)
    }
}

/// The id in a Session header, without what may follow it.
pub(super) fn id_of(header: &str) -> &str {
    header.split(';').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_get_the_channels_they_ask_for_and_never_the_same_twice() {
        let target = Target::parse("rtsp://relay.lan/door").unwrap();
        let mut session = Session::new(&target, 3);
        assert_eq!(session.set_up(0, Some((4, 5))), Some((4, 5)));
        assert_eq!(session.set_up(1, Some((4, 5))), Some((0, 1)));
        assert_eq!(session.set_up(2, None), Some((2, 3)), "the usual ones would be another's");
        assert_eq!(session.set_up(0, Some((4, 5))), Some((4, 5)), "set up once more");
        assert_eq!(session.set_up(3, None), None);
        assert_eq!(session.id.len(), 32);
    }
}
