//! The multicast groups of a path.

use super::options::Multicast;
use rtsp_proto::Version;
use rtsp_proto::headers::TransportSpec;
use std::net::SocketAddr;

/// One group for each track, if the camera has any.
#[derive(Debug, Default)]
pub struct Groups {
    /// How they are told.
    pub multicast: Option<Multicast>,
    /// Where RTP goes; RTCP goes to the next port.
    pub of_tracks: Vec<SocketAddr>,
}

impl Groups {
    /// The port and the `c=` line in the presentation of a track.
    pub fn description(&self, track: usize) -> (u16, String) {
        let told = self.multicast.filter(|multicast| multicast.in_sdp);
        match (told, self.of_tracks.get(track)) {
            (Some(multicast), Some(group)) => {
                (group.port(), format!("c=IN IP4 {}/{}\r\n", group.ip(), multicast.ttl))
            }
            _ => (0, String::new()),
        }
    }

    /// The answer to a SETUP of a track.
    pub fn transport(&self, track: usize, ssrc: u32, version: Version) -> Option<String> {
        let (multicast, group) = (self.multicast?, self.of_tracks.get(track)?);
        if multicast.in_sdp {
            return Some(TransportSpec::multicast().encode(version));
        }
        let spec = TransportSpec {
            destination: Some(group.ip().to_string()),
            port: Some((group.port(), Some(group.port() + 1))),
            ttl: Some(multicast.ttl),
            ssrc: Some(ssrc),
            ..TransportSpec::multicast()
        };
        Some(spec.encode(version))
    }
}
