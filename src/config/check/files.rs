//! The files that a configuration names.

use std::path::{Path, PathBuf};

use rtsp_proto::Secret;

use crate::config::document::trim;
use crate::config::place::{Findings, Place, quoted_path};
use crate::config::rules::check_password;
use crate::config::source::{Surroundings, read_bounded};
use crate::config::tls_files::MAX_PEM_FILE_BYTES;
use crate::system_error::words;

/// Room for the longest password and the end of its line.
const MAX_PASSWORD_FILE_BYTES: u64 = 4096;

/// Where names of files lead.
pub(in crate::config) struct Files {
    /// The directory of the configuration file.
    pub(in crate::config) directory: PathBuf,
    pub(in crate::config) surroundings: Surroundings,
}

impl Files {
    /// `name` as the operator meant it: beside the configuration file that says it, or in the
    /// working directory when the command line does.
    pub(super) fn resolve(&self, name: &str, place: &Place) -> PathBuf {
        let path = match place {
            Place::File { .. } => self.directory.join(name),
            Place::Option(_) => PathBuf::from(name),
        };
        std::path::absolute(&path).unwrap_or(path)
    }

    /// The path of a PEM file that can be read now, not what is in it; `None` when it cannot.
    pub(super) fn pem(
        &self,
        key: &str,
        name: &str,
        place: &Place,
        findings: &mut Findings,
    ) -> Option<PathBuf> {
        let path = self.resolve(name, place);
        match read_bounded(&path, MAX_PEM_FILE_BYTES) {
            Ok((_, true)) if key == "tls_key" => {
                let message = format!(
                    "everybody on this machine can read {key} {}: chmod o-r mends that",
                    quoted_path(&path)
                );
                findings.warn(place, message);
            }
            Ok(_) => {}
            Err(error) => {
                let message =
                    format!("{key} {} cannot be read: {}", quoted_path(&path), words(&error));
                findings.error(place, message);
                return None;
            }
        }
        Some(path)
    }

    /// The password in the file `name`, which may be a systemd credential.
    pub(super) fn password(
        &self,
        name: &str,
        place: &Place,
        findings: &mut Findings,
    ) -> Option<Secret> {
        let credentials = self.surroundings.credentials_directory.as_deref();
        let credential = credentials
            .filter(|_| !name.contains('/'))
            .map(|directory| directory.join(name))
            .filter(|path| path.exists());
        let path = credential.unwrap_or_else(|| self.resolve(name, place));
        match read_password(&path) {
            Ok((password, readable_by_others)) => {
                if readable_by_others {
                    let message = format!(
                        "everybody on this machine can read password_file {}: chmod o-r mends that",
                        quoted_path(&path)
                    );
                    findings.warn(place, message);
                }
                Some(password)
            }
            Err(reason) => {
                findings.error(place, format!("password_file {} {reason}", quoted_path(&path)));
                None
            }
        }
    }
}

/// The password of a file without the end of its line, and whether everybody may read it.
pub(in crate::config) fn read_password(path: &Path) -> Result<(Secret, bool), String> {
    let (bytes, readable_by_others) = read_bounded(path, MAX_PASSWORD_FILE_BYTES)
        .map_err(|error| format!("cannot be read: {}", words(&error)))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    check_password(line)?;
    if trim(line).is_empty() {
        return Err("holds no password".to_owned());
    }
    Ok((Secret::new(line), readable_by_others))
}
