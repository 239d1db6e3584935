//! What the relay listens on and sends from.

use std::net::IpAddr;

use super::Files;
use crate::config::draft::{GlobalDraft, StreamDraft};
use crate::config::model::{AuthMethod, Http, Multicast, TlsFiles};
use crate::config::place::Findings;
use crate::config::read::Placed;
use crate::tls::Flaw;

/// The part of the configuration that is made here.
pub(super) struct Listeners {
    pub(super) rtsps_port: Option<u16>,
    pub(super) tls: Option<TlsFiles>,
    pub(super) multicast: Multicast,
    pub(super) http: Option<Http>,
}

pub(super) fn check(
    global: &Placed<GlobalDraft>,
    streams: &[Placed<StreamDraft>],
    files: &Files,
    findings: &mut Findings,
) -> Listeners {
    check_ports(global, findings);
    check_auth_methods(global, findings);
    let draft = &global.draft;
    Listeners {
        rtsps_port: (draft.rtsps_port != 0).then_some(draft.rtsps_port),
        tls: tls(global, files, findings),
        multicast: multicast(global, streams, findings),
        http: (draft.http_port != 0)
            .then(|| Http { address: draft.http_address.clone(), port: draft.http_port }),
    }
}

/// No two listeners may want one port of one address.
fn check_ports(global: &Placed<GlobalDraft>, findings: &mut Findings) {
    let draft = &global.draft;
    let listeners = [
        ("listen_port", draft.listen_port, &draft.listen_address),
        ("rtsps_port", draft.rtsps_port, &draft.listen_address),
        ("http_port", draft.http_port, &draft.http_address),
    ];
    for (index, (key, port, addresses)) in listeners.into_iter().enumerate() {
        let others = listeners.iter().take(index).filter(|(other, other_port, other_addresses)| {
            let same = port != 0 && port == *other_port && overlap(addresses, other_addresses);
            same && global.is_sound(key) && global.is_sound(other)
        });
        for (other, ..) in others {
            // Said where the operator can change it: a default has no line.
            let place = if global.is_given(key) { global.at(key) } else { global.at(other) };
            findings.error(place, format!("{key} and {other} are both {port}"));
        }
    }
}

/// Whether one of `a` is one of `b`, or all addresses of its family.
fn overlap(a: &[IpAddr], b: &[IpAddr]) -> bool {
    let meet = |a: &IpAddr, b: &IpAddr| {
        a == b || (a.is_ipv4() == b.is_ipv4() && (a.is_unspecified() || b.is_unspecified()))
    };
    a.iter().any(|a| b.iter().any(|b| meet(a, b)))
}

fn check_auth_methods(global: &Placed<GlobalDraft>, findings: &mut Findings) {
    let methods = &global.draft.auth_methods;
    let place = global.at("auth_methods");
    if !global.is_sound("auth_methods") {
        return;
    }
    if methods.is_empty() {
        let message = "auth_methods must name at least one of digest, digest-sha256, basic";
        findings.error(place, message);
    }
    if methods.contains(&AuthMethod::Basic) && global.draft.rtsps_port == 0 {
        let message = "auth_methods offers basic without rtsps_port: passwords cross the network \
                       readable";
        findings.warn(place, message);
    }
    if methods.contains(&AuthMethod::DigestSha256) {
        let message = "auth_methods offers digest-sha256: ffmpeg and players built on it cannot \
                       log in then";
        findings.warn(place, message);
    }
}

fn tls(global: &Placed<GlobalDraft>, files: &Files, findings: &mut Findings) -> Option<TlsFiles> {
    let draft = &global.draft;
    let mut path = |key: &str, name: &Option<String>| {
        name.as_ref().map(|name| files.pem(key, name, global.at(key), findings))
    };
    let certificate = path("tls_certificate", &draft.tls_certificate);
    let key = path("tls_key", &draft.tls_key);
    let wants_port = draft.rtsps_port != 0 && global.is_sound("rtsps_port");
    match (certificate, key) {
        (Some(certificate), Some(key)) => {
            let is_off = |key, port| port == 0 && global.is_sound(key);
            if is_off("rtsps_port", draft.rtsps_port) && is_off("http_port", draft.http_port) {
                let message = "tls_certificate has no effect without rtsps_port or http_port";
                findings.warn(global.at("tls_certificate"), message);
            }
            let tls = TlsFiles { certificate: certificate?, key: key? };
            check_identity(&tls, global, files, findings);
            return Some(tls);
        }
        (None, None) if wants_port => {
            let message = "rtsps_port needs tls_certificate and tls_key";
            findings.error(global.at("rtsps_port"), message);
        }
        (None, None) => {}
        (Some(_), None) if global.is_sound("tls_key") => {
            let message = "tls_certificate is given without tls_key";
            findings.error(global.at("tls_certificate"), message);
        }
        (None, Some(_)) if global.is_sound("tls_certificate") => {
            let message = "tls_key is given without tls_certificate";
            findings.error(global.at("tls_key"), message);
        }
        _ => {}
    }
    None
}

/// The two files belong together, and the certificate is of these days.
fn check_identity(
    tls: &TlsFiles,
    global: &Placed<GlobalDraft>,
    files: &Files,
    findings: &mut Findings,
) {
    match tls.load() {
        Ok(identity) => {
            let now = files.surroundings.now;
            if let Some(message) = now.and_then(|now| tls.untimely(&identity, now)) {
                findings.warn(global.at("tls_certificate"), message);
            }
        }
        Err(flaw @ Flaw::Certificate(_)) => {
            findings.error(global.at("tls_certificate"), flaw.to_string());
        }
        Err(flaw @ Flaw::Key(_)) => findings.error(global.at("tls_key"), flaw.to_string()),
    }
}

/// Each stream that may be multicast needs a group of its own.
fn multicast(
    global: &Placed<GlobalDraft>,
    streams: &[Placed<StreamDraft>],
    findings: &mut Findings,
) -> Multicast {
    let draft = &global.draft;
    let range = draft.multicast_range.unwrap_or(Multicast::default().range);
    let mut wanting = streams.iter().filter(|stream| stream.draft.multicast);
    let too_far = usize::try_from(range.size()).ok().and_then(|size| wanting.nth(size));
    if let (Some(stream), true) = (too_far, global.is_sound("multicast_range")) {
        let message = format!(
            "multicast: multicast_range {range} has {} groups, too few for all streams with \
             multicast=yes",
            range.size()
        );
        findings.error(stream.at("multicast"), message);
    }
    Multicast {
        range,
        port: draft.multicast_port,
        ttl: draft.multicast_ttl,
        interface: draft.multicast_interface.clone(),
    }
}
