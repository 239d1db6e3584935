//! SETUP ([RFC 2326 section 10.4]): which of the offered transports a track gets.
//!
//! [RFC 2326 section 10.4]: https://www.rfc-editor.org/rfc/rfc2326#section-10.4

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rtsp_proto::headers::PipelinedRequests;
use rtsp_proto::headers::{Delivery, Lower, Profile, Transport, TransportSpec};
use rtsp_proto::{Request, StatusCode, Version};

use super::answers::{Answer, bad, ok};
use super::claim::Until;
use super::client::Client;
use super::group::Group;
use super::live;
use super::session::Session;
use super::target::Target;
use super::udp_outlet::UdpPeer;
use crate::media::{Place, Presentation};

/// A transport that the relay can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// On the connection, on these channels if they are free.
    Interleaved(Option<(u8, u8)>),
    /// To these ports.
    Udp(UdpPeer),
    /// To the stream's group.
    Multicast(Place),
}

impl Client {
    pub(super) fn setup(&mut self, request: &Request, target: &Target) -> Answer {
        let offered = match Transport::from_headers(&request.headers) {
            Ok(Some(transport)) => transport.0,
            Ok(None) => return Err(bad("a SETUP needs a Transport header")),
            Err(error) => return Err(bad(&error.to_string())),
        };
        let second = request.version == Version::V2_0;
        if second {
            live::check_ranges(request)?;
        }
        let fresh = self.session.is_none();
        let slot = self.server.registry.find(&target.stream);
        let place = slot.and_then(|slot| self.server.groups.place(&slot.stream.now()));
        let mut choices = choices(&offered, self.entry.address, place)?;
        if self.stream.is_tls() || self.way_in.is_tunnel() {
            // Media over UDP would leave in the clear what the client wants encrypted, or go to a
            // proxy that knows nothing of it. So would multicast.
            choices.retain(|choice| matches!(choice, Choice::Interleaved(_)));
        }
        let busy = |session: &Session| session.playing || session.stream != target.stream;
        if self.session.as_ref().is_some_and(busy) {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        self.acquire(&target.stream)?;
        let (presentation, _) = self.wait_for(Until::Described)?;
        let track = chosen_track(&presentation, target.track)?;
        let tracks = presentation.tracks.len();
        let form = form(request, &offered);
        let mut crowded = false;
        for choice in choices {
            let group = match choice {
                Choice::Multicast(place) => match self.group(place) {
                    Some(group) => Some(group),
                    None => continue,
                },
                _ => None,
            };
            if !self.share_egress(group.as_deref())? {
                crowded = true;
                continue;
            }
            let answer = match choice {
                Choice::Interleaved(wanted) => {
                    let session = session(&mut self.session, target, tracks);
                    let Some((rtp, rtcp)) = session.set_up(track, wanted) else {
                        return Err(StatusCode::NOT_FOUND.into());
                    };
                    let mut answer = TransportSpec::interleaved(rtp);
                    answer.interleaved = Some((rtp, Some(rtcp)));
                    answer.ssrc = self.ssrc(track).filter(|_| second);
                    answer
                }
                Choice::Udp(peer) => match self.set_up_udp(target, tracks, track, peer)? {
                    Some(answer) => answer,
                    None => continue,
                },
                Choice::Multicast(_) => {
                    let set_up = |group| self.set_up_multicast(target, tracks, track, group, form);
                    match group.map(set_up).transpose()?.flatten() {
                        Some(answer) => answer,
                        None => continue,
                    }
                }
            };
            let timeout = self.server.config.get().client_timeout.as_secs();
            let session = self.session.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
            if fresh {
                session.version = request.version;
                session.pipeline = PipelinedRequests::from_headers(&request.headers).ok().flatten();
            }
            let mut response = ok()
                .with("Transport", answer.encode(form))
                .with("Session", format!("{};timeout={timeout}", session.id));
            if second {
                live::describe(session, &mut response.headers);
            }
            return Ok(response);
        }
        match crowded {
            true => Err(self.refused_egress()),
            false => Err(StatusCode::UNSUPPORTED_TRANSPORT.into()),
        }
    }

    /// The stream's group; `None` when no way leads there: the client's next choice may work.
    fn group(&self, place: Place) -> Option<Arc<Group>> {
        if let Some(group) = self.session.as_ref().and_then(|session| session.group.as_ref()) {
            return Some(Arc::clone(group));
        }
        let slot = self.guard.as_ref()?.slot();
        let group = self.server.groups.open(slot, place, self.server.clients.next_id());
        group.map_err(|error| self.tell_no_multicast(&error)).ok()
    }

    /// `None` when the track has no ports in the group: the client's next choice may work.
    fn set_up_multicast(
        &mut self,
        target: &Target,
        tracks: usize,
        track: u8,
        group: Arc<Group>,
        form: Version,
    ) -> Result<Option<TransportSpec>, StatusCode> {
        let (rtp, rtcp) = match group.set_up(track) {
            Ok(ports) => ports,
            Err(error) => {
                self.tell_no_multicast(&error);
                return Ok(None);
            }
        };
        let from = group.source_ports();
        let answer = TransportSpec {
            delivery: Some(Delivery::Multicast),
            destination: Some(group.place.group.to_string()),
            source: Some(group.local.to_string()),
            ttl: Some(group.place.ttl),
            port: Some((rtp, Some(rtcp))),
            // RTSP 1.0 has no place for it.
            server_port: (form == Version::V2_0).then_some((from.0, Some(from.1))),
            ssrc: self.ssrc(track),
            ..TransportSpec::new()
        };
        let session = session(&mut self.session, target, tracks);
        session.set_up_multicast(track, group).ok_or(StatusCode::NOT_FOUND)?;
        Ok(Some(answer))
    }

    fn tell_no_multicast(&self, error: &std::io::Error) {
        let (id, address) = (self.entry.id, self.entry.address);
        let stream = self.guard.as_ref().map_or("", |guard| &guard.slot().stream.name);
        log::warn!(
            "no multicast for a viewer: {error} stream={stream} client={id} address={address}"
        );
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
            ssrc: self.ssrc(track),
            ..TransportSpec::udp(peer.rtp.port())
        }))
    }

    fn ssrc(&self, track: u8) -> Option<u32> {
        self.guard.as_ref()?.slot().hub.ssrc(track)
    }
}

