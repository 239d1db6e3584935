//! Logging in at a camera.
//!
//! The strongest known challenge is answered: SHA-256, then MD5, then Basic, whatever their order
//! (RFC 7616 section 3.7). Cameras change their nonce at will, with `stale` or without, so a new
//! nonce is answered again; the same challenge once more is the camera's way to say that the
//! login is wrong. Some bring a new nonce with every refusal: [`MAX_REJECTIONS`] ends that, since
//! many lock the account after a few wrong answers.

use super::digest::{Inputs, ha1};
use super::{Authorization, Challenge, DigestAnswer, DigestChallenge, challenges};
use crate::{Headers, Method, Oddities, Secret};
use std::fmt;
use zeroize::Zeroizing;

/// Answers refused in a row after which the login counts as wrong.
pub const MAX_REJECTIONS: u32 = 3;

/// Who to be at a camera.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Answers a camera's challenges, for as long as its URL stays the same.
///
/// On a 401: [`ClientAuth::unauthorized`], then send again with [`ClientAuth::authorize`]. On any
/// other answer to a request that carried an authorization: [`ClientAuth::accepted`].
#[derive(Clone, Debug)]
pub struct ClientAuth {
    credentials: Option<Credentials>,
    chosen: Option<Chosen>,
    /// An answer to `chosen` was sent and its outcome is not known.
    answered: bool,
    rejections: u32,
    uri_form: UriForm,
}

#[derive(Clone, Debug)]
enum Chosen {
    Basic,
    Digest {
        challenge: DigestChallenge,
        /// Answers given with this nonce.
        count: u32,
        /// The client nonce of the first answer, which an algorithm of a session keeps.
        first_cnonce: Option<String>,
    },
}

/// How the URI is written into an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum UriForm {
    AsSent,
    Path,
    OtherSlash,
}

/// Why a camera's challenge cannot be met; all of them are for the operator to mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// The camera asks for a login and none is configured.
    NoLogin,
    /// None of the schemes the camera offers is known; their names.
    NoKnownScheme(Vec<String>),
    /// The camera refuses user name or password.
    WrongLogin,
}

impl ClientAuth {
    /// Sends nothing until a camera asks.
    pub fn new(credentials: Option<Credentials>) -> Self {
        let uri_form = UriForm::AsSent;
        Self { credentials, chosen: None, answered: false, rejections: 0, uri_form }
    }

    /// Takes the challenges of a 401. `Ok`: send the request again.
    pub fn unauthorized(
        &mut self,
        headers: &Headers,
        oddities: &mut Oddities,
    ) -> Result<(), AuthError> {
        let answered = std::mem::take(&mut self.answered);
        if self.credentials.is_none() {
            return Err(AuthError::NoLogin);
        }
        let offered = challenges(headers, oddities);
        if offered.is_empty() && answered {
            return Err(AuthError::WrongLogin);
        }
        let mut strongest: Option<&Challenge> = None;
        for challenge in &offered {
            let rank = strength(challenge);
            if rank.is_some() && rank > strongest.and_then(strength) {
                strongest = Some(challenge);
            }
        }
        let same = match (strongest, &mut self.chosen) {
            (Some(Challenge::Digest(new)), Some(Chosen::Digest { challenge, .. }))
                if new.nonce == challenge.nonce
                    && new.realm == challenge.realm
                    && new.algorithm == challenge.algorithm =>
            {
                // The count goes on where it stood.
                *challenge = new.clone();
                !new.stale
            }
            (Some(Challenge::Digest(new)), chosen) => {
                let challenge = new.clone();
                *chosen = Some(Chosen::Digest { challenge, count: 0, first_cnonce: None });
                false
            }
            (Some(Challenge::Basic { .. }), chosen) => {
                matches!(chosen.replace(Chosen::Basic), Some(Chosen::Basic))
            }
            _ => {
                let names = offered.iter().map(|challenge| challenge.scheme().to_owned());
                return Err(AuthError::NoKnownScheme(names.collect()));
            }
        };
        if answered {
            self.rejections += 1;
            if same || self.rejections >= MAX_REJECTIONS {
                return Err(AuthError::WrongLogin);
            }
        }
        Ok(())
    }

