//! The hash algorithms of Digest.

use md5::Md5;
use sha2::Sha256;
use std::fmt;

/// An algorithm of Digest ([RFC 7616 section 3.3]), the weakest first.
///
/// [RFC 7616 section 3.3]: https://www.rfc-editor.org/rfc/rfc7616#section-3.3
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// `MD5`, also what is meant when none is named.
    #[default]
    Md5,
    /// `MD5-sess`: the first nonces go into the key of the whole session.
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
}

impl Algorithm {
    const NAMED: [(Self, &'static str); 4] = [
        (Self::Md5, "MD5"),
        (Self::Md5Sess, "MD5-sess"),
        (Self::Sha256, "SHA-256"),
        (Self::Sha256Sess, "SHA-256-sess"),
    ];

    /// The algorithm of this name, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut named = Self::NAMED.iter();
        named.find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|&(algorithm, _)| algorithm)
    }

    /// The name as headers write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    /// Whether the key depends on the nonces of the session's first answer.
    pub fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    /// The algorithm without `-sess`; two with the same base share their HA1.
    pub fn base(self) -> Self {
        match self {
            Self::Md5 | Self::Md5Sess => Self::Md5,
            Self::Sha256 | Self::Sha256Sess => Self::Sha256,
        }
    }

    /// The hash of the parts with `:` between them, in lower-case hexadecimal digits.
    pub(super) fn hash(self, parts: &[&[u8]]) -> String {
        match self.base() {
            Self::Md5 => hex(&hash_parts::<Md5>(parts)),
            _ => hex(&hash_parts::<Sha256>(parts)),
        }
    }
}

fn hash_parts<H: md5::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble & 15)]);
    bytes.iter().flat_map(|&byte| [digit(byte >> 4), digit(byte)]).collect()
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_algorithms_are_one_to_one() {
        for (algorithm, name) in Algorithm::NAMED {
            assert_eq!(algorithm.name(), name);
            assert_eq!(Algorithm::from_name(&name.to_lowercase()), Some(algorithm));
        }
        for name in ["", "SHA-512-256", "SHA256", "MD5 "] {
            assert_eq!(Algorithm::from_name(name), None, "{name}");
        }
    }

    #[test]
    fn hashes_are_those_of_the_standards() {
        assert_eq!(Algorithm::Md5.hash(&[b""]), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(Algorithm::Md5Sess.hash(&[b"a", b"b"]), Algorithm::Md5.hash(&[b"a:b"]));
        assert_eq!(
            Algorithm::Sha256.hash(&[b"abc"]),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
