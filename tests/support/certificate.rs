//! A certificate of a test's own, as files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{CertificateParams, KeyPair};
use rtsp_relay::tls::Trust;
use rtsp_relay::tls::certificate::Fingerprint;

use super::leave;

/// For 127.0.0.1 and localhost, signed by itself; the files are removed with this value.
pub struct Certificate {
    pub certificate: PathBuf,
    pub key: PathBuf,
    der: Vec<u8>,
}

impl Certificate {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// With something changed before it is signed.
    pub fn with(change: impl FnOnce(&mut CertificateParams)) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = |what| leave(&format!("{what}-{}-{number}.pem", std::process::id()));
        let (der, certificate, key) = made(change);
        let this = Self { certificate: file("certificate"), key: file("key"), der };
        write(&this.certificate, &certificate);
        write(&this.key, &key);
        this
    }

    /// Puts another one into the same files.
    pub fn renew(&mut self) {
        let (der, certificate, key) = made(|_| {});
        write(&self.certificate, &certificate);
        write(&self.key, &key);
        self.der = der;
    }

    /// The two lines for the relay's configuration.
    pub fn config(&self) -> String {
        let (certificate, key) = (self.certificate.display(), self.key.display());
        format!("tls_certificate={certificate}\ntls_key={key}\n")
    }

    /// The trust of who takes this one and no other.
    pub fn pinned(&self) -> Trust {
        Trust::Fingerprint(Fingerprint::of(&self.der).0)
    }

    pub fn fingerprint(&self) -> String {
        Fingerprint::of(&self.der).to_string()
    }
}

fn made(change: impl FnOnce(&mut CertificateParams)) -> (Vec<u8>, String, String) {
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut params = CertificateParams::new(names).expect("names for a certificate");
    change(&mut params);
    let key = KeyPair::generate().expect("a key");
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.der().to_vec(), certificate.pem(), key.serialize_pem())
}

fn write(path: &Path, text: &str) {
    let mode = fs::Permissions::from_mode(0o600);
    fs::write(path, text)
        .and_then(|()| fs::set_permissions(path, mode))
        .expect("the target folder is ours");
}

impl Drop for Certificate {
    fn drop(&mut self) {
        for file in [&self.certificate, &self.key] {
            let _gone = fs::remove_file(file);
        }
    }
}
