//! Names of streams, and patterns for them.

use super::{Rule, Shown};
use crate::config::document::{Value, trim};
use crate::config::model::StreamPattern;
use crate::config::place::quoted;

/// The path that viewers ask for.
pub(in crate::config) struct StreamName;

/// Names, or prefixes with a `*` behind them.
pub(in crate::config) struct Patterns;

/// Fits any request line, log line and label.
const MAX_NAME_BYTES: usize = 128;

impl Rule for StreamName {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Result<Option<String>, String> {
        let text = trim(value.text()?);
        if text.is_empty() {
            return Ok(None);
        }
        check(text).map_err(|rule| format!("{rule}: {}", quoted(text)))?;
        Ok(Some(text.to_owned()))
    }

    fn show(&self, value: &Option<String>) -> Shown {
        Shown::optional(value.as_ref())
    }

    fn range(&self) -> String {
        format!("letters, digits, - _ . and /, up to {MAX_NAME_BYTES} of them")
    }
}

/// The names stand in URLs, file names and metrics, and must mean the same in all of them.
fn check(name: &str) -> Result<(), String> {
    if name.len() > MAX_NAME_BYTES {
        return Err(format!("must not be longer than {MAX_NAME_BYTES} characters"));
    }
    let known = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if let Some(wrong) = name.chars().find(|c| !known(*c)) {
        let what = format!(
            "may contain letters A-Z, digits, '-', '_', '.' and '/', not {}",
            quoted(&wrong.to_string())
        );
        return Err(if wrong == '"' {
            format!("{what} (values are written without quotes)")
        } else {
            what
        });
    }
    if name.starts_with('/') || name.ends_with('/') {
        return Err("must not begin or end with '/'".to_owned());
    }
    for segment in name.split('/') {
        match segment {
            "" => return Err("must not contain '//'".to_owned()),
            "." | ".." => return Err(format!("must not contain '{segment}' between slashes")),
            _ => {}
        }
    }
    Ok(())
}

impl Rule for Patterns {
    type Value = Vec<StreamPattern>;

    fn read(&self, value: &Value) -> Result<Vec<StreamPattern>, String> {
        value
            .items()?
            .into_iter()
            .map(|item| match item.strip_suffix('*') {
                _ if item.trim_end_matches('*').contains('*') || item.ends_with("**") => {
                    Err(format!("may have a '*' only at the end of a name: {}", quoted(item)))
                }
                Some("") => Ok(StreamPattern::Prefix(String::new())),
                // A prefix may end where a name may not: cellar/*
                Some(prefix) => match check(prefix.strip_suffix('/').unwrap_or(prefix)) {
                    Ok(()) => Ok(StreamPattern::Prefix(prefix.to_owned())),
                    Err(rule) => Err(format!("{rule}: {}", quoted(item))),
                },
                None if item.is_empty() => Err("has an empty name in its list".to_owned()),
                None => match check(item) {
                    Ok(()) => Ok(StreamPattern::Exact(item.to_owned())),
                    Err(rule) => Err(format!("{rule}: {}", quoted(item))),
                },
            })
            .collect()
    }

    fn show(&self, value: &Vec<StreamPattern>) -> Shown {
        Shown::list(value.iter().map(|pattern| match pattern {
            StreamPattern::Exact(name) => name.clone(),
            StreamPattern::Prefix(prefix) => format!("{prefix}*"),
        }))
    }

    fn range(&self) -> String {
        "names of streams or prefix*, separated by commas; none for all".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_path_that_means_the_same_everywhere() {
        let read = |text: &str| StreamName.read(&Value::Text(text.into()));
        for good in ["door", "cam1_main", "floor-2/cam.1", "a/b/c", "7"] {
            assert_eq!(read(good), Ok(Some(good.to_owned())));
        }
        for bad in ["/a", "a/", "a//b", "../a", "a/./b", "a b", "ä", "a?b", "a*", &"x".repeat(129)]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
        let quotes = read("\"door\"").unwrap_err();
        assert!(quotes.contains("without quotes"), "{quotes}");
    }

    #[test]
    fn a_user_is_given_names_and_prefixes() {
        let read = |text: &str| Patterns.read(&Value::Text(text.into()));
        assert_eq!(
            read("door, cellar/*,*").unwrap(),
            [
                StreamPattern::Exact("door".into()),
                StreamPattern::Prefix("cellar/".into()),
                StreamPattern::Prefix(String::new()),
            ]
        );
        for bad in ["a,,b", "a*b", "a**", "*b*", "/x*"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
