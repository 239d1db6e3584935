//! What the system says, for people.

use std::io;

/// An error without its number, which is no part of a sentence.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_told_without_its_number() {
        let refused = rustix::io::Errno::CONNREFUSED;
        assert_eq!(words(&io::Error::from(refused)), "Connection refused");
        assert_eq!(words(&io::Error::other("no place")), "no place");
    }
}
