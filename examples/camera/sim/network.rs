//! A bad network between the camera and its clients, for datagrams of media.

use super::random::Random;
use std::net::SocketAddr;

/// After how many more datagrams at the latest one that was held back is sent.
const MAX_BEHIND: u64 = 4;

/// How bad it is, in per cent of the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Never sent.
    pub loss: u8,
    /// Sent after others of the same picture.
    pub reorder: u8,
    /// Sent twice.
    pub duplicate: u8,
}

/// What it did.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// The sequence numbers of what was never sent.
    pub lost: Vec<u16>,
    /// How many were sent after others.
    pub reordered: u64,
    /// How many were sent twice.
    pub duplicated: u64,
}

/// The network.
#[derive(Debug)]
pub struct Network {
    quality: Quality,
    random: Random,
    held: Vec<Held>,
    tally: Tally,
}

#[derive(Debug)]
struct Held {
    to: SocketAddr,
    packet: Vec<u8>,
    /// So many others go first.
    behind: u64,
}

impl Network {
    /// A good one; the same seed makes it bad in the same way.
    pub fn new(seed: u64) -> Self {
        Self {
            quality: Quality::default(),
            random: Random::new(seed),
            held: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// From now on it is like this.
    pub fn set(&mut self, quality: Quality) {
        self.quality = quality;
    }

    /// What it did so far.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Gives to `send` what comes of one datagram.
    pub fn pass(&mut self, to: SocketAddr, packet: &[u8], send: impl Fn(SocketAddr, &[u8])) {
        if self.quality == Quality::default() {
            return send(to, packet);
        }
        if self.happens(self.quality.loss) {
            let number = packet.get(2..4).map_or([0; 2], |bytes| [bytes[0], bytes[1]]);
            self.tally.lost.push(u16::from_be_bytes(number));
            return;
        }
        if self.happens(self.quality.reorder) {
            let behind = 1 + self.random.below(MAX_BEHIND);
            self.held.push(Held { to, packet: packet.to_vec(), behind });
            return;
        }
        send(to, packet);
        if self.happens(self.quality.duplicate) {
            self.tally.duplicated += 1;
            send(to, packet);
        }
        let mut due = Vec::new();
        self.held.retain_mut(|held| {
            held.behind -= u64::from(held.to == to);
            if held.behind == 0 {
                due.push((held.to, std::mem::take(&mut held.packet)));
            }
            held.behind > 0
        });
        self.tally.reordered += due.len() as u64;
        due.iter().for_each(|(to, packet)| send(*to, packet));
    }

    /// Sends what is still held back: the picture is over.
    pub fn settle(&mut self, to: SocketAddr, send: impl Fn(SocketAddr, &[u8])) {
        self.held.retain(|held| {
            if held.to == to {
                send(to, &held.packet);
            }
            held.to != to
        });
    }

    fn happens(&self, percent: u8) -> bool {
        percent > 0 && self.random.below(100) < percent.into()
    }
}
