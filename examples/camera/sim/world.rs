//! What all threads of a camera share.

use super::faults::Switches;
use super::feed::Feed;
use super::groups::Groups;
use super::options::{Auth, Options, Path};
use super::outlet::Outlet;
use super::random::Random;
use super::session::Sessions;
use super::stats::Counters;
use super::timeline::unix_now;
use super::udp::Udp;
use rtsp_proto::Secret;
use rtsp_proto::auth::{Algorithm, Scheme, Stored, Verifier};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Shared by the camera's handle and its threads.
pub struct World {
    pub options: Options,
    pub counters: Arc<Counters>,
    pub switches: Arc<Switches>,
    pub sessions: Arc<Sessions>,
    pub feeds: Vec<Arc<Feed>>,
    pub udp: Option<Arc<Udp>>,
    pub verifier: Option<Verifier>,
    pub random: Arc<Random>,
    connections: Mutex<Vec<(Arc<Outlet>, JoinHandle<()>)>>,
}

impl World {
    /// Everything but the listener and the threads.
    pub fn new(mut options: Options) -> io::Result<Self> {
        let fresh = || unix_now().as_nanos() as u64 ^ (u64::from(std::process::id()) << 32);
        let random = Arc::new(Random::new(options.seed.unwrap_or_else(fresh)));
        let (counters, switches) = (Arc::new(Counters::default()), Arc::new(Switches::default()));
        let seed = random.next();
        let mut udp = match options.allow_udp || options.multicast.is_some() {
            true => Some(Udp::bind(options.listen.ip(), seed)?),
            false => None,
        };
        if let (Some(udp), Some(multicast)) = (&mut udp, options.multicast) {
            udp.add_groups(multicast, options.paths.iter().map(Path::track_count).sum())?;
        }
        let mut groups = udp.iter().flat_map(Udp::groups).collect::<Vec<_>>().into_iter();
        let feed = |(path, number): (Path, u32)| {
            let (switches, counters) = (Arc::clone(&switches), Arc::clone(&counters));
            let groups = groups.by_ref().take(path.track_count()).collect();
            let groups = Groups { multicast: options.multicast, of_tracks: groups };
            Arc::new(Feed::new(number, path, groups, switches, counters, Arc::clone(&random)))
        };
        let paths = std::mem::take(&mut options.paths);
        let feeds = paths.into_iter().zip(0..).map(feed).collect();
        Ok(Self {
            feeds,
            sessions: Arc::new(Sessions::new(Arc::clone(&counters), Arc::clone(&switches))),
            verifier: verifier(&options, &random),
            udp: udp.map(Arc::new),
            connections: Mutex::default(),
            options,
            counters,
            switches,
            random,
        })
    }

    /// What login a user has.
    pub fn password_of(&self, user: &str) -> Option<Stored> {
        let known = user == self.options.user;
        known.then(|| Stored::Password(Secret::new(self.options.password.clone())))
    }

    /// Takes `qop` out of a challenge where the camera does not know it.
    pub fn dialect(&self, challenge: String) -> String {
        match self.options.auth {
            Auth::Digest { qop: true, .. } => challenge,
            _ => challenge.replace(", qop=\"auth\"", ""),
        }
    }

    /// The connections and their threads; those that ended are swept out by the next one.
    pub fn connections(&self) -> MutexGuard<'_, Vec<(Arc<Outlet>, JoinHandle<()>)>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does the same to all connections.
    pub fn each_outlet(&self, act: impl Fn(&Outlet)) {
        self.connections().iter().for_each(|(outlet, _)| act(outlet));
    }
}

fn verifier(options: &Options, random: &Random) -> Option<Verifier> {
    let md5 = Scheme::Digest(Algorithm::Md5);
    let schemes = match options.auth {
        Auth::None => return None,
        Auth::Basic => vec![Scheme::Basic],
        Auth::Digest { sha256: true, .. } => vec![Scheme::Digest(Algorithm::Sha256)],
        Auth::Digest { sha256: false, .. } => vec![md5],
        Auth::Both => vec![Scheme::Basic, md5],
    };
    let mut key = [0; 32];
    key.copy_from_slice(&random.bytes(32));
    Some(Verifier::new(&options.realm, schemes, key))
}
