//! The parts put together: the one place that lists what starts and stops, and in which order.

mod signals;
mod status;
mod tick;

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rustix::process::{Resource, getrlimit, setrlimit};

use crate::access::Access;
use crate::config::model::Config;
use crate::drill;
use crate::limits::Gatekeeper;
use crate::net::Acceptor;
use crate::server::{Server, UdpPorts, Wanted};
use crate::service::Service;
use crate::source::Registry;
use crate::tls::Keyring;
use crate::web::Web;
use signals::{Signal, Signals};
use tick::Tick;

/// All that the end may take: viewers are told, cameras get TEARDOWN and time to answer it.
const GRACE: Duration = Duration::from_secs(4);
/// Set to `off`, no source writes to a viewer itself: every batch goes through the viewer's
/// thread. For tests and measurements of that way.
const HANDOFF_SWITCH: &str = "RTSP_RELAY_HANDOFF";

/// Descriptors of the relay itself: the log, the listeners, signals, UDP toward viewers.
const OWN_FILES: u64 = 24;
/// The connection, the waker, and UDP ports for two tracks.
const FILES_PER_CAMERA: u64 = 6;
/// The connection and the waker.
const FILES_PER_CLIENT: u64 = 2;

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
    let files = raise_file_limit();
    for key in unserved(&config) {
        log::warn!("{key} is checked but has no effect in this version");
    }
    let config = Arc::new(config);
    let server = Arc::new(Server {
        registry: Arc::new(Registry::new(&config)),
        access: Arc::new(Access::new(&config)),
        gatekeeper: Arc::new(Gatekeeper::new(&config.limits)),
        clients: Arc::default(),
        udp: UdpPorts::new(&config),
        tunnels: Arc::default(),
        keyring: keyring(&config)?,
        tick: Wanted::new().map_err(failed("cannot wake the main thread"))?,
        most_connections: most_connections(files, config.limits.max_camera_connections),
        handoff: std::env::var_os(HANDOFF_SWITCH).is_none_or(|value| value != "off"),
        config,
    });
    server.udp.reserve().map_err(|(address, error)| StartError {
        what: format!("cannot use UDP port {address} and the next one (rtp_port)"),
        error,
    })?;
    let mut acceptors = listen(&server)?;
    let web = Arc::new(Web::new(
        Arc::clone(&server.config),
        Arc::clone(&server.registry),
        Arc::clone(&server.clients),
        Arc::clone(&server.gatekeeper),
    ));
    let mut http_acceptors = listen_http(&web)?;
    greet(&server, &acceptors);
    service.status(&in_short(&server));
    service.ready();
    let mut tick = Tick::new();
    loop {
        let due = [service.due(), tick.due()].into_iter().flatten().min();
        match signals.wait(server.tick.waker(), due).map_err(failed("cannot wait for signals"))? {
            Some(Signal::End) => break,
            Some(Signal::Status) => status::tell(&server),
            Some(Signal::Reload) => {
                renew_certificate(&server);
                log::warn!("the configuration is read at the start only: restart to apply changes");
            }
            None => {}
        }
        let ticked = catch_unwind(AssertUnwindSafe(|| tick.run(&server, Instant::now())));
        if let Err(panic) = ticked {
            let reason = drill::reason(&*panic);
            log::error!("internal failure, memory and processor are watched anew: {reason}");
            tick = Tick::new();
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
    for acceptor in acceptors.iter_mut().chain(&mut http_acceptors) {
        acceptor.stop();
    }
    let left = server.clients.stop(deadline) + web.connections.stop(deadline);
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
/// select(2): what the system grants is taken whole. Tells how many there are.
fn raise_file_limit() -> Option<u64> {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let before = limit.current;
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            log::warn!("cannot raise the limit of open files: {error}");
            return before;
        }
    }
    limit.current
}

/// Connections of clients that `files` are enough for, when the relay itself and its cameras have
/// theirs: a camera that comes back must not find that clients have taken its descriptors.
fn most_connections(files: Option<u64>, cameras: u32) -> usize {
    let Some(files) = files else { return usize::MAX };
    let own = OWN_FILES + u64::from(cameras) * FILES_PER_CAMERA;
    let free = files.saturating_sub(own.min(files / 2));
    usize::try_from(free / FILES_PER_CLIENT).unwrap_or(usize::MAX).max(1)
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
    for (name, stream) in &config.streams {
        let mut note = |asked: bool, key: &str| note(asked, &format!("{key} of stream {name}"));
        note(stream.multicast, "multicast");
    }
    keys
}

/// Who the relay is on `rtsps_port`, if it listens there.
fn keyring(config: &Config) -> Result<Option<Keyring>, StartError> {
    let Some(files) = config.tls.as_ref().filter(|_| config.rtsps_port.is_some()) else {
        return Ok(None);
    };
    // It was checked, and may have changed since.
    let identity = files.load().map_err(|flaw| StartError {
        what: "cannot listen on rtsps_port".to_owned(),
        error: io::Error::other(flaw.to_string()),
    })?;
    Ok(Some(Keyring::new(&identity)))
}

/// Reads certificate and key anew, for the connections that come from now on.
fn renew_certificate(server: &Server) {
    let (Some(keyring), Some(files)) = (&server.keyring, &server.config.tls) else { return };
    match files.load() {
        Ok(identity) => {
            keyring.replace(&identity);
            let until = identity.validity().map_or("?", |validity| &validity.until.date);
            log::info!(
                "certificate renewed file={} valid_until={until}",
                files.certificate.display()
            );
            if let Some(text) = files.untimely(&identity, SystemTime::now()) {
                log::warn!("{text}");
            }
        }
        Err(flaw) => log::error!("{flaw}: the certificate from before stays in use"),
    }
}

/// Listens wherever the configuration says.
fn listen(server: &Arc<Server>) -> Result<Vec<Acceptor>, StartError> {
    let config = &server.config;
    let mut acceptors = listen_on(server, config.listen_port, |server, socket, peer| {
        server.accept(socket.into(), peer);
    })?;
    if let Some(port) = config.rtsps_port {
        acceptors.extend(listen_on(server, port, Server::accept_tls)?);
    }
    Ok(acceptors)
}

/// Of the two wildcard addresses one is enough: many machines have no IPv6.
fn listen_on(
    server: &Arc<Server>,
    port: u16,
    serve: fn(&Arc<Server>, TcpStream, SocketAddr),
) -> Result<Vec<Acceptor>, StartError> {
    let mut acceptors = Vec::new();
    let mut failed = None;
    for &address in &server.config.listen_address {
        let address = SocketAddr::new(address, port);
        let server = Arc::clone(server);
        match Acceptor::start(address, move |socket, peer| serve(&server, socket, peer)) {
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

/// Listens for HTTP, if the configuration says so.
fn listen_http(web: &Arc<Web>) -> Result<Vec<Acceptor>, StartError> {
    let Some(http) = &web.config.http else { return Ok(Vec::new()) };
    let listen = |&address| {
        let address = SocketAddr::new(address, http.port);
        let web = Arc::clone(web);
        let acceptor = Acceptor::start(address, move |stream, peer| web.accept(stream, peer))
            .map_err(|error| StartError { what: format!("cannot listen on {address}"), error })?;
        log::info!("listening on http://{}/", acceptor.address());
        Ok(acceptor)
    };
    http.address.iter().map(listen).collect()
}

fn greet(server: &Server, acceptors: &[Acceptor]) {
    for acceptor in acceptors {
        let address = acceptor.address();
        let tls = server.config.rtsps_port == Some(address.port());
        log::info!("listening on {}://{address}/", if tls { "rtsps" } else { "rtsp" });
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
