//! Which TCP ports are listened on, without knocking at them.

use std::fs;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};

/// The kernel's number for LISTEN in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// A port that nobody listens on, for somebody who soon will. It is none of those that the system gives to
/// connections (`ip_local_port_range`), or one of them might have it by then.
pub fn free_port() -> u16 {
    const LOWEST: u32 = 10_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let own = std::process::id().wrapping_mul(97);
    let ports = (0..COUNT).map(|_| {
        let next = own.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        (LOWEST + next % COUNT) as u16
    });
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free port")
}

/// An even UDP port that nobody has, with the next one, as [`free_port`]. Nobody in this program is given
/// either of them a second time.
pub fn free_udp_pair() -> u16 {
    const ATTEMPTS: u32 = 1000;
    let is_free = |port: u16| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let pair = (0..ATTEMPTS).find_map(|_| {
        let port = free_port();
        let is_pair = port % 2 == 0 && free_port() == port + 1;
        (is_pair && is_free(port) && is_free(port + 1)).then_some(port)
    });
    pair.expect("a free pair of ports")
}

/// Whether somebody on this machine listens on TCP `port`, in the network of the calling thread.
pub fn is_listening(port: u16) -> bool {
    ["/proc/thread-self/net/tcp", "/proc/thread-self/net/tcp6"].iter().any(|table| {
        fs::read_to_string(table).unwrap_or_default().lines().skip(1).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            let local = fields.next().and_then(|address| address.rsplit_once(':'));
            let state = fields.nth(1);
            local.is_some_and(|(_, hex)| u16::from_str_radix(hex, 16) == Ok(port))
                && state == Some(LISTEN)
        })
    })
}
