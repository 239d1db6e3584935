//! Who may watch.

use std::collections::BTreeMap;

use rtsp_proto::auth::Algorithm;

use super::login;
use crate::config::draft::{GlobalDraft, UserDraft};
use crate::config::model::{AuthMethod, Stream, StreamPattern, User, UserPassword};
use crate::config::place::{Findings, Place, quoted};
use crate::config::read::Placed;

/// The users of all sections, and the one of `client_username`.
pub(super) fn check(
    global: &Placed<GlobalDraft>,
    drafts: &[Placed<UserDraft>],
    streams: &BTreeMap<String, Stream>,
    findings: &mut Findings,
) -> Vec<User> {
    let mut users: Vec<User> = Vec::new();
    let mut taken: BTreeMap<String, Place> = BTreeMap::new();
    let draft = &global.draft;
    let short = login(global, "client", &draft.client_username, &draft.client_password, findings);
    if let Some(login) = short {
        taken.insert(login.username.clone(), global.at("client_username").clone());
        users.push(User {
            name: login.username,
            password: UserPassword::Plain(login.password),
            streams: Vec::new(),
            allow: Vec::new(),
        });
    }
    for placed in drafts {
        let draft = &placed.draft;
        let password = password(placed, global, findings);
        warn_of_patterns(placed, streams, findings);
        let Some(name) = draft.name.clone() else {
            if placed.is_sound("name") {
                findings.error(placed.at("name"), "a user needs a name");
            }
            continue;
        };
        if let Some(first) = taken.get(&name) {
            let message = format!("name {} is taken, first at {first}", quoted(&name));
            findings.error(placed.at("name"), message);
            continue;
        }
        taken.insert(name.clone(), placed.at("name").clone());
        if let Some(password) = password {
            let (streams, allow) = (draft.streams.clone(), draft.allow.clone());
            users.push(User { name, password, streams, allow });
        }
    }
    users
}

/// Exactly one of `password` and `password_hash`.
fn password(
    placed: &Placed<UserDraft>,
    global: &Placed<GlobalDraft>,
    findings: &mut Findings,
) -> Option<UserPassword> {
    let draft = &placed.draft;
    if !placed.is_sound("password") || !placed.is_sound("password_hash") {
        return None;
    }
    let password = draft.password.clone().filter(|password| !password.is_empty());
    match (password, draft.password_hash.clone()) {
        (Some(password), None) => Some(UserPassword::Plain(password)),
        (None, Some(hash)) => {
            check_algorithm(placed, &hash, global, findings);
            Some(hash)
        }
        (Some(_), Some(_)) => {
            let message = "password and password_hash are both given, and only one can be";
            findings.error(placed.at("password_hash"), message);
            None
        }
        (None, None) => {
            let message = match &draft.name {
                Some(name) => format!("user {} needs a password or password_hash", quoted(name)),
                None => "a user needs a password or password_hash".to_owned(),
            };
            findings.error(placed.at("password"), message);
            None
        }
    }
}

/// An HA1 proves a login of its own algorithm, and of Basic, whose password can be digested.
fn check_algorithm(
    placed: &Placed<UserDraft>,
    hash: &UserPassword,
    global: &Placed<GlobalDraft>,
    findings: &mut Findings,
) {
    let UserPassword::Ha1 { algorithm, .. } = hash else { return };
    let (own, own_word, other, other_word) = match algorithm {
        Algorithm::Sha256 | Algorithm::Sha256Sess => {
            (AuthMethod::DigestSha256, "digest-sha256", AuthMethod::Digest, "digest")
        }
        Algorithm::Md5 | Algorithm::Md5Sess => {
            (AuthMethod::Digest, "digest", AuthMethod::DigestSha256, "digest-sha256")
        }
    };
    let methods = &global.draft.auth_methods;
    if !global.is_sound("auth_methods") {
        return;
    }
    let place = placed.at("password_hash");
    if !methods.contains(&own) && !methods.contains(&AuthMethod::Basic) {
        let message = format!(
            "password_hash can never be used: auth_methods offers neither {own_word} nor basic"
        );
        findings.error(place, message);
    } else if methods.contains(&other) {
        let message = format!(
            "password_hash does not serve players that choose {other_word}, which auth_methods \
             offers too"
        );
        findings.warn(place, message);
    }
}

fn warn_of_patterns(
    placed: &Placed<UserDraft>,
    streams: &BTreeMap<String, Stream>,
    findings: &mut Findings,
) {
    for pattern in &placed.draft.streams {
        if !streams.keys().any(|name| pattern.matches(name)) {
            let shown = match pattern {
                StreamPattern::Exact(name) => quoted(name),
                StreamPattern::Prefix(prefix) => quoted(&format!("{prefix}*")),
            };
            findings.warn(placed.at("streams"), format!("streams: {shown} names no stream"));
        }
    }
}
