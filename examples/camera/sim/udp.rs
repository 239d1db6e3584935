//! The pair of UDP ports from which all sessions and groups are served, and the RTCP that comes back.

use super::network::{Network, Quality, Tally};
use super::options::Multicast;
use super::pulse::Pulse;
use super::stats::{Counters, add};
use rtsp_proto::Oddities;
use rtsp_proto::rtcp::{RtcpPacket, parse_compound};
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
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
    /// Of each group, where its RTP goes, and what hears its RTCP.
    groups: Vec<(SocketAddr, UdpSocket)>,
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
                    groups: Vec::new(),
                    pulses: Mutex::default(),
                    network: Mutex::new(Network::new(seed)),
                    stopping: AtomicBool::new(false),
                });
            }
        }
        Err(io::Error::new(io::ErrorKind::AddrInUse, "no pair of UDP ports is free"))
    }

    /// Sends to so many groups too, on the interface with the own address.
    pub fn add_groups(&mut self, multicast: Multicast, count: usize) -> io::Result<()> {
        let IpAddr::V4(own) = self.rtp.local_addr()?.ip() else {
            return Err(io::Error::other("groups are for IPv4"));
        };
        for socket in [&self.rtp, &self.rtcp] {
            let socket = SockRef::from(socket);
            socket.set_multicast_if_v4(&own)?;
            socket.set_multicast_ttl_v4(multicast.ttl.into())?;
        }
        for address in (u32::from(multicast.first)..).take(count).map(Ipv4Addr::from) {
            let heard = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
            heard.set_reuse_address(true)?;
            heard.set_multicast_if_v4(&own)?;
            heard.bind(&SocketAddr::from((address, self.port + 1)).into())?;
            heard.join_multicast_v4(&address, &own)?;
            self.groups.push((SocketAddr::from((address, self.port)), heard.into()));
        }
        Ok(())
    }

    /// Where the RTP of the groups goes.
    pub fn groups(&self) -> impl Iterator<Item = SocketAddr> {
        self.groups.iter().map(|(address, _)| *address)
    }

    /// Reads RTCP until [`Udp::stop`].
    pub fn run(&self, counters: &Counters) {
        self.read(&self.rtcp, counters, |from| from);
    }

    /// Reads the RTCP of a group until [`Udp::stop`]: whoever it is from, all sessions of the group
    /// live.
    pub fn run_group(&self, index: usize, counters: &Counters) {
        let (mut address, heard) = self.groups.get(index).map(|(a, b)| (*a, b)).expect("a group");
        address.set_port(self.port + 1);
        self.read(heard, counters, |_| address);
    }

    fn read(
        &self,
        socket: &UdpSocket,
        counters: &Counters,
        whose: impl Fn(SocketAddr) -> SocketAddr,
    ) {
        let mut buffer = [0; 2048];
        loop {
            // An error is an ICMP echo of an earlier packet: a client that is gone.
            let received = socket.recv_from(&mut buffer);
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            if let Ok((size, from)) = received {
                // A group also brings what was sent to it from here, which is no receiver's report.
                let is_from_receiver = count_reports(&buffer[..size], counters);
                let pulses = self.pulses();
                if let Some(pulse) = pulses.get(&whose(from)).filter(|_| is_from_receiver) {
                    pulse.beat();
                }
            }
        }
    }

    /// Ends [`Udp::run`] and [`Udp::run_group`].
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        for socket in std::iter::once(&self.rtcp).chain(self.groups.iter().map(|(_, heard)| heard))
        {
            if let Ok(own) = socket.local_addr() {
                let _ = socket.send_to(b"end", own);
            }
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

/// Counts the receiver reports in an RTCP compound packet, and the loss they tell of; whether there
/// were any.
pub fn count_reports(bytes: &[u8], counters: &Counters) -> bool {
    let mut any = false;
    for packet in parse_compound(bytes, &mut Oddities::new()) {
        if let RtcpPacket::ReceiverReport { reports, .. } = packet {
            any = true;
            add(&counters.receiver_reports);
            let lost = reports.iter().map(|report| report.lost.unsigned_abs().into()).max();
            counters.reported_lost.fetch_max(lost.unwrap_or(0), Ordering::Relaxed);
        }
    }
    any
}
