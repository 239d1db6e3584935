//! The multicast groups of a camera: as its SDP has them ([RFC 8866 section 5.7], [RFC 2326 appendix
//! C], who sends: [RFC 4570]), and as its answer to SETUP has the last word.
//!
//! [RFC 8866 section 5.7]: https://www.rfc-editor.org/rfc/rfc8866#section-5.7
//! [RFC 2326 appendix C]: https://www.rfc-editor.org/rfc/rfc2326#appendix-C
//! [RFC 4570]: https://www.rfc-editor.org/rfc/rfc4570

use std::net::IpAddr;

use rtsp_proto::headers::TransportSpec;
use rtsp_proto::sdp::{MediaDescription, SessionDescription};

use crate::net::udp::Group;

/// Over how many routers reports to a group go if the camera does not say how far the group
/// reaches: over none.
const DEFAULT_TTL: u8 = 1;
/// The attribute that names those who send.
const SOURCE_FILTER: &str = "source-filter";
/// So many of them; the system has a bound, too (`igmp_max_msf`).
const MAX_SOURCES: usize = 4;

/// What an SDP says of the groups of its media, by their places.
#[derive(Debug, Default)]
pub(super) struct Announced(Vec<Told>);

#[derive(Clone, Debug, Default)]
struct Told {
    address: Option<IpAddr>,
    ttl: Option<u8>,
    port: Option<u16>,
    sources: Vec<IpAddr>,
}

impl Announced {
    /// The groups of all media.
    pub(super) fn new(sdp: &SessionDescription) -> Self {
        let told = |media: &MediaDescription| {
            let connection = media.connection.as_deref().or(sdp.connection.as_deref());
            let (address, ttl) = connection.and_then(group_of).unzip();
            let port = Some(media.port).filter(|&port| port != 0);
            let filter = media.attribute(SOURCE_FILTER).or(sdp.attribute(SOURCE_FILTER));
            let sources = filter.map(included).unwrap_or_default();
            Told { address, ttl: ttl.flatten(), port, sources }
        };
        Self(sdp.media.iter().map(told).collect())
    }

    /// Who sends to the group of a media description, by its source filter.
    pub(super) fn sources(&self, media: usize) -> &[IpAddr] {
        self.0.get(media).map_or(&[], |told| &told.sources)
    }

    /// The group of a media description, by what was agreed on for it.
    ///
    /// # Errors
    /// What the camera failed to say.
    pub(super) fn group(&self, media: usize, agreed: &TransportSpec) -> Result<Group, String> {
        let unknown = Told::default();
        let told = self.0.get(media).unwrap_or(&unknown);
        let address = match agreed.destination_host() {
            None => told.address,
            Some(host) => host.parse().ok().filter(IpAddr::is_multicast),
        };
        let address =
            address.ok_or("the camera sends to a multicast group and does not say which")?;
        let ports = agreed.group_ports().or(told.port.map(|rtp| (rtp, None)));
        let both = ports.and_then(|(rtp, rtcp)| Some((rtp, rtcp.or(rtp.checked_add(1))?)));
        let (rtp, rtcp) = both.ok_or_else(|| {
            format!("the camera sends to multicast group {address} and does not say on which ports")
        })?;
        let ttl = agreed.ttl.or(told.ttl).unwrap_or(DEFAULT_TTL);
        Ok(Group { address, rtp, rtcp, ttl })
    }
}

/// `incl IN IP4 239.1.2.3 192.0.2.1 192.0.2.2`: the senders.
fn included(filter: &str) -> Vec<IpAddr> {
    let mut words = filter.split_whitespace();
    if !words.next().is_some_and(|mode| mode.eq_ignore_ascii_case("incl")) {
        return Vec::new();
    }
    words.skip(3).filter_map(|word| word.parse().ok()).take(MAX_SOURCES).collect()
}

/// `IN IP4 239.1.2.3/127` or `IN IP6 ff15::1`: the group and its TTL.
fn group_of(connection: &str) -> Option<(IpAddr, Option<u8>)> {
    let mut parts = connection.split_whitespace().last()?.split('/');
    let address = parts.next()?.parse().ok().filter(IpAddr::is_multicast)?;
    // IPv6 has scopes instead: what would be the TTL is the number of groups.
    let ttl = parts.next().filter(|_| address.is_ipv4()).and_then(|ttl| ttl.parse().ok());
    Some((address, ttl))
}

#[cfg(test)]
mod tests {
    use rtsp_proto::Oddities;

    use super::*;

