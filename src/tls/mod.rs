//! TLS without sockets: who the relay is to viewers, and whom it takes for a camera.
//!
//! - [`certificate`]: what can be read off a certificate without trusting it
//! - [`identity`]: the relay's certificate and key; [`Keyring`] swaps them for new connections
//! - [`trust`]: how a camera proves that it is the right one
//!
//! rustls with the ring provider does the work: TLS 1.2 and 1.3 with its own choice of ciphers.

pub mod certificate;
pub mod identity;
pub mod trust;

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, ring};

pub use identity::{Flaw, Identity, Keyring};
pub use trust::{Caller, Trust};

/// The only provider, whatever else is linked in.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}
