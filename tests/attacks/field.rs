//! What attackers have at hand: connections from an address of their own, and no patience.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering::SeqCst};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use rtsp_proto::headers::TransportSpec;

use crate::support::{RtspClient, tcp_from};

/// Where the attack comes from; honest viewers come from 127.0.0.1.
pub(crate) const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 66, 0, 1);
/// How long an attacker's read or write may block.
const BLOCK: Duration = Duration::from_millis(50);
/// Attacks come at a rate that a network brings, not at that of a loop on the relay's own machine,
/// where the attackers' work would be all that is measured.
pub(crate) const RATE: u32 = 400;

/// One attack while it lasts.
pub(crate) struct Field {
    pub(crate) rtsp: u16,
    pub(crate) tls: u16,
    pub(crate) http: u16,
    /// Even, RTP; RTCP is the next one.
    pub(crate) udp: u16,
    /// The header with which the honest viewer behind a tunnel opened it.
    pub(crate) cookie: String,
    /// Somebody who must not get anything.
    pub(crate) victim: UdpSocket,
    over: AtomicBool,
    blows: AtomicU64,
    addresses: AtomicU16,
}

impl Field {
    pub(crate) fn new(rtsp: u16, tls: u16, http: u16, udp: u16, cookie: String) -> Self {
        let victim = UdpSocket::bind((Ipv4Addr::new(127, 99, 0, 1), 0)).unwrap();
        victim.set_nonblocking(true).unwrap();
        Self {
            rtsp,
            tls,
            http,
            udp,
            cookie,
            victim,
            over: AtomicBool::new(false),
            blows: AtomicU64::new(0),
            addresses: AtomicU16::new(1),
        }
    }

