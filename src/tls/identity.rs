//! The relay's certificate and key, as viewers on `rtsps_port` see them.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ServerConfig, ServerConnection};

use super::certificate::Validity;
use super::provider;

/// A certificate chain with the key that belongs to it.
#[derive(Clone, Debug)]
pub struct Identity {
    config: Arc<ServerConfig>,
    validity: Option<Validity>,
}

/// What is wrong with the two files; each text follows the file's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// With the certificate.
    Certificate(String),
    /// With the key.
    Key(String),
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate(text) | Self::Key(text) => f.write_str(text),
        }
    }
}

impl Identity {
    /// From PEM: the relay's certificate, those of intermediate authorities behind it, and the key
    /// in one of the usual forms (PKCS #8, PKCS #1, SEC 1).
    ///
    /// # Errors
    ///
    /// When viewers could not be served with it.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, Flaw> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.map_err(|error| Flaw::Certificate(format!("is no PEM: {error}")))?;
        let Some(first) = chain.first() else {
            return Err(Flaw::Certificate("holds no certificate as PEM".to_owned()));
        };
        let validity = Validity::of(first);
        let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| {
            use rustls::pki_types::pem::Error;
            Flaw::Key(match error {
                Error::NoItemsFound => {
                    "holds no private key as PEM; an encrypted one cannot be used".to_owned()
                }
                error => format!("is no PEM: {error}"),
            })
        })?;
        let provider = provider();
        let key = provider.key_provider.load_private_key(key).map_err(|_| {
            Flaw::Key("is not a key that can be used: RSA of 2048 bits and more, ECDSA P-256 or P-384, Ed25519".to_owned())
        })?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
            Err(rustls::Error::InconsistentKeys(_)) => {
                return Err(Flaw::Key("is not the key of tls_certificate".to_owned()));
            }
            Err(error) => return Err(Flaw::Certificate(format!("cannot be used: {error}"))),
        }
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| Flaw::Certificate(format!("cannot be used: {error}")))?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        Ok(Self { config: Arc::new(config), validity })
    }

    /// When the certificate is good, if that can be read.
    pub fn validity(&self) -> Option<&Validity> {
        self.validity.as_ref()
    }
}

/// The identity that new connections get; it can be replaced while others are open.
#[derive(Debug)]
pub struct Keyring(RwLock<Arc<ServerConfig>>);

impl Keyring {
    /// Begins with this one.
    pub fn new(identity: &Identity) -> Self {
        Self(RwLock::new(Arc::clone(&identity.config)))
    }

    /// From now on new connections get this one; those that are open keep theirs.
    pub fn replace(&self, identity: &Identity) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&identity.config);
    }

    /// The relay's side of a new connection.
    ///
    /// # Errors
    ///
    /// None that can happen with an identity that was checked.
    pub fn session(&self) -> Result<ServerConnection, rustls::Error> {
        let config = Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner));
        ServerConnection::new(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["relay.lan".to_owned()]).unwrap();
        (made.cert.pem(), made.key_pair.serialize_pem())
    }

    fn flaw(certificate: &str, key: &str) -> String {
        match Identity::from_pem(certificate.as_bytes(), key.as_bytes()) {
            Ok(_) => panic!("it was taken"),
            Err(Flaw::Certificate(text)) => format!("certificate {text}"),
            Err(Flaw::Key(text)) => format!("key {text}"),
        }
    }

    #[test]
    fn a_certificate_with_its_key_serves_and_says_how_long() {
        let (certificate, key) = pair();
        let identity = Identity::from_pem(certificate.as_bytes(), key.as_bytes()).unwrap();
        assert!(identity.validity().is_some());
        assert!(Keyring::new(&identity).session().is_ok());
    }

    #[test]
    fn an_operator_reads_which_of_the_two_files_is_wrong_and_how() {
        let (certificate, key) = pair();
        let (_, other) = pair();
        assert_eq!(flaw("", &key), "certificate holds no certificate as PEM");
        assert_eq!(flaw(&key, &key), "certificate holds no certificate as PEM");
        let cut = "-----BEGIN CERTIFICATE-----\nMIIB";
        assert!(flaw(cut, &key).starts_with("certificate is no PEM: "), "{}", flaw(cut, &key));
        let empty = "key holds no private key as PEM; an encrypted one cannot be used";
        assert_eq!(flaw(&certificate, ""), empty);
        assert_eq!(flaw(&certificate, &key.replace("PRIVATE", "ENCRYPTED PRIVATE")), empty);
        assert_eq!(flaw(&certificate, &other), "key is not the key of tls_certificate");
        let nonsense = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n";
        assert!(flaw(&certificate, nonsense).starts_with("key is not a key that can be used"));
        let nonsense = nonsense.replace("PRIVATE KEY", "CERTIFICATE");
        assert!(flaw(&nonsense, &key).starts_with("certificate cannot be used: "));
    }
}
