//! Choices among a few words, and yes or no.

use super::{Rule, Shown, comment_hint, either};
use crate::config::document::{Value, trim};
use crate::config::nearest::nearest;
use crate::config::place::quoted;

/// One of a few words. The first word of a meaning is the one that is written; a word after it
/// is accepted as well.
pub(in crate::config) struct Words<V: 'static>(pub(in crate::config) &'static [(&'static str, V)]);

/// Some of a few words.
pub(in crate::config) struct WordList<V: 'static>(pub(in crate::config) Words<V>);

/// Yes or no, in the words that people use for it.
pub(in crate::config) const YES_NO: Words<bool> = Words(&[
    ("yes", true),
    ("no", false),
    ("true", true),
    ("false", false),
    ("on", true),
    ("off", false),
    ("1", true),
    ("0", false),
]);

impl<V: Copy + PartialEq> Words<V> {
    /// The words that are written.
    fn main_words(&self) -> Vec<&'static str> {
        let first = |value: &V| self.0.iter().position(|(_, other)| other == value);
        let main = self.0.iter().enumerate().filter(|(index, (_, v))| first(v) == Some(*index));
        main.map(|(_, (word, _))| *word).collect()
    }

    fn word_of(&self, value: V) -> Option<&'static str> {
        self.0.iter().find(|(_, other)| *other == value).map(|(word, _)| *word)
    }

    fn find(&self, text: &str) -> Result<V, String> {
        let found = self.0.iter().find(|(word, _)| word.eq_ignore_ascii_case(text));
        found.map(|(_, value)| *value).ok_or_else(|| {
            let words = self.main_words();
            let meant = match nearest(text, words.iter().copied()) {
                Some((near, true)) if words.len() > 2 => format!(", did you mean '{near}'?"),
                _ => comment_hint(text).to_owned(),
            };
            format!("must be {}, not {}{meant}", either(&words), quoted(text))
        })
    }
}

impl<V: Copy + PartialEq + Sync> Rule for Words<V> {
    type Value = V;

    fn read(&self, value: &Value) -> Result<V, String> {
        match value {
            Value::Boolean(value) => self.find(if *value { "true" } else { "false" }),
            _ => self.find(trim(value.text()?)),
        }
    }

    fn show(&self, value: &V) -> Shown {
        Shown::optional(self.word_of(*value))
    }

    fn range(&self) -> String {
        either(&self.main_words())
    }
}

impl<V: Copy + PartialEq + Sync> Rule for WordList<V> {
    type Value = Vec<V>;

    fn read(&self, value: &Value) -> Result<Vec<V>, String> {
        let mut list = Vec::new();
        for item in value.items()? {
            let found = self.0.find(item)?;
            if list.contains(&found) {
                return Err(format!("names {} twice", quoted(item)));
            }
            list.push(found);
        }
        Ok(list)
    }

    fn show(&self, value: &Vec<V>) -> Shown {
        Shown::list(value.iter().filter_map(|value| self.0.word_of(*value)))
    }

    fn range(&self) -> String {
        let words = self.0.main_words().join(", ");
        format!("one or more of {words}, separated by commas")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDES: Words<u8> = Words(&[("left", 1), ("middle", 2), ("right", 3)]);

    #[test]
    fn yes_and_no_are_understood_as_people_write_them() {
        for (text, value) in [("yes", true), ("off", false), ("TRUE", true), ("0", false)] {
            assert_eq!(YES_NO.read(&Value::Text(text.into())), Ok(value), "{text}");
        }
        assert_eq!(YES_NO.read(&Value::Boolean(false)), Ok(false));
        assert_eq!(YES_NO.read(&Value::Number("1".into())), Ok(true));
        let error = YES_NO.read(&Value::Text("maybe".into())).unwrap_err();
        assert_eq!(error, "must be yes or no, not 'maybe'");
    }

    #[test]
    fn a_mistyped_word_is_answered_with_the_right_one() {
        let error = SIDES.read(&Value::Text("midle".into())).unwrap_err();
        assert_eq!(error, "must be left, middle or right, not 'midle', did you mean 'middle'?");
        assert_eq!(
            SIDES.read(&Value::Boolean(true)).unwrap_err(),
            "must be left, middle or right, not 'true'"
        );
        let twice = WordList(SIDES).read(&Value::Text("left,left".into()));
        assert_eq!(twice, Err("names 'left' twice".to_owned()));
    }
}