/// In which version's words a transport is answered. GStreamer's client names ports as RTSP 1.0
/// does in its RTSP/2.0 requests, and knows no other answer. For multicast it names none.
fn form(request: &Request, offered: &[TransportSpec]) -> Version {
    let ports = |spec: &TransportSpec| spec.client_port.is_some() || spec.port.is_some();
    let agent = request.headers.get("User-Agent").unwrap_or_default();
    let is_odd = agent.starts_with("GStreamer") || offered.iter().any(ports);
    if is_odd { Version::V1_0 } else { request.version }
}

fn session<'a>(known: &'a mut Option<Session>, target: &Target, tracks: usize) -> &'a mut Session {
    known.get_or_insert_with(|| Session::new(target, tracks))
}

/// What of the offered can be done, in the client's order; if nothing, the status that says why.
///
/// Media goes to the address that the request came from and to no other, whatever `destination`
/// says: nobody can have the relay send a camera's stream to somebody who did not ask. Multicast
/// goes to the stream's own group, if it has one (`place`), and to no other.
fn choices(
    offered: &[TransportSpec],
    client: SocketAddr,
    place: Option<Place>,
) -> Result<Vec<Choice>, StatusCode> {
    let mut prohibited = false;
    let mut choices = Vec::new();
    for spec in offered {
        let play = spec.mode.as_deref().is_none_or(|mode| mode.eq_ignore_ascii_case("play"));
        if !play || spec.profile != Profile::Avp {
            continue;
        }
        // Both on one port, or a connection of its own for media, are not to be had.
        let own_connection = spec.lower == Lower::Tcp && !spec.dest_addr.is_empty();
        if spec.rtcp_mux || own_connection {
            continue;
        }
        if spec.is_multicast() {
            let Some(place) = place.filter(|_| !spec.is_interleaved()) else { continue };
            match spec.destination_hosts().all(|host| is_host(host, place.group.into())) {
                true => choices.push(Choice::Multicast(place)),
                false => prohibited = true,
            }
        } else if spec.is_interleaved() {
            let pair = |(rtp, rtcp): (u8, Option<u8>)| (rtp, rtcp.unwrap_or(rtp.wrapping_add(1)));
            choices.push(Choice::Interleaved(spec.interleaved.map(pair)));
        } else if let Some(peer) = peer(spec, client) {
            match spec.destination_hosts().all(|host| is_host(host, client.ip())) {
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
        (0..presentation.tracks.len() as u8).filter(|&track| presentation.offers(track));
    match named {
        Some(named) => {
            Some(named).filter(|&track| presentation.offers(track)).ok_or(StatusCode::NOT_FOUND)
        }
        None => match (offered.next(), offered.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED),
        },
    }
}

#[cfg(test)]
mod tests {
    use rtsp_proto::Method;

    use super::*;

    fn chosen(header: &str) -> Result<Vec<Choice>, StatusCode> {
        let client = "192.0.2.7:40000".parse().unwrap();
        choices(&Transport::parse(header).unwrap().0, client, None)
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
        let half = "RTP/AVP;unicast;dest_addr=\":5000\"/\"192.0.2.8:5001\"";
        assert_eq!(chosen(half), Err(StatusCode::DESTINATION_PROHIBITED));
    }

    #[test]
    fn multicast_goes_to_the_streams_own_group_or_nowhere() {
        let place = Place { group: [239, 255, 42, 3].into(), port: 5004, ttl: 1 };
        let chosen = |header: &str| {
            let client = "[2001:db8::7]:40000".parse().unwrap();
            choices(&Transport::parse(header).unwrap().0, client, Some(place))
        };
        let group = Choice::Multicast(place);
        for own in [
            "RTP/AVP;multicast",
            "RTP/AVP/UDP;multicast;port=7000-7001;ttl=127",
            "RTP/AVP;multicast;destination=239.255.42.3",
            "RTP/AVP;multicast;dest_addr=\"239.255.42.3:5004\"/\":5005\"",
        ] {
            assert_eq!(chosen(own), Ok(vec![group]), "{own}");
        }
        for foreign in ["239.255.42.4", "192.0.2.7", "2001:db8::7", "victim.example"] {
            let header = format!("RTP/AVP;multicast;destination={foreign}");
            assert_eq!(chosen(&header), Err(StatusCode::DESTINATION_PROHIBITED), "{foreign}");
        }
        // Whoever wants it alone does not get it to the group's address.
        let unicast = "RTP/AVP;unicast;destination=239.255.42.3;client_port=5004-5005";
        assert_eq!(chosen(unicast), Err(StatusCode::DESTINATION_PROHIBITED));
        assert_eq!(chosen("RTP/AVP/TCP;multicast"), Err(StatusCode::UNSUPPORTED_TRANSPORT));
        let any = "RTP/SAVP;multicast,RTP/AVP;multicast,RTP/AVP/TCP;interleaved=0-1";
        assert_eq!(chosen(any), Ok(vec![group, Choice::Interleaved(Some((0, 1)))]));
    }

    #[test]
    fn what_the_second_version_offers_besides_is_passed_over() {
        let second = "RTP/AVP;unicast;dest_addr=\":5000\"/\":5001\"";
        assert_eq!(chosen(second), Ok(vec![udp(5000, 5001)]));
        let own = "RTP/AVP;unicast;dest_addr=\"192.0.2.7:5000\"/\"192.0.2.7:5001\"";
        assert_eq!(chosen(own), Ok(vec![udp(5000, 5001)]));
        for not_ours in [
            "RTP/AVP;unicast;dest_addr=\":5000\";RTCP-mux",
            "RTP/AVP/TCP;unicast;dest_addr=\":5000\";setup=passive;connection=new",
        ] {
            assert_eq!(chosen(not_ours), Err(StatusCode::UNSUPPORTED_TRANSPORT), "{not_ours}");
            let or_tcp = format!("{not_ours},RTP/AVP/TCP;unicast;interleaved=0-1");
            assert_eq!(chosen(&or_tcp), Ok(vec![Choice::Interleaved(Some((0, 1)))]));
        }
    }

    #[test]
    fn a_transport_is_answered_in_the_clients_own_words() {
        let form = |version, header: &str| {
            let request = Request::new(Method::Setup, "rtsp://relay/door", version);
            form(&request, &Transport::parse(header).unwrap().0)
        };
        let (ports, addresses) = ("RTP/AVP;client_port=5000", "RTP/AVP;dest_addr=\":5000\"");
        assert_eq!(form(Version::V1_0, ports), Version::V1_0);
        assert_eq!(form(Version::V2_0, addresses), Version::V2_0);
        assert_eq!(form(Version::V2_0, ports), Version::V1_0, "GStreamer");
        assert_eq!(form(Version::V2_0, "RTP/AVP;multicast"), Version::V2_0);
        assert_eq!(form(Version::V2_0, "RTP/AVP;multicast;port=5004"), Version::V1_0);
    }
}
