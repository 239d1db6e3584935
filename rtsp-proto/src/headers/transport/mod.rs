//! Transport ([RFC 2326 section 12.39], [RFC 7826 section 18.54]).
//!
//! One type holds both forms: RTSP 1.0 names ports (`client_port=5000-5001`), RTSP 2.0 names
//! addresses (`dest_addr=":5000"/":5001"`). Either form is read whatever the version of the
//! message, because GStreamer sends the ports of 1.0 in its RTSP/2.0 SETUP. [`TransportSpec::encode`]
//! turns ports into addresses where 2.0 asks for them; [`TransportSpec::client_ports`] and
//! [`TransportSpec::server_ports`] look into both.
//!
//! [RFC 2326 section 12.39]: https://www.rfc-editor.org/rfc/rfc2326#section-12.39
//! [RFC 7826 section 18.54]: https://www.rfc-editor.org/rfc/rfc7826#section-18.54

mod encode;
mod parse;
mod ssrc;

use super::HeaderError;
use crate::{Headers, Oddities};
use std::fmt;

const NAME: &str = "Transport";

/// The parameters that have a meaning; in another form than theirs they have none.
const KNOWN: [&str; 15] = [
    "unicast",
    "multicast",
    "rtcp-mux",
    "interleaved",
    "client_port",
    "server_port",
    "port",
    "destination",
    "source",
    "ssrc",
    "ttl",
    "layers",
    "mode",
    "dest_addr",
    "src_addr",
];

/// Specifications in one message; a client that lists more is refused.
pub const MAX_SPECS: usize = 16;

/// What a client would take, the one it likes best first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transport(pub Vec<TransportSpec>);

/// One way to carry a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransportSpec {
    /// Protocol and profile.
    pub profile: Profile,
    /// What carries the packets. [`Lower::Udp`] when it is not said, which is the default.
    pub lower: Lower,
    /// To one or to many; `None` when it is not said. RFC 2326 then means multicast and everyone
    /// else unicast.
    pub delivery: Option<Delivery>,
    /// Channels on the RTSP connection: RTP, and RTCP if named.
    pub interleaved: Option<(u8, Option<u8>)>,
    /// The client's UDP ports: RTP, and RTCP if named.
    pub client_port: Option<(u16, Option<u16>)>,
    /// The server's UDP ports: RTP, and RTCP if named.
    pub server_port: Option<(u16, Option<u16>)>,
    /// The ports of a multicast group: RTP, and RTCP if named.
    pub port: Option<(u16, Option<u16>)>,
    /// Where the packets go: host name or address.
    pub destination: Option<String>,
    /// Where the packets come from: host name or address.
    pub source: Option<String>,
    /// The synchronisation source of the packets; of several (RTSP 2.0) the first.
    pub ssrc: Option<u32>,
    /// Hops of multicast packets.
    pub ttl: Option<u8>,
    /// Multicast layers.
    pub layers: Option<u8>,
    /// The methods the session is for, usually `PLAY`.
    pub mode: Option<String>,
    /// RTSP 2.0: where the packets go, `host:port` or `:port`, RTP first.
    pub dest_addr: Vec<String>,
    /// RTSP 2.0: where the packets come from, `host:port`, RTP first.
    pub src_addr: Vec<String>,
    /// RTSP 2.0: RTCP shares the port or channel of RTP.
    pub rtcp_mux: bool,
    /// Everything else, in order: name, and value if there is an `=`. Quotes are kept.
    pub other: Vec<(String, Option<String>)>,
}

/// Protocol and profile of a transport.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standards' own")]
pub enum Profile {
    Avp,
    Savp,
    Avpf,
    Savpf,
    /// Any other identifier, whole as written, such as `x-real-rdt/udp`.
    Other(String),
}

/// What carries the packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the protocols' own")]
pub enum Lower {
    #[default]
    Udp,
    Tcp,
}

/// To one receiver or to many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Delivery {
    Unicast,
    Multicast,
}

impl Transport {
    /// Parses a client's list of at most [`MAX_SPECS`] specifications.
    ///
    /// A protocol that is not known is no error but [`Profile::Other`]: the client offers it
    /// beside others. A specification that breaks the grammar is one.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        parse::list(value)
    }

    /// The transports a client's message lists; `None` when there is no such line.
    pub fn from_headers(headers: &Headers) -> Result<Option<Self>, HeaderError> {
        let mut all = None;
        for value in headers.get_all(NAME) {
            let specs = &mut all.get_or_insert_with(Self::default).0;
            specs.extend(Self::parse(value)?.0);
            if specs.len() > MAX_SPECS {
                return Err(HeaderError::new(NAME, "more than 16 transports", value));
            }
        }
        Ok(all)
    }
}

