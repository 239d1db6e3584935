//! What a dialog is started with.

use std::fmt;
use std::time::Duration;

use crate::auth::Credentials;
use crate::{Method, Secret, Url, Version};

/// How long a camera may take for one answer, unless something else is said.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Where to go, as whom, and how patiently.
#[derive(Clone)]
pub struct DialogOptions {
    /// The stream to ask for.
    pub url: Url,
    /// The login; without one, the user and password of [`DialogOptions::url`], if it has any.
    pub credentials: Option<Credentials>,
    /// The User-Agent of every request: some cameras answer 401 without one.
    pub user_agent: String,
    /// The newest version to speak. With [`Version::V2_0`] a camera whose answer to OPTIONS shows
    /// that it speaks 2.0 is asked in it from then on, and in 1.0 again if it then answers 505,
    /// 400, 501 or 551, or closes the connection.
    pub version: Version,
    /// How long an answer to OPTIONS, DESCRIBE, SETUP or PLAY may take.
    pub request_timeout: Duration,
    /// Methods that this camera refused as keepalives in earlier dialogs
    /// ([`super::Dialog::refused_keepalives`]): they are not tried again.
    pub refused_keepalives: Vec<Method>,
}

impl DialogOptions {
    /// RTSP 1.0, the login of the URL, and [`REQUEST_TIMEOUT`].
    pub fn new(url: Url, user_agent: impl Into<String>) -> Self {
        Self {
            url,
            credentials: None,
            user_agent: user_agent.into(),
            version: Version::V1_0,
            request_timeout: REQUEST_TIMEOUT,
            refused_keepalives: Vec::new(),
        }
    }

    /// The login to use at the configured host.
    pub(super) fn login(&self) -> Option<Credentials> {
        self.credentials.clone().or_else(|| login_of(&self.url))
    }
}

impl fmt::Debug for DialogOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DialogOptions")
            .field("url", &self.url.request_uri())
            .field("login", &self.login().is_some())
            .field("user_agent", &self.user_agent)
            .field("version", &self.version)
            .field("request_timeout", &self.request_timeout)
            .field("refused_keepalives", &self.refused_keepalives)
            .finish()
    }
}

/// The login inside a URL.
pub(super) fn login_of(url: &Url) -> Option<Credentials> {
    let username = url.username()?.to_owned();
    let password = url.password().cloned().unwrap_or_else(|| Secret::new(""));
    Some(Credentials { username, password })
}
