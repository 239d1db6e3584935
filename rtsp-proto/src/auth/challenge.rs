//! WWW-Authenticate: what a server asks for ([RFC 2326 section 12.44], [RFC 7616 section 3.3]).
//!
//! Realm, nonce and opaque are kept as they stand between the quotes, backslashes included: they
//! are sent back and hashed just so, which is what cameras compare with.
//!
//! [RFC 2326 section 12.44]: https://www.rfc-editor.org/rfc/rfc2326#section-12.44
//! [RFC 7616 section 3.3]: https://www.rfc-editor.org/rfc/rfc7616#section-3.3

use super::Algorithm;
use super::params::{Item, Items};
use crate::headers::lexer::unescape;
use crate::{Headers, Oddities, Oddity};

/// One way to log in that a server offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Challenge {
    /// The password goes over the wire as it is.
    Basic {
        /// What the login is for.
        realm: String,
    },
    /// The password goes into a hash.
    Digest(DigestChallenge),
    /// A scheme or an algorithm that is not known, or a Digest without a nonce.
    Unknown {
        /// Its name, for people.
        scheme: String,
    },
}

/// The parameters of a Digest challenge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestChallenge {
    /// What the login is for; some cameras write an error text here. Empty when not given.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// Sent back as it is, even when it is empty.
    pub opaque: Option<String>,
    /// The algorithm; MD5 when none is named.
    pub algorithm: Algorithm,
    /// Whether the algorithm was named; an answer repeats it only then.
    pub algorithm_named: bool,
    /// What an answer should protect, the simplest that is offered; `None` asks for the form of
    /// RFC 2069, as most cameras do.
    pub qop: Option<Qop>,
    /// The last answer was right but its nonce too old.
    pub stale: bool,
}

/// What a Digest answer protects ("quality of protection").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Qop {
    /// Method and URI.
    Auth,
    /// Method, URI and body.
    AuthInt,
}

impl Qop {
    /// The name as headers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auth => "auth",
            Self::AuthInt => "auth-int",
        }
    }

    /// The protection of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auth, Self::AuthInt].into_iter().find(|qop| qop.name().eq_ignore_ascii_case(name))
    }
}

impl Challenge {
    /// The scheme's name, for people.
    pub fn scheme(&self) -> &str {
        match self {
            Self::Basic { .. } => "Basic",
            Self::Digest(_) => "Digest",
            Self::Unknown { scheme } => scheme,
        }
    }
}

/// The challenges of all WWW-Authenticate lines, in order. Those that are not known are counted
/// as [`Oddity::UnknownAuthScheme`] and kept by name.
pub fn challenges(headers: &Headers, oddities: &mut Oddities) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in headers.get_all("WWW-Authenticate") {
        let mut current: Option<(&str, Vec<(&str, &str)>)> = None;
        for item in Items::of(value) {
            match item {
                Item::Scheme(scheme) => {
                    found.extend(current.replace((scheme, Vec::new())).map(build));
                }
                Item::Param(name, text) => {
                    // Parameters in front of any scheme belong to nothing.
                    if let Some((_, params)) = &mut current {
                        params.push((name, text));
                    }
                }
            }
        }
        found.extend(current.map(build));
    }
    for challenge in &found {
        if matches!(challenge, Challenge::Unknown { .. }) {
            oddities.note(Oddity::UnknownAuthScheme);
        }
    }
    found
}

