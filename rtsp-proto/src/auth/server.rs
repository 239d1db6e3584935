//! Asking the relay's own clients for a login, and judging their answers.
//!
//! What players do decides some things here. An answer without `qop` is accepted although `qop`
//! is offered: GStreamer 1.22 and live555 send none. `stale` stands right behind the nonce and
//! `algorithm=MD5` is left out, because live555's client reads the header by a fixed pattern.
//! An answer that is right but for its nonce is [`Verdict::Stale`] whatever is wrong with the
//! nonce (too old, of another address, of an earlier run), so that a player asks nobody for a
//! password it knows.

use super::digest::{Inputs, ha1};
use super::nonce::{self, Freshness, equal};
use super::{Algorithm, Authorization, DigestAnswer, Qop};
use crate::headers::lexer::quote;
use crate::{Headers, Method, Secret};
use sha2::{Digest as _, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// What takes the place of an unknown user's password, so that he costs the same work.
const DECOY: &str = "no password at all";

/// A way to log in that clients are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Digest with this algorithm. For one with `-sess`, clients must keep to one client nonce.
    Digest(Algorithm),
    /// The password readable on the wire.
    Basic,
}

/// What the server knows of a user's password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// The password itself.
    Password(Secret),
    /// Its hash with user name and realm, see [`ha1`]; good for Digest with this algorithm (with
    /// or without `-sess`), and for Basic.
    Ha1 {
        /// The algorithm of the hash.
        algorithm: Algorithm,
        /// The hash in hexadecimal digits.
        hex: Secret,
    },
}

/// What a request's login is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The login is right.
    Granted {
        /// Who it is.
        username: String,
        /// The nonce of a Digest answer, one of ours and fresh; for [`super::NonceCounts`].
        nonce: Option<String>,
        /// The nonce count of a Digest answer with `qop`.
        nc: Option<u32>,
    },
    /// There is no login, as in the first request of every client; no failed attempt.
    Missing,
    /// The login is right but for its nonce: send a challenge with `stale`; no failed attempt.
    Stale,
    /// The login is wrong, unreadable, or of a kind that was not offered.
    Denied {
        /// Who it claimed to be, if that could be read.
        username: Option<String>,
    },
}

/// Makes challenges and judges answers, without keeping anything in between.
#[derive(Clone)]
pub struct Verifier {
    realm: String,
    schemes: Vec<Scheme>,
    key: [u8; 32],
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { realm, schemes, key: _ } = self;
        f.debug_struct("Verifier").field("realm", realm).field("schemes", schemes).finish()
    }
}

impl Verifier {
    /// Offers `schemes` in this order. `key` is random and private to this run of the server.
    ///
    /// Double quotes and backslashes of `realm` become `'` and `/`, control characters blanks:
    /// players disagree on whether escapes go into the hash.
    pub fn new(realm: &str, schemes: Vec<Scheme>, key: [u8; 32]) -> Self {
        let plain = |c: char| match c {
            '"' => '\'',
            '\\' => '/',
            c if c.is_control() => ' ',
            c => c,
        };
        Self { realm: realm.chars().map(plain).collect(), schemes, key }
    }

    /// What the logins are for, as clients see it; goes into a [`Stored::Ha1`].
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The values for the WWW-Authenticate lines of a 401, one each.
    ///
    /// `now_s` is any clock in seconds that never restarts while the key is in use; `entropy` is
    /// random; `peer` is the client's address without port.
    pub fn challenge(&self, now_s: u64, entropy: u64, peer: &str, stale: bool) -> Vec<String> {
        let nonce = nonce::make(&self.key, now_s, entropy, peer);
        let realm = quote(&self.realm);
        let stale = if stale { ", stale=true" } else { "" };
        let value = |scheme: &Scheme| match scheme {
            Scheme::Basic => format!("Basic realm={realm}"),
            Scheme::Digest(algorithm) => {
                let named = match algorithm {
                    Algorithm::Md5 => String::new(),
                    other => format!(", algorithm={other}"),
                };
                format!("Digest realm={realm}, nonce=\"{nonce}\"{stale}, qop=\"auth\"{named}")
            }
        };
        self.schemes.iter().map(value).collect()
    }

