//! How a track reaches a session: on two channels of its connection, or on two UDP ports.

use super::outlet::Outlet;
use super::picture::Picture;
use super::udp::Udp;
use std::net::SocketAddr;
use std::sync::Arc;

/// Where RTP and RTCP of a track go.
#[derive(Clone, Debug)]
pub enum Delivery {
    /// Interleaved.
    Tcp {
        /// The session's connection.
        outlet: Arc<Outlet>,
        /// Channel of RTP.
        rtp: u8,
        /// Channel of RTCP.
        rtcp: u8,
    },
    /// Datagrams.
    Udp {
        /// The camera's ports.
        udp: Arc<Udp>,
        /// The client's port for RTP.
        rtp: SocketAddr,
        /// The client's port for RTCP.
        rtcp: SocketAddr,
    },
}

impl Delivery {
    /// Whether other sessions get the same.
    pub fn is_to_group(&self) -> bool {
        matches!(self, Self::Udp { rtp, .. } if rtp.ip().is_multicast())
    }

    /// Sends a picture; `false` if it was dropped.
    pub fn picture(&self, picture: &mut Picture) -> bool {
        match self {
            Self::Tcp { outlet, rtp, .. } => outlet.media(picture.interleaved(*rtp)),
            Self::Udp { udp, rtp, .. } => {
                udp.rtp(*rtp, picture.datagrams());
                true
            }
        }
    }

    /// Sends an RTCP packet.
    pub fn rtcp(&self, packet: &[u8]) {
        match self {
            Self::Tcp { outlet, rtcp, .. } => {
                let length = (packet.len() as u16).to_be_bytes();
                outlet.send(&[&[b'$', *rtcp, length[0], length[1]], packet].concat());
            }
            Self::Udp { udp, rtcp, .. } => udp.rtcp(*rtcp, packet),
        }
    }

    /// Sends bytes that belong to nothing, where there is a byte stream.
    pub fn garbage(&self, bytes: &[u8]) {
        if let Self::Tcp { outlet, .. } = self {
            outlet.send(bytes);
        }
    }
}