    /// Runs an attack for a time; gives how often it struck.
    pub(crate) fn run(&self, attack: fn(&Self), time: Duration, meanwhile: impl FnOnce()) -> u64 {
        self.over.store(false, SeqCst);
        self.blows.store(0, SeqCst);
        let begun = Instant::now();
        scope(|scope| {
            let attack = scope.spawn(|| attack(self));
            meanwhile();
            sleep(time.saturating_sub(begun.elapsed()));
            self.over.store(true, SeqCst);
            attack.join().unwrap();
        });
        self.blows.load(SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Counts one blow, and waits so that there are no more than [`RATE`] a second of one thread.
    pub(crate) fn strike(&self) {
        self.blows.fetch_add(1, SeqCst);
        sleep(Duration::from_secs(1) / RATE);
    }

    /// An address that nobody has attacked from yet.
    pub(crate) fn next_address(&self) -> Ipv4Addr {
        let [high, low] = self.addresses.fetch_add(1, SeqCst).to_be_bytes();
        Ipv4Addr::new(127, 67, high, low)
    }

    pub(crate) fn connect(&self, port: u16) -> io::Result<TcpStream> {
        self.connect_from(ATTACKER, port)
    }

    pub(crate) fn connect_from(&self, own: Ipv4Addr, port: u16) -> io::Result<TcpStream> {
        let stream = tcp_from(own, port)?;
        stream.set_read_timeout(Some(BLOCK))?;
        stream.set_write_timeout(Some(BLOCK))?;
        Ok(stream)
    }

    /// `count` connections that say this and then nothing; those that the relay ends come back.
    pub(crate) fn hold(&self, port: u16, count: usize, bytes: &[u8]) {
        let mut held: Vec<TcpStream> = Vec::new();
        while !self.is_over() {
            held.retain(|stream| !is_closed(stream));
            if held.len() < count {
                if let Ok(mut stream) = self.connect(port) {
                    let _gone = stream.write_all(bytes);
                    held.push(stream);
                }
            }
            self.strike();
        }
    }

    /// `count` connections on which these bytes come one by one.
    pub(crate) fn drip(&self, port: u16, count: usize, bytes: &[u8]) {
        let mut held: Vec<(TcpStream, usize)> = Vec::new();
        while !self.is_over() {
            if held.len() < count {
                held.extend(self.connect(port).map(|stream| (stream, 0)));
            }
            held.retain_mut(|(stream, at)| {
                let byte = bytes[*at % bytes.len()];
                *at += 1;
                stream.write_all(&[byte]).is_ok() && !is_closed(stream)
            });
            self.strike();
        }
    }

    /// Connections one after another that say this and are closed; with a reset if that is wanted.
    pub(crate) fn churn(&self, port: u16, bytes: &[u8], reset: bool) {
        while !self.is_over() {
            if let Ok(mut stream) = self.connect(port) {
                let _gone = stream.write_all(bytes);
                if reset {
                    let _gone = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
                }
            }
            self.strike();
        }
    }

    /// Connections that say the beginning, then the rest again and again, and read nothing.
    pub(crate) fn pour(&self, port: u16, begin: &[u8], again: &[u8]) {
        while !self.is_over() {
            let Ok(mut stream) = self.connect(port) else { continue };
            let mut going = stream.write_all(begin).is_ok();
            while going && !self.is_over() {
                going = stream.write_all(again).is_ok();
                self.strike();
            }
            self.strike();
        }
    }

    /// The same, reading whatever is answered; `next` makes each request. A connection ends when the
    /// relay ends it.
    pub(crate) fn ask(&self, port: u16, next: impl Fn(u64) -> Vec<u8>) {
        let mut number = 0;
        let mut sink = vec![0; 64 * 1024];
        while !self.is_over() {
            let Ok(mut stream) = self.connect(port) else { continue };
            let _set = stream.set_nonblocking(true);
            loop {
                number += 1;
                let sent = stream.write(&next(number));
                let read = stream.read(&mut sink);
                self.strike();
                let blocks = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
                let ended = matches!(read, Ok(0)) || read.as_ref().is_err_and(|e| !blocks(e));
                if ended || sent.as_ref().is_err_and(|e| !blocks(e)) || self.is_over() {
                    break;
                }
            }
        }
    }

    /// The same with each request on a connection of its own.
    pub(crate) fn ask_anew(&self, port: u16, next: impl Fn(u64) -> Vec<u8>) {
        let mut number = 0;
        let mut sink = vec![0; 4096];
        while !self.is_over() {
            number += 1;
            if let Ok(mut stream) = self.connect(port) {
                let _gone = stream.write_all(&next(number));
                let _answer = stream.read(&mut sink);
            }
            self.strike();
        }
    }

    /// Datagrams to this port, from one address after another.
    pub(crate) fn shoot(&self, port: u16, datagram: impl Fn(u64) -> Vec<u8>) {
        let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut number = 0;
        while !self.is_over() {
            let Ok(socket) = UdpSocket::bind((self.next_address(), 0)) else { continue };
            for _ in 0..16 {
                number += 1;
                let _full = socket.send_to(&datagram(number), to);
            }
            self.strike();
        }
    }

    /// A client with a login of its own, which may watch all streams.
    pub(crate) fn insider(&self, stream: &str) -> io::Result<RtspClient> {
        let url = format!("rtsp://mallory:mallorys-own@127.0.0.1:{}/{stream}", self.rtsp);
        let mut client = RtspClient::connect_from(Some(ATTACKER), &url)?;
        client.patience = Duration::from_secs(2);
        Ok(client)
    }

    /// The same, playing.
    pub(crate) fn playing(&self, stream: &str) -> io::Result<RtspClient> {
        let mut client = self.insider(stream)?;
        client.describe()?;
        client.setup(0, TransportSpec::interleaved(0))?;
        client.play()?;
        Ok(client)
    }

    /// Insiders one after another, each of whom does this until it fails or the attack is over.
    pub(crate) fn inside(
        &self,
        stream: &str,
        act: impl Fn(&Self, &mut RtspClient) -> io::Result<()>,
    ) {
        while !self.is_over() {
            let Ok(mut client) = self.insider(stream) else {
                self.strike();
                continue;
            };
            while !self.is_over() && act(self, &mut client).is_ok() {
                self.strike();
            }
            let _gone = client.stream().shutdown(Shutdown::Both);
        }
    }
}

/// Whether the relay has closed it, as far as can be seen without waiting.
fn is_closed(stream: &TcpStream) -> bool {
    let _set = stream.set_nonblocking(true);
    let closed = match stream.peek(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != io::ErrorKind::WouldBlock,
    };
    let _set = stream.set_nonblocking(false);
    closed
}
