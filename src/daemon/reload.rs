//! The configuration read again while the relay runs: checked in whole first, and then only what
//! differs is touched.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::SystemTime;

use log::LevelFilter;

use super::listeners::Listeners;
use super::{identity, most_connections};
use crate::access::{self, Access};
use crate::clients::{Details, Entry};
use crate::config::model::Config;
use crate::config::{self, Diff, Sources};
use crate::events::Happening;
use crate::logging;
use crate::server::Server;
use crate::source::REMOVED;
use crate::tls::Keyring;
use crate::web::{Outcome, Web};

/// Why those end who may not watch any more.
const NO_RIGHT: &str = "it may not watch the stream any more";
const DISABLED: &str = "the stream has been disabled";

/// What a reload needs beside the parts themselves.
pub(super) struct Reload<'a> {
    /// Where the configuration comes from.
    pub(super) sources: &'a Sources,
    /// What is logged when the configuration says so: the command line has its say, too.
    pub(super) level: &'a dyn Fn(LevelFilter) -> LevelFilter,
    /// Descriptors that the system grants.
    pub(super) files: Option<u64>,
}

impl Reload<'_> {
    /// Reads the configuration again, and applies it if it is valid.
    pub(super) fn run(&self, server: &Server, web: &Web, listeners: &mut Listeners) {
        let outcome = match config::load(self.sources) {
            Ok(loaded) => {
                for warning in &loaded.warnings {
                    log::warn!("{warning}");
                }
                log::info!("configuration read again from {}", loaded.origin);
                let errors = self.apply(loaded.config, server, web, listeners);
                for error in &errors {
                    log::error!("{error}");
                }
                let at = SystemTime::now();
                Outcome { at, taken: true, errors, warnings: loaded.warnings }
            }
            Err(errors) => {
                for error in &errors {
                    log::error!("{error}: the configuration from before stays in use");
                }
                let errors = errors.iter().map(ToString::to_string).collect();
                Outcome { at: SystemTime::now(), taken: false, errors, warnings: Vec::new() }
            }
        };
        server.registry.events.report(Happening::Reload(outcome.taken));
        web.reloads.done(outcome);
    }

    /// Gives what could not be done; the rest is.
    fn apply(
        &self,
        mut after: Config,
        server: &Server,
        web: &Web,
        listeners: &mut Listeners,
    ) -> Vec<String> {
        let before = server.config.get();
        let mut errors = Vec::new();
        // In front of the listeners: who comes to a new one must find it.
        if let Err(error) = renew_identity(server, &after) {
            errors.push(error);
            (after.rtsps_port, after.tls) = (before.rtsps_port, before.tls.clone());
        }
        errors.extend(listeners.change(&before, &mut after));
        if let Err((address, error)) = server.udp.change(&after.listen_address, after.rtp_port) {
            errors.push(format!(
                "cannot use UDP port {address} and the next one (rtp_port): {error}: the old one \
                 stays in use"
            ));
            after.rtp_port = before.rtp_port;
        }
        let diff = Diff::between(&before, &after);
        server.config.replace(after);
        let after = server.config.get();
        if !after.speaks_tls() {
            server.keyring.replace(None);
        }
        if diff.limits {
            server.gatekeeper.change(&after.limits);
        }
        server.most_connections.store(most_connections(self.files, &after), Relaxed);
        server.registry.configure(&after);
        server.groups.change(&after.multicast);
        self.end_those(&before, &after, &diff, server, web);
        logging::set_level((self.level)(after.log_level));
        match diff.is_empty() {
            true => log::info!("configuration unchanged"),
            false => log::info!("configuration changed {diff}"),
        }
        errors
    }

    /// Ends viewers whose stream or right is gone.
    fn end_those(&self, before: &Config, after: &Config, diff: &Diff, server: &Server, web: &Web) {
        let end = |reason: &Arc<str>, such: &dyn Fn(&Entry, &Details) -> bool| {
            for clients in [&server.clients, &web.connections] {
                clients.stop_those(reason, such);
            }
        };
        let (removed, disabled, no_right): (Arc<str>, Arc<str>, Arc<str>) =
            (Arc::from(REMOVED), Arc::from(DISABLED), Arc::from(NO_RIGHT));
        let stream_of = |config: &Config, details: &Details| {
            config.streams.get(details.stream.as_ref()?).cloned()
        };
        if !diff.removed.is_empty() {
            end(&removed, &|_, details| {
                details.stream.as_ref().is_some_and(|stream| diff.removed.contains(stream))
            });
        }
        if diff.changed.iter().any(|(_, change)| change.enabled) {
            end(&disabled, &|_, details| {
                let enabled = |config| stream_of(config, details).map(|stream| stream.enabled);
                enabled(before) == Some(true) && enabled(after) == Some(false)
            });
        }
        if !diff.changed.is_empty() {
            end(&no_right, &|entry, details| {
                let stream = stream_of(after, details);
                stream.is_some_and(|stream| !access::stream_allows(&stream, entry.address.ip()))
            });
        }
        if diff.logins {
            let old = server.access.get();
            let logins = Arc::clone(&server.gatekeeper.logins);
            server.access.replace(Access::new(after, logins).after(&old));
            let now = server.access.get();
            // Over HTTP the administrator watches, too.
            let is_administrator = |user: Option<&str>| {
                let login = after.admin.as_ref().filter(|_| before.admin == after.admin);
                login.is_some_and(|login| Some(login.username.as_str()) == user)
            };
            server.clients.stop_those(&no_right, |entry, details| {
                let (user, stream) = (details.user.as_deref(), details.stream.as_deref());
                !is_administrator(user) && !now.may_stay(&old, user, stream, entry.address.ip())
            });
            web.change_logins(&no_right);
        }
    }
}

/// Reads certificate and key anew, for the connections that come from now on.
fn renew_identity(server: &Server, after: &Config) -> Result<(), String> {
    let Some(identity) = identity(after).map_err(|error: io::Error| {
        format!("cannot speak TLS: {error}: the certificate from before stays in use")
    })?
    else {
        return Ok(());
    };
    let keyring = server.keyring.get();
    let Some(keyring) = keyring.as_ref() else {
        server.keyring.replace(Some(Keyring::new(&identity)));
        return Ok(());
    };
    keyring.replace(&identity);
    let until = identity.validity().map_or("?", |validity| &validity.until.date);
    let file = after.tls.as_ref().map(|files| files.certificate.display().to_string());
    let file = file.unwrap_or_default();
    log::info!("certificate renewed file={file} valid_until={until}");
    Ok(())
}
