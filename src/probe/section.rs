//! The `[stream]` section to paste.

use std::path::PathBuf;
use std::time::Duration;

use rtsp_proto::Url;

use super::Target;
use super::attempt::Attempt;
use crate::source::Carrier;
use crate::tls::certificate::Fingerprint;

/// A camera that took longer to its first packet gets a longer `source_start_timeout_s`.
const SLOW_START: Duration = Duration::from_secs(5);
/// Longest name that is made of a URL, in bytes.
const MAX_NAME: usize = 32;
/// When the URL has nothing to make a name of.
const NAME: &str = "camera";

/// Stands before a password that is not shown.
const PLACEHOLDER: &str =
    "# The password is not shown: put it in place of the stars (or use password_file=FILE).";

/// How the section says the login.
#[derive(Debug)]
pub(super) struct Login {
    username: Option<String>,
    password_file: Option<PathBuf>,
}

impl Login {
    pub(super) fn of(target: &Target) -> Self {
        Self {
            username: target.username().map(str::to_owned),
            password_file: target.password_file().map(PathBuf::from),
        }
    }
}

/// A name for the stream at this URL: the last part of its path, as far as names go.
pub(super) fn name(url: &Url) -> String {
    let path = url.path_and_query().split(['?', '&']).next().unwrap_or_default();
    let last = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let known = |c: &char| c.is_ascii_alphanumeric() || "-_.".contains(*c);
    let name: String = last.chars().filter(known).take(MAX_NAME).collect();
    match name.trim_matches('.') {
        "" => NAME.to_owned(),
        // 101 alone would say nothing.
        number if number.bytes().all(|byte| byte.is_ascii_digit()) => format!("{NAME}-{number}"),
        name => name.to_owned(),
    }
}

/// The section for a camera that works, or would with its certificate pinned. The password is not in
/// it.
pub(super) fn section(
    name: &str,
    url: &str,
    login: &Login,
    pin: Option<Fingerprint>,
    attempt: &Attempt,
) -> String {
    let mut lines = vec!["[stream]".to_owned(), format!("name={name}"), format!("rtsp_url={url}")];
    if let Some(username) = &login.username {
        lines.push(format!("username={username}"));
        match &login.password_file {
            Some(file) => lines.push(format!("password_file={}", file.display())),
            None => lines.extend([PLACEHOLDER.to_owned(), "password=***".to_owned()]),
        }
    }
    if let Some(pin) = pin {
        lines.push(format!("tls_fingerprint={pin}"));
    }
    if attempt.carrier != Carrier::Tcp {
        lines.push(format!("transport={}", attempt.carrier.word()));
    }
    if let Some(time) = attempt.started_after.filter(|time| *time > SLOW_START) {
        lines.push(format!("source_start_timeout_s={}", 2 * time.as_secs() + 2));
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_named_after_the_last_part_of_its_path() {
        for (url, expected) in [
            ("rtsp://cam/stream1", "stream1"),
            ("rtsp://cam/Streaming/Channels/101/", "camera-101"),
            ("rtsp://cam/cam/realmonitor?channel=1&subtype=0", "realmonitor"),
            ("rtsp://cam/user=admin&password=x!&channel=1&stream=0.sdp", "useradmin"),
            ("rtsp://cam/", "camera"),
            ("rtsp://cam", "camera"),
            ("rtsp://cam/..", "camera"),
            ("rtsp://cam/ä/é", "camera"),
        ] {
            assert_eq!(name(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
