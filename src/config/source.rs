//! Where a configuration comes from: a file, options of the command line, and what surrounds
//! the process.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use zeroize::Zeroizing;

use super::document::{Document, Entry, Format, Section, SectionKind, Value};
use super::place::{Findings, Place};
use super::{ini, json};
use crate::system_error::words;

/// The file that is read when none is named.
pub const DEFAULT_FILE: &str = "/etc/rtsp-relay.conf";

/// A configuration of ten thousand streams has a third of this.
const MAX_FILE_BYTES: u64 = 8 * 1024 * 1024;

/// What the command line says about the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The file to read; `None` for none.
    pub file: Option<PathBuf>,
    /// Whether the file was named, or is [`DEFAULT_FILE`].
    pub explicit: bool,
    /// `--set KEY=VALUE`, in order: later ones win, and all win over the file.
    pub set: Vec<(String, String)>,
    /// `--stream NAME=URL`, in order.
    pub streams: Vec<(String, String)>,
}

/// Without the values, which may hold logins.
impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = |pairs: &[(String, String)]| -> Vec<String> {
            pairs.iter().map(|(name, _)| name.clone()).collect()
        };
        f.debug_struct("Sources")
            .field("file", &self.file)
            .field("explicit", &self.explicit)
            .field("set", &names(&self.set))
            .field("streams", &names(&self.streams))
            .finish()
    }
}

/// What a configuration's meaning depends on beside its text.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Where systemd puts the credentials of the service.
    pub credentials_directory: Option<PathBuf>,
    /// The machine's memory, if it is known.
    pub memory_bytes: Option<u64>,
    /// The time of day, for certificates; without it their days are not looked at.
    pub now: Option<SystemTime>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self {
            credentials_directory: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            memory_bytes: memory_bytes(),
            now: Some(SystemTime::now()),
        }
    }
}

/// `MemTotal` of /proc/meminfo, which is in units of 1024 bytes.
fn memory_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The configuration file as it was found.
pub(super) struct FileText {
    pub(super) name: Arc<str>,
    pub(super) document: Option<Document>,
    /// Whether everybody on the machine may read it.
    pub(super) readable_by_others: bool,
}

/// Reads the file of `sources`, if there is one to read.
pub(super) fn read_file(sources: &Sources, findings: &mut Findings) -> Option<FileText> {
    let path = sources.file.as_deref()?;
    let name: Arc<str> = Arc::from(path.to_string_lossy());
    let place = |line| Place::File { file: name.clone(), line };
    let mut file = FileText { name: name.clone(), document: None, readable_by_others: false };
    match read_bounded(path, MAX_FILE_BYTES) {
        Ok((bytes, readable_by_others)) => {
            file.readable_by_others = readable_by_others;
            file.document = match std::str::from_utf8(&bytes) {
                Ok(text) => parse(text, &name, findings),
                Err(error) => {
                    let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
                    let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                    let message = "not UTF-8; save the file in that encoding";
                    findings.error(&place(line), message);
                    None
                }
            };
        }
        Err(error) => {
            let mut message = format!("cannot be read: {}", words(&error));
            if error.kind() == io::ErrorKind::NotFound && !sources.explicit {
                message.push_str(
                    "; write one, name another with --config FILE, or do without: --stream NAME=URL",
                );
            }
            findings.error(&place(1), message);
        }
    }
    Some(file)
}

/// JSON begins with a brace, INI never does.
pub(super) fn parse(text: &str, name: &Arc<str>, findings: &mut Findings) -> Option<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{') {
        json::read(text, name, findings)
    } else {
        Some(ini::read(text, name, findings))
    }
}

/// The options as sections of their own, one each, so that none is "given twice" but the last wins.
pub(super) fn options(sources: &Sources) -> Document {
    let entry = |key: &str, value: &str, place: &Place| Entry {
        key: key.to_owned(),
        value: Value::Text(super::document::trim(value).to_owned()),
        place: place.clone(),
    };
    let sets = sources.set.iter().map(|(key, value)| {
        let place = Place::Option(format!("--set {}", key.escape_debug()));
        let entries = vec![entry(key, value, &place)];
        Section { kind: SectionKind::Global, place, entries }
    });
    let streams = sources.streams.iter().map(|(name, url)| {
        let place = Place::Option(format!("--stream {}", name.escape_debug()));
        let entries = vec![entry("name", name, &place), entry("rtsp_url", url, &place)];
        Section { kind: SectionKind::Stream, place, entries }
    });
    Document { format: Format::CommandLine, sections: sets.chain(streams).collect() }
}

/// A file's bytes, not more than `limit` and overwritten when they are dropped, and whether everybody may read it.
pub(super) fn read_bounded(path: &Path, limit: u64) -> io::Result<(Zeroizing<Vec<u8>>, bool)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::from(io::ErrorKind::IsADirectory));
    }
    // As much as will come at once: each time it grows, a copy stays behind.
    let expected = metadata.len().min(limit) as usize + 1;
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        let message = format!("it is longer than {limit} bytes");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    Ok((bytes, metadata.permissions().mode() & 0o004 != 0))
}
