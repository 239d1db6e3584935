//! The pair of UDP ports from which all sessions are served, and the RTCP that comes back.

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
    stopping: AtomicBool,
}

impl Udp {
    /// Finds two free neighbours.
    pub fn bind(address: IpAddr) -> io::Result<Self> {
        for _ in 0..ATTEMPTS {
            let rtp = UdpSocket::bind((address, 0))?;
            let port = rtp.local_addr()?.port();
            if port % 2 != 0 {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind((address, port + 1)) {
                // A full socket buffer loses packets, as a network would.
                rtp.set_nonblocking(true)?;
                let pulses = Mutex::default();
                return Ok(Self { rtp, rtcp, port, pulses, stopping: AtomicBool::new(false) });
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

    /// Sends an RTP packet; it may be lost.
    pub fn rtp(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.rtp.send_to(packet, to);
    }

    /// Sends an RTCP packet; it may be lost.
    pub fn rtcp(&self, to: SocketAddr, packet: &[u8]) {
        let _ = self.rtcp.send_to(packet, to);
    }
}

/// Counts the receiver reports in an RTCP compound packet.
pub fn count_reports(bytes: &[u8], counters: &Counters) {
    for packet in parse_compound(bytes, &mut Oddities::new()) {
        if matches!(packet, RtcpPacket::ReceiverReport { .. }) {
            add(&counters.receiver_reports);
        }
    }
}
