//! Batches to a client's UDP ports: the shared bytes without their interleaved prefixes.
//!
//! A viewer that has missed nothing gets the packets straight from the shared batch; any other
//! from a patched copy. A batch waits ([`Progress::Held`]) while the viewer has had its portion
//! or the kernel takes no more; then the viewer's thread goes on at [`UdpOutlet::resume_at`]. What
//! waits too long is thrown out like that of any slow viewer: in whole pictures, up to the next
//! key frame.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::numbering::Numbering;
use super::udp_pace::{Allowance, cost};
use crate::media::batch::{Batch, Kind, PREFIX};
use crate::media::burst::Item;
use crate::media::{Outlet, Progress};
use crate::net::udp_out::{PortPair, Route};
use crate::source::Slot;

/// When the kernel's buffer is full: it drains at the speed of the network.
const BLOCKED_PAUSE: Duration = Duration::from_millis(2);

/// Where one track goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UdpPeer {
    /// The client's port for RTP.
    pub rtp: SocketAddr,
    /// The client's port for RTCP.
    pub rtcp: SocketAddr,
}

/// The way of one viewer's media.
#[derive(Debug)]
pub(super) struct UdpOutlet {
    pair: Arc<PortPair>,
    slot: Arc<Slot>,
    tracks: Vec<Option<TrackOut>>,
    held: Option<Held>,
    sender: Sender,
}

#[derive(Debug)]
struct TrackOut {
    rtp: Route,
    rtcp: Route,
    numbering: Numbering,
}

/// A batch of which a part has been sent.
#[derive(Debug)]
struct Held {
    wire: Wire,
    track: usize,
    done: usize,
}

#[derive(Debug)]
enum Wire {
    Shared(Arc<Batch>),
    Copied(Vec<u8>),
}

/// What is counted while packets leave.
#[derive(Debug)]
struct Sender {
    allowance: Allowance,
    resume_at: Instant,
    written: u64,
    lost: u64,
    last_progress: Instant,
}

impl UdpOutlet {
    /// From `pair`, and from the address `local`, to these ports of the tracks of a presentation,
    /// `None` for those that do not go over UDP, and numbered like this.
    pub(super) fn new(
        pair: Arc<PortPair>,
        local: IpAddr,
        slot: Arc<Slot>,
        tracks: impl IntoIterator<Item = (Option<UdpPeer>, Numbering)>,
    ) -> Self {
        let now = Instant::now();
        let track = |(peer, numbering): (Option<UdpPeer>, Numbering)| {
            peer.map(|peer| TrackOut {
                rtp: pair.route(local, peer.rtp),
                rtcp: pair.route(local, peer.rtcp),
                numbering,
            })
        };
        let tracks = tracks.into_iter().map(track).collect();
        let sender = Sender {
            allowance: Allowance::new(now),
            resume_at: now,
            written: 0,
            lost: 0,
            last_progress: now,
        };
        Self { pair, slot, tracks, held: None, sender }
    }

    /// Whether the track goes this way.
    pub(super) fn carries(&self, track: u8) -> bool {
        matches!(self.tracks.get(usize::from(track)), Some(Some(_)))
    }

    /// How a track is numbered, if it goes this way.
    pub(super) fn numbering(&self, track: usize) -> Option<Numbering> {
        self.tracks.get(track)?.as_ref().map(|track| track.numbering)
    }

    /// When what is held goes on.
    pub(super) fn resume_at(&self) -> Option<Instant> {
        self.held.is_some().then_some(self.sender.resume_at)
    }

    /// RTCP BYE on each track: no more packets, and why.
    pub(super) fn say_bye(&self, reason: &str) {
        for track in self.tracks.iter().flatten() {
            self.pair.send_control(&track.rtcp, &track.numbering.bye(reason));
        }
    }

    /// Bytes sent so far.
    pub(super) fn written(&self) -> u64 {
        self.sender.written
    }

    /// Packets that the network refused.
    pub(super) fn lost(&self) -> u64 {
        self.sender.lost
    }

    /// When something last went out.
    pub(super) fn last_progress(&self) -> Instant {
        self.sender.last_progress
    }
}

