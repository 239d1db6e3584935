//! The configuration as the rest of the relay sees it: typed, validated, immutable.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use rtsp_proto::auth::{Algorithm, Credentials};
use rtsp_proto::{Secret, Url};

pub use super::cidr::Cidr;
pub use crate::tls::Trust as CameraTls;

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

impl Config {
    /// Where HTTP listens, if it speaks TLS there as well.
    pub fn https(&self) -> Option<&Http> {
        self.http.as_ref().filter(|_| self.tls.is_some())
    }

    /// Whether the relay speaks TLS anywhere.
    pub fn speaks_tls(&self) -> bool {
        self.rtsps_port.is_some() || self.https().is_some()
    }
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
    /// Its group, for clients that ask for multicast; `None`: they may not.
    pub multicast: Option<Ipv4Addr>,
    pub media: MediaSelection,
    pub camera_tls: CameraTls,
    /// Addresses that may watch; empty for all.
    pub allow: Vec<Cidr>,
    pub enabled: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransportPolicy {
    #[default]
    Auto,
    Tcp,
    Udp,
    Multicast,
}

/// Exponential back-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    pub initial: Duration,
    pub max: Duration,
    /// `None`: no end.
    pub max_attempts: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnOffline {
    #[default]
    Disconnect,
    Hold,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MediaSelection {
    #[default]
    All,
    Video,
    Audio,
}

impl Default for Multicast {
    fn default() -> Self {
        Self { range: Cidr::DEFAULT_GROUPS, port: 5004, ttl: 1, interface: None }
    }
}
