//! Text that must not be shown.

use std::fmt;
use zeroize::Zeroizing;

/// A password or the like: `Debug` and `Display` print `***`; only [`Secret::expose`] gives it. Its
/// memory is overwritten when it is dropped.
#[derive(Clone, Default)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes `text` into custody; a `String` is not copied.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself, for a computation that needs it; never for something that is printed.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether nothing was given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Compares in a time that depends on the lengths alone.
impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        crate::auth::equal(self.0.as_bytes(), other.0.as_bytes())
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Headers;
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    #[test]
    fn a_secret_is_printed_as_stars() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret} {secret:?}"), "*** ***");
        assert_eq!(secret.expose(), "hunter2");
        assert!(secret == Secret::new("hunter2") && secret != Secret::new("hunter3"));
    }

    /// What stands at the place of a text, once the value that holds it has been dropped.
    fn after<T>(value: T, text: impl Fn(&T) -> &str) -> Vec<u8> {
        let (address, length) = (text(&value).as_ptr() as u64, text(&value).len());
        let mut after = vec![0; length];
        drop(value);
        File::open("/proc/self/mem").unwrap().read_exact_at(&mut after, address).unwrap();
        after
    }

    #[test]
    fn nothing_is_left_in_memory_of_a_secret_or_an_authorization_that_was_dropped() {
        // The allocator itself writes over the first bytes of what it gets back.
        let text = "x".repeat(8192);
        assert!(after(text.clone(), |text| text).ends_with(b"xxx"), "this would be seen");
        let secret = after(Secret::new(text.clone()), Secret::expose);
        assert!(!secret.contains(&b'x'));
        let mut headers = Headers::new();
        headers.append("authorization", text);
        let header = after(headers, |headers| headers.get("Authorization").unwrap());
        assert!(!header.contains(&b'x'));
    }
}
