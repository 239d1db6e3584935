//! What a camera's answer to SETUP means for where the media comes.
//!
//! RFC 2326 section 12.39 wants the agreed transport in the answer. Cameras leave out what they
//! agree to, name other channels than asked for, one number of a pair, the same pair for two
//! tracks, `RTP/AVP` for TCP (Escam Q6), or the other transport altogether. Their answer counts as
//! far as it makes sense, and what was asked fills the gaps. Where UDP was asked for, a multicast
//! group makes sense too: it is joined, which asks nothing of the camera.

use std::net::IpAddr;

use crate::headers::{Delivery, Lower, TransportSpec};
use crate::{Headers, Oddities, Oddity};

/// The answer is of a transport that was not asked for and cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mismatch;

/// What was agreed on.
pub(super) fn agree(
    asked: &TransportSpec,
    headers: &Headers,
    oddities: &mut Oddities,
) -> Result<TransportSpec, Mismatch> {
    let Ok(Some(mut said)) = TransportSpec::from_camera(headers, oddities) else {
        oddities.note(Oddity::OddTransport);
        return Ok(asked.clone());
    };
    forget_zero_ports(&mut said);
    match (said.interleaved, asked.lower) {
        (Some(channels), _) => {
            if asked.lower != Lower::Tcp || said.lower != Lower::Tcp {
                oddities.note(Oddity::OddTransport);
            }
            let channels = pair(channels, oddities);
            if asked.interleaved.is_some_and(|asked| pair(asked, &mut Oddities::new()) != channels)
            {
                oddities.note(Oddity::OddChannels);
            }
            Ok(TransportSpec { lower: Lower::Tcp, interleaved: Some(channels), ..said })
        }
        (None, Lower::Tcp) if says_udp(&said) => Err(Mismatch),
        (None, Lower::Tcp) => {
            oddities.note(Oddity::OddTransport);
            Ok(TransportSpec { lower: Lower::Tcp, interleaved: asked.interleaved, ..said })
        }
        (None, Lower::Udp) if said.lower == Lower::Tcp => Err(Mismatch),
        (None, Lower::Udp) if said.is_multicast() || asked.is_multicast() && names_group(&said) => {
            if !asked.is_multicast() {
                oddities.note(Oddity::OddTransport);
            }
            Ok(TransportSpec { delivery: Some(Delivery::Multicast), ..said })
        }
        // The ports that it would send to were not told.
        (None, Lower::Udp) if asked.is_multicast() => Err(Mismatch),
        (None, Lower::Udp) => {
            if said.client_ports() != asked.client_ports() {
                oddities.note(Oddity::OddTransport);
            }
            Ok(TransportSpec { client_port: asked.client_port, ..said })
        }
    }
}

/// An answer without channels names ports, or a group, only if it means UDP.
fn says_udp(said: &TransportSpec) -> bool {
    said.lower == Lower::Udp && (said.server_ports().is_some() || said.is_multicast())
}

/// RFC 2326 means multicast when nothing is said; a destination tells whether the camera does.
fn names_group(said: &TransportSpec) -> bool {
    let is_group = |host: &str| host.parse().is_ok_and(|ip: IpAddr| ip.is_multicast());
    said.delivery.is_none() && said.destination_hosts().all(is_group)
}

fn forget_zero_ports(said: &mut TransportSpec) {
    for ports in [&mut said.server_port, &mut said.client_port, &mut said.port] {
        if ports.is_some_and(|(rtp, _)| rtp == 0) {
            *ports = None;
        }
    }
}

/// Both channels of a track: RTCP is on the next one when only one number, or twice the same,
/// is given.
fn pair((rtp, rtcp): (u8, Option<u8>), oddities: &mut Oddities) -> (u8, Option<u8>) {
    match rtcp {
        Some(rtcp) if rtcp != rtp => (rtp, Some(rtcp)),
        _ => {
            oddities.note(Oddity::OddTransport);
            (rtp, rtp.checked_add(1))
        }
    }
}

