//! One stream, and all of them together.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::Duration;

use rtsp_proto::auth::Credentials;
use rtsp_proto::url::Scheme;
use rtsp_proto::{Secret, Url};

use super::{Files, check_retry, fallback, limit, seconds};
use crate::config::draft::StreamDraft;
use crate::config::model::{CameraTls, Cidr, Retry, Stream, TransportPolicy};
use crate::config::place::{Findings, quoted};
use crate::config::read::Placed;

pub(super) fn check(
    drafts: &[Placed<StreamDraft>],
    groups: &Cidr,
    files: &Files,
    findings: &mut Findings,
) -> BTreeMap<String, Stream> {
    let mut by_name: BTreeMap<&str, &Placed<StreamDraft>> = BTreeMap::new();
    let mut complete = true;
    let mut streams = BTreeMap::new();
    let mut groups = (0..).map(|place| groups.nth_v4(place));
    for draft in drafts {
        check_retry(draft, &draft.draft.shared, findings);
        if draft.draft.name.is_none() && draft.is_sound("name") {
            findings.error(draft.at("name"), "a stream needs a name");
        }
        // Whatever else is wrong with a stream, or right: the others keep their groups.
        let group = draft.draft.multicast.then(|| groups.next()).flatten().flatten();
        let stream = stream(draft, group, files, findings);
        let Some(name) = draft.draft.name.as_deref() else {
            complete = false;
            continue;
        };
        if let Some(first) = by_name.get(name) {
            let message = format!("name {} is taken, first at {}", quoted(name), first.at("name"));
            findings.error(draft.at("name"), message);
            continue;
        }
        by_name.insert(name, draft);
        if let Some(stream) = stream {
            streams.insert(name.to_owned(), stream);
        }
    }
    fallback::check(&by_name, drafts, complete, findings);
    streams
}

/// The stream, unless it has no name or no URL.
fn stream(
    placed: &Placed<StreamDraft>,
    group: Option<Ipv4Addr>,
    files: &Files,
    findings: &mut Findings,
) -> Option<Stream> {
    let draft = &placed.draft;
    let credentials = credentials(placed, files, findings);
    if draft.rtsp_url.is_none() && placed.is_sound("rtsp_url") {
        let message = match &draft.name {
            Some(name) => format!("stream {} needs an rtsp_url", quoted(name)),
            None => "a stream needs an rtsp_url".to_owned(),
        };
        findings.error(placed.at("rtsp_url"), message);
    }
    let url = draft.rtsp_url.as_ref()?;
    let camera_tls = camera_tls(placed, url, findings);
    let readable = match draft.shared.transport {
        TransportPolicy::Auto | TransportPolicy::Tcp => None,
        TransportPolicy::Udp => Some("udp"),
        TransportPolicy::Multicast => Some("multicast"),
    };
    if let Some(word) = readable.filter(|_| url.scheme() == Scheme::Rtsps) {
        let message = format!(
            "transport={word} has the media of an rtsps:// camera cross the network readable"
        );
        findings.warn(placed.at("transport"), message);
    }
    let shared = &draft.shared;
    let milliseconds = |number: u32| Duration::from_millis(u64::from(number));
    Some(Stream {
        name: draft.name.clone()?,
        url: url.without_login(),
        credentials,
        camera_id: draft.camera_id.clone(),
        transport: shared.transport,
        source_start_timeout: seconds(shared.source_start_timeout_s),
        source_timeout: seconds(shared.source_timeout_s),
        source_idle_timeout: seconds(shared.source_idle_timeout_s),
        retry: Retry {
            initial: milliseconds(shared.retry_initial_ms),
            max: milliseconds(shared.retry_max_ms),
            max_attempts: limit(shared.retry_max_attempts),
        },
        on_offline: shared.on_offline,
        hold_timeout: limit(shared.hold_timeout_s).map(seconds),
        instant_start: shared.instant_start,
        gop_cache_bytes: usize::try_from(u64::from(shared.gop_cache_kb) << 10)
            .unwrap_or(usize::MAX),
        max_bandwidth_kbps: limit(shared.max_bandwidth_kbps),
        max_egress_kbps: limit(shared.max_egress_kbps),
        max_clients: limit(shared.max_clients_per_stream),
        fallback: draft.fallback.clone(),
        multicast: group,
        media: draft.media,
        camera_tls,
        allow: draft.allow.clone(),
        enabled: draft.enabled,
    })
}

