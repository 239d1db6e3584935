//! Who may watch what.

use std::net::{IpAddr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

use rtsp_proto::Request;
use rtsp_proto::auth::{Algorithm, Credentials, Scheme, Stored, Verdict, Verifier, uri_matches};

use crate::config::model::{AuthMethod, Cidr, Config, REALM, Stream, User, UserPassword};
use crate::entropy;

/// The users of the configuration and how they prove themselves.
#[derive(Debug)]
pub struct Access {
    users: Vec<User>,
    verifier: Verifier,
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
        /// right one whose nonce has grown old.
        innocent: bool,
    },
    /// This address may not watch, whoever it is.
    Forbidden,
}

impl Access {
    /// The users of the configuration.
    pub fn new(config: &Config) -> Self {
        let schemes = config.auth_methods.iter().map(|method| match method {
            AuthMethod::Digest => Scheme::Digest(Algorithm::Md5),
            AuthMethod::DigestSha256 => Scheme::Digest(Algorithm::Sha256),
            AuthMethod::Basic => Scheme::Basic,
        });
        let verifier = Verifier::new(REALM, schemes.collect(), entropy::bytes());
        Self { users: config.users.clone(), verifier }
    }

    /// Those who may look over HTTP: the users, if there are any, and the administrator with them.
    pub fn for_http(config: &Config) -> Self {
        let mut access = Self::new(config);
        if access.needs_login() {
            access.users.extend(config.admin.as_ref().map(administrator));
        }
        access
    }

    /// Those who may change something over HTTP; `None` when there is no administrator.
    pub fn for_admin(config: &Config) -> Option<Self> {
        let users = vec![administrator(config.admin.as_ref()?)];
        Some(Self { users, ..Self::new(config) })
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
    pub fn decide(&self, request: &Request, stream: &str, peer: SocketAddr) -> Decision {
        if self.users.is_empty() {
            return Decision::Granted(None);
        }
        let address = peer.ip().to_canonical();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let verdict = self.verifier.verify(
            &request.method,
            &request.headers,
            |uri| uri_matches(uri, &request.uri),
            &address.to_string(),
            now,
            |name| self.users.iter().find(|user| user.name == name).map(stored),
        );
        let challenge = |stale, failed, innocent| {
            let peer = address.to_string();
            let challenges = self.verifier.challenge(now, entropy::number(), &peer, stale);
            Decision::Challenge { challenges, failed, innocent }
        };
        match verdict {
            Verdict::Granted { username, .. } => {
                let user = self.users.iter().find(|user| user.name == username);
                match user {
                    Some(user) if !contains(&user.allow, address) => Decision::Forbidden,
                    Some(user) if may_watch(user, stream) => Decision::Granted(Some(username)),
                    _ => challenge(false, Some(username), false),
                }
            }
            Verdict::Missing => challenge(false, None, true),
            Verdict::Stale => challenge(true, None, true),
            Verdict::Denied { username } => {
                challenge(false, Some(username.unwrap_or_default()), false)
            }
        }
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
