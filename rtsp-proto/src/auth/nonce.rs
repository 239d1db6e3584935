//! Nonces that prove themselves: base64 of time, entropy and a MAC over both and the peer.
//!
//! The server keeps nothing of what it gave out. A nonce of another peer, of another run of the
//! server or of nobody is told by its MAC; an old one by its time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// Seconds for which a nonce is good; then the client is sent a new one with `stale=true`.
pub const NONCE_LIFETIME_S: u64 = 300;

/// Bytes of time and entropy.
const HEAD: usize = 16;
/// Bytes of the MAC that are used; nobody can guess 128 bits in five minutes.
const MAC: usize = 16;
/// Bytes of one SHA-256 block.
const BLOCK: usize = 64;

/// What a nonce is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Freshness {
    Fresh,
    Expired,
    /// Not made for this peer with this key.
    Foreign,
}

pub(super) fn make(key: &[u8; 32], now_s: u64, entropy: u64, peer: &str) -> String {
    let mut bytes = [0; HEAD + MAC];
    bytes[..8].copy_from_slice(&now_s.to_be_bytes());
    bytes[8..HEAD].copy_from_slice(&entropy.to_be_bytes());
    let mac = mac(key, &bytes[..HEAD], peer);
    bytes[HEAD..].copy_from_slice(&mac);
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn check(key: &[u8; 32], nonce: &str, peer: &str, now_s: u64) -> Freshness {
    let mut bytes = [0; HEAD + MAC];
    // A longer or shorter text is none of ours; the length is no secret.
    let whole = URL_SAFE_NO_PAD.decode_slice(nonce, &mut bytes) == Ok(HEAD + MAC);
    let (head, given) = bytes.split_at(HEAD);
    if !whole || !equal(&mac(key, head, peer), given) {
        return Freshness::Foreign;
    }
    let mut time = [0; 8];
    time.copy_from_slice(&head[..8]);
    match now_s.checked_sub(u64::from_be_bytes(time)) {
        Some(age_s) if age_s <= NONCE_LIFETIME_S => Freshness::Fresh,
        // Also when the clock went back.
        _ => Freshness::Expired,
    }
}

fn mac(key: &[u8; 32], head: &[u8], peer: &str) -> [u8; MAC] {
    let mut mac = [0; MAC];
    mac.copy_from_slice(&hmac_sha256(key, &[head, peer.as_bytes()])[..MAC]);
    mac
}

/// [RFC 2104](https://www.rfc-editor.org/rfc/rfc2104) with a key shorter than a block.
fn hmac_sha256(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let pad = |with: u8| {
        let mut block = [with; BLOCK];
        for (byte, key) in block.iter_mut().zip(key) {
            *byte ^= key;
        }
        block
    };
    let mut inner = Sha256::new_with_prefix(pad(0x36));
    for part in parts {
        inner.update(part);
    }
    Sha256::new_with_prefix(pad(0x5C)).chain_update(inner.finalize()).finalize().into()
}

/// Compares in a time that depends on the lengths alone.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    let differing = one.iter().zip(other).fold(0, |bits, (a, b)| bits | (a ^ b));
    one.len() == other.len() && std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KEY: [u8; 32] = [7; 32];

    #[test]
    fn a_nonce_is_good_for_its_peer_and_five_minutes() {
        let nonce = make(&KEY, 1000, 42, "10.0.0.9");
        assert_eq!(nonce.len(), 43);
        for (peer, now_s, expected) in [
            ("10.0.0.9", 1000, Freshness::Fresh),
            ("10.0.0.9", 1300, Freshness::Fresh),
            ("10.0.0.9", 1301, Freshness::Expired),
            ("10.0.0.9", 999, Freshness::Expired),
            ("10.0.0.8", 1000, Freshness::Foreign),
        ] {
            assert_eq!(check(&KEY, &nonce, peer, now_s), expected, "{peer} {now_s}");
        }
        assert_eq!(check(&[8; 32], &nonce, "10.0.0.9", 1000), Freshness::Foreign);
        assert_ne!(nonce, make(&KEY, 1000, 43, "10.0.0.9"));
    }

    #[test]
    fn the_mac_is_that_of_rfc_4231() {
        let mut key = [0; 32];
        key[..20].fill(0x0B);
        let mac = hmac_sha256(&key, &[b"Hi ", b"There"]);
        assert_eq!(mac[..8], [0xB0, 0x34, 0x4C, 0x61, 0xD8, 0xDB, 0x38, 0x53]);
    }

    #[test]
    fn comparison_looks_at_everything() {
        assert!(equal(b"", b"") && equal(b"ab", b"ab"));
        assert!(!equal(b"ab", b"aB") && !equal(b"ab", b"abc") && !equal(b"abc", b"ab"));
    }

    proptest! {
        #[test]
        fn nobody_makes_up_a_nonce(text in "\\PC*|[A-Za-z0-9_-]{43}") {
            prop_assert_eq!(check(&KEY, &text, "p", 0), Freshness::Foreign);
        }

        #[test]
        fn a_changed_nonce_is_nobodys(at in 0usize..43, to in "[A-Za-z0-9_-]") {
            let nonce = make(&KEY, 1, 2, "p");
            let mut changed = nonce.clone();
            changed.replace_range(at..=at, &to);
            prop_assume!(changed != nonce);
            prop_assert_eq!(check(&KEY, &changed, "p", 1), Freshness::Foreign);
        }
    }
}
