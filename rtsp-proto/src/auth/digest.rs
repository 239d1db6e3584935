//! The arithmetic of Digest ([RFC 7616 section 3.4.1]).
//!
//! [RFC 7616 section 3.4.1]: https://www.rfc-editor.org/rfc/rfc7616#section-3.4.1

use super::{Algorithm, Qop};
use crate::Method;

/// HA1, the key of a login: the hash of user name, realm and password, in hexadecimal digits.
/// The same for an algorithm with and without `-sess`.
pub fn ha1(username: &str, realm: &str, password: &str, algorithm: Algorithm) -> String {
    algorithm.hash(&[username.as_bytes(), realm.as_bytes(), password.as_bytes()])
}

/// What an answer is computed from, beside the key.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The algorithm.
    pub algorithm: Algorithm,
    /// The server's nonce, as it stands in the header.
    pub nonce: &'a str,
    /// The client's nonce; needed with `qop` and with an algorithm of a session.
    pub cnonce: &'a str,
    /// What is protected, and the nonce count as it stands in the header; `None` is the form of
    /// RFC 2069.
    pub qop: Option<(Qop, &'a str)>,
    /// The request's method.
    pub method: &'a Method,
    /// The URI as it stands in the answer.
    pub uri: &'a str,
    /// The request's body; counts with [`Qop::AuthInt`] only.
    pub body: &'a [u8],
}

impl Inputs<'_> {
    /// The value of `response`, in hexadecimal digits; `ha1` is that of [`ha1`].
    pub fn response(&self, ha1: &str) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let (nonce, cnonce) = (self.nonce.as_bytes(), self.cnonce.as_bytes());
        let (method, uri) = (self.method.as_str().as_bytes(), self.uri.as_bytes());
        let session;
        let key = if self.algorithm.is_session() {
            session = hash(&[ha1.as_bytes(), nonce, cnonce]);
            session.as_bytes()
        } else {
            ha1.as_bytes()
        };
        let request = match self.qop {
            Some((Qop::AuthInt, _)) => hash(&[method, uri, hash(&[self.body]).as_bytes()]),
            _ => hash(&[method, uri]),
        };
        match self.qop {
            Some((qop, nc)) => hash(&[
                key,
                nonce,
                nc.as_bytes(),
                cnonce,
                qop.name().as_bytes(),
                request.as_bytes(),
            ]),
            None => hash(&[key, nonce, request.as_bytes()]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7616 section 3.9.1
    const NONCE: &str = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
    const CNONCE: &str = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";

    fn inputs<'a>(algorithm: Algorithm, method: &'a Method, uri: &'a str) -> Inputs<'a> {
        Inputs { algorithm, nonce: NONCE, cnonce: CNONCE, qop: None, method, uri, body: b"" }
    }

    #[test]
    fn rfc_7616_section_3_9_1() {
        let get = Method::Other("GET".into());
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (Algorithm::Sha256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let key = ha1("Mufasa", "http-auth@example.org", "Circle of Life", algorithm);
            let answer = Inputs {
                qop: Some((Qop::Auth, "00000001")),
                ..inputs(algorithm, &get, "/dir/index.html")
            };
            assert_eq!(answer.response(&key), expected);
        }
    }

    #[test]
    fn rfc_2617_section_3_5() {
        let get = Method::Other("GET".into());
        let key = ha1("Mufasa", "testrealm@host.com", "Circle Of Life", Algorithm::Md5);
        assert_eq!(key, "939e7578ed9e3c518a452acee763bce9");
        let answer = Inputs {
            nonce: "dcd98b7102dd2f0e8b11d0f600bfb0c093",
            cnonce: "0a4f113b",
            qop: Some((Qop::Auth, "00000001")),
            ..inputs(Algorithm::Md5, &get, "/dir/index.html")
        };
        assert_eq!(answer.response(&key), "6629fae49393a05397450978507c4ef1");
    }

    /// The form most cameras use. The expected values were computed with md5sum and sha256sum.
    #[test]
    fn without_qop_and_in_sessions() {
        let describe = Method::Describe;
        let key = ha1("admin", "cam", "secret", Algorithm::Md5);
        let answer =
            Inputs { nonce: "12345678", ..inputs(Algorithm::Md5, &describe, "rtsp://10.0.0.2/1") };
        assert_eq!(answer.response(&key), "63ff630d9d7b40e2f063e0c14f5011a2");
        let session = Inputs {
            algorithm: Algorithm::Md5Sess,
            cnonce: "abcd",
            qop: Some((Qop::Auth, "00000002")),
            ..answer
        };
        assert_eq!(session.response(&key), "7f0ea5a44a2332a6b2c065c799b33c6c");
        let whole = Inputs {
            algorithm: Algorithm::Sha256Sess,
            qop: Some((Qop::AuthInt, "00000002")),
            body: b"position\r\n",
            ..session
        };
        let key = ha1("admin", "cam", "secret", Algorithm::Sha256);
        assert_eq!(
            whole.response(&key),
            "8e7c7be89ec117f66b25de066123c2f789d7f5b6753bd70fd83b55f114de44bd"
        );
    }
}
