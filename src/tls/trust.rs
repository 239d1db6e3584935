//! How a camera proves that it is the right one.
//!
//! Few cameras have a certificate that leads to a known authority: most make their own, for no
//! name in particular, and valid from the day their clock begins with. What can be relied on is
//! that it stays the same, so it can be pinned by its fingerprint, and each refusal says which
//! one that is.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};

use super::certificate::{Fingerprint, PublicKey};
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
    /// The fingerprint of the certificate that the camera showed, if it showed one.
    pub fn seen(&self) -> Option<Fingerprint> {
        self.0.seen.lock().unwrap_or_else(PoisonError::into_inner).map(Fingerprint)
    }

    /// One sentence for the operator.
    pub fn explain(&self, error: &Error) -> String {
        match (error, self.seen(), &self.0.trust) {
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

/// How rustls holds a signature against a certificate.
type Usual = fn(
    &[u8],
    &CertificateDer<'_>,
    &DigitallySignedStruct,
    &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error>;

impl Verifier {
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
        usual: Usual,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        let checked = || usual(message, certificate, signature, known);
        match self.trust {
            Trust::Insecure => Ok(HandshakeSignatureValid::assertion()),
            Trust::SystemRoots => checked(),
            // Cameras make certificates that webpki does not read, of version 1 for instance. What
            // is pinned is known to the byte, so its key is all that is needed of it.
            Trust::Fingerprint(_) => checked().or_else(|error| {
                verify_by_key(message, certificate, signature, known).ok_or(error)
            }),
        }
    }
}

fn verify_by_key(
    message: &[u8],
    certificate: &[u8],
    signature: &DigitallySignedStruct,
    known: &WebPkiSupportedAlgorithms,
) -> Option<HandshakeSignatureValid> {
    let key = PublicKey::of(certificate)?;
    let (_, algorithms) = known.mapping.iter().find(|(scheme, _)| *scheme == signature.scheme)?;
    let fits = algorithms.iter().any(|algorithm| {
        let kind = algorithm.public_key_alg_id();
        let verify = || algorithm.verify_signature(key.bits, message, signature.signature());
        kind.as_ref() == key.algorithm && verify().is_ok()
    });
    fits.then(HandshakeSignatureValid::assertion)
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
        self.verify(message, certificate, signature, verify_tls12_signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signature, verify_tls13_signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};
    use rustls::pki_types::PrivateKeyDer;
    use rustls::sign::{CertifiedKey, SingleCertAndKey};
    use rustls::version::{TLS12, TLS13};
    use rustls::{ServerConfig, ServerConnection, SupportedProtocolVersion};

    use super::*;

    /// A certificate with its key.
    fn identity() -> (Vec<u8>, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["camera".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().der().to_vec(), key)
    }

    /// The same of version 1: without the version and the extensions. Its own signature is wrong
    /// then, and nobody looks at it.
    fn version_1(certificate: &[u8]) -> Vec<u8> {
        let content = |der: &[u8]| der[if der[1] == 0x82 { 4 } else { 3 }..].to_vec();
        let sequence = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            [&[0x30, 0x82, length[0], length[1]], bytes].concat()
        };
        let whole = content(certificate);
        let signed_length = 4 + usize::from(u16::from_be_bytes([whole[2], whole[3]]));
        let (signed, signature) = match whole[1] {
            0x82 => whole.split_at(signed_length),
            _ => whole.split_at(3 + usize::from(whole[2])),
        };
        let fields = content(signed);
        let fields = fields.strip_prefix(&[0xa0, 3, 2, 1, 2]).unwrap();
        let key = PublicKey::of(certificate).unwrap();
        let end = fields.windows(key.bits.len()).position(|part| part == key.bits).unwrap();
        sequence(&[&sequence(&fields[..end + key.bits.len()]), signature].concat())
    }

    /// What comes of a call to a camera with this certificate and key.
    fn call(
        trust: &Trust,
        certificate: &[u8],
        key: &KeyPair,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(), String> {
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let key = provider().key_provider.load_private_key(key).unwrap();
        let chain = vec![CertificateDer::from(certificate.to_vec())];
        let certified = SingleCertAndKey::from(CertifiedKey::new(chain, key));
        let config = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(certified));
        let mut camera = ServerConnection::new(Arc::new(config)).unwrap();
        let Caller { mut session, explainer } = Caller::new(trust, "camera").unwrap();
        while session.is_handshaking() || camera.is_handshaking() {
            let mut wire = Vec::new();
            while session.wants_write() {
                session.write_tls(&mut wire).unwrap();
            }
            camera.read_tls(&mut &wire[..]).unwrap();
            camera.process_new_packets().unwrap();
            wire.clear();
            while camera.wants_write() {
                camera.write_tls(&mut wire).unwrap();
            }
            session.read_tls(&mut &wire[..]).unwrap();
            session.process_new_packets().map_err(|error| explainer.explain(&error))?;
        }
        Ok(())
    }

    #[test]
    fn a_pinned_camera_is_taken_whatever_the_version_of_its_certificate() {
        let (certificate, key) = identity();
        for certificate in [version_1(&certificate), certificate] {
            let pinned = Trust::Fingerprint(Fingerprint::of(&certificate).0);
            for version in [&TLS12, &TLS13] {
                assert_eq!(call(&pinned, &certificate, &key, version), Ok(()));
                assert_eq!(call(&Trust::Insecure, &certificate, &key, version), Ok(()));
                let error = call(&Trust::SystemRoots, &certificate, &key, version).unwrap_err();
                assert!(error.contains("is not trusted"), "{error}");
            }
        }
    }

    #[test]
    fn who_shows_the_pinned_certificate_without_its_key_is_refused() {
        let (certificate, _) = identity();
        let (_, thief) = identity();
        for certificate in [version_1(&certificate), certificate] {
            let pinned = Trust::Fingerprint(Fingerprint::of(&certificate).0);
            for version in [&TLS12, &TLS13] {
                let error = call(&pinned, &certificate, &thief, version).unwrap_err();
                assert!(error.contains("but its key cannot be checked"), "{error}");
            }
        }
    }

    #[test]
    fn another_certificate_than_the_pinned_one_is_refused_with_the_line_that_pins_it() {
        let (certificate, key) = identity();
        let error = call(&Trust::Fingerprint([0xab; 32]), &certificate, &key, &TLS13).unwrap_err();
        let pin = format!("tls_fingerprint={}", Fingerprint::of(&certificate));
        assert!(error.contains(&"ab".repeat(32)) && error.ends_with(&pin), "{error}");
    }
}