    /// Judges the Authorization of a request.
    ///
    /// `uri_ok` says whether the `uri=` of an answer fits the request, usually by
    /// [`super::uri_matches`]; `lookup` gives what is known of a user. `peer` and `now_s` are
    /// those of [`Verifier::challenge`]. Known and unknown users cost the same work, and hashes
    /// are compared in constant time.
    pub fn verify(
        &self,
        method: &Method,
        headers: &Headers,
        uri_ok: impl Fn(&str) -> bool,
        peer: &str,
        now_s: u64,
        lookup: impl Fn(&str) -> Option<Stored>,
    ) -> Verdict {
        let mut lines = headers.get_all("Authorization");
        let Some(value) = lines.next() else { return Verdict::Missing };
        if lines.next().is_some() {
            return Verdict::Denied { username: None };
        }
        match Authorization::parse(value) {
            Ok(Authorization::Basic { username, password }) => {
                let stored = lookup(&username);
                if self.basic_is_right(&username, &password, stored) {
                    Verdict::Granted { username, nonce: None, nc: None }
                } else {
                    Verdict::Denied { username: Some(username) }
                }
            }
            Ok(Authorization::Digest(answer)) => {
                let stored = lookup(&answer.username);
                if !self.digest_is_right(&answer, method, stored) || !uri_ok(&answer.uri) {
                    return Verdict::Denied { username: Some(answer.username) };
                }
                match nonce::check(&self.key, &answer.nonce, peer, now_s) {
                    Freshness::Fresh => {
                        let nc = answer.nc();
                        let DigestAnswer { username, nonce, .. } = answer;
                        Verdict::Granted { username, nonce: Some(nonce), nc }
                    }
                    Freshness::Expired | Freshness::Foreign => Verdict::Stale,
                }
            }
            Ok(Authorization::Unknown { .. }) | Err(_) => Verdict::Denied { username: None },
        }
    }

    fn basic_is_right(&self, username: &str, given: &Secret, stored: Option<Stored>) -> bool {
        let own = |text: &str| Zeroizing::new(text.to_owned());
        // Each is computed whoever it is: the time tells nothing of what is known of a user.
        let [md5, sha256] = [Algorithm::Md5, Algorithm::Sha256]
            .map(|algorithm| Zeroizing::new(ha1(username, &self.realm, given.expose(), algorithm)));
        let (expected, actual) = match &stored {
            Some(Stored::Ha1 { algorithm, hex }) => {
                let actual = if algorithm.base() == Algorithm::Md5 { md5 } else { sha256 };
                (Zeroizing::new(hex.expose().to_ascii_lowercase()), actual)
            }
            Some(Stored::Password(password)) => (own(password.expose()), own(given.expose())),
            None => (own(DECOY), own(given.expose())),
        };
        // Hashed, so that the comparison does not tell the length.
        let right = equal(&Sha256::digest(&*expected), &Sha256::digest(&*actual));
        right && stored.is_some() && self.schemes.contains(&Scheme::Basic)
    }

