//! The values of all keys, each valid by itself, not yet held against each other.
//!
//! A draft starts with the defaults of the table of keys; [`super::keys`] says which key writes
//! which field.

use std::net::IpAddr;

use log::LevelFilter;
use rtsp_proto::{Secret, Url};

use super::cidr::Cidr;
use super::document::Value;
use super::keys::{GLOBAL, Key, SHARED, STREAM, USER};
use super::model::{
    AuthMethod, MediaSelection, OnOffline, StreamPattern, TransportPolicy, UserPassword,
};

/// The global keys.
#[derive(Clone, Default)]
pub(super) struct GlobalDraft {
    pub(super) listen_address: Vec<IpAddr>,
    pub(super) listen_port: u16,
    pub(super) rtsps_port: u16,
    pub(super) tls_certificate: Option<String>,
    pub(super) tls_key: Option<String>,
    pub(super) rtp_port: u16,
    pub(super) multicast_range: Option<Cidr>,
    pub(super) multicast_port: u16,
    pub(super) multicast_ttl: u8,
    pub(super) multicast_interface: Option<String>,
    pub(super) http_address: Vec<IpAddr>,
    pub(super) http_port: u16,
    pub(super) max_clients: u32,
    pub(super) max_clients_per_ip: u32,
    pub(super) max_memory_mb: u32,
    pub(super) max_cpu_percent: u32,
    pub(super) max_camera_connections: u32,
    pub(super) client_timeout_s: u32,
    pub(super) request_timeout_s: u32,
    pub(super) write_timeout_s: u32,
    pub(super) client_username: Option<String>,
    pub(super) client_password: Option<Secret>,
    pub(super) auth_methods: Vec<AuthMethod>,
    pub(super) admin_username: Option<String>,
    pub(super) admin_password: Option<Secret>,
    pub(super) log_level: Option<LevelFilter>,
    /// What every stream has that does not say otherwise.
    pub(super) shared: SharedDraft,
}

/// The keys of a stream that have global defaults.
#[derive(Clone, Default)]
pub(super) struct SharedDraft {
    pub(super) transport: TransportPolicy,
    pub(super) source_start_timeout_s: u32,
    pub(super) source_timeout_s: u32,
    pub(super) source_idle_timeout_s: u32,
    pub(super) retry_initial_ms: u32,
    pub(super) retry_max_ms: u32,
    pub(super) retry_max_attempts: u32,
    pub(super) on_offline: OnOffline,
    pub(super) hold_timeout_s: u32,
    pub(super) instant_start: bool,
    pub(super) gop_cache_kb: u32,
    pub(super) max_bandwidth_kbps: u32,
    pub(super) max_egress_kbps: u32,
    pub(super) max_clients_per_stream: u32,
}

/// The keys of one `[stream]`.
#[derive(Clone, Default)]
pub(super) struct StreamDraft {
    pub(super) name: Option<String>,
    pub(super) rtsp_url: Option<Url>,
    pub(super) camera_id: Option<String>,
    pub(super) username: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_file: Option<String>,
    pub(super) fallback: Option<String>,
    pub(super) multicast: bool,
    pub(super) media: MediaSelection,
    pub(super) tls_fingerprint: Option<[u8; 32]>,
    pub(super) tls_insecure: bool,
    pub(super) allow: Vec<Cidr>,
    pub(super) enabled: bool,
    pub(super) shared: SharedDraft,
}

/// The keys of one `[user]`.
#[derive(Clone, Default)]
pub(super) struct UserDraft {
    pub(super) name: Option<String>,
    pub(super) password: Option<Secret>,
    pub(super) password_hash: Option<UserPassword>,
    pub(super) streams: Vec<StreamPattern>,
    pub(super) allow: Vec<Cidr>,
}

impl GlobalDraft {
    /// Every key at its default.
    pub(super) fn defaults() -> Self {
        let mut draft = Self::default();
        set_defaults(GLOBAL, &mut draft);
        set_defaults(SHARED, &mut draft.shared);
        draft
    }
}

impl StreamDraft {
    /// Every key at its default, `shared` being the global ones.
    pub(super) fn defaults(shared: SharedDraft) -> Self {
        let mut draft = Self { shared, ..Self::default() };
        set_defaults(STREAM, &mut draft);
        draft
    }
}

impl UserDraft {
    /// Every key at its default.
    pub(super) fn defaults() -> Self {
        let mut draft = Self::default();
        set_defaults(USER, &mut draft);
        draft
    }
}

fn set_defaults<T>(keys: &[Key<T>], draft: &mut T) {
    for key in keys.iter().filter(|key| !key.default.is_empty()) {
        let set = key.field.set(draft, &Value::Text(key.default.to_owned()));
        // A test of the table holds this for every key.
        debug_assert_eq!(set, Ok(()), "the default of {}", key.name);
    }
}
