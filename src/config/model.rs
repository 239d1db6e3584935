//! The configuration as the rest of the relay sees it: typed, validated, immutable.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use rtsp_proto::auth::{Algorithm, Credentials};
use rtsp_proto::{Secret, Url};

/// Everything the operator decided, with defaults filled in.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    pub listen_address: Vec<IpAddr>,
    pub listen_port: u16,
    pub rtsps_port: Option<u16>,
    pub tls: Option<TlsFiles>,
    /// The even port of the UDP pair toward clients; `None` for any.
    pub rtp_port: Option<u16>,
    pub multicast: Multicast,
    pub http: Option<Http>,
    pub limits: Limits,
    pub client_timeout: Duration,
    pub request_timeout: Duration,
    pub write_timeout: Duration,
    pub auth_methods: Vec<AuthMethod>,
    /// Who may watch what; empty when everybody may watch everything.
    pub users: Vec<User>,
    pub admin: Option<Credentials>,
    pub log_level: log::LevelFilter,
    /// By name, in the order of names.
    pub streams: BTreeMap<String, Stream>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multicast {
    pub range: Cidr,
    pub port: u16,
    pub ttl: u8,
    /// An address or an interface's name; `None` for the system's choice.
    pub interface: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    pub address: Vec<IpAddr>,
    pub port: u16,
}

/// What the relay may take of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_clients: u32,
    /// `None`: no limit.
    pub max_clients_per_ip: Option<u32>,
    pub max_memory_bytes: u64,
    pub max_cpu_percent: u32,
    pub max_camera_connections: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthMethod {
    Digest,
    DigestSha256,
    Basic,
}

/// A viewer's login and rights.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub name: String,
    pub password: UserPassword,
    /// Names of streams, or prefixes; empty for all.
    pub streams: Vec<StreamPattern>,
    /// Addresses the user may come from; empty for all.
    pub allow: Vec<Cidr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserPassword {
    Plain(Secret),
    /// HA1, lower-case hexadecimal, for the realm [`REALM`].
    Ha1 {
        algorithm: Algorithm,
        hex: Secret,
    },
}

/// The realm that clients are asked to log in to; part of each `password_hash`.
pub const REALM: &str = "rtsp-relay";

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamPattern {
    Exact(String),
    /// Without the `*`.
    Prefix(String),
}

impl StreamPattern {
    pub fn matches(&self, stream: &str) -> bool {
        match self {
            Self::Exact(name) => name == stream,
            Self::Prefix(prefix) => stream.starts_with(prefix.as_str()),
        }
    }
}

/// One `[stream]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    pub name: String,
    /// Without its login, which is in `credentials`.
    pub url: Url,
    pub credentials: Option<Credentials>,
    pub camera_id: Option<String>,
    pub transport: TransportPolicy,
    pub source_start_timeout: Duration,
    pub source_timeout: Duration,
    pub source_idle_timeout: Duration,
    pub retry: Retry,
    pub on_offline: OnOffline,
    /// `None`: no end.
    pub hold_timeout: Option<Duration>,
    pub instant_start: bool,
    pub gop_cache_bytes: usize,
    pub max_bandwidth_kbps: Option<u32>,
    pub max_egress_kbps: Option<u32>,
    pub max_clients: Option<u32>,
    pub fallback: Option<String>,
    pub multicast: bool,
    pub media: MediaSelection,
    pub camera_tls: CameraTls,
    /// Addresses that may watch; empty for all.
    pub allow: Vec<Cidr>,
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportPolicy {
    Auto,
    Tcp,
    Udp,
}

/// Exponential back-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub initial: Duration,
    pub max: Duration,
    /// `None`: no end.
    pub max_attempts: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnOffline {
    Disconnect,
    Hold,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaSelection {
    All,
    Video,
    Audio,
}

/// How an `rtsps://` camera proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CameraTls {
    SystemRoots,
    /// SHA-256 of the certificate.
    Fingerprint([u8; 32]),
    Insecure,
}

/// A range of addresses, `192.168.0.0/16` or `fd00::/8`; a bare address is a range of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Parses `address` or `address/prefix`; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address.parse().ok()?, Some(prefix.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let widest = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.unwrap_or(widest);
        (prefix <= widest).then_some(Self { address, prefix })
    }

    /// Whether `address` is in the range. An IPv4 address mapped into IPv6 counts as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                u32::from(own) & mask == u32::from(other) & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                u128::from(own) & mask == u128::from(other) & mask
            }
            _ => false,
        }
    }

    /// The first address and the number of bits that are fixed.
    pub fn parts(&self) -> (IpAddr, u8) {
        (self.address, self.prefix)
    }

    /// Whether every address of the range is an IPv4 multicast group.
    pub fn is_multicast_v4(&self) -> bool {
        matches!(self.address, IpAddr::V4(address) if self.prefix >= 4 && address.is_multicast())
    }
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl Default for Multicast {
    fn default() -> Self {
        let range = Cidr { address: IpAddr::V4(Ipv4Addr::new(239, 255, 42, 0)), prefix: 24 };
        Self { range, port: 5004, ttl: 1, interface: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_its_addresses_and_no_others() {
        let lan = Cidr::parse("192.168.1.0/24").unwrap();
        assert!(lan.contains("192.168.1.77".parse().unwrap()));
        assert!(lan.contains("::ffff:192.168.1.77".parse().unwrap()));
        assert!(!lan.contains("192.168.2.1".parse().unwrap()));
        assert!(Cidr::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Cidr::parse("fd00::/8").unwrap().contains("fd12::1".parse().unwrap()));
        assert!(!Cidr::parse("::1").unwrap().contains("::2".parse().unwrap()));
        for bad in ["", "1.2.3.4/33", "1.2.3", "host/8", "1.2.3.4/-1"] {
            assert_eq!(Cidr::parse(bad), None, "{bad}");
        }
    }
}
