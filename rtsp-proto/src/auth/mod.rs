//! Basic ([RFC 7617]) and Digest ([RFC 7616], and its forms of [RFC 2617] and RFC 2069 that most
//! cameras speak) logins, in both roles.
//!
//! - [`ClientAuth`] answers a camera that asks for a login.
//! - [`Verifier`] asks the relay's own clients and judges their answers. It keeps no state: a
//!   nonce proves itself. [`NonceCounts`] is the state for those who also want to refuse replays.
//! - [`Challenge`] and [`Authorization`] are the headers of the two, [`digest`] the arithmetic.
//!
//! What the standards demand and is not done: `userhash` and `auth-int` are not offered to
//! clients; SHA-512/256 is not known.
//!
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617
//! [RFC 7616]: https://www.rfc-editor.org/rfc/rfc7616
//! [RFC 2617]: https://www.rfc-editor.org/rfc/rfc2617

mod algorithm;
mod authorization;
mod challenge;
mod client;
pub mod digest;
mod nonce;
mod nonce_counts;
mod params;
mod server;
mod uri;

pub use algorithm::Algorithm;
pub use authorization::{Authorization, DigestAnswer};
pub use challenge::{Challenge, DigestChallenge, Qop, challenges};
pub use client::{AuthError, ClientAuth, Credentials, MAX_REJECTIONS};
pub use digest::ha1;
pub use nonce::NONCE_LIFETIME_S;
pub(crate) use nonce::equal;
pub use nonce_counts::NonceCounts;
pub use server::{Scheme, Stored, Verdict, Verifier};
pub use uri::uri_matches;