/// Whether two tracks share a channel, so that only the payload type tells them apart.
pub(super) fn overlap(a: &TransportSpec, b: &TransportSpec) -> bool {
    let channels = |spec: &TransportSpec| {
        let (rtp, rtcp) = spec.interleaved.map_or((None, None), |(rtp, rtcp)| (Some(rtp), rtcp));
        [rtp, rtcp].into_iter().flatten()
    };
    channels(a).any(|channel| channels(b).any(|other| other == channel))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TCP: &str = "tcp";
    const UDP: &str = "udp";
    const GROUP: &str = "group";

    fn agreed(asked: &str, answer: &str) -> (Result<TransportSpec, Mismatch>, Oddities) {
        let asked = match asked {
            TCP => TransportSpec::interleaved(2),
            GROUP => TransportSpec::multicast(),
            _ => TransportSpec::udp(6000),
        };
        let mut headers = Headers::new();
        if !answer.is_empty() {
            headers.append("Transport", answer);
        }
        let mut oddities = Oddities::new();
        (agree(&asked, &headers, &mut oddities), oddities)
    }

    #[test]
    fn channels_are_those_of_the_answer_else_those_asked_for() {
        for (asked, answer, channels) in [
            (TCP, "RTP/AVP/TCP;unicast;interleaved=2-3", (2, Some(3))),
            (TCP, "RTP/AVP/TCP;unicast;interleaved=10-11;ssrc=6ff8ec31", (10, Some(11))),
            (TCP, "RTP/AVP/TCP;unicast;interleaved=0", (0, Some(1))),
            (TCP, "RTP/AVP/TCP;interleaved=255", (255, None)),
            (TCP, "RTP/AVP/TCP;unicast;interleaved=4-4", (4, Some(5))),
            (TCP, "RTP/AVP/TCP;unicast;interleaved=3-2", (3, Some(2))),
            (
                TCP,
                "RTP/AVP;unicast;destination=10.0.0.2;source=10.0.0.1;interleaved=0-1",
                (0, Some(1)),
            ),
            (TCP, "ssrc=22345684;interleaved=0-1;RTP/AVP/TCP", (0, Some(1))),
            (TCP, "RTP/AVP/TCP;unicast", (2, Some(3))),
            (TCP, "RTP/AVP;unicast", (2, Some(3))),
            (TCP, "RTP/AVP;unicast;server_port=0-0", (2, Some(3))),
            (TCP, "", (2, Some(3))),
            (UDP, "RTP/AVP/TCP;unicast;interleaved=0-1", (0, Some(1))),
        ] {
            let (spec, _) = agreed(asked, answer);
            let spec = spec.unwrap();
            assert_eq!(spec.lower, Lower::Tcp, "{answer}");
            assert_eq!(spec.interleaved, Some(channels), "{answer}");
        }
    }

    #[test]
    fn udp_keeps_our_own_ports() {
        for (answer, server_port) in [
            (
                "RTP/AVP;unicast;client_port=6000-6001;server_port=9000-9001",
                Some((9000, Some(9001))),
            ),
            ("RTP/AVP;unicast;client_port=1-2;server_port=9000", Some((9000, None))),
            ("RTP/AVP;unicast;client_port=6000-6001;server_port=0-0", None),
            ("RTP/AVP/UDP;unicast;client_port=6000-6001", None),
        ] {
            let spec = agreed(UDP, answer).0.unwrap();
            assert_eq!(spec.client_port, Some((6000, Some(6001))), "{answer}");
            assert_eq!(spec.server_port, server_port, "{answer}");
        }
    }

    #[test]
    fn another_transport_than_asked_is_no_agreement() {
        for (asked, answer) in [
            (TCP, "RTP/AVP;unicast;client_port=1-2;server_port=9000-9001"),
            (TCP, "RTP/AVP;multicast;destination=239.0.0.1;port=5000-5001"),
            (UDP, "RTP/AVP/TCP;unicast"),
            (GROUP, "RTP/AVP/TCP;unicast"),
            (GROUP, "RTP/AVP;unicast;client_port=1-2;server_port=9000-9001"),
            (GROUP, "RTP/AVP;destination=192.0.2.1;client_port=1-2"),
        ] {
            assert_eq!(agreed(asked, answer).0, Err(Mismatch), "{answer}");
        }
    }

    #[test]
    fn a_group_is_taken_in_either_form_whether_asked_for_or_not() {
        let long = "RTP/AVP;multicast;destination=239.0.0.1;port=5000-5001;ttl=16";
        let short = "RTP/AVP;multicast;ttl=16;dest_addr=\"239.0.0.1:5000\"/\"239.0.0.1:5001\"";
        let client = "RTP/AVP/UDP;multicast;destination=239.0.0.1;client_port=5000-5001;ttl=16";
        let default = "RTP/AVP;destination=239.0.0.1;port=5000-5001;ttl=16";
        for (asked, answer) in [
            (UDP, long),
            (UDP, short),
            (GROUP, long),
            (GROUP, short),
            (GROUP, client),
            (GROUP, default),
        ] {
            let (spec, oddities) = agreed(asked, answer);
            let spec = spec.unwrap();
            assert_eq!((spec.lower, spec.is_multicast()), (Lower::Udp, true), "{answer}");
            assert_eq!(spec.destination_host(), Some("239.0.0.1"), "{answer}");
            assert_eq!((spec.group_ports(), spec.ttl), (Some((5000, Some(5001))), Some(16)));
            let odd = oddities.count(Oddity::OddTransport);
            assert_eq!(odd, u64::from(asked == UDP), "{answer}");
        }
        // The rest is in the presentation.
        for answer in ["", "RTP/AVP;multicast", "RTP/AVP"] {
            let spec = agreed(GROUP, answer).0.unwrap();
            assert!(spec.is_multicast(), "{answer}");
            assert_eq!((spec.destination_host(), spec.group_ports()), (None, None), "{answer}");
        }
    }

    #[test]
    fn other_channels_than_asked_are_noted() {
        let count = |answer| agreed(TCP, answer).1.count(Oddity::OddChannels);
        assert_eq!(count("RTP/AVP/TCP;unicast;interleaved=10-11"), 1);
        assert_eq!(count("RTP/AVP/TCP;unicast;interleaved=2-3"), 0);
    }

    #[test]
    fn tracks_with_a_channel_in_common_overlap() {
        let spec = TransportSpec::interleaved;
        assert!(overlap(&spec(0), &spec(0)));
        assert!(overlap(&spec(0), &spec(1)));
        assert!(!overlap(&spec(0), &spec(2)));
        assert!(!overlap(&TransportSpec::udp(6000), &TransportSpec::udp(6000)));
    }
}
