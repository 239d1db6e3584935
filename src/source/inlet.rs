//! The datagrams of one track, into their order and into the feed: without sockets.

use std::net::SocketAddr;
use std::time::Instant;

use rtsp_proto::Oddities;

use super::feed::{Fed, Feed};
use super::reorder::{Placed, Window};
use super::sender::Sender;
use crate::media::batch::PREFIX;
use crate::net::udp::Half;

/// Of the packet types of RTCP on a port for RTP ([RFC 5761 section 4]).
///
/// [RFC 5761 section 4]: https://www.rfc-editor.org/rfc/rfc5761#section-4
const RTCP_TYPES: std::ops::RangeInclusive<u8> = 192..=223;

/// See the module.
pub(super) struct Inlet {
    track: u8,
    reports_to: ReportsTo,
    /// Where RTP comes from.
    sender: Sender,
    window: Window,
}

/// Where receiver reports go.
#[derive(Clone, Copy)]
enum ReportsTo {
    Nobody,
    /// To the camera's port as announced or guessed, at the address that RTP comes from.
    Announced(SocketAddr),
    /// To where RTCP came from.
    Heard(SocketAddr),
    /// To all of a group, wherever its RTCP comes from ([RFC 3550 section 6]).
    ///
    /// [RFC 3550 section 6]: https://www.rfc-editor.org/rfc/rfc3550#section-6
    Group(SocketAddr),
}

impl Inlet {
    /// Of the track of this place in the presentation.
    pub(super) fn new(track: u8) -> Self {
        let (sender, window) = (Sender::default(), Window::default());
        Self { track, reports_to: ReportsTo::Nobody, sender, window }
    }

    /// The place of its track in the presentation.
    pub(super) fn track(&self) -> u8 {
        self.track
    }

    /// Where receiver reports go, once that is known.
    pub(super) fn reports_to(&self) -> Option<SocketAddr> {
        match self.reports_to {
            ReportsTo::Nobody => None,
            ReportsTo::Announced(to) | ReportsTo::Heard(to) | ReportsTo::Group(to) => Some(to),
        }
    }

    /// RTP will come from this port, if the camera has announced one.
    pub(super) fn expect(&mut self, announced: Option<u16>) {
        self.sender = Sender::new(announced);
    }

    /// Until RTCP comes, receiver reports go here.
    pub(super) fn report_to(&mut self, address: SocketAddr) {
        self.reports_to = ReportsTo::Announced(address);
    }

    /// Receiver reports go to this address and port of a group.
    pub(super) fn report_to_group(&mut self, group: SocketAddr) {
        self.reports_to = ReportsTo::Group(group);
    }

    /// When [`Inlet::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.window.deadline()
    }

    /// Feeds what has waited long enough for packets that do not come.
    pub(super) fn expire(&mut self, now: Instant, feed: &mut Feed, oddities: &mut Oddities) -> Fed {
        let mut meant = Fed::Nothing;
        self.window.expire(now, &mut |frame, arrived| {
            meant = meant.max(feed.rtp(self.track, frame, arrived, oddities));
        });
        meant
    }

    /// Feeds all that waits: nothing more will come.
    pub(super) fn flush(&mut self, feed: &mut Feed, oddities: &mut Oddities) {
        self.window.flush(&mut |frame, arrived| {
            feed.rtp(self.track, frame, arrived, oddities);
        });
    }

    /// A packet, behind room for the prefix of an interleaved frame.
    pub(super) fn packet(
        &mut self,
        half: Half,
        frame: &mut [u8],
        from: SocketAddr,
        now: Instant,
        feed: &mut Feed,
        oddities: &mut Oddities,
    ) -> Fed {
        let Some((prefix, packet)) = frame.split_at_mut_checked(PREFIX) else {
            return Fed::Nothing;
        };
        let is_rtcp = packet.get(1).is_some_and(|kind| RTCP_TYPES.contains(kind));
        if half == Half::Rtcp || is_rtcp {
            if !matches!(self.reports_to, ReportsTo::Group(_)) {
                self.reports_to = ReportsTo::Heard(from);
            }
            return feed.rtcp(self.track, packet, now, oddities);
        }
        let Some(number) = feed.number(self.track, packet, oddities) else { return Fed::Nothing };
        if !self.sender.sends(from, now) {
            return Fed::Nothing;
        }
        if let ReportsTo::Announced(to) = &mut self.reports_to {
            to.set_ip(from.ip());
        }
        let length = (packet.len() as u16).to_be_bytes();
        prefix.copy_from_slice(&[b'$', 0, length[0], length[1]]);
        let Self { track, window, .. } = self;
        let mut meant = Fed::Nothing;
        let placed = window.push(number, frame, now, &mut |frame, arrived| {
            meant = meant.max(feed.rtp(*track, frame, arrived, oddities));
        });
        match placed {
            Placed::InOrder | Placed::Held => {}
            Placed::Reordered => feed.count_reordered(),
            Placed::Duplicate => feed.count_duplicate(),
            Placed::Behind => feed.behind(*track, frame, now),
        }
        meant
    }
}
