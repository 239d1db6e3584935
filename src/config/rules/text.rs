//! Texts, secrets and names of files.

use rtsp_proto::Secret;

use super::{Rule, Shown};
use crate::config::document::{Value, trim};
use crate::config::place::quoted;

/// Any text on one line, up to so many bytes.
pub(in crate::config) struct Text(pub(in crate::config) usize);

/// A password, taken literally.
pub(in crate::config) struct Password;

/// The name of a file, absolute or beside the configuration.
pub(in crate::config) struct FileName;

/// Longer ones are a mistake; RFC 7616 sets no bound of its own.
pub(in crate::config) const MAX_PASSWORD_BYTES: usize = 1024;

/// `PATH_MAX` of Linux.
const MAX_FILE_NAME_BYTES: usize = 4096;

impl Rule for Text {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Result<Option<String>, String> {
        let text = trim(value.text()?);
        if text.len() > self.0 {
            return Err(format!("must not be longer than {} bytes, not {}", self.0, text.len()));
        }
        if text.chars().any(char::is_control) {
            return Err(format!("must not contain control characters: {}", quoted(text)));
        }
        Ok((!text.is_empty()).then(|| text.to_owned()))
    }

    fn show(&self, value: &Option<String>) -> Shown {
        Shown::optional(value.as_ref())
    }

    fn range(&self) -> String {
        format!("text up to {} bytes", self.0)
    }
}

impl Rule for Password {
    /// `Some` of an empty secret when the key stands there without a value: some cameras have an
    /// empty password.
    type Value = Option<Secret>;

    fn read(&self, value: &Value) -> Result<Option<Secret>, String> {
        let text = value.text()?;
        check_password(text)?;
        Ok(Some(Secret::new(text)))
    }

    fn show(&self, value: &Option<Secret>) -> Shown {
        value.as_ref().map_or(Shown::Unset, |secret| Shown::Secret(secret.to_string()))
    }

    fn range(&self) -> String {
        format!("text up to {MAX_PASSWORD_BYTES} bytes, taken literally")
    }
}

/// Whether `text` can be a password; what is wrong never quotes it.
pub(in crate::config) fn check_password(text: &str) -> Result<(), String> {
    if text.len() > MAX_PASSWORD_BYTES {
        return Err(format!("must not be longer than {MAX_PASSWORD_BYTES} bytes"));
    }
    if text.chars().any(char::is_control) {
        return Err("must not contain control characters or more than one line".to_owned());
    }
    Ok(())
}

impl Rule for FileName {
    type Value = Option<String>;

    fn read(&self, value: &Value) -> Result<Option<String>, String> {
        Text(MAX_FILE_NAME_BYTES).read(value)
    }

    fn show(&self, value: &Option<String>) -> Shown {
        Shown::optional(value.as_ref())
    }

    fn range(&self) -> String {
        "a file, absolute or relative to the configuration's directory".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_password_does_not_show_it() {
        for text in ["hunter2\nhunter2", &"hunter2".repeat(200)] {
            let error = Password.read(&Value::Text(text.into())).unwrap_err();
            assert!(!error.contains("hunter"), "{error}");
        }
        let shown = Password.show(&Some(Secret::new("hunter2")));
        assert_eq!(shown, Shown::Secret("***".into()));
    }

    #[test]
    fn a_blank_text_is_a_text_that_is_not_given() {
        assert_eq!(Text(9).read(&Value::Text("  ".into())), Ok(None));
        assert_eq!(Text(9).read(&Value::Number("1".into())), Ok(Some("1".into())));
        assert!(Text(3).read(&Value::Text("four".into())).is_err());
    }
}