impl Outlet for UdpOutlet {
    fn send(&mut self, item: &Item) -> Progress {
        let index = usize::from(item.batch.track);
        let Some(Some(track)) = self.tracks.get_mut(index) else { return Progress::Clear };
        let as_is = track.numbering.pass(item);
        if item.batch.kind == Kind::Control {
            for packet in item.batch.frames().filter_map(|frame| frame.get(PREFIX..)) {
                self.sender.written += packet.len() as u64;
                self.sender.lost += u64::from(!self.pair.send_control(&track.rtcp, packet));
            }
            return Progress::Clear;
        }
        let now = Instant::now();
        self.sender.allowance.refill(now);
        if as_is {
            let wire = &item.batch.wire;
            let done = self.sender.send(&self.pair, &self.slot, &mut track.rtp, wire, now);
            if done < wire.len() {
                let wire = Wire::Shared(Arc::clone(&item.batch));
                return self.hold(Held { wire, track: index, done }, now);
            }
        } else {
            let wire = track.numbering.copy(item, (0, 0));
            let done = self.sender.send(&self.pair, &self.slot, &mut track.rtp, &wire, now);
            if done < wire.len() {
                return self.hold(Held { wire: Wire::Copied(wire), track: index, done }, now);
            }
        }
        Progress::Clear
    }

    fn flush(&mut self) -> Progress {
        let Some(held) = &mut self.held else { return Progress::Clear };
        let now = Instant::now();
        if now < self.sender.resume_at {
            return Progress::Held;
        }
        self.sender.allowance.refill(now);
        let Some(Some(track)) = self.tracks.get_mut(held.track) else { return Progress::Broken };
        let wire = match &held.wire {
            Wire::Shared(batch) => &*batch.wire,
            Wire::Copied(copy) => copy,
        };
        let rest = wire.get(held.done..).unwrap_or_default();
        held.done += self.sender.send(&self.pair, &self.slot, &mut track.rtp, rest, now);
        if held.done < wire.len() {
            return Progress::Held;
        }
        self.held = None;
        Progress::Clear
    }

    fn is_clear(&self) -> bool {
        self.held.is_none()
    }
}

impl UdpOutlet {
    fn hold(&mut self, held: Held, now: Instant) -> Progress {
        // The wait begins now, however long ago the last picture was.
        self.sender.last_progress = now;
        self.held = Some(held);
        Progress::Held
    }
}

impl Sender {
    /// Sends as much of `wire` (packets with their prefixes) as may go now; gives how many of its
    /// bytes are done with. Less than all: `resume_at` tells when to go on.
    fn send(
        &mut self,
        pair: &PortPair,
        slot: &Slot,
        route: &mut Route,
        wire: &[u8],
        now: Instant,
    ) -> usize {
        let (mut done, mut written) = (0, 0);
        while done < wire.len() {
            let Some((first, _)) = next_packet(wire, done) else { return wire.len() };
            let mut train = pair.train(route);
            let (mut end, mut price) = (done, 0);
            while let Some((packet, behind)) = next_packet(wire, end) {
                let more = cost(packet.len());
                if !self.allowance.covers(price + more) || !train.add(packet) {
                    break;
                }
                price += more;
                end = behind;
            }
            if train.packets() == 0 {
                self.resume_at = self.allowance.resume(cost(first.len()), wire.len() - done);
                break;
            }
            let sent = pair.send(route, &train);
            self.lost += sent.lost as u64;
            if sent.done < train.packets() {
                // Those that went before the kernel's buffer was full.
                for _ in 0..sent.done {
                    let Some((packet, behind)) = next_packet(wire, done) else { break };
                    written += packet.len();
                    self.allowance.spend(cost(packet.len()));
                    done = behind;
                }
                self.resume_at = now + BLOCKED_PAUSE;
                break;
            }
            self.allowance.spend(price);
            written += end - done - PREFIX * sent.done;
            done = end;
        }
        if written > 0 {
            self.written += written as u64;
            self.last_progress = now;
            slot.stats.bytes_out.add(written as u64);
        }
        done
    }
}

/// The packet whose prefix begins at `at`, and where the next one begins.
fn next_packet(wire: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let &[_, _, high, low, ref rest @ ..] = wire.get(at..)? else { return None };
    let length = usize::from(u16::from_be_bytes([high, low]));
    Some((rest.get(..length)?, at + PREFIX + length))
}