    /// Everything but nonce and URI.
    fn digest_is_right(
        &self,
        answer: &DigestAnswer,
        method: &Method,
        stored: Option<Stored>,
    ) -> bool {
        let algorithm = answer.algorithm.unwrap_or_default();
        let password = match &stored {
            Some(Stored::Password(password)) => password.expose(),
            _ => DECOY,
        };
        let computed = Zeroizing::new(ha1(&answer.username, &self.realm, password, algorithm));
        let (known, key) = match &stored {
            Some(Stored::Password(_)) => (true, computed),
            Some(Stored::Ha1 { algorithm: own, hex }) => {
                let key = Zeroizing::new(hex.expose().to_ascii_lowercase());
                (own.base() == algorithm.base(), key)
            }
            None => (false, computed),
        };
        let inputs = Inputs {
            algorithm,
            nonce: &answer.nonce,
            cnonce: answer.cnonce.as_deref().unwrap_or_default(),
            qop: answer.qop.as_ref().map(|(qop, nc)| (*qop, nc.as_str())),
            method,
            uri: &answer.uri,
            body: b"",
        };
        let expected = inputs.response(&key);
        let right = equal(expected.as_bytes(), answer.response.to_ascii_lowercase().as_bytes());
        let offered = self.schemes.contains(&Scheme::Digest(algorithm));
        let protected = !matches!(answer.qop, Some((Qop::AuthInt, _)));
        right && known && offered && protected && answer.realm == self.realm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Oddities;
    use crate::auth::{ClientAuth, Credentials, NONCE_LIFETIME_S, uri_matches};

    const URI: &str = "rtsp://relay/cam";
    const PEER: &str = "192.0.2.7";
    const NOW_S: u64 = 10_000;

    fn verifier(schemes: &[Scheme]) -> Verifier {
        Verifier::new("the \"relay\\", schemes.to_vec(), [9; 32])
    }

    fn user(name: &str) -> Option<Stored> {
        (name == "ann").then(|| Stored::Password(Secret::new("sécret")))
    }

    fn headers(name: &str, values: &[String]) -> Headers {
        let mut headers = Headers::new();
        for value in values {
            headers.append(name, value);
        }
        headers
    }

    /// What a client with this login sends after a challenge made at `made_s` for `peer`.
    fn login(
        verifier: &Verifier,
        username: &str,
        password: &str,
        made_s: u64,
        peer: &str,
    ) -> String {
        let username = username.to_owned();
        let mut client =
            ClientAuth::new(Some(Credentials { username, password: Secret::new(password) }));
        let challenge = headers("WWW-Authenticate", &verifier.challenge(made_s, 1, peer, false));
        client.unauthorized(&challenge, &mut Oddities::new()).unwrap();
        client.authorize(&Method::Describe, URI, b"", 5).unwrap()
    }

    fn judge(
        verifier: &Verifier,
        value: &str,
        uri: &str,
        known: impl Fn(&str) -> Option<Stored>,
    ) -> Verdict {
        let headers = headers("Authorization", &[value.to_owned()]);
        verifier.verify(
            &Method::Describe,
            &headers,
            |own| uri_matches(own, uri),
            PEER,
            NOW_S,
            known,
        )
    }

    fn denied(username: &str) -> Verdict {
        Verdict::Denied { username: Some(username.into()) }
    }

    const ALL: [Scheme; 5] = [
        Scheme::Digest(Algorithm::Md5),
        Scheme::Digest(Algorithm::Md5Sess),
        Scheme::Digest(Algorithm::Sha256),
        Scheme::Digest(Algorithm::Sha256Sess),
        Scheme::Basic,
    ];

    #[test]
    fn the_right_login_opens_the_stream_and_no_other_does() {
        for scheme in ALL {
            let verifier = verifier(&[scheme]);
            let right = login(&verifier, "ann", "sécret", NOW_S, PEER);
            let Verdict::Granted { username, nonce, nc } = judge(&verifier, &right, URI, user)
            else {
                panic!("{scheme:?}")
            };
            assert_eq!(username, "ann");
            let digest = scheme != Scheme::Basic;
            assert_eq!((nonce.is_some(), nc), (digest, digest.then_some(1)), "{scheme:?}");

            let wrong = login(&verifier, "ann", "secret", NOW_S, PEER);
            assert_eq!(judge(&verifier, &wrong, URI, user), denied("ann"), "{scheme:?}");
            let nobody = login(&verifier, "bob", DECOY, NOW_S, PEER);
            assert_eq!(judge(&verifier, &nobody, URI, user), denied("bob"), "{scheme:?}");
            if digest {
                let other = judge(&verifier, &right, "rtsp://relay/other", user);
                assert_eq!(other, denied("ann"), "{scheme:?}");
            }
        }
    }

    #[test]
    fn the_challenge_is_one_that_every_player_can_read() {
        let verifier = Verifier::new("relay", vec![ALL[0], ALL[2], ALL[4]], [9; 32]);
        let nonce = nonce::make(&[9; 32], NOW_S, 1, PEER);
        let expected = |stale: &str| {
            [
                format!("Digest realm=\"relay\", nonce=\"{nonce}\"{stale}, qop=\"auth\""),
                format!(
                    "Digest realm=\"relay\", nonce=\"{nonce}\"{stale}, qop=\"auth\", algorithm=SHA-256"
                ),
                "Basic realm=\"relay\"".to_owned(),
            ]
        };
        assert_eq!(verifier.challenge(NOW_S, 1, PEER, false), expected(""));
        assert_eq!(verifier.challenge(NOW_S, 1, PEER, true), expected(", stale=true"));
    }

    #[test]
    fn a_player_that_sends_no_qop_gets_in() {
        let verifier = Verifier::new("relay", vec![Scheme::Digest(Algorithm::Md5)], [9; 32]);
        let nonce = nonce::make(&[9; 32], NOW_S, 1, PEER);
        let inputs = Inputs {
            algorithm: Algorithm::Md5,
            nonce: &nonce,
            cnonce: "",
            qop: None,
            method: &Method::Describe,
            uri: "/cam",
            body: b"",
        };
        let response = inputs.response(&ha1("ann", "relay", "sécret", Algorithm::Md5));
        let value = |realm: &str| {
            format!(
                "Digest username=\"ann\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"/cam\", response=\"{}\"",
                response.to_uppercase()
            )
        };
        let granted =
            Verdict::Granted { username: "ann".into(), nonce: Some(nonce.clone()), nc: None };
        assert_eq!(judge(&verifier, &value("relay"), URI, user), granted);
        assert_eq!(judge(&verifier, &value("elsewhere"), URI, user), denied("ann"));
    }

    #[test]
    fn an_old_or_foreign_nonce_is_renewed_without_asking_for_the_password() {
        let verifier = verifier(&[Scheme::Digest(Algorithm::Md5)]);
        let restarted = Verifier { key: [1; 32], ..verifier.clone() };
        for (made_by, made_s, peer) in [
            (&verifier, NOW_S - NONCE_LIFETIME_S - 1, PEER),
            (&verifier, NOW_S + 1, PEER),
            (&verifier, NOW_S, "192.0.2.8"),
            (&restarted, NOW_S, PEER),
        ] {
            let right = login(made_by, "ann", "sécret", made_s, peer);
            assert_eq!(judge(&verifier, &right, URI, user), Verdict::Stale);
            let wrong = login(made_by, "ann", "guess", made_s, peer);
            assert_eq!(judge(&verifier, &wrong, URI, user), denied("ann"));
        }
    }

    #[test]
    fn a_stored_hash_works_with_its_own_algorithm_only() {
        for own in [Algorithm::Md5, Algorithm::Sha256] {
            let stored = |name: &str| {
                let hex = ha1(name, "the 'relay/", "sécret", own).to_uppercase();
                Some(Stored::Ha1 { algorithm: own, hex: Secret::new(hex) })
            };
            for scheme in ALL {
                let verifier = verifier(&[scheme]);
                let fits = !matches!(scheme, Scheme::Digest(other) if other.base() != own);
                let granted = |value: &str| {
                    matches!(judge(&verifier, value, URI, stored), Verdict::Granted { .. })
                };
                let verdict = granted(&login(&verifier, "ann", "sécret", NOW_S, PEER));
                assert_eq!(verdict, fits, "{own} {scheme:?}");
                assert!(!granted(&login(&verifier, "ann", "guess", NOW_S, PEER)));
            }
        }
    }

    #[test]
    fn what_was_not_offered_is_not_accepted() {
        for offered in ALL {
            for used in ALL {
                let value = login(&verifier(&[used]), "ann", "sécret", NOW_S, PEER);
                let verdict = judge(&verifier(&[offered]), &value, URI, user);
                assert_eq!(verdict == denied("ann"), offered != used, "{offered:?} {used:?}");
            }
        }
    }

    /// What is measured is the shortest time of many: all that makes a run longer is not ours.
    #[test]
    fn the_time_does_not_tell_whether_there_is_such_a_user() {
        let hash = |algorithm| {
            let hex = ha1("ann", "the 'relay/", "sécret", algorithm);
            Some(Stored::Ha1 { algorithm, hex: Secret::new(hex) })
        };
        let known = [user("ann"), hash(Algorithm::Md5), hash(Algorithm::Sha256)];
        for scheme in ALL {
            let verifier = verifier(&[scheme]);
            let wrong = login(&verifier, "ann", "guess", NOW_S, PEER);
            let mut shortest = [std::time::Duration::MAX; 4];
            for _ in 0..3000 {
                for (place, stored) in known.iter().chain([&None]).enumerate() {
                    let begun = std::time::Instant::now();
                    let verdict = judge(&verifier, &wrong, URI, |_| stored.clone());
                    shortest[place] = shortest[place].min(begun.elapsed());
                    assert_eq!(verdict, denied("ann"));
                }
            }
            let [.., nobody] = shortest;
            for time in shortest {
                let ratio = time.as_secs_f64() / nobody.as_secs_f64();
                assert!((0.8..1.25).contains(&ratio), "{scheme:?}: {shortest:?}");
            }
        }
    }

    #[test]
    fn no_login_is_no_failed_login() {
        let verifier = verifier(&ALL);
        let check = |headers: &Headers| {
            verifier.verify(&Method::Play, headers, |_| true, PEER, NOW_S, user)
        };
        assert_eq!(check(&Headers::new()), Verdict::Missing);
        let unreadable = Verdict::Denied { username: None };
        for values in [
            &["Digest".to_owned()][..],
            &["Bearer x".into()],
            &["Basic YTpi".into(), "Basic YTpi".into()],
        ] {
            assert_eq!(check(&headers("authorization", values)), unreadable);
        }
    }

    #[test]
    fn the_key_is_not_printed() {
        assert!(!format!("{:?}", verifier(&ALL)).contains('9'));
    }
}