/// The camera's login from wherever it is given, which must be one place.
fn credentials(
    placed: &Placed<StreamDraft>,
    files: &Files,
    findings: &mut Findings,
) -> Option<Credentials> {
    let draft = &placed.draft;
    let keys = ["username", "password", "password_file"];
    if !keys.iter().all(|key| placed.is_sound(key)) {
        return None;
    }
    // Blank keys of a form that was not filled in are no login.
    let blank = draft.username.is_none() && draft.password.as_ref().is_some_and(Secret::is_empty);
    let password = draft.password.as_ref().filter(|_| !blank);
    let file = draft.password_file.as_deref();
    let in_keys = [
        ("username", draft.username.is_some()),
        ("password", password.is_some()),
        ("password_file", file.is_some()),
    ];
    let first_key = in_keys.iter().find(|(_, given)| *given).map(|(key, _)| *key);

    if let Some(url) = &draft.rtsp_url {
        if let Some(login) = login_of(url) {
            if let Some(key) = first_key {
                let message = format!("rtsp_url has a login in it, and so must not have {key} too");
                findings.error(placed.at(key), message);
            } else if login.username.is_empty() {
                let message = "rtsp_url has a password in it but no user's name";
                findings.error(placed.at("rtsp_url"), message);
            }
            return Some(login);
        }
    }
    if password.is_some_and(|password| !password.is_empty()) && file.is_some() {
        let message = "password and password_file are both given, and only one can be";
        findings.error(placed.at("password_file"), message);
        return None;
    }
    match (&draft.username, first_key) {
        (None, None) => None,
        (None, Some(key)) => {
            findings.error(placed.at(key), format!("{key} is given without username"));
            None
        }
        (Some(username), _) => {
            let password = match file {
                Some(name) => files.password(name, placed.at("password_file"), findings)?,
                None => match password {
                    Some(password) => password.clone(),
                    None => {
                        let message = "username is given without password or password_file (an \
                                       empty password is 'password=')";
                        findings.error(placed.at("username"), message);
                        return None;
                    }
                },
            };
            Some(Credentials { username: username.clone(), password })
        }
    }
}

/// The login within a URL; a name alone has an empty password.
fn login_of(url: &Url) -> Option<Credentials> {
    let password = url.password();
    let username = match (url.username(), password) {
        (None, None) => return None,
        (username, _) => username.unwrap_or_default().to_owned(),
    };
    if username.is_empty() && password.is_none_or(Secret::is_empty) {
        return None;
    }
    Some(Credentials { username, password: password.cloned().unwrap_or_default() })
}

fn camera_tls(placed: &Placed<StreamDraft>, url: &Url, findings: &mut Findings) -> CameraTls {
    let draft = &placed.draft;
    let (fingerprint, insecure) = (draft.tls_fingerprint, draft.tls_insecure);
    if fingerprint.is_some() && insecure {
        let message = "tls_insecure=yes would leave tls_fingerprint without effect; give one";
        findings.error(placed.at("tls_insecure"), message);
    }
    let key = if fingerprint.is_some() { "tls_fingerprint" } else { "tls_insecure" };
    if (fingerprint.is_some() || insecure) && url.scheme() == Scheme::Rtsp {
        let message = format!("{key} has no effect: rtsp_url is not rtsps://");
        findings.warn(placed.at(key), message);
    } else if insecure {
        let message = "tls_insecure=yes accepts whoever answers in the camera's place; \
                       tls_fingerprint does not";
        findings.warn(placed.at(key), message);
    }
    match (fingerprint, insecure) {
        (Some(fingerprint), _) => CameraTls::Fingerprint(fingerprint),
        (None, true) => CameraTls::Insecure,
        (None, false) => CameraTls::SystemRoots,
    }
}
