//! Configurations, INI and JSON, from any bytes.

use std::sync::Arc;

use super::check::{self, Files};
use super::place::Findings;
use super::{Surroundings, print, read, source, summary};

/// Words of keys that name files: what such a key names is not for a fuzzer to open. Nor when JSON
/// writes a letter of it as an escape, `\u0066`.
const FILES: [&str; 3] = ["_file", "tls_certificate", "tls_key"];
const NAME: &str = "any.conf";

/// Whatever is wrong is told, each error in one line that names a line of the file; a configuration
/// that is valid is shown as one that can be read again, and says the same then.
///
/// # Panics
/// When one of these does not hold.
pub fn config(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if FILES.iter().any(|word| text.contains(word)) || text.contains("\\u00") {
        return;
    }
    let Some(shown) = show(text) else { return };
    // The passwords are left out of it, and half a login is no configuration.
    if !shown.contains("***") {
        assert_eq!(show(&shown).as_deref(), Some(&*shown), "shown again it differs");
    }
}

/// The whole of a valid configuration as it is printed.
fn show(text: &str) -> Option<String> {
    let mut findings = Findings::default();
    let document = source::parse(text, &Arc::from(NAME), &mut findings);
    let documents: Vec<_> = document.into_iter().collect();
    let drafts = read::read(&documents, &mut findings);
    let files = Files { directory: "/nowhere".into(), surroundings: Surroundings::default() };
    let config = check::check(&drafts, &files, None, &mut findings);
    let lines = text.split('\n').count();
    match findings.finish() {
        Ok(warnings) => {
            assert!(warnings.iter().all(|warning| !warning.contains(char::is_control)));
            assert!(!documents.is_empty(), "nothing was read and nothing is wrong");
            assert!(!summary(&config).is_empty());
            Some(print(&config))
        }
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                let error = error.to_string();
                assert!(!error.contains(char::is_control), "{error:?}");
                let place = error.strip_prefix(NAME).and_then(|rest| rest.strip_prefix(':'));
                let line = place.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
                assert!(line.is_some_and(|line| (1..=lines).contains(&line)), "{error}");
            }
            None
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_and_every_finding_hold() {
        let corpus =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/config");
        rtsp_proto::fuzz::over_corpus(&corpus, &[super::config]);
    }
}
