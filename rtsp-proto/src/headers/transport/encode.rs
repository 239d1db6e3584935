//! Writing a transport. The order of the parameters is fixed, so that equal values are equal
//! text.

use super::{Delivery, Lower, Profile, TransportSpec};
use crate::Version;
use crate::headers::lexer::quote;
use std::fmt::{self, Write as _};

impl fmt::Display for TransportSpec {
    /// The strict form of RTSP 1.0. Parameters of 2.0 that are set are written as well.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.profile.as_str())?;
        if self.lower == Lower::Tcp && !matches!(self.profile, Profile::Other(_)) {
            f.write_str("/TCP")?;
        }
        match self.delivery {
            Some(Delivery::Unicast) => f.write_str(";unicast")?,
            Some(Delivery::Multicast) => f.write_str(";multicast")?,
            None => {}
        }
        text(f, "destination", self.destination.as_ref())?;
        text(f, "source", self.source.as_ref())?;
        text(f, "layers", self.layers)?;
        text(f, "ttl", self.ttl)?;
        pair(f, "interleaved", self.interleaved)?;
        pair(f, "port", self.port)?;
        pair(f, "client_port", self.client_port)?;
        pair(f, "server_port", self.server_port)?;
        text(f, "ssrc", self.ssrc.map(|ssrc| format!("{ssrc:08X}")))?;
        text(f, "mode", self.mode.as_deref().map(quote))?;
        addresses(f, "dest_addr", &self.dest_addr)?;
        addresses(f, "src_addr", &self.src_addr)?;
        if self.rtcp_mux {
            f.write_str(";RTCP-mux")?;
        }
        for (name, value) in &self.other {
            match value {
                Some(value) => write!(f, ";{name}={value}")?,
                None => write!(f, ";{name}")?,
            }
        }
        Ok(())
    }
}

impl TransportSpec {
    /// The strict form of this version. For RTSP 2.0, ports and addresses of 1.0 become
    /// `dest_addr` and `src_addr`, where those are not set already; `layers` has no form there.
    pub fn encode(&self, version: Version) -> String {
        if version < Version::V2_0 {
            return self.to_string();
        }
        let mut spec = self.clone();
        let (destination, source) = (spec.destination.take(), spec.source.take());
        let group = spec.port.take();
        let client = spec.client_port.take().or(group);
        let server = spec.server_port.take();
        spec.layers = None;
        if spec.dest_addr.is_empty() {
            spec.dest_addr = host_ports(destination.as_deref(), client);
        }
        if spec.src_addr.is_empty() {
            spec.src_addr = host_ports(source.as_deref(), server);
        }
        spec.to_string()
    }
}

/// `host:port` for each port; none without ports, since 2.0 has no form for a host alone.
fn host_ports(host: Option<&str>, ports: Option<(u16, Option<u16>)>) -> Vec<String> {
    let Some((rtp, rtcp)) = ports else { return Vec::new() };
    let host = match host {
        Some(host) if host.contains(':') && !host.starts_with('[') => format!("[{host}]"),
        host => host.unwrap_or_default().to_owned(),
    };
    std::iter::once(rtp).chain(rtcp).map(|port| format!("{host}:{port}")).collect()
}

fn text(f: &mut fmt::Formatter<'_>, name: &str, value: Option<impl fmt::Display>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, ";{name}={value}"))
}

fn pair<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: Option<(T, Option<T>)>,
) -> fmt::Result {
    match value {
        Some((first, Some(second))) => write!(f, ";{name}={first}-{second}"),
        Some((first, None)) => write!(f, ";{name}={first}"),
        None => Ok(()),
    }
}

fn addresses(f: &mut fmt::Formatter<'_>, name: &str, list: &[String]) -> fmt::Result {
    for (at, address) in list.iter().enumerate() {
        if at == 0 {
            write!(f, ";{name}=")?;
        } else {
            f.write_char('/')?;
        }
        f.write_str(&quote(address))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_is_asked_in_the_words_every_camera_knows() {
        let asked = TransportSpec::interleaved(2).to_string();
        assert_eq!(asked, "RTP/AVP/TCP;unicast;interleaved=2-3");
        let asked = TransportSpec::udp(5000).to_string();
        assert_eq!(asked, "RTP/AVP;unicast;client_port=5000-5001");
    }

    #[test]
    fn a_client_of_the_second_version_gets_addresses_instead_of_ports() {
        let spec = TransportSpec {
            server_port: Some((6000, Some(6001))),
            source: Some("2001:db8::1".into()),
            ssrc: Some(0xABC),
            layers: Some(1),
            ..TransportSpec::udp(5000)
        };
        assert_eq!(
            spec.encode(Version::V2_0),
            "RTP/AVP;unicast;ssrc=00000ABC;dest_addr=\":5000\"/\":5001\";\
             src_addr=\"[2001:db8::1]:6000\"/\"[2001:db8::1]:6001\""
        );
        assert_eq!(spec.encode(Version::V1_0), spec.to_string());
        let group = TransportSpec {
            delivery: Some(Delivery::Multicast),
            destination: Some("239.1.1.1".into()),
            port: Some((7000, None)),
            ttl: Some(16),
            ..TransportSpec::new()
        };
        let written = group.encode(Version::V2_0);
        assert_eq!(written, "RTP/AVP;multicast;ttl=16;dest_addr=\"239.1.1.1:7000\"");
        assert_eq!(group.to_string(), "RTP/AVP;multicast;destination=239.1.1.1;ttl=16;port=7000");
    }

    #[test]
    fn ports_are_found_in_either_form() {
        let spec = TransportSpec::parse(
            "RTP/AVP;unicast;dest_addr=\":5000\"/\":5001\";src_addr=\"[::1]:6000\"/\"[::1]:6001\"",
        )
        .unwrap();
        assert_eq!(spec.client_ports(), Some((5000, Some(5001))));
        assert_eq!(spec.server_ports(), Some((6000, Some(6001))));
        assert_eq!((spec.source_host(), spec.destination_host()), (Some("::1"), None));
        assert_eq!(TransportSpec::udp(9).client_ports(), Some((9, Some(10))));
    }
}
