//! The effective configuration as a file.

use std::fmt::Write;
use std::time::Duration;

use rtsp_proto::auth::Credentials;

use super::draft::{GlobalDraft, SharedDraft, StreamDraft, UserDraft};
use super::keys::{GLOBAL, Key, SHARED, STREAM, USER};
use super::model::{CameraTls, Config, Multicast, Stream, User, UserPassword};
use super::rules::Shown;

/// The configuration as INI, with every default filled in, which loads to an equal [`Config`].
///
/// Secrets are not printed. Each stands as a comment, `#password=***`, so that a copy of the
/// output does not load, rather than load without its logins, until they are filled in again.
pub fn print(config: &Config) -> String {
    let mut out = String::from(
        "# The effective configuration, defaults included. Passwords are not printed: fill in each\n\
         # line with *** and take its # away before you use this as a configuration.\n\n",
    );
    section(&mut out, GLOBAL, &mut GlobalDraft::from(config));
    // Groups are handed out in the order of the file.
    let mut streams: Vec<&Stream> = config.streams.values().collect();
    streams.sort_by_key(|stream| stream.multicast);
    for stream in streams {
        let mut draft = StreamDraft::from(stream);
        out.push_str("\n[stream]\n");
        section(&mut out, STREAM, &mut draft);
        section(&mut out, SHARED, &mut draft.shared);
    }
    for user in &config.users {
        out.push_str("\n[user]\n");
        section(&mut out, USER, &mut UserDraft::from(user));
    }
    out
}

fn section<T>(out: &mut String, keys: &[Key<T>], draft: &mut T) {
    for key in keys {
        let (comment, value) = match key.field.show(draft) {
            Shown::Value(value) => ("", value),
            Shown::Secret(stars) => ("#", stars),
            Shown::Unset => ("#", String::new()),
        };
        // Writing to a string does not fail.
        let _ = writeln!(out, "{comment}{}={value}", key.name);
    }
}

fn whole_seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

impl From<&Config> for GlobalDraft {
    fn from(config: &Config) -> Self {
        let Config { limits, multicast, .. } = config;
        let Multicast { range, port, ttl, interface } = multicast.clone();
        let file = |path: &std::path::Path| Some(path.to_string_lossy().into_owned());
        let (admin_username, admin_password) = login(config.admin.as_ref());
        let defaults = Self::defaults();
        Self {
            listen_address: config.listen_address.clone(),
            listen_port: config.listen_port,
            rtsps_port: config.rtsps_port.unwrap_or(0),
            tls_certificate: config.tls.as_ref().and_then(|tls| file(&tls.certificate)),
            tls_key: config.tls.as_ref().and_then(|tls| file(&tls.key)),
            rtp_port: config.rtp_port.unwrap_or(0),
            multicast_range: Some(range),
            multicast_port: port,
            multicast_ttl: ttl,
            multicast_interface: interface,
            http_address: match &config.http {
                Some(http) => http.address.clone(),
                None => defaults.http_address,
            },
            http_port: config.http.as_ref().map_or(0, |http| http.port),
            max_clients: limits.max_clients,
            max_clients_per_ip: limits.max_clients_per_ip.unwrap_or(0),
            max_memory_mb: u32::try_from(limits.max_memory_bytes >> 20).unwrap_or(u32::MAX),
            max_cpu_percent: limits.max_cpu_percent,
            max_camera_connections: limits.max_camera_connections,
            client_timeout_s: whole_seconds(config.client_timeout),
            request_timeout_s: whole_seconds(config.request_timeout),
            write_timeout_s: whole_seconds(config.write_timeout),
            // Among the users.
            client_username: None,
            client_password: None,
            auth_methods: config.auth_methods.clone(),
            admin_username,
            admin_password,
            log_level: Some(config.log_level),
            // Each stream has its own.
            shared: defaults.shared,
        }
    }
}

impl From<&Stream> for StreamDraft {
    fn from(stream: &Stream) -> Self {
        let (username, password) = login(stream.credentials.as_ref());
        Self {
            name: Some(stream.name.clone()),
            rtsp_url: Some(stream.url.clone()),
            camera_id: stream.camera_id.clone(),
            username,
            password,
            password_file: None,
            fallback: stream.fallback.clone(),
            multicast: stream.multicast.is_some(),
            media: stream.media,
            tls_fingerprint: match stream.camera_tls {
                CameraTls::Fingerprint(fingerprint) => Some(fingerprint),
                CameraTls::SystemRoots | CameraTls::Insecure => None,
            },
            tls_insecure: stream.camera_tls == CameraTls::Insecure,
            allow: stream.allow.clone(),
            enabled: stream.enabled,
            shared: SharedDraft {
                transport: stream.transport,
                source_start_timeout_s: whole_seconds(stream.source_start_timeout),
                source_timeout_s: whole_seconds(stream.source_timeout),
                source_idle_timeout_s: whole_seconds(stream.source_idle_timeout),
                retry_initial_ms: milliseconds(stream.retry.initial),
                retry_max_ms: milliseconds(stream.retry.max),
                retry_max_attempts: stream.retry.max_attempts.unwrap_or(0),
                on_offline: stream.on_offline,
                hold_timeout_s: stream.hold_timeout.map_or(0, whole_seconds),
                instant_start: stream.instant_start,
                gop_cache_kb: u32::try_from(stream.gop_cache_bytes >> 10).unwrap_or(u32::MAX),
                max_bandwidth_kbps: stream.max_bandwidth_kbps.unwrap_or(0),
                max_egress_kbps: stream.max_egress_kbps.unwrap_or(0),
                max_clients_per_stream: stream.max_clients.unwrap_or(0),
            },
        }
    }
}

impl From<&User> for UserDraft {
    fn from(user: &User) -> Self {
        let (password, password_hash) = match &user.password {
            UserPassword::Plain(password) => (Some(password.clone()), None),
            hash @ UserPassword::Ha1 { .. } => (None, Some(hash.clone())),
        };
        let (streams, allow) = (user.streams.clone(), user.allow.clone());
        Self { name: Some(user.name.clone()), password, password_hash, streams, allow }
    }
}

fn login(credentials: Option<&Credentials>) -> (Option<String>, Option<rtsp_proto::Secret>) {
    match credentials {
        Some(login) => (Some(login.username.clone()), Some(login.password.clone())),
        None => (None, None),
    }
}
