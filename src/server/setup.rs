//! SETUP ([RFC 2326 section 10.4]): which of the offered transports a track gets.
//!
//! [RFC 2326 section 10.4]: https://www.rfc-editor.org/rfc/rfc2326#section-10.4

use std::net::{IpAddr, SocketAddr};

use rtsp_proto::headers::{Delivery, Profile, Transport, TransportSpec};
use rtsp_proto::{Request, StatusCode};

use super::answers::{Answer, bad, ok};
use super::claim::Until;
use super::client::Client;
use super::session::Session;
use super::target::Target;
use super::udp_outlet::UdpPeer;
use crate::media::Presentation;

/// A transport that the relay can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// On the connection, on these channels if they are free.
    Interleaved(Option<(u8, u8)>),
    /// To these ports.
    Udp(UdpPeer),
}

impl Client {
    pub(super) fn setup(&mut self, request: &Request, target: &Target) -> Answer {
        let offered = match Transport::from_headers(&request.headers) {
            Ok(Some(transport)) => transport.0,
            Ok(None) => return Err(bad("a SETUP needs a Transport header")),
            Err(error) => return Err(bad(&error.to_string())),
        };
        let mut choices = choices(&offered, self.entry.address)?;
        if self.stream.is_tls() || self.way_in.is_tunnel() {
            // Media over UDP would leave in the clear what the client wants encrypted, or go to a
            // proxy that knows nothing of it.
            choices.retain(|choice| matches!(choice, Choice::Interleaved(_)));
        }
        let busy = |session: &Session| session.playing || session.stream != target.stream;
        if self.session.as_ref().is_some_and(busy) {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        self.acquire(&target.stream)?;
        let (presentation, _) = self.wait_for(Until::Described)?;
        let track = chosen_track(&presentation, target.track)?;
        self.share_egress()?;
        let tracks = presentation.tracks.len();
        for choice in choices {
            let answer = match choice {
                Choice::Interleaved(wanted) => {
                    let session = session(&mut self.session, target, tracks);
                    let Some((rtp, rtcp)) = session.set_up(track, wanted) else {
                        return Err(StatusCode::NOT_FOUND.into());
                    };
                    let mut answer = TransportSpec::interleaved(rtp);
                    answer.interleaved = Some((rtp, Some(rtcp)));
                    answer
                }
                Choice::Udp(peer) => match self.set_up_udp(target, tracks, track, peer)? {
                    Some(answer) => answer,
                    None => continue,
                },
            };
            let timeout = self.server.config.client_timeout.as_secs();
            let id = self.session.as_ref().map_or("", |session| &session.id);
            return Ok(ok()
                .with("Transport", answer.to_string())
                .with("Session", format!("{id};timeout={timeout}")));
        }
        Err(StatusCode::UNSUPPORTED_TRANSPORT.into())
    }

    /// `None` when there are no ports to be had: the client's next choice may work.
    fn set_up_udp(
        &mut self,
        target: &Target,
        tracks: usize,
        track: u8,
        peer: UdpPeer,
    ) -> Result<Option<TransportSpec>, StatusCode> {
        let local = self.local.ip().to_canonical();
        let lease = match self.server.udp.lease(local) {
            Ok(lease) => lease,
            Err(error) => {
                let (id, address) = (self.entry.id, self.entry.address);
                log::warn!("no UDP ports for a viewer: {error} client={id} address={address}");
                return Ok(None);
            }
        };
        let session = session(&mut self.session, target, tracks);
        let lease = session.set_up_udp(track, peer, lease).ok_or(StatusCode::NOT_FOUND)?;
        let (rtp, rtcp) = lease.pair().ports();
        Ok(Some(TransportSpec {
            client_port: Some((peer.rtp.port(), Some(peer.rtcp.port()))),
            server_port: Some((rtp, Some(rtcp))),
            source: Some(local.to_string()),
            ssrc: self.guard.as_ref().and_then(|guard| guard.slot().hub.ssrc(track)),
            ..TransportSpec::udp(peer.rtp.port())
        }))
    }
}

fn session<'a>(known: &'a mut Option<Session>, target: &Target, tracks: usize) -> &'a mut Session {
    known.get_or_insert_with(|| Session::new(target, tracks))
}

/// What of the offered can be done, in the client's order; if nothing, the status that says why.
///
/// Media goes to the address that the request came from and to no other, whatever `destination`
/// says: nobody can have the relay send a camera's stream to somebody who did not ask.
fn choices(offered: &[TransportSpec], client: SocketAddr) -> Result<Vec<Choice>, StatusCode> {
    let mut prohibited = false;
    let mut choices = Vec::new();
    for spec in offered {
        let play = spec.mode.as_deref().is_none_or(|mode| mode.eq_ignore_ascii_case("play"));
        if !play || spec.profile != Profile::Avp || spec.delivery == Some(Delivery::Multicast) {
            continue;
        }
        if spec.is_interleaved() {
            let pair = |(rtp, rtcp): (u8, Option<u8>)| (rtp, rtcp.unwrap_or(rtp.wrapping_add(1)));
            choices.push(Choice::Interleaved(spec.interleaved.map(pair)));
        } else if let Some(peer) = peer(spec, client) {
            match spec.destination_host().is_none_or(|host| is_host(host, client.ip())) {
                true => choices.push(Choice::Udp(peer)),
                false => prohibited = true,
            }
        }
    }
    match (choices.is_empty(), prohibited) {
        (false, _) => Ok(choices),
        (true, true) => Err(StatusCode::DESTINATION_PROHIBITED),
        (true, false) => Err(StatusCode::UNSUPPORTED_TRANSPORT),
    }
}

