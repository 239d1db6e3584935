//! Holds the values against each other and against the machine, and makes the [`Config`].

mod exposure;
mod fallback;
mod files;
mod listeners;
mod streams;
mod users;

pub(super) use files::{Files, read_password};

use rtsp_proto::Secret;
use rtsp_proto::auth::Credentials;
use std::time::Duration;

use super::draft::{GlobalDraft, SharedDraft};
use super::model::{Config, Limits, Stream};
use super::place::{Findings, Place};
use super::read::{Drafts, Placed};

/// More viewers than this need more of the system than it gives by default.
const MANY_CLIENTS: u32 = 1000;

/// Makes the configuration. What is wrong is among the findings, and the result of no use then.
/// `readable_file` is the configuration file's first line, if everybody may read it.
pub(super) fn check(
    drafts: &Drafts,
    files: &Files,
    readable_file: Option<&Place>,
    findings: &mut Findings,
) -> Config {
    let Drafts { global, streams, users } = drafts;
    let draft = &global.draft;
    check_retry(global, &draft.shared, findings);
    let listeners = listeners::check(global, streams, files, findings);
    let streams = streams::check(streams, &listeners.multicast.range, files, findings);
    let users = users::check(global, users, &streams, findings);
    let admin = login(global, "admin", &draft.admin_username, &draft.admin_password, findings);
    warn_of_limits(global, files, streams.values(), findings);
    exposure::check(drafts, readable_file, findings);
    if drafts.streams.is_empty() {
        findings.warn(&global.place, "there is no stream: nothing can be watched");
    }

    Config {
        listen_address: draft.listen_address.clone(),
        listen_port: draft.listen_port,
        rtsps_port: listeners.rtsps_port,
        tls: listeners.tls,
        rtp_port: (draft.rtp_port != 0).then_some(draft.rtp_port),
        multicast: listeners.multicast,
        http: listeners.http,
        limits: Limits {
            max_clients: draft.max_clients,
            max_clients_per_ip: limit(draft.max_clients_per_ip),
            max_memory_bytes: u64::from(draft.max_memory_mb) << 20,
            max_cpu_percent: draft.max_cpu_percent,
            max_camera_connections: draft.max_camera_connections,
        },
        client_timeout: seconds(draft.client_timeout_s),
        request_timeout: seconds(draft.request_timeout_s),
        write_timeout: seconds(draft.write_timeout_s),
        auth_methods: draft.auth_methods.clone(),
        users,
        admin,
        log_level: draft.log_level.unwrap_or(log::LevelFilter::Info),
        streams,
    }
}

/// 0 is no limit.
fn limit(number: u32) -> Option<u32> {
    (number != 0).then_some(number)
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(u64::from(number))
}

/// The back-off must have room to grow. Said where the section itself says one of the two.
fn check_retry<T>(section: &Placed<T>, shared: &SharedDraft, findings: &mut Findings) {
    let (initial, max) = (shared.retry_initial_ms, shared.retry_max_ms);
    let keys = ["retry_initial_ms", "retry_max_ms"];
    let Some(key) = keys.into_iter().find(|key| section.is_given(key)) else { return };
    if initial > max && keys.iter().all(|key| section.is_sound(key)) {
        let message = format!("retry_initial_ms ({initial}) must not exceed retry_max_ms ({max})");
        findings.error(section.at(key), message);
    }
}

/// A login of two global keys, `…_username` and `…_password`: both or none.
fn login(
    global: &Placed<GlobalDraft>,
    who: &str,
    username: &Option<String>,
    password: &Option<Secret>,
    findings: &mut Findings,
) -> Option<Credentials> {
    let (user_key, password_key) = (format!("{who}_username"), format!("{who}_password"));
    if !global.is_sound(&user_key) || !global.is_sound(&password_key) {
        return None;
    }
    match (username, password.as_ref().filter(|password| !password.is_empty())) {
        (Some(username), Some(password)) => {
            Some(Credentials { username: username.clone(), password: password.clone() })
        }
        (Some(_), None) => {
            let message = format!("{user_key} is given without {password_key}");
            findings.error(global.at(&user_key), message);
            None
        }
        (None, Some(_)) => {
            let message = format!("{password_key} is given without {user_key}");
            findings.error(global.at(&password_key), message);
            None
        }
        (None, None) => None,
    }
}

fn warn_of_limits<'a>(
    global: &Placed<GlobalDraft>,
    files: &Files,
    streams: impl Iterator<Item = &'a Stream>,
    findings: &mut Findings,
) {
    let draft = &global.draft;
    if draft.max_clients > MANY_CLIENTS {
        let message = format!(
            "max_clients is {}: each viewer takes a thread and up to three descriptors; see that \
             the system allows as many (LimitNOFILE=, TasksMax=)",
            draft.max_clients
        );
        findings.warn(global.at("max_clients"), message);
    }
    if draft.max_clients_per_ip > draft.max_clients {
        let message = format!(
            "max_clients_per_ip ({}) has no effect above max_clients ({})",
            draft.max_clients_per_ip, draft.max_clients
        );
        findings.warn(global.at("max_clients_per_ip"), message);
    }
    let memory = u64::from(draft.max_memory_mb) << 20;
    if let Some(machine) = files.surroundings.memory_bytes.filter(|machine| memory > *machine) {
        let message = format!(
            "max_memory_mb is {}, and this machine has {} MB: it will not protect it",
            draft.max_memory_mb,
            machine >> 20
        );
        findings.warn(global.at("max_memory_mb"), message);
    }
    // Only streams that are pulled have a cache, so count the largest that can be at one time.
    let mut caches: Vec<u64> = streams
        .filter(|stream| stream.enabled)
        .map(|stream| stream.gop_cache_bytes as u64)
        .collect();
    caches.sort_unstable_by(|a, b| b.cmp(a));
    let pulled = usize::try_from(draft.max_camera_connections).unwrap_or(usize::MAX);
    let cached: u64 = caches.iter().take(pulled).sum();
    if cached > memory {
        let key = if global.is_given("gop_cache_kb") { "gop_cache_kb" } else { "max_memory_mb" };
        let message = format!(
            "the cached pictures of all streams (gop_cache_kb) may take {} MB, more than \
             max_memory_mb ({})",
            cached >> 20,
            draft.max_memory_mb
        );
        findings.warn(global.at(key), message);
    }
}
