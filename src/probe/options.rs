//! What was typed, and what it amounts to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rtsp_proto::auth::Credentials;
use rtsp_proto::{Secret, Url};

use super::section;
use crate::config::model::{CameraTls, Config, Retry, TransportPolicy};
use crate::config::{self, Sources};
use crate::source::Carrier;
use crate::tls::certificate::Fingerprint;

/// To look at one camera.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeOptions {
    /// As typed; it may hold a login.
    pub url: String,
    /// The camera's login.
    pub username: Option<String>,
    /// Where its password is.
    pub password_file: Option<PathBuf>,
    /// Which transports to try.
    pub transport: TransportPolicy,
    /// The report is for a program.
    pub json: bool,
}

/// Without the URL, which may hold a login.
impl fmt::Debug for ProbeOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeOptions")
            .field("username", &self.username)
            .field("password_file", &self.password_file)
            .field("transport", &self.transport)
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

/// A camera to be looked at: options that make sense together.
#[derive(Clone, Debug)]
pub struct Target {
    /// With the camera as its only stream, and all else as by default.
    config: Config,
    name: String,
    transport: TransportPolicy,
    password_file: Option<PathBuf>,
}

impl Target {
    /// Reads the URL and the password file.
    ///
    /// # Errors
    /// One sentence about what is wrong, without a secret.
    pub fn new(options: &ProbeOptions) -> Result<Self, String> {
        let mut name = "camera".to_owned();
        let sources =
            Sources { streams: vec![(name.clone(), options.url.clone())], ..Sources::default() };
        let loaded = config::load(&sources).map_err(|errors| {
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            let rule = first.split_once("rtsp_url ").map_or(first.as_str(), |(_, rule)| rule);
            format!("the URL of the camera {rule}")
        })?;
        let mut config = loaded.config;
        let Some(mut stream) = config.streams.remove(&name) else {
            return Err("the URL of the camera is missing".to_owned());
        };
        name = section::name(&stream.url);
        stream.name.clone_from(&name);
        if let Some(login) = login(options, stream.credentials.is_some())? {
            stream.credentials = Some(login);
        }
        // Wanted once: a failure is the answer, and afterwards the camera is let go at once.
        stream.source_idle_timeout = Duration::ZERO;
        stream.retry = Retry { max_attempts: Some(1), ..stream.retry };
        config.streams.insert(name.clone(), stream);
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        Ok(Self {
            config,
            name,
            transport: options.transport,
            password_file: options.password_file.as_deref().map(absolute),
        })
    }

    /// What the stream is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is, without a login.
    pub(super) fn url(&self) -> &Url {
        // `new` has put it there.
        &self.config.streams[&self.name].url
    }

    pub(super) fn username(&self) -> Option<&str> {
        let login = self.config.streams[&self.name].credentials.as_ref();
        login.map(|login| login.username.as_str())
    }

    /// Where the password came from, if from a file.
    pub(super) fn password_file(&self) -> Option<&Path> {
        self.password_file.as_deref()
    }

    pub(super) fn transport(&self) -> TransportPolicy {
        self.transport
    }

    /// The same camera, which must show this certificate.
    pub(super) fn pinned(mut self, pin: Fingerprint) -> Self {
        for stream in self.config.streams.values_mut() {
            stream.camera_tls = CameraTls::Fingerprint(pin.0);
        }
        self
    }

    /// A configuration with the camera, to be pulled over one transport and no other.
    pub(super) fn over(&self, carrier: Carrier) -> Config {
        let mut config = self.config.clone();
        for stream in config.streams.values_mut() {
            stream.transport = match carrier {
                Carrier::Tcp => TransportPolicy::Tcp,
                Carrier::Udp => TransportPolicy::Udp,
                Carrier::Multicast => TransportPolicy::Multicast,
            };
        }
        config
    }
}

/// The login that the options give, beside the one that may be in the URL.
fn login(options: &ProbeOptions, in_url: bool) -> Result<Option<Credentials>, String> {
    match (&options.username, &options.password_file) {
        (None, None) => Ok(None),
        (Some(_), _) | (_, Some(_)) if in_url => {
            Err("the login is in the URL already: leave --username and --password-file out".into())
        }
        (None, Some(_)) => Err("--password-file needs --username".into()),
        (Some(_), None) => Err("--username needs --password-file, the name of a file with the \
                                password in its first line"
            .into()),
        (Some(username), Some(file)) => {
            let password: Secret = config::read_password(file)
                .map_err(|reason| format!("--password-file {} {reason}", file.display()))?;
            Ok(Some(Credentials { username: username.clone(), password }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> ProbeOptions {
        ProbeOptions {
            url: url.into(),
            username: None,
            password_file: None,
            transport: TransportPolicy::Auto,
            json: false,
        }
    }

    #[test]
    fn wrong_options_are_told_without_the_password() {
        let with = |user: Option<&str>, file: Option<&str>| ProbeOptions {
            username: user.map(Into::into),
            password_file: file.map(Into::into),
            ..options("rtsp://cam/s")
        };
        for (options, text) in [
            (options("http://u:hunter2@cam/"), "the URL of the camera must begin with rtsp://"),
            (options("rtsp://u:hunter2@cam:0x/"), "the URL of the camera is not valid"),
            (options(""), "the URL of the camera"),
            (with(Some("u"), None), "--username needs --password-file"),
            (with(None, Some("f")), "--password-file needs --username"),
            (with(Some("u"), Some("/nowhere/f")), "--password-file /nowhere/f cannot be read"),
            (
                ProbeOptions { username: Some("v".into()), ..options("rtsp://u:hunter2@cam/") },
                "the login is in the URL already",
            ),
        ] {
            let error = Target::new(&options).unwrap_err();
            assert!(error.starts_with(text), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_login_in_the_url_is_taken_and_not_shown() {
        let target = Target::new(&options("rtsp://admin:hunter2@cam/stream1?x=1")).unwrap();
        assert_eq!(target.username(), Some("admin"));
        assert_eq!(target.url().to_string(), "rtsp://cam/stream1?x=1");
        assert_eq!(target.name(), "stream1");
        assert!(!format!("{target:?}").contains("hunter2"));
    }
}
