//! The parts put together: the one place that lists what starts and stops, and in which order.

mod listeners;
mod reload;
mod signals;
mod status;
mod tick;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use log::LevelFilter;
use rustix::process::{Resource, getrlimit, setrlimit};

use crate::access::Access;
use crate::config::Sources;
use crate::config::model::Config;
use crate::current::Current;
use crate::drill;
use crate::limits::{Gatekeeper, Wanted};
use crate::server::{Groups, Server, UdpPorts};
use crate::service::Service;
use crate::source::Registry;
use crate::tls::{Identity, Keyring};
use crate::web::{Outcome, Reloads, Web};
use listeners::Listeners;
use reload::Reload;
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
/// The ports it is sent from, the waker, and RTCP of two tracks.
const FILES_PER_GROUP: u64 = 5;
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

/// Runs until SIGTERM or SIGINT, then ends in good order. The configuration comes from `sources`,
/// which are read again when that is asked for; `level` says how much is logged when the configuration
/// has it so.
pub fn run(
    config: Config,
    sources: &Sources,
    level: &dyn Fn(LevelFilter) -> LevelFilter,
) -> Result<(), StartError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |error| StartError { what, error }
    };
    let signals = Signals::catch().map_err(failed("cannot catch signals"))?;
    let mut service =
        Service::from_env().map_err(failed("cannot reach the service manager (NOTIFY_SOCKET)"))?;
    let files = raise_file_limit();
    let handoff = std::env::var_os(HANDOFF_SWITCH).is_none_or(|value| value != "off");
    let config = Arc::new(Current::new(config));
    let first = config.get();
    let gatekeeper = Arc::new(Gatekeeper::new(&first.limits));
    let identity = identity(&first).map_err(failed("cannot speak TLS"))?;
    let server = Arc::new(Server {
        registry: Arc::new(Registry::new(&first)),
        access: Current::new(Access::new(&first, Arc::clone(&gatekeeper.logins))),
        gatekeeper,
        clients: Arc::default(),
        udp: UdpPorts::new(&first),
        groups: Groups::new(&first, handoff),
        tunnels: Arc::default(),
        keyring: Arc::new(Current::new(identity.as_ref().map(Keyring::new))),
        tick: Arc::new(Wanted::new().map_err(failed("cannot wake the main thread"))?),
        most_connections: most_connections(files, &first).into(),
        handoff,
        config,
    });
    server.udp.reserve().map_err(|(address, error)| StartError {
        what: format!("cannot use UDP port {address} and the next one (rtp_port)"),
        error,
    })?;
    let web = Web::new(
        Arc::clone(&server.config),
        Arc::clone(&server.registry),
        Arc::clone(&server.clients),
        Arc::clone(&server.gatekeeper),
        Arc::clone(&server.tick),
        server.handoff,
        Arc::new(Reloads::new(Arc::clone(server.tick.waker()))),
    );
    let web = Arc::new(web.with_tls(Arc::clone(&server.keyring)));
    let mut listeners = Listeners::start(&server, &web, &first)?;
    drop(first);
    let mut tick = Tick::new();
    greet(&server);
    let reload = Reload { sources, level, files };
    service.status(&in_short(&server));
    service.ready();
    let mut hup = false;
    loop {
        let due = [service.due(), tick.due()].into_iter().flatten().min();
        match signals.wait(server.tick.waker(), due).map_err(failed("cannot wait for signals"))? {
            Some(Signal::End) => break,
            Some(Signal::Status) => status::tell(&server),
            Some(Signal::Reload) => hup = true,
            None => {}
        }
        if std::mem::take(&mut hup) || web.reloads.is_asked() {
            service.reloading();
            let reloaded = catch_unwind(AssertUnwindSafe(|| {
                reload.run(&server, &web, &mut listeners);
            }));
            if let Err(panic) = reloaded {
                let reason = drill::reason(&*panic);
                log::error!("internal failure, the configuration was not read again: {reason}");
                web.reloads.done(Outcome::failed(reason));
            }
            service.ready();
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
    web.reloads.close();
    listeners.stop();
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
fn most_connections(files: Option<u64>, config: &Config) -> usize {
    let Some(files) = files else { return usize::MAX };
    let groups = config.streams.values().filter(|stream| stream.multicast.is_some()).count() as u64;
    let cameras = u64::from(config.limits.max_camera_connections);
    let own = OWN_FILES + cameras * FILES_PER_CAMERA + groups.min(cameras) * FILES_PER_GROUP;
    let free = files.saturating_sub(own.min(files / 2));
    usize::try_from(free / FILES_PER_CLIENT).unwrap_or(usize::MAX).max(1)
}

/// Who the relay is to those who speak TLS, if there is a place where it is spoken.
fn identity(config: &Config) -> io::Result<Option<Identity>> {
    let Some(files) = config.tls.as_ref().filter(|_| config.speaks_tls()) else {
        return Ok(None);
    };
    // It was checked, and may have changed since.
    files.load().map(Some).map_err(|flaw| io::Error::other(flaw.to_string()))
}

fn greet(server: &Server) {
    let streams = server.registry.slots().count();
    if streams == 0 {
        log::warn!("no stream is configured: add a [stream] section with name and rtsp_url");
    }
    log::info!(
        "ready version={} streams={streams} max_clients={} login={}",
        env!("CARGO_PKG_VERSION"),
        server.config.get().limits.max_clients,
        if server.access.get().needs_login() { "required" } else { "none" },
    );
}
