//! Who may watch what.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtsp_proto::Request;
use rtsp_proto::auth::{
    Algorithm, Authorization, Credentials, NonceCounts, Scheme, Stored, Verdict, Verifier,
    uri_matches,
};

use crate::config::model::{AuthMethod, Cidr, Config, REALM, Stream, User, UserPassword};
use crate::entropy;
use crate::limits::Logins;
use crate::limits::logins::{Turn, Wait};

/// Nonces of logins that are remembered so that none opens twice.
const MAX_NONCES: usize = 8192;

/// The users of the configuration and how they prove themselves.
#[derive(Debug)]
pub struct Access {
    users: Vec<User>,
    methods: Vec<AuthMethod>,
    verifier: Verifier,
    counts: Arc<Mutex<NonceCounts>>,
    logins: Arc<Logins>,
    /// The verifier's clock, which nobody can set.
    started: Instant,
}

/// Where a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Asker {
    /// The client's address.
    pub address: SocketAddr,
    /// A number that no other connection has.
    pub connection: u64,
    /// It has waited for its turn, see [`Decision::Later`].
    pub has_waited: bool,
}

/// The outcome for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Allowed; as this user, if there are any.
    Granted(Option<String>),
    /// A login is needed, or another one: the values for WWW-Authenticate.
    Challenge {
        /// One for each header line.
        challenges: Vec<String>,
        /// A wrong login was given, for the log: the name tried.
        failed: Option<String>,
        /// Nothing wrong was said: there was no login, as in every client's first request, or a
        /// right one whose nonce has grown old or was used before.
        innocent: bool,
    },
    /// This address may not watch, whoever it is.
    Forbidden,
    /// The address has given too many wrong logins: this one was not looked at, and can be at that
    /// moment.
    Later(Instant),
    /// The same, and too many of them wait already.
    Refused {
        /// When it is worth another try.
        retry_after: Duration,
        /// It was not told for a while.
        news: bool,
    },
}

impl Access {
    /// The users of the configuration.
    pub fn new(config: &Config, logins: Arc<Logins>) -> Self {
        let schemes = config.auth_methods.iter().map(|method| match method {
            AuthMethod::Digest => Scheme::Digest(Algorithm::Md5),
            AuthMethod::DigestSha256 => Scheme::Digest(Algorithm::Sha256),
            AuthMethod::Basic => Scheme::Basic,
        });
        Self {
            users: config.users.clone(),
            methods: config.auth_methods.clone(),
            verifier: Verifier::new(REALM, schemes.collect(), entropy::bytes()),
            counts: Arc::new(Mutex::new(NonceCounts::new(MAX_NONCES))),
            logins,
            started: Instant::now(),
        }
    }

    /// Those who may look over HTTP: the users, if there are any, and the administrator with them.
    pub fn for_http(config: &Config, logins: Arc<Logins>) -> Self {
        let mut access = Self::new(config, logins);
        if access.needs_login() {
            access.users.extend(config.admin.as_ref().map(administrator));
        }
        access
    }

    /// Those who may change something over HTTP; `None` when there is no administrator. A browser
    /// goes on with the nonce it has.
    pub fn for_admin(&self, config: &Config) -> Option<Self> {
        Some(Self {
            users: vec![administrator(config.admin.as_ref()?)],
            methods: self.methods.clone(),
            verifier: self.verifier.clone(),
            counts: Arc::clone(&self.counts),
            logins: Arc::clone(&self.logins),
            started: self.started,
        })
    }

    /// In the place of the one before: who has a nonce goes on with it, if it is still of use.
    #[must_use]
    pub fn after(mut self, before: &Self) -> Self {
        if self.methods == before.methods {
            self.verifier = before.verifier.clone();
            self.counts = Arc::clone(&before.counts);
            self.started = before.started;
        }
        self
    }

    /// Whether somebody who watches a stream (or none yet), let in by the one before, may stay: the
    /// user is still there, with the same password, from that address and with that right.
    pub fn may_stay(
        &self,
        before: &Self,
        user: Option<&str>,
        stream: Option<&str>,
        peer: IpAddr,
    ) -> bool {
        let Some(name) = user else { return stream.is_none() || self.users.is_empty() };
        if self.users.is_empty() {
            return true;
        }
        let of = |access: &Self| access.users.iter().find(|user| user.name == name).cloned();
        let (Some(now), Some(then)) = (of(self), of(before)) else { return false };
        now.password == then.password
            && contains(&now.allow, peer.to_canonical())
            && may_watch(&now, stream.unwrap_or_default())
    }

    /// Whether somebody who follows the events, let in by the one before, may go on: as
    /// [`Access::may_stay`], and who came without a login goes when one is needed.
    pub fn may_follow(&self, before: &Self, user: Option<&str>, peer: IpAddr) -> bool {
        match user {
            None => self.users.is_empty(),
            Some(_) => self.may_stay(before, user, None, peer),
        }
    }

