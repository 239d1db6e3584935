//! Two cameras of each kind, and what befalls them.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use super::sim::random::Random;
use super::sim::{Auth, Camera, Clip, Fault, Options, Path};
use super::world::{World, lock};

/// How a camera differs from the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Plain,
    Sound,
    Login,
    Udp,
}

/// A camera and its stream.
pub(super) struct Unit {
    pub(super) name: String,
    pub(super) kind: Kind,
    /// `on_offline=hold`: its viewers stay, whatever happens.
    pub(super) holds: bool,
    /// `None` while it boots.
    pub(super) camera: Mutex<Option<Camera>>,
    /// Also where it listens.
    options: Mutex<Options>,
    /// When the camera itself last left out pictures.
    mute_at: Mutex<Option<Instant>>,
    /// How often it had done so of its own accord, when that was last looked at.
    catch_ups: AtomicU64,
}

/// So long after it some viewers may still be shown what the camera left incomplete.
const AFTERMATH: Duration = Duration::from_secs(10);

impl Kind {
    const ALL: [Self; 4] = [Self::Plain, Self::Sound, Self::Login, Self::Udp];

    fn options(self, seed: u64) -> Options {
        let path = Path::new("main", Clip::builtin());
        let path = if self == Self::Sound { path.with_audio() } else { path };
        let login = Auth::Digest { sha256: false, qop: true };
        Options {
            paths: vec![path],
            auth: if self == Self::Login { login } else { Auth::None },
            allow_tcp: self != Self::Udp,
            seed: Some(seed),
            ..Options::default()
        }
    }
}

/// Starts them: of each kind one that is held and one whose viewers are told.
pub(super) fn all(seed: u64) -> io::Result<Vec<Unit>> {
    let pairs = Kind::ALL.into_iter().flat_map(|kind| [(kind, true), (kind, false)]);
    let units = pairs.zip(seed..).map(|((kind, holds), seed)| {
        let mut options = kind.options(seed);
        let camera = Camera::start(options.clone())?;
        options.listen = camera.address();
        let name = format!("{kind:?}-{}", if holds { "held" } else { "told" }).to_lowercase();
        Ok(Unit {
            name,
            kind,
            holds,
            camera: Mutex::new(Some(camera)),
            options: Mutex::new(options),
            mute_at: Mutex::default(),
            catch_ups: AtomicU64::new(0),
        })
    });
    units.collect()
}

impl Unit {
    /// Its section of the relay's configuration, if the camera runs just now.
    pub(super) fn section(&self) -> Option<String> {
        let url = lock(&self.camera).as_ref()?.url_with_login("main");
        let offline = if self.holds { "hold" } else { "disconnect" };
        let name = &self.name;
        Some(format!(
            "[stream]\nname={name}\nrtsp_url={url}\non_offline={offline}\nmulticast=yes\n"
        ))
    }

    /// Whether the camera has left out pictures lately, so that those after them may refer to what
    /// nobody has.
    pub(super) fn is_mute(&self) -> bool {
        let catch_ups = lock(&self.camera).as_ref().map_or(0, |c| c.stats().catch_ups);
        if self.catch_ups.swap(catch_ups, SeqCst) < catch_ups {
            *lock(&self.mute_at) = Some(Instant::now());
        }
        lock(&self.mute_at).is_some_and(|at| at.elapsed() < AFTERMATH)
    }

    fn fault(&self, fault: Fault) {
        if let Some(camera) = &*lock(&self.camera) {
            // A port that somebody else has taken meanwhile is tried again with the next one.
            let _taken = camera.fault(fault);
        }
    }

    /// It comes back with other pictures, other parameter sets and other UDP ports.
    fn reboot(&self, random: &Random) {
        let options = lock(&self.options).clone();
        self.boot(options, random);
    }

    /// It comes back at another address; whoever pulls it must be told.
    fn move_away(&self, random: &Random) {
        let mut options = lock(&self.options).clone();
        options.listen.set_port(0);
        self.boot(options, random);
        if let Some(camera) = &*lock(&self.camera) {
            lock(&self.options).listen = camera.address();
        }
    }

    fn boot(&self, mut options: Options, random: &Random) {
        // What this one has left out is remembered beyond its end.
        let _mute = self.is_mute();
        let mut camera = lock(&self.camera);
        self.catch_ups.store(0, SeqCst);
        drop(camera.take());
        options.seed = Some(random.next());
        if random.below(2) == 0 {
            options.paths[0].clip = Clip::sub();
        }
        for _ in 0..100 {
            if let Ok(booted) = Camera::start(options.clone()) {
                *camera = Some(booted);
                return;
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// The thread: one misfortune after another.
pub(super) fn befall(world: &World) {
    let random = Random::new(world.seed ^ 0xca3e_7a50);
    while world.goes_on() {
        pause(world, 200 + random.below(1500));
        let unit = &world.units[random.below(world.units.len() as u64) as usize];
        let time = 300 + random.below(4000);
        let name = match random.below(9) {
            0 => once(unit, Fault::Die, "die"),
            1 => once(unit, Fault::CloseAll, "close"),
            2 => once(unit, Fault::ByeAndClose, "bye"),
            3 => for_a_while(world, unit, [Fault::Stall(true), Fault::Stall(false)], time, "stall"),
            4 => for_a_while(world, unit, [Fault::Mute(true), Fault::Mute(false)], time, "mute"),
            5 => {
                unit.fault(Fault::Refuse(true));
                unit.fault(Fault::Die);
                pause(world, time);
                once(unit, Fault::Refuse(false), "refuse")
            }
            6 => {
                unit.move_away(&random);
                world.reload();
                "move"
            }
            _ => {
                unit.reboot(&random);
                "reboot"
            }
        };
        world.count(&format!("misfortune {name}"));
    }
    world.units.iter().for_each(|unit| unit.fault(Fault::Normal));
}

fn once(unit: &Unit, fault: Fault, name: &'static str) -> &'static str {
    unit.fault(fault);
    name
}

fn for_a_while(
    world: &World,
    unit: &Unit,
    [begin, end]: [Fault; 2],
    ms: u64,
    name: &'static str,
) -> &'static str {
    *lock(&unit.mute_at) = Some(Instant::now() + Duration::from_millis(ms));
    unit.fault(begin);
    pause(world, ms);
    once(unit, end, name)
}

/// Lets time pass, unless it is over.
pub(super) fn pause(world: &World, ms: u64) {
    let until = Instant::now() + Duration::from_millis(ms);
    while world.goes_on() && Instant::now() < until {
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