/// Where the client wants the packets; `None` when it names no ports that can be sent to. An odd
/// port for RTP is the client's own affair.
fn peer(spec: &TransportSpec, client: SocketAddr) -> Option<UdpPeer> {
    let (rtp, rtcp) = spec.client_ports()?;
    let rtcp = rtcp.or_else(|| rtp.checked_add(1))?;
    let at = |port: u16| {
        let mut address = client;
        // An IPv4 client on an IPv6 socket is reached by IPv4.
        if client.ip().to_canonical() != client.ip() {
            address.set_ip(client.ip().to_canonical());
        }
        address.set_port(port);
        address
    };
    (rtp != 0 && rtcp != 0).then(|| UdpPeer { rtp: at(rtp), rtcp: at(rtcp) })
}

fn is_host(host: &str, client: IpAddr) -> bool {
    host.parse::<IpAddr>().is_ok_and(|host| host.to_canonical() == client.to_canonical())
}

/// The track a SETUP means: the one it names, or the only one.
fn chosen_track(presentation: &Presentation, named: Option<u8>) -> Result<u8, StatusCode> {
    let mut offered =
        presentation.tracks.iter().zip(0u8..).filter(|(track, _)| track.offered).map(|(_, i)| i);
    match named {
        Some(named) => offered.find(|&index| index == named).ok_or(StatusCode::NOT_FOUND),
        None => match (offered.next(), offered.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(header: &str) -> Result<Vec<Choice>, StatusCode> {
        let client = "192.0.2.7:40000".parse().unwrap();
        choices(&Transport::parse(header).unwrap().0, client)
    }

    fn udp(rtp: u16, rtcp: u16) -> Choice {
        let at = |port| SocketAddr::new("192.0.2.7".parse().unwrap(), port);
        Choice::Udp(UdpPeer { rtp: at(rtp), rtcp: at(rtcp) })
    }

    #[test]
    fn players_get_what_they_ask_for_in_their_own_order() {
        let both = "RTP/AVP;unicast;client_port=5000-5001,RTP/AVP/TCP;unicast;interleaved=4-5";
        assert_eq!(chosen(both), Ok(vec![udp(5000, 5001), Choice::Interleaved(Some((4, 5)))]));
        let gstreamer = "RTP/AVP;unicast;client_port=34640-34641,\
                         RTP/AVP;multicast,RTP/AVP/TCP;unicast;interleaved=0-1";
        assert_eq!(chosen(gstreamer).unwrap()[0], udp(34640, 34641));
        let secure = "RTP/SAVP;unicast;client_port=5000-5001,RTP/AVP/UDP;client_port=6000";
        assert_eq!(chosen(secure), Ok(vec![udp(6000, 6001)]));
        assert_eq!(chosen("RTP/AVP/TCP;unicast"), Ok(vec![Choice::Interleaved(None)]));
        let recording = "RTP/AVP;unicast;client_port=5000-5001;mode=record";
        assert_eq!(chosen(recording), Err(StatusCode::UNSUPPORTED_TRANSPORT));
    }

    #[test]
    fn ports_that_cannot_be_sent_to_are_refused_and_odd_ones_are_not() {
        let with = |ports: &str| chosen(&format!("RTP/AVP;unicast{ports}"));
        assert_eq!(with(";client_port=5001-5002"), Ok(vec![udp(5001, 5002)]));
        assert_eq!(with(";client_port=5000-5000"), Ok(vec![udp(5000, 5000)]));
        for ports in ["", ";client_port=65535", ";dest_addr=\":0\"/\":1\""] {
            assert_eq!(with(ports), Err(StatusCode::UNSUPPORTED_TRANSPORT), "{ports}");
        }
    }

    #[test]
    fn nobody_can_have_a_stream_sent_to_somebody_else() {
        let to = |host: &str| {
            chosen(&format!("RTP/AVP;unicast;destination={host};client_port=5000-5001"))
        };
        assert_eq!(to("192.0.2.7"), Ok(vec![udp(5000, 5001)]), "its own address");
        for victim in ["192.0.2.8", "victim.example", "255.255.255.255", "::1"] {
            assert_eq!(to(victim), Err(StatusCode::DESTINATION_PROHIBITED), "{victim}");
        }
        let or_tcp = "RTP/AVP;unicast;destination=192.0.2.8;client_port=5000-5001,RTP/AVP/TCP";
        assert_eq!(chosen(or_tcp), Ok(vec![Choice::Interleaved(None)]));
        let second = "RTP/AVP;unicast;dest_addr=\"192.0.2.8:5000\"/\"192.0.2.8:5001\"";
        assert_eq!(chosen(second), Err(StatusCode::DESTINATION_PROHIBITED));
    }
}
