//! What a key's value may be: one rule a kind of value, which reads, writes and describes it.

mod address;
mod login;
mod name;
mod number;
mod text;
mod url;
mod words;

pub(super) use address::{Addresses, Group, Interface, Ranges};
pub(super) use login::{Fingerprint, PasswordHash, UserName};
pub(super) use name::{Patterns, StreamName};
pub(super) use number::number;
pub(super) use text::{FileName, Password, Text, check_password};
pub(super) use url::CameraUrl;
pub(super) use words::{WordList, Words, YES_NO};

use super::document::Value;

/// Reads, writes and describes the values of one kind.
pub(super) trait Rule: Sync {
    /// What the relay works with.
    type Value;

    /// The value, or what is wrong: a text that follows the key, as in "must be …, not 'x'".
    /// Never quotes a secret.
    fn read(&self, value: &Value) -> Result<Self::Value, String>;

    /// As it would be written in a file.
    fn show(&self, value: &Self::Value) -> Shown;

    /// What may be given, in a few words, for the reference.
    fn range(&self) -> String;
}

/// How a value is printed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Not given, and without a default.
    Unset,
    Value(String),
    /// Stars, perhaps with a word in front of them.
    Secret(String),
}

impl Shown {
    /// `None` is not given.
    fn optional(value: Option<impl ToString>) -> Self {
        value.map_or(Self::Unset, |value| Self::Value(value.to_string()))
    }

    /// A list as commas separate it; an empty one is not given.
    fn list(items: impl IntoIterator<Item = impl ToString>) -> Self {
        let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        if items.is_empty() { Self::Unset } else { Self::Value(items.join(",")) }
    }
}

/// `items` as a sentence lists them: `a, b or c`.
fn either(items: &[&str]) -> String {
    match items {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// What a reader probably did not know about a value with a blank and a comment sign in it.
fn comment_hint(text: &str) -> &'static str {
    if text.contains(" #") || text.contains(" ;") {
        "; a comment needs a line of its own"
    } else {
        ""
    }
}