    /// Whether this user may watch every stream.
    pub fn sees_all(&self, user: Option<&str>) -> bool {
        match user {
            None => self.users.is_empty(),
            Some(name) => {
                let user = self.users.iter().find(|user| user.name == name);
                user.is_some_and(|user| user.streams.is_empty())
            }
        }
    }

    /// Whether this user, who has logged in if that is needed, may watch the stream.
    pub fn may_watch(&self, user: Option<&str>, stream: &str) -> bool {
        let known = |name: &str| self.users.iter().find(|known| known.name == name);
        match user {
            None => self.users.is_empty(),
            Some(name) => known(name).is_some_and(|known| may_watch(known, stream)),
        }
    }

    /// Whether anybody has to log in.
    pub fn needs_login(&self) -> bool {
        !self.users.is_empty()
    }

    /// Decides about a request for the stream of this name. Which streams exist does not matter
    /// here: somebody without a login cannot find out.
    pub fn decide(&self, request: &Request, stream: &str, asker: Asker) -> Decision {
        if self.users.is_empty() {
            return Decision::Granted(None);
        }
        let address = asker.address.ip().to_canonical();
        let Some(login) = request.headers.get("Authorization") else {
            return self.challenge(address, false, None, true);
        };
        let nonce = match Authorization::parse(login) {
            Ok(Authorization::Digest(answer)) => Some(answer.nonce),
            _ => None,
        };
        let turn = match &nonce {
            _ if asker.has_waited => Turn::Come,
            Some(nonce) if self.counts().is_trusted(nonce) => Turn::Known,
            _ => Turn::New,
        };
        let judge = || {
            let decision = self.judge(request, stream, asker);
            let wrong = matches!(decision, Decision::Challenge { innocent: false, .. });
            if let Some(nonce) = nonce.filter(|_| wrong) {
                self.counts().distrust(&nonce);
            }
            (wrong, decision)
        };
        match self.logins.look(address, Instant::now(), turn, judge) {
            Ok(decision) => decision,
            Err(Wait::Until(at)) => Decision::Later(at),
            Err(Wait::Refused { retry_after, news }) => Decision::Refused { retry_after, news },
        }
    }

    fn judge(&self, request: &Request, stream: &str, asker: Asker) -> Decision {
        let address = asker.address.ip().to_canonical();
        let verdict = self.verifier.verify(
            &request.method,
            &request.headers,
            |uri| uri_matches(uri, &request.uri),
            &address.to_string(),
            self.now_s(),
            |name| self.users.iter().find(|user| user.name == name).map(stored),
        );
        match verdict {
            Verdict::Granted { nonce: Some(nonce), nc, .. }
                if !self.counts().admit(&nonce, nc, asker.connection, self.now_s()) =>
            {
                self.challenge(address, true, None, true)
            }
            Verdict::Granted { username, .. } => {
                let user = self.users.iter().find(|user| user.name == username);
                match user {
                    Some(user) if !contains(&user.allow, address) => Decision::Forbidden,
                    Some(user) if may_watch(user, stream) => Decision::Granted(Some(username)),
                    _ => self.challenge(address, false, Some(username), false),
                }
            }
            Verdict::Missing => self.challenge(address, false, None, true),
            Verdict::Stale => self.challenge(address, true, None, true),
            Verdict::Denied { username } => {
                self.challenge(address, false, Some(username.unwrap_or_default()), false)
            }
        }
    }

    fn challenge(
        &self,
        address: IpAddr,
        stale: bool,
        failed: Option<String>,
        innocent: bool,
    ) -> Decision {
        let peer = address.to_string();
        let challenges = self.verifier.challenge(self.now_s(), entropy::number(), &peer, stale);
        Decision::Challenge { challenges, failed, innocent }
    }

    fn now_s(&self) -> u64 {
        self.started.elapsed().as_secs()
    }

    fn counts(&self) -> MutexGuard<'_, NonceCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a stream may be watched from this address.
pub fn stream_allows(stream: &Stream, peer: IpAddr) -> bool {
    contains(&stream.allow, peer.to_canonical())
}

fn administrator(login: &Credentials) -> User {
    User {
        name: login.username.clone(),
        password: UserPassword::Plain(login.password.clone()),
        streams: Vec::new(),
        allow: Vec::new(),
    }
}

fn contains(ranges: &[Cidr], address: IpAddr) -> bool {
    ranges.is_empty() || ranges.iter().any(|range| range.contains(address))
}

/// A request for no stream in particular needs a login, but no rights.
fn may_watch(user: &User, stream: &str) -> bool {
    stream.is_empty()
        || user.streams.is_empty()
        || user.streams.iter().any(|pattern| pattern.matches(stream))
}

fn stored(user: &User) -> Stored {
    match &user.password {
        UserPassword::Plain(password) => Stored::Password(password.clone()),
        UserPassword::Ha1 { algorithm, hex } => {
            Stored::Ha1 { algorithm: *algorithm, hex: hex.clone() }
        }
    }
}
