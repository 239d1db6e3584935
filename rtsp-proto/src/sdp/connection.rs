//! Addresses in `c=` and `o=` lines.

use std::net::IpAddr;

use super::attribute::is_token;

/// The address when a description gives none: any.
pub(super) const ANY: &str = "IN IP4 0.0.0.0";

/// Whether a word is an address type, as cameras write it too: `IPV4`.
pub(super) fn is_address_type(word: &str) -> bool {
    ["IP4", "IP6", "IPV4", "IPV6"].iter().any(|known| word.eq_ignore_ascii_case(known))
}

/// An address that can be written again: an IP address, with TTL and count for multicast, or a
/// host name.
pub(super) fn is_address(word: &str) -> bool {
    let mut parts = word.split('/');
    let host = parts.next().unwrap_or_default();
    let tail: Vec<_> = parts.collect();
    let numbers = tail.len() <= 2 && tail.iter().all(|part| part.parse::<u16>().is_ok());
    numbers
        && (host.parse::<IpAddr>().is_ok()
            || is_token(host) && host.bytes().any(|byte| byte.is_ascii_alphanumeric()))
}

fn is_ip(word: &str) -> bool {
    is_address(word) && word.split('/').next().is_some_and(|host| host.parse::<IpAddr>().is_ok())
}

/// `IN IP4 address` or `IN IP6 address`.
pub(super) fn with_type(address: &str) -> String {
    let kind = if address.contains(':') { "IP6" } else { "IP4" };
    format!("IN {kind} {address}")
}

/// Reads what follows `c=`; gives it as it should be, and whether it was. `None` when there is
/// no address in it.
pub(super) fn parse(text: &str) -> Option<(String, bool)> {
    let mut words = text.split_whitespace();
    let address = match words.clone().position(is_address_type) {
        // Hikvision repeats itself: `IN c=IN IP4 0.0.0.0`.
        Some(at) => words.nth(at + 1).filter(|word| is_address(word)),
        // `IN 198.51.100.1`
        None => words.find(|word| is_ip(word)),
    }?;
    let strict = with_type(address);
    let right = strict == text;
    Some((strict, right))
}
