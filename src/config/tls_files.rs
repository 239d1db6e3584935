//! The files of the relay's certificate and key, and what is in them.

use std::time::SystemTime;

use super::model::TlsFiles;
use super::place::quoted_path;
use super::source::read_bounded;
use crate::system_error::words;
use crate::tls::{Flaw, Identity};

/// Certificate chains have a few kilobytes.
pub(super) const MAX_PEM_FILE_BYTES: u64 = 1024 * 1024;

impl TlsFiles {
    /// Reads the two files.
    ///
    /// # Errors
    ///
    /// What is wrong with which of the two; the text names the file.
    pub fn load(&self) -> Result<Identity, Flaw> {
        let certificate = read_bounded(&self.certificate, MAX_PEM_FILE_BYTES);
        let key = read_bounded(&self.key, MAX_PEM_FILE_BYTES);
        let unreadable = |error| format!("cannot be read: {}", words(&error));
        let (certificate, _) =
            certificate.map_err(|error| self.about(Flaw::Certificate(unreadable(error))))?;
        let (key, _) = key.map_err(|error| self.about(Flaw::Key(unreadable(error))))?;
        Identity::from_pem(&certificate, &key).map_err(|flaw| self.about(flaw))
    }

    /// Puts the name in front.
    fn about(&self, flaw: Flaw) -> Flaw {
        match flaw {
            Flaw::Certificate(text) => Flaw::Certificate(format!(
                "tls_certificate {} {text}",
                quoted_path(&self.certificate)
            )),
            Flaw::Key(text) => Flaw::Key(format!("tls_key {} {text}", quoted_path(&self.key))),
        }
    }

    /// Why players will not accept the certificate at this time, if its days say so.
    pub fn untimely(&self, identity: &Identity, now: SystemTime) -> Option<String> {
        let validity = identity.validity()?;
        let what = if now > validity.until.time {
            format!("has expired on {}", validity.until.date)
        } else if now < validity.from.time {
            format!("is not valid before {}", validity.from.date)
        } else {
            return None;
        };
        let file = quoted_path(&self.certificate);
        Some(format!("tls_certificate {file} {what}: players that check it refuse it"))
    }
}
