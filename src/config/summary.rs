//! What a configuration amounts to, for the eyes of whoever runs `--check`.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::model::{AuthMethod, CameraTls, Config, OnOffline, Stream, TransportPolicy};

/// Listeners, limits, logins and streams, a line each; no secrets. Ends with a line feed.
pub fn summary(config: &Config) -> String {
    let mut out = String::new();
    line(&mut out, "rtsp", &sockets(&config.listen_address, config.listen_port));
    if let Some(port) = config.rtsps_port {
        line(&mut out, "rtsps", &sockets(&config.listen_address, port));
    }
    if let Some(http) = &config.http {
        line(&mut out, "http", &sockets(&http.address, http.port));
    }
    if let Some(https) = config.https() {
        line(&mut out, "https", &sockets(&https.address, https.port));
    }
    if let Some(port) = config.rtp_port {
        line(&mut out, "rtp", &format!("UDP ports {port} and {}", u32::from(port) + 1));
    }
    if config.streams.values().any(|stream| stream.multicast.is_some()) {
        let multicast = &config.multicast;
        line(&mut out, "multicast", &format!("{} port {}", multicast.range, multicast.port));
    }
    line(&mut out, "limits", &limits(config));
    line(&mut out, "logins", &logins(config));
    let enabled = config.streams.values().filter(|stream| stream.enabled).count();
    let disabled = match config.streams.len() - enabled {
        0 => String::new(),
        count => format!(", {count} of them disabled"),
    };
    line(&mut out, "streams", &format!("{}{disabled}", config.streams.len()));
    let width = config.streams.keys().map(String::len).max().unwrap_or(0).min(32);
    for stream in config.streams.values() {
        let _ = writeln!(out, "  {:width$}  {}", stream.name, describe(stream));
    }
    out
}

fn line(out: &mut String, what: &str, text: &str) {
    // Writing to a string does not fail.
    let _ = writeln!(out, "{what:10} {text}");
}

fn sockets(addresses: &[IpAddr], port: u16) -> String {
    let sockets = addresses.iter().map(|address| SocketAddr::new(*address, port).to_string());
    sockets.collect::<Vec<_>>().join(", ")
}

fn limits(config: &Config) -> String {
    let limits = &config.limits;
    let per_ip = limits.max_clients_per_ip.map(|n| format!(" ({n} from one address)"));
    format!(
        "{} clients{}, {} camera connections, {} MB memory, {} % CPU",
        limits.max_clients,
        per_ip.unwrap_or_default(),
        limits.max_camera_connections,
        limits.max_memory_bytes >> 20,
        limits.max_cpu_percent
    )
}

fn logins(config: &Config) -> String {
    let admin = if config.admin.is_some() { ", an admin" } else { "" };
    if config.users.is_empty() {
        return format!("none: everybody may watch{admin}");
    }
    let methods = config.auth_methods.iter().map(|method| match method {
        AuthMethod::Digest => "digest",
        AuthMethod::DigestSha256 => "digest-sha256",
        AuthMethod::Basic => "basic",
    });
    let methods = methods.collect::<Vec<_>>().join(", ");
    let users = match config.users.len() {
        1 => "1 user".to_owned(),
        count => format!("{count} users"),
    };
    format!("{users} by {methods}{admin}")
}

/// The URL without its login, and whatever is not as it is by default.
fn describe(stream: &Stream) -> String {
    let mut text = stream.url.to_string();
    let mut add = |word: &str| {
        text.push_str(", ");
        text.push_str(word);
    };
    if !stream.enabled {
        add("disabled");
    }
    if stream.credentials.is_some() {
        add("with login");
    }
    match stream.transport {
        TransportPolicy::Auto => {}
        TransportPolicy::Tcp => add("over TCP"),
        TransportPolicy::Udp => add("over UDP"),
        TransportPolicy::Multicast => add("by multicast"),
    }
    match stream.camera_tls {
        CameraTls::SystemRoots => {}
        CameraTls::Fingerprint(_) => add("certificate pinned"),
        CameraTls::Insecure => add("any certificate"),
    }
    if let Some(group) = stream.multicast {
        add(&format!("multicast {group}"));
    }
    if stream.on_offline == OnOffline::Hold {
        add("held when offline");
    }
    if let Some(fallback) = &stream.fallback {
        add(&format!("fallback {fallback}"));
    }
    text
}
