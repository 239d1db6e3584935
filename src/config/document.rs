//! What INI and JSON have in common: sections of keys with values, each with its place.
//!
//! Nothing here implements `Debug`, since any value may be a password.

use zeroize::Zeroize;

use super::place::Place;

/// A file or a set of options, read but not yet understood.
pub(super) struct Document {
    pub(super) format: Format,
    /// In the order of the source.
    pub(super) sections: Vec<Section>,
}

/// How the source was written, for the wording of messages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Ini,
    Json,
    CommandLine,
}

/// Keys that belong together.
pub(super) struct Section {
    pub(super) kind: SectionKind,
    /// Where it begins, for what is missing in it.
    pub(super) place: Place,
    pub(super) entries: Vec<Entry>,
}

/// What the keys of a section describe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SectionKind {
    Global,
    Stream,
    User,
}

/// A key with its value, which is overwritten when it is dropped.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

impl Drop for Entry {
    fn drop(&mut self) {
        match &mut self.value {
            Value::Text(text) | Value::Number(text) => text.zeroize(),
            Value::List(items) => items.zeroize(),
            Value::Boolean(_) | Value::Unusable => {}
        }
    }
}

/// A value as it was written. INI and the command line know only text.
#[derive(Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    /// A JSON number, as written.
    Number(String),
    /// A JSON `true` or `false`.
    Boolean(bool),
    /// A JSON array of texts and numbers.
    List(Vec<String>),
    /// Something that no key takes; an error has been said already.
    Unusable,
}

impl Value {
    /// The one text or number given.
    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) | Self::Number(text) => Ok(text),
            Self::Boolean(_) => Err("must not be true or false".to_owned()),
            Self::List(_) => Err("takes one value, not a list".to_owned()),
            Self::Unusable => Err("has no usable value".to_owned()),
        }
    }

    /// The members of a list: a JSON array, or a text with commas.
    pub(super) fn items(&self) -> Result<Vec<&str>, String> {
        match self {
            Self::List(items) => Ok(items.iter().map(|item| trim(item)).collect()),
            _ => {
                let text = trim(self.text()?);
                if text.is_empty() {
                    Ok(Vec::new())
                } else {
                    Ok(text.split(',').map(trim).collect())
                }
            }
        }
    }
}

/// Without blanks and line ends around it. Only ASCII blanks: others may belong to a password.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_the_same_from_commas_and_from_an_array() {
        let commas = Value::Text(" a, b ,c ".into());
        let array = Value::List(vec!["a".into(), " b".into(), "c".into()]);
        assert_eq!(commas.items().unwrap(), ["a", "b", "c"]);
        assert_eq!(array.items().unwrap(), ["a", "b", "c"]);
        assert!(Value::Text("  ".into()).items().unwrap().is_empty());
        assert_eq!(Value::Text("a,".into()).items().unwrap(), ["a", ""]);
    }
}
