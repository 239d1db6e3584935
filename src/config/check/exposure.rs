//! Who could see what they should not: warnings, since the operator may want it so.

use std::net::IpAddr;

use rtsp_proto::Secret;

use crate::config::place::{Findings, Place};
use crate::config::read::{Drafts, Placed};

/// `file` is the configuration file's first line, if everybody on the machine may read it.
pub(super) fn check(drafts: &Drafts, readable_file: Option<&Place>, findings: &mut Findings) {
    let secrets = secrets(drafts);
    let in_file = secrets.iter().any(|place| matches!(place, Place::File { .. }));
    if let (Some(place), true) = (readable_file, in_file) {
        let message = "everybody on this machine can read this file, and it holds passwords: \
                       chmod o-r mends that";
        findings.warn(place, message);
    }
    for place in secrets {
        if matches!(place, Place::Option(_)) {
            let message = "everybody on this machine can see this login in the list of processes";
            findings.warn(&place, message);
        }
    }
    let global = &drafts.global;
    let draft = &global.draft;
    let everybody = drafts.users.is_empty() && draft.client_username.is_none();
    let reachable = !draft.http_address.iter().all(IpAddr::is_loopback);
    if everybody && reachable && draft.http_port != 0 {
        let message = "whoever reaches http_address sees all streams and their status: there is no \
                       [user]";
        findings.warn(global.at("http_address"), message);
    }
}

/// Where secrets are given.
fn secrets(drafts: &Drafts) -> Vec<Place> {
    let mut places = Vec::new();
    let global = &drafts.global;
    note(&mut places, global, "client_password", global.draft.client_password.as_ref());
    note(&mut places, global, "admin_password", global.draft.admin_password.as_ref());
    for stream in &drafts.streams {
        note(&mut places, stream, "password", stream.draft.password.as_ref());
        let url = stream.draft.rtsp_url.as_ref();
        note(&mut places, stream, "rtsp_url", url.and_then(|url| url.password()));
    }
    for user in &drafts.users {
        note(&mut places, user, "password", user.draft.password.as_ref());
        // Who has an HA1 can log in with it.
        if user.draft.password_hash.is_some() {
            places.push(user.at("password_hash").clone());
        }
    }
    places
}

fn note<T>(places: &mut Vec<Place>, section: &Placed<T>, key: &str, secret: Option<&Secret>) {
    if secret.is_some_and(|secret| !secret.is_empty()) {
        places.push(section.at(key).clone());
    }
}
