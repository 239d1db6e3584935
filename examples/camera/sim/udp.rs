//! The pair of UDP ports from which all sessions are served, and the RTCP that comes back.

use super::network::{Network, Quality, Tally};
use super::pulse::Pulse;
use super::stats::{Counters, add};
use rtsp_proto::Oddities;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How often a pair of an even port and the next one is tried for.
const ATTEMPTS: usize = 100;

/// An even port for RTP, the next one for RTCP.
#[derive(Debug)]
pub struct Udp {
    rtp: UdpSocket,
    rtcp: UdpSocket,
    /// The even one.
    pub port: u16,
    /// Whose sign of life is RTCP from this address.
    pulses: Mutex<HashMap<SocketAddr, Arc<Pulse>>>,
    /// Between the port for RTP and everybody.
    network: Mutex<Network>,
    stopping: AtomicBool,
}

impl Udp {
    /// Finds two free neighbours. `seed` is for a bad network.
    pub fn bind(address: IpAddr, seed: u64) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let rtp = UdpSocket::bind((address, 0))?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind((address, port + 1)) {
                // A full socket buffer loses packets, as a network would.
                rtp.set_nonblocking(true)?;
                return Ok(Self {
                    rtp,
                    rtcp,
                    port,
                    pulses: Mutex::default(),
                    network: Mutex::new(Network::new(seed)),
                    stopping: AtomicBool::new(false),
                });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no pair of UDP ports is free"))
    }

    /// Reads RTCP until [`Udp::stop`].
    pub fn run(&self, counters: &Counters) {
        let mut buffer = [0; 2048];
        loop {
            // An error is an ICMP echo of an earlier packet: a client that is gone.
            let received = self.rtcp.recv_from(&mut buffer);
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            if let Ok((size, from)) = received {
                count_reports(&buffer[..size], counters);
                if let Some(pulse) = self.pulses().get(&from) {
                    pulse.beat();
                }
            }
        }
    }

    /// Ends [`Udp::run`].
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        if let Ok(own) = self.rtcp.local_addr() {
            let _ = self.rtcp.send_to(b"end", own);
        }
    }

    /// RTCP from `address` keeps this session alive.
    pub fn listen_to(&self, address: SocketAddr, pulse: Arc<Pulse>) {
        self.pulses().insert(address, pulse);
    }

    /// No longer.
    pub fn forget(&self, address: SocketAddr) {
        self.pulses().remove(&address);
    }

    fn pulses(&self) -> MutexGuard<'_, HashMap<SocketAddr, Arc<Pulse>>> {
        self.pulses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn network(&self) -> MutexGuard<'_, Network> {
        self.network.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How good the network is from now on.
    pub fn set_network(&self, quality: Quality) {
        self.network().set(quality);
    }

    /// What the network did.
    pub fn tally(&self) -> Tally {
        self.network().tally()
    }

    /// Sends the RTP packets of a picture; they may be lost.
    pub fn rtp<'a>(&self, to: SocketAddr, packets: impl Iterator<Item = &'a [u8]>) {
        let send = |to, packet: &[u8]| {
            let _ = self.rtp.send_to(packet, to);
        };
        let mut network = self.network();
        packets.for_each(|packet| network.pass(to, packet, send));
        network.settle(to, send);
    }

    /// Sends an RTCP packet; it may be lost.
    pub fn rtcp(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.rtcp.send_to(packet, to);
    }
}

/// Counts the receiver reports in an RTCP compound packet, and the loss they tell of.
pub fn count_reports(bytes: &[u8], counters: &Counters) {
    for packet in parse_compound(bytes, &mut Oddities::new()) {
        if let RtcpPacket::ReceiverReport { reports, .. } = packet {
            add(&counters.receiver_reports);
            let lost = reports.iter().map(|report| report.lost.unsigned_abs().into()).max();
            counters.reported_lost.fetch_max(lost.unwrap_or(0), Ordering::Relaxed);
        }
    }
}