impl TransportSpec {
    /// Parses one specification, strictly.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        parse::one(value)
    }

    /// Parses a camera's answer: parameters before the profile or without one, ports of 0, empty
    /// addresses and SSRCs of every kind are taken for what they can mean, and counted. It fails
    /// only when the value holds nothing about a transport.
    pub fn parse_camera(value: &str, oddities: &mut Oddities) -> Result<Self, HeaderError> {
        parse::camera(value, oddities)
    }

    /// The transport a camera answers with; `None` when it does not say.
    pub fn from_camera(
        headers: &Headers,
        oddities: &mut Oddities,
    ) -> Result<Option<Self>, HeaderError> {
        headers.get(NAME).map(|value| Self::parse_camera(value, oddities)).transpose()
    }

    /// RTP/AVP over UDP with nothing said.
    pub fn new() -> Self {
        Self {
            profile: Profile::Avp,
            lower: Lower::Udp,
            delivery: None,
            interleaved: None,
            client_port: None,
            server_port: None,
            port: None,
            destination: None,
            source: None,
            ssrc: None,
            ttl: None,
            layers: None,
            mode: None,
            dest_addr: Vec::new(),
            src_addr: Vec::new(),
            rtcp_mux: false,
            other: Vec::new(),
        }
    }

    /// RTP on channel `rtp` of the RTSP connection, RTCP on the next one. `rtp` is even, or at
    /// least not 255.
    pub fn interleaved(rtp: u8) -> Self {
        Self {
            lower: Lower::Tcp,
            delivery: Some(Delivery::Unicast),
            interleaved: Some((rtp, Some(rtp.saturating_add(1)))),
            ..Self::new()
        }
    }

    /// RTP to UDP port `client_rtp_port` of the client, RTCP to the next one.
    pub fn udp(client_rtp_port: u16) -> Self {
        Self {
            delivery: Some(Delivery::Unicast),
            client_port: Some((client_rtp_port, Some(client_rtp_port.saturating_add(1)))),
            ..Self::new()
        }
    }

    /// RTP to a group and ports that the server chooses ([RFC 2326 section 12.39], [RFC 7826 section
    /// 18.54]).
    ///
    /// [RFC 2326 section 12.39]: https://www.rfc-editor.org/rfc/rfc2326#section-12.39
    /// [RFC 7826 section 18.54]: https://www.rfc-editor.org/rfc/rfc7826#section-18.54
    pub fn multicast() -> Self {
        Self { delivery: Some(Delivery::Multicast), ..Self::new() }
    }

    /// Whether the packets go to a group.
    pub fn is_multicast(&self) -> bool {
        self.delivery == Some(Delivery::Multicast)
    }

    /// Whether the packets travel on the RTSP connection.
    pub fn is_interleaved(&self) -> bool {
        self.lower == Lower::Tcp || self.interleaved.is_some()
    }

    /// The client's UDP ports, from `client_port` or `dest_addr`: RTP, and RTCP if named.
    pub fn client_ports(&self) -> Option<(u16, Option<u16>)> {
        self.client_port.or_else(|| ports_of(&self.dest_addr))
    }

    /// The server's UDP ports, from `server_port` or `src_addr`: RTP, and RTCP if named.
    pub fn server_ports(&self) -> Option<(u16, Option<u16>)> {
        self.server_port.or_else(|| ports_of(&self.src_addr))
    }

    /// The ports of a group, from `port` or `dest_addr`, else from where cameras write them instead:
    /// RTP, and RTCP if named.
    pub fn group_ports(&self) -> Option<(u16, Option<u16>)> {
        self.port.or_else(|| ports_of(&self.dest_addr)).or(self.client_port)
    }

    /// Where the packets come from, from `source` or `src_addr`, without the brackets of IPv6.
    pub fn source_host(&self) -> Option<&str> {
        self.source.as_deref().map(bare).or_else(|| host_of(self.src_addr.first()?))
    }

    /// Where the packets go, from `destination` or `dest_addr`, without the brackets of IPv6.
    pub fn destination_host(&self) -> Option<&str> {
        self.destination_hosts().next()
    }

    /// All hosts that `destination` and `dest_addr` name, without the brackets of IPv6.
    pub fn destination_hosts(&self) -> impl Iterator<Item = &str> {
        let addresses = self.dest_addr.iter().filter_map(|address| host_of(address));
        self.destination.as_deref().map(bare).into_iter().chain(addresses)
    }
}

impl Default for TransportSpec {
    fn default() -> Self {
        Self::new()
    }
}

impl Profile {
    const NAMED: [(Self, &'static str); 4] = [
        (Self::Avp, "RTP/AVP"),
        (Self::Savp, "RTP/SAVP"),
        (Self::Avpf, "RTP/AVPF"),
        (Self::Savpf, "RTP/SAVPF"),
    ];

    /// The identifier without the lower transport; that of [`Profile::Other`] as written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(whole) => whole,
            known => Self::NAMED.iter().find(|(own, _)| own == known).map_or("", |(_, name)| name),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, spec) in self.0.iter().enumerate() {
            write!(f, "{}{spec}", if at == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

fn bare(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

fn host_of(address: &str) -> Option<&str> {
    let (host, port) = address.rsplit_once(':')?;
    (!host.is_empty() && port.bytes().all(|b| b.is_ascii_digit())).then(|| bare(host))
}

fn ports_of(addresses: &[String]) -> Option<(u16, Option<u16>)> {
    let port = |address: &String| address.rsplit_once(':')?.1.parse().ok();
    let mut ports = addresses.iter().map(port);
    Some((ports.next()??, ports.next().flatten()))
}
