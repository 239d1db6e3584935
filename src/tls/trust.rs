//! How a camera proves that it is the right one.
//!
//! Few cameras have a certificate that leads to a known authority: most make their own, for no
//! name in particular, and valid from the day their clock begins with. What can be relied on is
//! that it stays the same, so it can be pinned by its fingerprint, and each refusal says which
//! one that is.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::certificate::Fingerprint;
use super::provider;

/// How an `rtsps://` camera proves itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// By an authority that this system knows, for the name in the URL.
    SystemRoots,
    /// By showing exactly this certificate: its SHA-256.
    Fingerprint([u8; 32]),
    /// Not at all.
    Insecure,
}

/// The relay's side of one connection to a camera, before it is made.
pub struct Caller {
    /// What talks TLS.
    pub session: ClientConnection,
    /// What says why it did not.
    pub explainer: Explainer,
}

impl Caller {
    /// Prepares to call `host`, a name or an address.
    ///
    /// The system's roots are read anew each time, so a root that was added counts at once, and
    /// no memory is held for what happens rarely.
    ///
    /// # Errors
    ///
    /// When the host cannot be named in TLS.
    pub fn new(trust: &Trust, host: &str) -> Result<Self, Error> {
        let provider = provider();
        let roots = match trust {
            Trust::SystemRoots => known_authorities(&provider),
            Trust::Fingerprint(_) | Trust::Insecure => None,
        };
        let trust = trust.clone();
        let verifier = Arc::new(Verifier {
            trust,
            roots,
            provider: Arc::clone(&provider),
            seen: Mutex::default(),
        });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
            .with_no_client_auth();
        let name = ServerName::try_from(host.to_owned())
            .map_err(|_| Error::General(format!("{host} is no name for a certificate")))?;
        let session = ClientConnection::new(Arc::new(config), name)?;
        Ok(Self { session, explainer: Explainer(verifier) })
    }
}

/// Says why a handshake failed, and what to do about it.
pub struct Explainer(Arc<Verifier>);

impl Explainer {
    /// One sentence for the operator.
    pub fn explain(&self, error: &Error) -> String {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).map(Fingerprint);
        match (error, seen, &self.0.trust) {
            (Error::InvalidCertificate(why), Some(seen), Trust::SystemRoots) => format!(
                "the camera's certificate is not trusted ({}); if this is the right camera, pin \
                 it: tls_fingerprint={seen}",
                reason(why)
            ),
            (
                Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure),
                Some(seen),
                Trust::Fingerprint(pinned),
            ) => format!(
                "the camera shows another certificate than the pinned one ({}); if this is the \
                 right camera, pin the new one: tls_fingerprint={seen}",
                Fingerprint(*pinned)
            ),
            (Error::InvalidCertificate(why), _, Trust::Fingerprint(_)) => format!(
                "the camera shows the pinned certificate, but its key cannot be checked ({}); \
                 only tls_insecure=yes takes it",
                reason(why)
            ),
            (Error::PeerIncompatible(_) | Error::AlertReceived(_), _, _) => format!(
                "no agreement on TLS with the camera: {error}; needed are TLS 1.2 or 1.3 with \
                 forward secrecy"
            ),
            _ => format!("TLS with the camera failed: {error}"),
        }
    }
}

/// The commonest flaws in plain words.
fn reason(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "nobody known here has signed it".to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "it is made for another name".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        other => other.to_string(),
    }
}

/// The authorities of this system; `None` when there are none.
fn known_authorities(provider: &Arc<CryptoProvider>) -> Option<Arc<WebPkiServerVerifier>> {
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        log::debug!("a root certificate of this system cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build().ok()
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    roots: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
    /// The fingerprint of what the camera showed.
    seen: Mutex<Option<[u8; 32]>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Fingerprint(seen) = Fingerprint::of(certificate);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        match (&self.trust, &self.roots) {
            (Trust::Insecure, _) => Ok(ServerCertVerified::assertion()),
            (Trust::Fingerprint(pinned), _) if *pinned == seen => {
                Ok(ServerCertVerified::assertion())
            }
            (Trust::Fingerprint(_), _) => {
                Err(CertificateError::ApplicationVerificationFailure.into())
            }
            (Trust::SystemRoots, Some(roots)) => {
                roots.verify_server_cert(certificate, intermediates, name, ocsp, now)
            }
            (Trust::SystemRoots, None) => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Insecure => Ok(HandshakeSignatureValid::assertion()),
            _ => {
                let known = &self.provider.signature_verification_algorithms;
                verify_tls12_signature(message, certificate, signature, known)
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match self.trust {
            Trust::Insecure => Ok(HandshakeSignatureValid::assertion()),
            _ => {
                let known = &self.provider.signature_verification_algorithms;
                verify_tls13_signature(message, certificate, signature, known)
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
