//! Where in the operator's input something stands, and what was found there.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// The line of a file, or an option of the command line; the file sorts before the options.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// Printed as `FILE:LINE`, the file as the operator named it.
    File {
        /// The file's name, shared by all its places.
        file: Arc<str>,
        /// From 1. What concerns the file as a whole is said of line 1.
        line: usize,
    },
    /// Printed as it is: `--set KEY` or `--stream NAME`, never with the value.
    Option(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Option(option) => f.write_str(option),
        }
    }
}

/// One thing that the operator has to mend, printed as `FILE:LINE: message`, one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// Where it stands.
    pub place: Place,
    /// Names the key, the value unless it is a secret, and the rule.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

impl std::error::Error for ConfigError {}

/// Everything found while reading, in the order it was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    errors: Vec<ConfigError>,
    warnings: Vec<ConfigError>,
}

impl Findings {
    /// Notes what makes the configuration invalid.
    pub(super) fn error(&mut self, place: &Place, message: impl Into<String>) {
        self.errors.push(ConfigError { place: place.clone(), message: message.into() });
    }

    /// Notes what is allowed but probably not meant.
    pub(super) fn warn(&mut self, place: &Place, message: impl Into<String>) {
        self.warnings.push(ConfigError { place: place.clone(), message: message.into() });
    }

    /// All errors, or, when there are none, all warnings; by place.
    pub(super) fn finish(mut self) -> Result<Vec<String>, Vec<ConfigError>> {
        self.errors.sort_by(|a, b| a.place.cmp(&b.place));
        self.warnings.sort_by(|a, b| a.place.cmp(&b.place));
        if self.errors.is_empty() {
            Ok(self.warnings.iter().map(ToString::to_string).collect())
        } else {
            Err(self.errors)
        }
    }
}

/// `text` in quotes for a message: control characters escaped, not longer than a line bears, and
/// without the login of a URL that stands in the wrong place.
pub(super) fn quoted(text: &str) -> String {
    const MAX_SHOWN_CHARS: usize = 60;
    quoted_to(text, MAX_SHOWN_CHARS)
}

/// A path in quotes as [`quoted`], but in whole: its end says which file is meant.
pub(super) fn quoted_path(path: &Path) -> String {
    /// `PATH_MAX` of Linux.
    const MAX_PATH_CHARS: usize = 4096;
    quoted_to(&path.to_string_lossy(), MAX_PATH_CHARS)
}

fn quoted_to(text: &str, max_chars: usize) -> String {
    let without_login = text.split_once("://").and_then(|(before, after)| {
        let (_, host) = after.rsplit_once('@')?;
        Some(format!("{before}://***@{host}"))
    });
    let text = without_login.as_deref().unwrap_or(text);
    let mut shown = String::from("'");
    for character in text.chars().take(max_chars) {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    if text.chars().nth(max_chars).is_some() {
        shown.push_str("...");
    }
    shown.push('\'');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_reads_all_errors_from_the_top_of_the_file_to_the_command_line() {
        let file: Arc<str> = Arc::from("a.conf");
        let mut findings = Findings::default();
        findings.error(&Place::Option("--set x".into()), "third");
        findings.error(&Place::File { file: file.clone(), line: 12 }, "second");
        findings.error(&Place::File { file, line: 2 }, "first");
        let errors = findings.finish().unwrap_err();
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(lines, ["a.conf:2: first", "a.conf:12: second", "--set x: third"]);
    }

    #[test]
    fn a_value_cannot_break_the_line_it_is_shown_in() {
        assert_eq!(quoted("a\nb\u{1b}[31m"), r"'a\nb\u{1b}[31m'");
        assert_eq!(quoted("x=rtsp://me:p/w@h/a"), "'x=rtsp://***@h/a'");
        assert_eq!(quoted(&"x".repeat(70)), format!("'{}...'", "x".repeat(60)));
    }

    #[test]
    fn a_path_is_shown_to_its_end_however_deep_it_lies() {
        let path = format!("/{}/cam\n.password", "deep/".repeat(50));
        assert_eq!(quoted_path(Path::new(&path)), format!("'{}'", path.replace('\n', r"\n")));
    }
}
