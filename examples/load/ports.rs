//! Two neighbouring UDP ports, as RTP and RTCP want them.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use socket2::SockRef;

/// What a player asks for; a key frame comes faster than it can be read.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// How often another pair is looked for.
const ATTEMPTS: usize = 100;

/// Where a viewer's datagrams come.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Of the media.
    pub(crate) rtp: UdpSocket,
    /// Reports come here and are not read.
    _rtcp: UdpSocket,
    /// Of RTP and RTCP.
    pub(crate) numbers: (u16, u16),
}

impl Ports {
    /// An even port and the next one.
    pub(crate) fn bind(address: IpAddr) -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            let one = UdpSocket::bind(SocketAddr::new(address, 0))?;
            let port = one.local_addr()?.port();
            let other = match UdpSocket::bind(SocketAddr::new(address, port ^ 1)) {
                Ok(other) => other,
                Err(error) => {
                    last = error;
                    continue;
                }
            };
            let (rtp, rtcp) = if port % 2 == 0 { (one, other) } else { (other, one) };
            SockRef::from(&rtp).set_recv_buffer_size(RECEIVE_BUFFER)?;
            let numbers = (port & !1, port | 1);
            return Ok(Self { rtp, _rtcp: rtcp, numbers });
        }
        Err(last)
    }
}
