//! The parts put together: the one place that lists what starts and stops, and in which order.

mod signals;
mod status;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::access::Access;
use crate::config::model::{Config, OnOffline};
use crate::limits::Places;
use crate::net::Acceptor;
use crate::server::{Server, UdpPorts};
use crate::service::Service;
use crate::source::Registry;
use signals::{Signal, Signals};

/// All that the end may take: viewers are told, cameras get TEARDOWN and time to answer it.
const GRACE: Duration = Duration::from_secs(4);
/// Set to `off`, no source writes to a viewer itself: every batch goes through the viewer's
/// thread. For tests and measurements of that way.
const HANDOFF_SWITCH: &str = "RTSP_RELAY_HANDOFF";

/// A part that could not be started.
#[derive(Debug)]
pub struct StartError {
    /// What was to be done.
    what: String,
    error: io::Error,
}

impl std::fmt::Display for StartError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.error)
    }
}

/// Runs until SIGTERM or SIGINT, then ends in good order.
pub fn run(config: Config) -> Result<(), StartError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error| StartError { what, error }
    };
    let signals = Signals::catch().map_err(failed("cannot catch signals"))?;
    let mut service =
        Service::from_env().map_err(failed("cannot reach the service manager (NOTIFY_SOCKET)"))?;
    raise_file_limit();
    for key in unserved(&config) {
        log::warn!("{key} is checked but has no effect in this version");
    }
    let config = Arc::new(config);
    let server = Arc::new(Server {
        registry: Arc::new(Registry::new(&config)),
        access: Arc::new(Access::new(&config)),
        places: Places::new(config.limits.max_clients, config.limits.max_clients_per_ip),
        clients: Arc::default(),
        udp: UdpPorts::new(&config),
        handoff: std::env::var_os(HANDOFF_SWITCH).is_none_or(|value| value != "off"),
        config,
    });
    server.udp.reserve().map_err(|(address, error)| StartError {
        what: format!("cannot use UDP port {address} and the next one (rtp_port)"),
        error,
    })?;
    let mut acceptors = listen(&server)?;
    greet(&server, &acceptors);
    service.status(&in_short(&server));
    service.ready();
    loop {
        match signals.wait(service.due()).map_err(failed("cannot wait for signals"))? {
            Some(Signal::End) => break,
            Some(Signal::Status) => status::tell(&server),
            Some(Signal::Reload) => {
                log::warn!("the configuration is read at the start only: restart to apply changes");
            }
            None => {}
        }
        if service.due().is_some_and(|due| Instant::now() >= due) {
            // Asks every stream and the list of clients: a part that is stuck with its lock keeps
            // the watchdog waiting, and the service manager starts the relay anew.
            service.status(&in_short(&server));
            service.alive();
        }
    }
    service.stopping();
    let started = Instant::now();
    let deadline = started + GRACE;
    log::info!("stopping clients={} cameras={}", server.clients.count(), server.registry.cameras());
    for acceptor in &mut acceptors {
        acceptor.stop();
    }
    let left = server.clients.stop(deadline);
    if left > 0 {
        log::warn!("gave up waiting for clients left={left}");
    }
    server.registry.stop(deadline);
    log::info!("stopped seconds={:.1}", started.elapsed().as_secs_f64());
    Ok(())
}

/// What the service manager shows.
fn in_short(server: &Server) -> String {
    let count = |number: usize, one: &str, many: &str| match number {
        1 => format!("1 {one}"),
        _ => format!("{number} {many}"),
    };
    let states: Vec<_> = server.registry.slots().map(|slot| slot.status().state).collect();
    let of = |state| states.iter().filter(|&&known| known == state).count();
    let offline = match of("offline") {
        0 => String::new(),
        number => format!(", {number} offline"),
    };
    format!(
        "{}, {} live of {}{offline}",
        count(server.clients.count(), "client", "clients"),
        of("live"),
        count(states.len(), "stream", "streams"),
    )
}

/// A viewer takes two descriptors, and the usual soft limit of 1024 is for programs that use
/// select(2): what the system grants is taken whole.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            log::warn!("cannot raise the limit of open files: {error}");
        }
    }
}

/// What the configuration asks for and this version does not do yet: whoever relies on it must
/// learn so from the first lines of the log, not from its absence.
fn unserved(config: &Config) -> Vec<String> {
    let mut keys = Vec::new();
    let mut note = |asked: bool, key: &str| {
        if asked {
            keys.push(key.to_owned());
        }
    };
    note(config.rtsps_port.is_some(), "rtsps_port");
    note(config.http.is_some(), "http_port");
    for (name, stream) in &config.streams {
        let mut note = |asked: bool, key: &str| note(asked, &format!("{key} of stream {name}"));
        note(stream.on_offline == OnOffline::Hold, "the repeated picture of on_offline=hold");
        note(stream.hold_timeout.is_some(), "hold_timeout_s");
        note(stream.max_bandwidth_kbps.is_some(), "max_bandwidth_kbps");
        note(stream.max_egress_kbps.is_some(), "max_egress_kbps");
        note(stream.max_clients.is_some(), "max_clients_per_stream");
        note(stream.fallback.is_some(), "fallback");
        note(stream.multicast, "multicast");
    }
    keys
}

/// Listens wherever the configuration says. Of the two wildcard addresses one is enough: many
/// machines have no IPv6.
fn listen(server: &Arc<Server>) -> Result<Vec<Acceptor>, StartError> {
    let config = &server.config;
    let mut acceptors = Vec::new();
    let mut failed = None;
    for &address in &config.listen_address {
        let address = SocketAddr::new(address, config.listen_port);
        let server = Arc::clone(server);
        match Acceptor::start(address, move |stream, peer| server.accept(stream, peer)) {
            Ok(acceptor) => acceptors.push(acceptor),
            Err(error) if address.ip().is_unspecified() && address.is_ipv6() => {
                log::debug!("no IPv6 here: {error} address={address}");
                failed = Some((address, error));
            }
            Err(error) => {
                let what = format!("cannot listen on {address}");
                return Err(StartError { what, error });
            }
        }
    }
    match failed {
        Some((address, error)) if acceptors.is_empty() => {
            Err(StartError { what: format!("cannot listen on {address}"), error })
        }
        _ => Ok(acceptors),
    }
}

fn greet(server: &Server, acceptors: &[Acceptor]) {
    for acceptor in acceptors {
        log::info!("listening on rtsp://{}/", acceptor.address());
    }
    let streams = server.registry.slots().count();
    if streams == 0 {
        log::warn!("no stream is configured: add a [stream] section with name and rtsp_url");
    }
    log::info!(
        "ready version={} streams={streams} max_clients={} login={}",
        env!("CARGO_PKG_VERSION"),
        server.config.limits.max_clients,
        if server.access.needs_login() { "required" } else { "none" },
    );
}
