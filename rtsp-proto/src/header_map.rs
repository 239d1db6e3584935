//! The header lines of a message, in order.

use zeroize::Zeroize;

/// Header lines in the order of the wire; names compare without case, repeats are kept.
///
/// Values hold no line ends: [`Headers::append`] and [`Headers::set`] turn each control character
/// into a blank, so a value can never smuggle in a header line of its own. Logins are overwritten when it is dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    lines: Vec<(String, String)>,
}

impl Headers {
    /// No lines.
    pub const fn new() -> Self {
        Self { lines: Vec::new() }
    }

    /// The value of the first line of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.get_all(name).next()
    }

    /// The values of all lines of this name, in order.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.lines
            .iter()
            .filter(move |(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Adds a line behind the others.
    pub fn append(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let mut value = value.into();
        if value.contains(|c: char| c.is_control() && c != '\t') {
            value = value.replace(|c: char| c.is_control() && c != '\t', " ");
        }
        self.lines.push((name.into(), value));
    }

    /// Replaces all lines of this name by one.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.remove(&name);
        self.append(name, value);
    }

    /// Removes all lines of this name.
    pub fn remove(&mut self, name: &str) {
        self.lines.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// All lines as (name, value).
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many lines there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        for (name, value) in &mut self.lines {
            if name.eq_ignore_ascii_case("Authorization") {
                value.zeroize();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_repeats_are_kept() {
        let mut headers = Headers::new();
        headers.append("WWW-Authenticate", "Basic");
        headers.append("www-authenticate", "Digest");
        assert_eq!(headers.get_all("WWW-AUTHENTICATE").collect::<Vec<_>>(), ["Basic", "Digest"]);
        headers.set("Www-Authenticate", "Other");
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("Www-Authenticate", "Other")]);
    }

    #[test]
    fn a_value_cannot_smuggle_in_a_line() {
        let mut headers = Headers::new();
        headers.append("Session", "1\r\nEvil: yes");
        assert_eq!(headers.get("session"), Some("1  Evil: yes"));
    }
}
