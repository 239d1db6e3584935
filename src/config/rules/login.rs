//! Who a viewer is, and how a camera proves who it is.

use rtsp_proto::Secret;
use rtsp_proto::auth::Algorithm;

use super::{Rule, Shown, Text};
use crate::config::document::{Value, trim};
use crate::config::model::UserPassword;
use crate::config::place::quoted;

/// A viewer's name: any text without a colon, which ends the name in Basic (RFC 7617 section 2)
/// and in HA1 (RFC 7616 section 3.4.2).
pub(in crate::config) struct UserName;

/// An HA1 with its algorithm in front.
pub(in crate::config) struct PasswordHash;

/// The SHA-256 of a certificate.
pub(in crate::config) struct Fingerprint;

const MAX_USER_NAME_BYTES: usize = 256;

impl Rule for UserName {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Result<Option<String>, String> {
        let name = Text(MAX_USER_NAME_BYTES).read(value)?;
        match &name {
            Some(name) if name.contains(':') => {
                Err(format!("must not contain ':': {}", quoted(name)))
            }
            _ => Ok(name),
        }
    }

    fn show(&self, value: &Option<String>) -> Shown {
        Shown::optional(value.as_ref())
    }

    fn range(&self) -> String {
        format!("text up to {MAX_USER_NAME_BYTES} bytes without ':'")
    }
}

impl Rule for PasswordHash {
    type Value = Option<UserPassword>;

    fn read(&self, value: &Value) -> Result<Option<UserPassword>, String> {
        let text = trim(value.text()?);
        if text.is_empty() {
            return Ok(None);
        }
        let (word, hex) = text.split_once(':').unwrap_or(("", text));
        let (algorithm, digits) = match word.to_ascii_lowercase().as_str() {
            "md5" => (Algorithm::Md5, 32),
            "sha256" | "sha-256" => (Algorithm::Sha256, 64),
            _ => return Err("must be md5:HEX or sha256:HEX".to_owned()),
        };
        if hex.len() != digits || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let found = hex.chars().count();
            return Err(format!(
                "must have {digits} hexadecimal digits after '{}:' (it has {found} characters there)",
                word.to_ascii_lowercase()
            ));
        }
        Ok(Some(UserPassword::Ha1 { algorithm, hex: Secret::new(hex.to_ascii_lowercase()) }))
    }

    fn show(&self, value: &Option<UserPassword>) -> Shown {
        match value {
            Some(UserPassword::Ha1 { algorithm: Algorithm::Sha256, hex }) => {
                Shown::Secret(format!("sha256:{hex}"))
            }
            Some(UserPassword::Ha1 { hex, .. }) => Shown::Secret(format!("md5:{hex}")),
            Some(UserPassword::Plain(_)) | None => Shown::Unset,
        }
    }

    fn range(&self) -> String {
        "md5: and 32, or sha256: and 64 hexadecimal digits".to_owned()
    }
}

impl Rule for Fingerprint {
    type Value = Option<[u8; 32]>;

    fn read(&self, value: &Value) -> Result<Option<[u8; 32]>, String> {
        let text = trim(value.text()?);
        if text.is_empty() {
            return Ok(None);
        }
        let digits: String = text.chars().filter(|c| *c != ':').collect();
        let mut fingerprint = [0; 32];
        let well_formed = digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        for (byte, pair) in fingerprint.iter_mut().zip(digits.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).unwrap_or_default();
            *byte = u8::from_str_radix(pair, 16).unwrap_or_default();
        }
        if well_formed {
            return Ok(Some(fingerprint));
        }
        Err(format!(
            "must be a SHA-256, 64 hexadecimal digits with or without colons, not {}",
            quoted(text)
        ))
    }

    fn show(&self, value: &Option<[u8; 32]>) -> Shown {
        let hex = |bytes: &[u8; 32]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Shown::optional(value.as_ref().map(|bytes| -> String { hex(bytes) }))
    }

    fn range(&self) -> String {
        "64 hexadecimal digits, with or without colons".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_cut_short_is_named_without_being_shown() {
        let read = |text: &str| PasswordHash.read(&Value::Text(text.into()));
        assert!(read(&format!("md5:{}", "A0".repeat(16))).is_ok());
        assert!(read(&format!("sha256:{}", "a0".repeat(32))).is_ok());
        for bad in ["md5:abcdef", "sha256:abcdef", "abcdef", "sha1:abcdef"] {
            let error = read(bad).unwrap_err();
            assert!(!error.contains("abcdef"), "{error}");
        }
        assert_eq!(
            read("md5:12").unwrap_err(),
            "must have 32 hexadecimal digits after 'md5:' (it has 2 characters there)"
        );
    }

    #[test]
    fn a_fingerprint_reads_as_openssl_prints_it() {
        let colons = ["AB"; 32].join(":");
        let read = |text: &str| Fingerprint.read(&Value::Text(text.into()));
        assert_eq!(read(&colons), Ok(Some([0xab; 32])));
        assert_eq!(read(&"ab".repeat(32)), Ok(Some([0xab; 32])));
        for bad in ["ab", &"zz".repeat(32), &"é".repeat(32)] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