    /// The value of Authorization for a request; `None` while the camera has not asked.
    ///
    /// `uri` is the request's own, as sent; `body` its body; `cnonce` is any number that was not
    /// used before.
    pub fn authorize(
        &mut self,
        method: &Method,
        uri: &str,
        body: &[u8],
        cnonce: u64,
    ) -> Option<String> {
        let Credentials { username, password } = self.credentials.as_ref()?;
        let answer = match self.chosen.as_mut()? {
            Chosen::Basic => {
                Authorization::Basic { username: username.clone(), password: password.clone() }
            }
            Chosen::Digest { challenge, count, first_cnonce } => {
                *count = count.wrapping_add(1);
                let fresh = format!("{cnonce:016x}");
                let algorithm = challenge.algorithm;
                let cnonce = if algorithm.is_session() {
                    first_cnonce.get_or_insert(fresh).clone()
                } else {
                    fresh
                };
                let uri = self.uri_form.apply(uri);
                let nc = format!("{count:08x}");
                let inputs = Inputs {
                    algorithm,
                    nonce: &challenge.nonce,
                    cnonce: &cnonce,
                    qop: challenge.qop.map(|qop| (qop, nc.as_str())),
                    method,
                    uri: &uri,
                    body,
                };
                let key =
                    Zeroizing::new(ha1(username, &challenge.realm, password.expose(), algorithm));
                let response = inputs.response(&key);
                let with_cnonce = challenge.qop.is_some() || algorithm.is_session();
                Authorization::Digest(DigestAnswer {
                    username: username.clone(),
                    realm: challenge.realm.clone(),
                    nonce: challenge.nonce.clone(),
                    response,
                    algorithm: challenge.algorithm_named.then_some(algorithm),
                    qop: challenge.qop.map(|qop| (qop, nc)),
                    cnonce: with_cnonce.then_some(cnonce),
                    opaque: challenge.opaque.clone(),
                    uri,
                })
            }
        };
        self.answered = true;
        Some(answer.to_string())
    }

    /// An authorized request was answered with something else than 401.
    pub fn accepted(&mut self) {
        self.answered = false;
        self.rejections = 0;
    }

    /// Whether an authorized request was sent and its outcome is still open.
    pub fn is_answered(&self) -> bool {
        self.answered
    }

    /// After [`AuthError::WrongLogin`]: whether there is one more way to write `uri=` in a Digest
    /// answer, which is used from now on. First comes the request's URI as sent, then its path
    /// alone, then the whole URI with its trailing slash added or removed. Each costs a refused
    /// answer when the password is wrong, so callers may stop after the first.
    pub fn alternative_uri(&mut self) -> bool {
        let next = match self.uri_form {
            UriForm::AsSent => UriForm::Path,
            UriForm::Path => UriForm::OtherSlash,
            UriForm::OtherSlash => return false,
        };
        if !matches!(self.chosen, Some(Chosen::Digest { .. })) {
            return false;
        }
        self.uri_form = next;
        self.rejections = 0;
        true
    }

    /// `Digest MD5` and the like, or `Basic`; `None` while the camera has not asked.
    pub fn scheme_name(&self) -> Option<&'static str> {
        Some(match self.chosen.as_ref()? {
            Chosen::Basic => "Basic",
            Chosen::Digest { challenge, .. } => match challenge.algorithm {
                super::Algorithm::Md5 => "Digest MD5",
                super::Algorithm::Md5Sess => "Digest MD5-sess",
                super::Algorithm::Sha256 => "Digest SHA-256",
                super::Algorithm::Sha256Sess => "Digest SHA-256-sess",
            },
        })
    }
}

/// `None` when the challenge is not known; of equals the first is taken.
fn strength(challenge: &Challenge) -> Option<u8> {
    match challenge {
        Challenge::Digest(digest) => Some(1 + digest.algorithm.base() as u8),
        Challenge::Basic { .. } => Some(0),
        Challenge::Unknown { .. } => None,
    }
}

impl UriForm {
    fn apply(self, uri: &str) -> String {
        match self {
            Self::AsSent => uri.to_owned(),
            Self::Path => {
                let behind = uri.split_once("://").map(|(_, rest)| rest);
                match behind.map(|rest| rest.find('/').map_or("/", |at| &rest[at..])) {
                    Some(path) => path.to_owned(),
                    None => uri.to_owned(),
                }
            }
            Self::OtherSlash => match uri.strip_suffix('/') {
                Some(without) => without.to_owned(),
                None => format!("{uri}/"),
            },
        }
    }
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLogin => f.write_str("the camera asks for a login and none is configured"),
            Self::NoKnownScheme(names) if names.is_empty() => {
                f.write_str("the camera asks for a login and does not say which kind")
            }
            Self::NoKnownScheme(names) => {
                let names: Vec<_> =
                    names.iter().map(|name| name.escape_debug().to_string()).collect();
                write!(f, "the camera asks for a login of an unknown kind: {}", names.join(", "))
            }
            Self::WrongLogin => f.write_str("the camera refuses the user name or the password"),
        }
    }
}