    fn announced(sdp: &str) -> Announced {
        let sdp = format!("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=x\r\n{sdp}\r\n");
        let sdp = SessionDescription::parse(sdp.as_bytes(), &mut Oddities::new()).unwrap();
        Announced::new(&sdp)
    }

    fn group(sdp: &str, answer: &str) -> Result<Group, String> {
        announced(sdp).group(0, &TransportSpec::parse(answer).unwrap())
    }

    #[test]
    fn the_answer_counts_and_the_presentation_fills_its_gaps() {
        const BARE: &str = "RTP/AVP;multicast";
        let plain = "c=IN IP4 0.0.0.0\r\nm=video 0 RTP/AVP 96";
        let session = "c=IN IP4 239.1.2.3/32\r\nm=video 5000 RTP/AVP 96";
        let media = "c=IN IP4 239.9.9.9/9\r\nm=video 5000 RTP/AVP 96\r\nc=IN IP4 239.1.2.3/32/2";
        let six = "m=video 5000 RTP/AVP 96\r\nc=IN IP6 ff15::7/2";
        let whole = "RTP/AVP;multicast;destination=239.4.5.6;port=6000-6003;ttl=7";
        let of_2_0 = "RTP/AVP;multicast;ttl=7;dest_addr=\"239.4.5.6:6000\"/\"239.4.5.6:6003\"";
        for (sdp, answer, address, ports, ttl) in [
            (plain, whole, "239.4.5.6", (6000, 6003), 7),
            (session, whole, "239.4.5.6", (6000, 6003), 7),
            (session, of_2_0, "239.4.5.6", (6000, 6003), 7),
            (session, BARE, "239.1.2.3", (5000, 5001), 32),
            (media, BARE, "239.1.2.3", (5000, 5001), 32),
            (six, BARE, "ff15::7", (5000, 5001), DEFAULT_TTL),
            (
                plain,
                "RTP/AVP;multicast;destination=239.4.5.6;port=6000",
                "239.4.5.6",
                (6000, 6001),
                DEFAULT_TTL,
            ),
        ] {
            let address = address.parse().unwrap();
            let expected = Group { address, rtp: ports.0, rtcp: ports.1, ttl };
            assert_eq!(group(sdp, answer), Ok(expected), "{sdp} {answer}");
        }
    }

    #[test]
    fn senders_are_those_of_the_source_filter_that_includes_some() {
        for (media, session, expected) in [
            ("", "", &[][..]),
            ("", "a=source-filter: incl IN IP4 239.1.2.3 192.0.2.9\r\n", &["192.0.2.9"]),
            ("a=source-filter:incl IN IP4 * 192.0.2.7 192.0.2.8", "", &["192.0.2.7", "192.0.2.8"]),
            (
                "a=source-filter:INCL IN IP6 ff15::1 2001:db8::1",
                "a=source-filter:incl IN IP4 * 192.0.2.9\r\n",
                &["2001:db8::1"],
            ),
            ("a=source-filter:excl IN IP4 * 192.0.2.7", "", &[]),
            ("a=source-filter:incl IN IP4 * cam.local", "", &[]),
            ("a=source-filter", "", &[]),
        ] {
            let sdp = format!("{session}m=video 5000 RTP/AVP 96\r\n{media}");
            let told = announced(&sdp);
            let sources = told.sources(0).iter().map(ToString::to_string);
            assert!(sources.eq(expected.iter().copied()), "{sdp}");
            assert!(told.sources(1).is_empty());
        }
        let many = "m=video 5000 RTP/AVP 96\r\na=source-filter:incl IN IP4 * 1.1.1.1 2.2.2.2 \
                    3.3.3.3 4.4.4.4 5.5.5.5";
        assert_eq!(announced(many).sources(0).len(), MAX_SOURCES);
    }

    #[test]
    fn what_is_not_said_or_is_no_group_is_told() {
        for (sdp, answer, missing) in [
            ("c=IN IP4 0.0.0.0\r\nm=video 0 RTP/AVP 96", "RTP/AVP;multicast;port=6000", "which"),
            ("c=IN IP4 239.1.2.3/1\r\nm=video 0 RTP/AVP 96", "RTP/AVP;multicast", "which ports"),
            (
                "c=IN IP4 239.1.2.3/1\r\nm=video 0 RTP/AVP 96",
                "RTP/AVP;multicast;destination=192.0.2.9;port=6000-6001",
                "which",
            ),
        ] {
            let text = group(sdp, answer).unwrap_err();
            assert!(text.ends_with(missing), "{text}");
        }
    }
}
