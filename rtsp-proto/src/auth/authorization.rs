//! Authorization: the answer to a challenge ([RFC 2326 section 12.5], [RFC 7616 section 3.4]).
//!
//! Realm, nonce and opaque are kept as they stand between the quotes; see
//! [`challenges`](super::challenges).
//!
//! [RFC 2326 section 12.5]: https://www.rfc-editor.org/rfc/rfc2326#section-12.5
//! [RFC 7616 section 3.4]: https://www.rfc-editor.org/rfc/rfc7616#section-3.4

use super::params::{Item, Items};
use super::{Algorithm, Qop};
use crate::Secret;
use crate::headers::HeaderError;
use crate::headers::lexer::{quote, unescape};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use std::fmt;
use zeroize::Zeroizing;

/// Clients pad or do not.
const ANY_PADDING: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The value of an Authorization header. `Display` writes it, password included: never for a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authorization {
    /// User name and password as they are.
    Basic {
        /// The user name, which cannot hold a colon.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A hash of both.
    Digest(DigestAnswer),
    /// A scheme that is not known.
    Unknown {
        /// Its name.
        scheme: String,
    },
}

/// The parameters of a Digest answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DigestAnswer {
    /// The user name.
    pub username: String,
    /// The realm of the challenge.
    pub realm: String,
    /// The nonce of the challenge.
    pub nonce: String,
    /// The URI that went into the hash; need not be the request's own to the letter.
    pub uri: String,
    /// The hash, in hexadecimal digits.
    pub response: String,
    /// The algorithm, if it is named.
    pub algorithm: Option<Algorithm>,
    /// What is protected and the nonce count as written (1 to 8 hexadecimal digits); `None` is
    /// the form of RFC 2069.
    pub qop: Option<(Qop, String)>,
    /// The client's nonce; there with `qop`, and with an algorithm of a session.
    pub cnonce: Option<String>,
    /// The opaque of the challenge.
    pub opaque: Option<String>,
}

impl Authorization {
    /// Parses the value. An error never repeats it: it may hold a password.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let value = value.trim();
        let (scheme, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("Basic") {
            basic(rest.trim()).ok_or_else(|| broken("no user name and password in base64"))
        } else if scheme.eq_ignore_ascii_case("Digest") {
            DigestAnswer::read(rest).map(Self::Digest).map_err(broken)
        } else {
            Ok(Self::Unknown { scheme: scheme.to_owned() })
        }
    }
}

fn broken(rule: &'static str) -> HeaderError {
    HeaderError::redacted("Authorization", rule)
}

fn basic(text: &str) -> Option<Authorization> {
    let bytes = Zeroizing::new(ANY_PADDING.decode(text).ok()?);
    let pair = match std::str::from_utf8(&bytes) {
        Ok(text) => Zeroizing::new(text.to_owned()),
        Err(_) => Zeroizing::new(bytes.iter().copied().map(char::from).collect::<String>()),
    };
    let (username, password) = pair.split_once(':')?;
    Some(Authorization::Basic { username: username.to_owned(), password: Secret::new(password) })
}

impl DigestAnswer {
    /// The nonce count as a number.
    pub fn nc(&self) -> Option<u32> {
        self.qop.as_ref().and_then(|(_, nc)| u32::from_str_radix(nc, 16).ok())
    }

    fn read(text: &str) -> Result<Self, &'static str> {
        let mut params: Vec<(String, &str)> = Vec::new();
        for item in Items::of(text) {
            let Item::Param(name, value) = item else { return Err("a second scheme") };
            let name = name.to_ascii_lowercase();
            if params.iter().any(|(known, _)| *known == name) {
                return Err("a parameter that comes twice");
            }
            params.push((name, value));
        }
        let param = |wanted| params.iter().find(|(name, _)| name == wanted).map(|&(_, text)| text);
        let plain = |wanted| param(wanted).map(|text| unescape(text).into_owned());
        let algorithm = match param("algorithm") {
            None => None,
            Some(text) => Some(Algorithm::from_name(text).ok_or("an unknown algorithm")?),
        };
        let cnonce = param("cnonce").map(str::to_owned);
        let qop = match param("qop") {
            None => None,
            Some(text) => {
                let qop = Qop::from_name(text).ok_or("an unknown qop")?;
                let nc = param("nc").filter(|nc| {
                    (1..=8).contains(&nc.len()) && nc.bytes().all(|b| b.is_ascii_hexdigit())
                });
                Some((qop, nc.ok_or("qop without a nonce count")?.to_owned()))
            }
        };
        let session = algorithm.is_some_and(Algorithm::is_session);
        if (qop.is_some() || session) && cnonce.is_none() {
            return Err("no cnonce");
        }
        Ok(Self {
            username: plain("username").ok_or("no user name")?,
            realm: param("realm").ok_or("no realm")?.to_owned(),
            nonce: param("nonce").ok_or("no nonce")?.to_owned(),
            uri: plain("uri").ok_or("no uri")?,
            response: param("response").ok_or("no response")?.to_owned(),
            algorithm,
            qop,
            cnonce,
            opaque: param("opaque").map(str::to_owned),
        })
    }
}

impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic { username, password } => {
                let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
                write!(f, "Basic {}", *Zeroizing::new(STANDARD.encode(&*pair)))
            }
            Self::Digest(answer) => answer.fmt(f),
            Self::Unknown { scheme } => f.write_str(scheme),
        }
    }
}

/// What RFC 7616 section 3.4 quotes is quoted, the rest is not: some cameras compare to the
/// letter.
impl fmt::Display for DigestAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { realm, nonce, response, .. } = self;
        write!(f, "Digest username={}, realm=\"{realm}\"", quote(&self.username))?;
        write!(f, ", nonce=\"{nonce}\", uri={}, response=\"{response}\"", quote(&self.uri))?;
        if let Some(algorithm) = self.algorithm {
            write!(f, ", algorithm={algorithm}")?;
        }
        if let Some(cnonce) = &self.cnonce {
            write!(f, ", cnonce=\"{cnonce}\"")?;
        }
        if let Some((qop, nc)) = &self.qop {
            write!(f, ", qop={}, nc={nc}", qop.name())?;
        }
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque=\"{opaque}\"")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn strict_players_answers_are_read() {
        // Some quote what need not be quoted; GStreamer 1.22 leaves qop out.
        let ffmpeg = "Digest username=\"u\",realm=\"r\",nonce=\"n\",uri=\"rtsp://h/a\",\
                      response=\"ab\",algorithm=\"MD5\", qop=\"auth\", cnonce=\"c\", nc=0000000a";
        let Ok(Authorization::Digest(answer)) = Authorization::parse(ffmpeg) else { panic!() };
        assert_eq!((answer.username.as_str(), answer.nc()), ("u", Some(10)));
        let gstreamer =
            "Digest username=\"D\\\\u\", realm=\"r\", nonce=\"n\", uri=\"/a\", response=\"ab\"";
        let Ok(Authorization::Digest(answer)) = Authorization::parse(gstreamer) else { panic!() };
        assert_eq!((answer.username.as_str(), answer.nc(), answer.qop), ("D\\u", None, None));
    }

    #[test]
    fn strict_basic_is_utf_8_or_latin_1() {
        let basic = |username: &str, password: &str| {
            Ok(Authorization::Basic { username: username.into(), password: Secret::new(password) })
        };
        assert_eq!(
            Authorization::parse("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            basic("Aladdin", "open sesame")
        );
        assert_eq!(
            Authorization::parse("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ"),
            basic("Aladdin", "open sesame")
        );
        assert_eq!(Authorization::parse("Basic dGVzdDoxMjPCow=="), basic("test", "123£"));
        assert_eq!(Authorization::parse("Basic dGVzdDoxMjOj"), basic("test", "123£"));
        assert_eq!(Authorization::parse("Basic YTpiOmM="), basic("a", "b:c"));
    }

    #[test]
    fn bad_answers_are_refused_without_repeating_them() {
        for value in [
            "Basic",
            "Basic c2VjcmV0",
            "Basic !!!",
            "Digest",
            "Digest realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\"",
            "Digest username=\"u\", username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\", qop=auth",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\", qop=auth, nc=+1, cnonce=\"\"",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\", qop=auth, nc=1",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\", algorithm=MD4",
            "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"/\", response=\"x\", Basic abc",
        ] {
            let error = Authorization::parse(value).unwrap_err().to_string();
            assert!(!error.contains('`') && error.starts_with("Authorization: "), "{error}");
        }
        let unknown = Authorization::Unknown { scheme: "Bearer".into() };
        assert_eq!(Authorization::parse("Bearer abc"), Ok(unknown));
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(
            (username, password) in ("[^:]*", ".*"),
            (realm, nonce, uri, response) in ("[^\"\\\\]*", "[^\"\\\\]*", "\\PC*", "[0-9a-f]*"),
            nc in any::<u32>(),
            opaque in prop::option::of("[^\"\\\\]*"),
        ) {
            let basic = Authorization::Basic { username: username.clone(), password: Secret::new(password) };
            prop_assert_eq!(Authorization::parse(&basic.to_string()), Ok(basic));
            let digest = Authorization::Digest(DigestAnswer {
                username, realm, nonce, uri, response, opaque,
                algorithm: Some(Algorithm::Sha256Sess),
                qop: Some((Qop::AuthInt, format!("{nc:08x}"))),
                cnonce: Some("c".into()),
            });
            prop_assert_eq!(Authorization::parse(&digest.to_string()), Ok(digest));
        }

        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|(Digest|Basic) [a-z=\", \\\\é]*") {
            let _ = Authorization::parse(&value);
        }
    }
}