impl std::error::Error for AuthError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{Algorithm, Qop};

    const URI: &str = "rtsp://10.0.0.2/live?ch=1";

    fn client() -> ClientAuth {
        let password = Secret::new("p:ä@\"\\");
        ClientAuth::new(Some(Credentials { username: "ad\"min".into(), password }))
    }

    fn refuse(auth: &mut ClientAuth, lines: &[&str]) -> Result<(), AuthError> {
        let mut headers = Headers::new();
        for line in lines {
            headers.append("WWW-Authenticate", *line);
        }
        auth.unauthorized(&headers, &mut Oddities::new())
    }

    fn answer(auth: &mut ClientAuth) -> DigestAnswer {
        let value = auth.authorize(&Method::Describe, URI, b"", 0xAB).unwrap();
        match Authorization::parse(&value) {
            Ok(Authorization::Digest(answer)) => answer,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_is_sent_before_the_camera_asks() {
        let mut auth = client();
        assert_eq!(auth.authorize(&Method::Options, URI, b"", 1), None);
        assert_eq!(auth.scheme_name(), None);
    }

    #[test]
    fn the_strongest_offer_is_taken_whatever_the_order() {
        let offers = [
            "Basic realm=\"r\"",
            "Digest realm=\"r\", nonce=\"m\", algorithm=MD5",
            "Digest realm=\"r\", nonce=\"s\", algorithm=SHA-256",
            "Digest realm=\"r\", nonce=\"x\", algorithm=SHA-512-256",
        ];
        for turn in 0..4 {
            let mut lines = offers;
            lines.rotate_left(turn);
            let mut auth = client();
            refuse(&mut auth, &lines).unwrap();
            assert_eq!(auth.scheme_name(), Some("Digest SHA-256"));
            assert_eq!(answer(&mut auth).algorithm, Some(Algorithm::Sha256));
        }
        let mut auth = client();
        refuse(&mut auth, &offers[..1]).unwrap();
        let basic = auth.authorize(&Method::Describe, URI, b"", 1);
        assert_eq!(basic.as_deref(), Some("Basic YWQibWluOnA6w6RAIlw="));
    }

    #[test]
    fn an_old_camera_gets_the_old_form_and_no_parameter_it_did_not_name() {
        let mut auth = client();
        refuse(&mut auth, &["Digest realm=\"IP Camera(1)\", nonce=\"12345678\", opaque=\"\""])
            .unwrap();
        let given = answer(&mut auth);
        let key = ha1("ad\"min", "IP Camera(1)", "p:ä@\"\\", Algorithm::Md5);
        let inputs = Inputs {
            algorithm: Algorithm::Md5,
            nonce: "12345678",
            cnonce: "",
            qop: None,
            method: &Method::Describe,
            uri: URI,
            body: b"",
        };
        let expected = DigestAnswer {
            username: "ad\"min".into(),
            realm: "IP Camera(1)".into(),
            nonce: "12345678".into(),
            uri: URI.into(),
            response: inputs.response(&key),
            opaque: Some(String::new()),
            ..DigestAnswer::default()
        };
        assert_eq!(given, expected);
    }

    #[test]
    fn the_nonce_count_grows_and_a_session_keeps_its_client_nonce() {
        let mut auth = client();
        refuse(
            &mut auth,
            &["Digest realm=\"r\", nonce=\"n\", qop=\"auth,auth-int\", algorithm=MD5-sess"],
        )
        .unwrap();
        for nc in 1..=17 {
            let value = auth.authorize(&Method::Play, URI, b"", u64::from(nc)).unwrap();
            let Ok(Authorization::Digest(answer)) = Authorization::parse(&value) else { panic!() };
            assert_eq!(answer.nc(), Some(nc));
            assert_eq!(answer.cnonce.as_deref(), Some("0000000000000001"));
            assert_eq!(answer.qop, Some((Qop::Auth, format!("{nc:08x}"))));
            auth.accepted();
        }
    }

    #[test]
    fn the_body_is_signed_when_the_camera_insists() {
        let mut auth = client();
        refuse(&mut auth, &["Digest realm=\"r\", nonce=\"n\", qop=auth-int"]).unwrap();
        let mut sign = |body| auth.authorize(&Method::SetParameter, URI, body, 1).unwrap();
        let (one, two) = (sign(b"a"), sign(b"b"));
        assert!(one.contains("qop=auth-int") && one != two);
    }

    #[test]
    fn a_wrong_password_is_tried_once() {
        for line in ["Digest realm=\"r\", nonce=\"n\"", "Basic realm=\"r\""] {
            let mut auth = client();
            refuse(&mut auth, &[line]).unwrap();
            auth.authorize(&Method::Describe, URI, b"", 1).unwrap();
            assert_eq!(refuse(&mut auth, &[line]), Err(AuthError::WrongLogin), "{line}");
        }
        let mut auth = client();
        refuse(&mut auth, &["Basic realm=\"r\""]).unwrap();
        auth.authorize(&Method::Describe, URI, b"", 1).unwrap();
        assert_eq!(refuse(&mut auth, &[]), Err(AuthError::WrongLogin));
    }

    #[test]
    fn a_new_nonce_is_answered_but_not_for_ever() {
        for stale in ["", ", stale=TRUE"] {
            let mut auth = client();
            let line = |auth: &mut ClientAuth, n: u32| {
                refuse(auth, &[&format!("Digest realm=\"r\", nonce=\"{n}\"{stale}")])
            };
            line(&mut auth, 0).unwrap();
            for n in 1..MAX_REJECTIONS {
                assert_eq!(answer(&mut auth).nonce, (n - 1).to_string());
                line(&mut auth, n).unwrap();
            }
            answer(&mut auth);
            assert_eq!(line(&mut auth, 9), Err(AuthError::WrongLogin));

            // In mid-session each success starts the count anew.
            let mut auth = client();
            line(&mut auth, 0).unwrap();
            for n in 1..20 {
                answer(&mut auth);
                line(&mut auth, n).unwrap();
                answer(&mut auth);
                auth.accepted();
            }
        }
    }

    #[test]
    fn the_same_nonce_declared_stale_is_tried_again_with_the_next_count() {
        let mut auth = client();
        refuse(&mut auth, &["Digest realm=\"r\", nonce=\"n\", qop=auth"]).unwrap();
        assert_eq!(answer(&mut auth).nc(), Some(1));
        refuse(&mut auth, &["Digest realm=\"r\", nonce=\"n\", qop=auth, stale=true"]).unwrap();
        assert_eq!(answer(&mut auth).nc(), Some(2));
    }

    #[test]
    fn other_forms_of_the_uri_are_tried_on_demand() {
        let mut auth = client();
        assert!(!auth.alternative_uri());
        let line = "Digest realm=\"r\", nonce=\"n\"";
        refuse(&mut auth, &[line]).unwrap();
        let mut forms = vec![answer(&mut auth).uri];
        while refuse(&mut auth, &[line]) == Err(AuthError::WrongLogin) && auth.alternative_uri() {
            forms.push(answer(&mut auth).uri);
        }
        assert_eq!(forms, [URI, "/live?ch=1", "rtsp://10.0.0.2/live?ch=1/"]);
        assert_eq!(UriForm::Path.apply("rtsp://h"), "/");
        assert_eq!(UriForm::Path.apply("*"), "*");
        assert_eq!(UriForm::OtherSlash.apply("rtsp://h/a/"), "rtsp://h/a");
    }

    #[test]
    fn the_operator_is_told_what_is_missing() {
        let refused =
            |mut auth: ClientAuth, lines| refuse(&mut auth, lines).unwrap_err().to_string();
        assert_eq!(
            refused(ClientAuth::new(None), &["Basic realm=\"r\""]),
            "the camera asks for a login and none is configured"
        );
        assert_eq!(
            refused(client(), &["Negotiate, Bearer\u{202e} x=1"]),
            "the camera asks for a login of an unknown kind: Negotiate, Bearer\\u{202e}"
        );
        assert_eq!(
            refused(client(), &[]),
            "the camera asks for a login and does not say which kind"
        );
        let shown = format!("{:?}", client());
        assert!(!shown.contains("p:"), "{shown}");
    }
}
