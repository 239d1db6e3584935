//! The operator's decisions: from INI, JSON and the command line to one immutable [`Config`].
//!
//! ```text
//! source (file, options) → ini | json → document: sections of keys, values and places
//!   → read: each value by the rule of its key, from one table (keys) → drafts
//!   → check: values against each other and the machine → Config (model)
//! ```
//!
//! Nothing stops at the first error: whoever writes a configuration reads everything that is
//! wrong with it at once, each with its line. Secrets are in no message.

mod check;
mod cidr;
pub mod diff;
mod document;
mod draft;
#[cfg(any(test, feature = "fuzz"))]
pub mod fuzz;
mod ini;
mod json;
pub mod keys;
mod manual;
pub mod model;
pub(crate) mod nearest;
mod place;
mod print;
mod read;
mod reference;
mod rules;
mod source;
mod summary;
mod tls_files;

pub use diff::Diff;
pub use manual::manual;
pub use model::{Config, REALM};
pub use place::{ConfigError, Place};
pub use print::print;
pub use reference::reference;
pub use source::{DEFAULT_FILE, Sources, Surroundings};
pub use summary::summary;

use std::fmt;
use std::path::{Path, PathBuf};

use check::Files;
use place::Findings;
use rtsp_proto::Secret;

/// A valid configuration, and what was found on the way to it.
#[derive(Clone, Debug)]
pub struct Loaded {
    pub config: Config,
    /// What is allowed but probably not meant, each `FILE:LINE: message`.
    pub warnings: Vec<String>,
    pub origin: Origin,
}

/// What to name when the configuration is spoken of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    File(PathBuf),
    /// No file was read.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::CommandLine => f.write_str("the command line"),
        }
    }
}

/// Reads, checks and completes the configuration.
///
/// # Errors
///
/// Everything that is wrong with it, by line.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    load_in(sources, Surroundings::of_process())
}

/// The password in a file, as `password_file` reads it.
///
/// # Errors
///
/// What is wrong with the file, as the end of a sentence that begins with its name.
pub fn read_password(path: &Path) -> Result<Secret, String> {
    check::read_password(path).map(|(password, _)| password)
}

/// As [`load`], in surroundings that are not this process's own.
///
/// # Errors
///
/// Everything that is wrong with it, by line.
pub fn load_in(sources: &Sources, surroundings: Surroundings) -> Result<Loaded, Vec<ConfigError>> {
    let mut findings = Findings::default();
    let file = source::read_file(sources, &mut findings);
    let origin = match &sources.file {
        Some(path) => Origin::File(path.clone()),
        None => Origin::CommandLine,
    };
    let parent = sources.file.as_deref().and_then(Path::parent);
    let files = Files { directory: parent.unwrap_or(Path::new("")).to_owned(), surroundings };

    let unreadable = file.as_ref().is_some_and(|file| file.document.is_none());
    let readable_file = file
        .as_ref()
        .filter(|file| file.readable_by_others)
        .map(|file| Place::File { file: file.name.clone(), line: 1 });
    let mut documents: Vec<_> = file.and_then(|file| file.document).into_iter().collect();
    documents.push(source::options(sources));
    let drafts = read::read(&documents, &mut findings);
    if unreadable {
        // Half a configuration held against itself gives errors that are none.
        return Err(findings.finish().err().unwrap_or_default());
    }
    let config = check::check(&drafts, &files, readable_file.as_ref(), &mut findings);
    Ok(Loaded { config, warnings: findings.finish()?, origin })
}
