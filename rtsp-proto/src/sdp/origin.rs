//! The `o=` line.

use std::fmt;

use super::connection;

/// Who made a description, and which version of it this is ([RFC 8866 section 5.2]).
///
/// [RFC 8866 section 5.2]: https://www.rfc-editor.org/rfc/rfc8866#section-5.2
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// A name without blanks, `-` for none.
    pub username: String,
    /// Number of the session.
    pub session_id: u64,
    /// Number of the version, larger with every change.
    pub session_version: u64,
    /// IP address or host name.
    pub address: String,
}

impl Default for Origin {
    /// Nobody, from nowhere.
    fn default() -> Self {
        Self {
            username: "-".to_owned(),
            session_id: 0,
            session_version: 0,
            address: "0.0.0.0".to_owned(),
        }
    }
}

impl fmt::Display for Origin {
    /// As it follows `o=`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = connection::with_type(&self.address);
        write!(f, "{} {} {} {address}", self.username, self.session_id, self.session_version)
    }
}

impl Origin {
    /// Reads what follows `o=` as far as it can be understood, and whether it was right. `None`
    /// when nothing of it makes sense.
    ///
    /// The words before the address are the name, which may have blanks in it, and the numbers:
    /// hexadecimal, negative, with a decimal point, more than two or fewer.
    pub(super) fn parse(text: &str) -> Option<(Self, bool)> {
        let words: Vec<&str> = text.split_whitespace().collect();
        let kind = words.iter().position(|word| connection::is_address_type(word));
        let network = words.iter().position(|word| word.eq_ignore_ascii_case("IN"));
        // `IN IP4 address`; one of the two may be missing or wrong (`IP IP4 address`).
        let (before, after) = match (network, kind) {
            (Some(network), Some(kind)) => (network.min(kind), kind + 1),
            (Some(network), None) => (network, network + 1),
            (None, Some(kind)) => (kind, kind + 1),
            (None, None) => (words.len(), words.len()),
        };
        let mut front = words.get(..before)?.to_vec();
        if front.last().is_some_and(|word| word.eq_ignore_ascii_case("IP")) {
            front.pop();
        }
        let (mut names, mut numbers): (Vec<&str>, &[&str]) = match front.split_first() {
            // Without a name: both numbers, or the only one, come first.
            Some((first, rest)) if number(first).is_none() || rest.len() >= 2 => {
                (vec![*first], rest)
            }
            _ => (vec![], &front),
        };
        while let Some((word, rest)) =
            numbers.split_first().filter(|(word, _)| number(word).is_none())
        {
            names.push(word);
            numbers = rest;
        }
        let address =
            words.get(after).filter(|word| connection::is_address(word) && !word.contains('/'));
        let mut numbers = numbers.iter().filter_map(|word| number(word));
        let (id, version) = (numbers.next(), numbers.next());
        if id.is_none() && address.is_none() {
            return None;
        }
        let nobody = Self::default();
        let origin = Self {
            username: if names.is_empty() { nobody.username } else { names.join("_") },
            session_id: id.unwrap_or_default(),
            session_version: version.or(id).unwrap_or_default(),
            address: address.map_or(nobody.address, |&word| word.to_owned()),
        };
        let right = origin.to_string() == text;
        Some((origin, right))
    }
}

/// A number as cameras write it. Only such with a digit in front are taken for one, so that a
/// name is none.
fn number(word: &str) -> Option<u64> {
    let word = word.strip_prefix('-').unwrap_or(word);
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(word.parse().unwrap_or(u64::MAX));
    }
    if let Some((whole, fraction)) = word.split_once('.') {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        return (digits(whole) && digits(fraction)).then(|| whole.parse().unwrap_or(u64::MAX));
    }
    let hex = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")).unwrap_or(word);
    u64::from_str_radix(hex, 16).ok()
}