fn build((scheme, params): (&str, Vec<(&str, &str)>)) -> Challenge {
    let param = |wanted: &str| {
        params.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|&(_, text)| text)
    };
    let owned = |wanted| param(wanted).unwrap_or_default().to_owned();
    if scheme.eq_ignore_ascii_case("Basic") {
        return Challenge::Basic { realm: owned("realm") };
    }
    if !scheme.eq_ignore_ascii_case("Digest") {
        return Challenge::Unknown { scheme: scheme.to_owned() };
    }
    if param("nonce").is_none() {
        return Challenge::Unknown { scheme: "Digest without a nonce".to_owned() };
    }
    let named = param("algorithm").filter(|text| !text.is_empty());
    let algorithm = match named {
        None => Some(Algorithm::Md5),
        Some(text) => list(text).find_map(Algorithm::from_name),
    };
    let Some(algorithm) = algorithm else {
        return Challenge::Unknown { scheme: format!("Digest {}", named.unwrap_or_default()) };
    };
    let mut offered = list(param("qop").unwrap_or_default()).filter_map(Qop::from_name);
    let first = offered.next();
    let auth = first == Some(Qop::Auth) || offered.any(|qop| qop == Qop::Auth);
    Challenge::Digest(DigestChallenge {
        realm: owned("realm"),
        nonce: owned("nonce"),
        opaque: param("opaque").map(str::to_owned),
        algorithm,
        algorithm_named: named.is_some(),
        qop: if auth { Some(Qop::Auth) } else { first },
        stale: param("stale").is_some_and(|text| unescape(text).eq_ignore_ascii_case("true")),
    })
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c == ',' || c.is_whitespace()).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(lines: &[&str]) -> (Vec<Challenge>, u64) {
        let mut headers = Headers::new();
        for line in lines {
            headers.append("WWW-Authenticate", *line);
        }
        let mut oddities = Oddities::new();
        let found = challenges(&headers, &mut oddities);
        (found, oddities.count(Oddity::UnknownAuthScheme))
    }

    fn digest(realm: &str, nonce: &str) -> DigestChallenge {
        DigestChallenge { realm: realm.into(), nonce: nonce.into(), ..DigestChallenge::default() }
    }

    #[test]
    fn every_spelling_cameras_use_is_understood() {
        let plain = digest("IP Camera(AB705)", "12345678");
        for (line, expected) in [
            // Longse and most others.
            ("Digest realm=\"IP Camera(AB705)\", nonce=\"12345678\"", plain.clone()),
            ("digest REALM=IP Camera(AB705),Nonce=12345678", plain.clone()),
            (
                "Digest realm=\"IP Camera(AB705)\",nonce=\"12345678\",opaque=\"\",stale=\"FALSE\"",
                DigestChallenge { opaque: Some(String::new()), ..plain.clone() },
            ),
            (
                "Digest nonce=\"12345678\", realm=\"IP Camera(AB705)\", stale=True, algorithm=\"md5\"",
                DigestChallenge { stale: true, algorithm_named: true, ..plain.clone() },
            ),
            (
                "Digest realm=\"IP Camera(AB705)\", nonce=\"12345678\", qop=\"auth-int, auth\", algorithm=SHA-256",
                DigestChallenge {
                    qop: Some(Qop::Auth),
                    algorithm: Algorithm::Sha256,
                    algorithm_named: true,
                    ..plain.clone()
                },
            ),
            (
                "Digest realm=\"IP Camera(AB705)\", nonce=\"12345678\", qop=auth-int, charset=UTF-8",
                DigestChallenge { qop: Some(Qop::AuthInt), ..plain.clone() },
            ),
            (
                "Digest realm=\"IP Camera(AB705)\", nonce=\"12345678\", qop=\"\", algorithm=MD5-sess",
                DigestChallenge {
                    algorithm: Algorithm::Md5Sess,
                    algorithm_named: true,
                    ..plain.clone()
                },
            ),
            ("Digest realm=\"a\\\"b, c=d\", nonce=\"\"", digest("a\\\"b, c=d", "")),
        ] {
            assert_eq!(read(&[line]), (vec![Challenge::Digest(expected)], 0), "{line}");
        }
    }

    #[test]
    fn several_offers_in_one_or_more_lines_are_all_seen() {
        let basic = Challenge::Basic { realm: "cam".into() };
        let md5 = Challenge::Digest(digest("cam", "1"));
        let both = vec![basic, md5];
        assert_eq!(
            read(&["Basic realm=\"cam\"", "Digest realm=\"cam\", nonce=\"1\""]),
            (both.clone(), 0)
        );
        assert_eq!(read(&["Basic realm=\"cam\", Digest realm=\"cam\",nonce=\"1\""]), (both, 0));
    }

    #[test]
    fn what_is_not_known_is_passed_over_and_counted() {
        let (found, unknown) = read(&[
            "Negotiate, Bearer realm=\"x\", Digest realm=\"a\", nonce=\"1\", algorithm=SHA-512-256",
            "Digest realm=\"no nonce\"",
            "realm=\"no scheme\"",
            "Basic",
        ]);
        let names: Vec<_> = found.iter().map(Challenge::scheme).collect();
        assert_eq!(
            names,
            ["Negotiate", "Bearer", "Digest SHA-512-256", "Digest without a nonce", "Basic"]
        );
        assert_eq!(unknown, 4);
        assert_eq!(read(&[]), (vec![], 0));
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_looked_at(line in "\\PC*|(Digest|Basic)?[a-z=\", \\\\é]*") {
            read(&[&line]);
        }
    }
}
