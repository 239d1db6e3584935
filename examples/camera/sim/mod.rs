//! A simulated IP camera: serves clips in a loop over RTSP, and misbehaves on demand.
//!
//! The example `camera` is a thin program around it; tests and benchmarks include this folder by
//! path and run it in their own process. It uses rtsp-proto for bytes, and nothing of the relay.
//!
//! One thread a connection reads requests ([`connection`], [`answer`]); one thread a path sends
//! its pictures to all sessions ([`feed`]); nobody waits for a slow peer ([`outlet`]).
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    reason = "each program that includes this uses a part"
)]

mod answer;
pub mod clip;
pub mod coding;
mod connection;
mod delivery;
mod door;
pub mod faults;
mod feed;
mod groups;
pub mod network;
pub mod options;
mod outlet;
mod picture;
mod pulse;
pub mod random;
mod sdp;
pub mod sei;
mod session;
pub mod sound;
pub mod stats;
mod synthetic;
mod timeline;
mod tls;
mod tone;
mod udp;
mod world;

pub use clip::Clip;
pub use coding::Coding;
pub use faults::Fault;
pub use network::{Quality, Tally};
pub use options::{Auth, Marker, Multicast, Options, Packets, Path, Reports, Start, Track};
pub use sei::Stamp;
pub use sound::Sound;
pub use stats::Stats;
pub use synthetic::Synthetic;

use door::Door;
use outlet::Outlet;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use tls::TlsFront;
use world::World;

/// A running camera; dropping it stops it.
pub struct Camera {
    world: Arc<World>,
    door: Mutex<Door>,
    tls: Option<TlsFront>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Camera {
    /// Starts to listen; when this returns, clients can connect.
    pub fn start(mut options: Options) -> io::Result<Self> {
        let door = Door::new(options.listen)?;
        options.listen = door.address();
        let tls = options.tls.map(|at| TlsFront::open(at, options.listen)).transpose()?;
        let world = Arc::new(World::new(options)?);
        let camera = Self {
            world: Arc::clone(&world),
            door: Mutex::new(door),
            tls,
            threads: Mutex::default(),
        };
        for feed in &world.feeds {
            let feed = Arc::clone(feed);
            camera.spawn(format!("cam:{}", feed.path.name), move || feed.run())?;
        }
        if let Some(udp) = &world.udp {
            let (udp, counters) = (Arc::clone(udp), Arc::clone(&world.counters));
            for (index, _) in udp.groups().enumerate() {
                let (udp, counters) = (Arc::clone(&udp), Arc::clone(&counters));
                camera
                    .spawn(format!("cam:group{index}"), move || udp.run_group(index, &counters))?;
            }
            camera.spawn("cam:udp".into(), move || udp.run(&counters))?;
        }
        camera.door().open(&world)?;
        Ok(camera)
    }

    fn spawn(&self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        let thread = std::thread::Builder::new().name(name).spawn(work)?;
        self.threads().push(thread);
        Ok(())
    }

    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.world.options.listen
    }

    /// The port of RTSP.
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// The URL of a path, without the login.
    pub fn url(&self, path: &str) -> String {
        format!("rtsp://{}/{path}", self.address())
    }

    /// The URL of a path, with the login if the camera asks for one.
    pub fn url_with_login(&self, path: &str) -> String {
        let options = &self.world.options;
        match options.auth {
            Auth::None => self.url(path),
            _ => {
                let (user, password) = (escaped(&options.user), escaped(&options.password));
                format!("rtsp://{user}:{password}@{}/{path}", self.address())
            }
        }
    }

    /// The URL of a path over TLS, without the login; none without [`Options::tls`].
    pub fn tls_url(&self, path: &str) -> Option<String> {
        self.tls.as_ref().map(|tls| format!("rtsps://{}/{path}", tls.address()))
    }

    /// The certificate it shows there, in DER.
    pub fn certificate(&self) -> Option<&[u8]> {
        self.tls.as_ref().map(TlsFront::certificate)
    }

    /// The paths it serves.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.world.feeds.iter().map(|feed| feed.path.name.as_str())
    }

    /// What it has counted.
    pub fn stats(&self) -> Stats {
        self.world.counters.snapshot()
    }

    /// What the network did to datagrams of media.
    pub fn tally(&self) -> Tally {
        self.world.udp.as_ref().map(|udp| udp.tally()).unwrap_or_default()
    }

    fn set_network(&self, quality: Quality) {
        if let Some(udp) = &self.world.udp {
            udp.set_network(quality);
        }
    }

    /// Makes it misbehave, at once.
    pub fn fault(&self, fault: Fault) -> io::Result<()> {
        log::info!("camera fault={fault:?}");
        self.world.switches.set(&fault);
        match fault {
            Fault::Normal => {
                self.set_network(Quality::default());
                self.world.each_outlet(Outlet::flush);
                self.door().open(&self.world)?;
            }
            Fault::Network(quality) => self.set_network(quality),
            Fault::Refuse(true) => self.door().shut()?,
            Fault::Refuse(false) => self.door().open(&self.world)?,
            Fault::Stall(false) => self.world.each_outlet(Outlet::flush),
            Fault::Die => self.world.each_outlet(Outlet::reset),
            Fault::Reboot => {
                self.world.each_outlet(Outlet::reset);
                self.world.feeds.iter().for_each(|feed| feed.reboot());
            }
            Fault::CloseAll => self.world.each_outlet(Outlet::close),
            Fault::ByeAndClose => {
                self.world.feeds.iter().for_each(|feed| feed.bye());
                self.world.each_outlet(Outlet::close);
            }
            Fault::Garbage { bytes } => {
                self.world.feeds.iter().for_each(|feed| feed.garbage(bytes));
            }
            _ => {}
        }
        Ok(())
    }

    /// Says BYE to all sessions, closes all connections and joins all threads.
    pub fn stop(&self) {
        if let Err(error) = self.door().shut() {
            log::warn!("cannot shut the camera's port: {error}");
        }
        self.world.feeds.iter().for_each(|feed| feed.stop());
        if let Some(udp) = &self.world.udp {
            udp.stop();
        }
        self.world.each_outlet(Outlet::close);
        let mut threads = std::mem::take(&mut *self.threads());
        let connections = std::mem::take(&mut *self.world.connections());
        threads.extend(connections.into_iter().map(|(_, thread)| thread));
        for thread in threads {
            if thread.join().is_err() {
                log::error!("a thread of the camera panicked");
            }
        }
    }

    fn threads(&self) -> MutexGuard<'_, Vec<JoinHandle<()>>> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Text as it may stand before the `@` of a URL.
fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).into()
        }
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}
