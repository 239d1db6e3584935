//! What a camera told of itself in the last handshake.

use std::time::Duration;

use rtsp_proto::dialog::Dialog;
use rtsp_proto::{Method, Version};

use super::Carrier;

/// What is known of a camera beside its media; it outlives the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The version that is spoken with it.
    pub version: Version,
    /// What it calls itself, fit for a message.
    pub server: Option<String>,
    /// The methods it lists; none if it does not.
    pub methods: Vec<Method>,
    /// The scheme of the login it asked for.
    pub login: Option<&'static str>,
    /// The method of the next sign of life, `None` when it refused all.
    pub keepalive: Option<Method>,
    /// How often one is sent.
    pub keepalive_interval: Duration,
    /// What it refused as a sign of life: never sent again.
    pub refused_keepalives: Vec<Method>,
    /// How long its session lives without one.
    pub session_timeout: Duration,
    /// The media descriptions that it refused to set up, by their places in its SDP.
    pub skipped: Vec<usize>,
    /// What carries its media, once it is set up.
    pub carrier: Option<Carrier>,
}

impl Facts {
    pub(super) fn of(dialog: &Dialog) -> Self {
        Self {
            version: dialog.version(),
            server: dialog.server().map(str::to_owned),
            methods: dialog.methods().to_vec(),
            login: dialog.auth_scheme(),
            keepalive: dialog.keepalive_method(),
            keepalive_interval: dialog.keepalive_interval(),
            refused_keepalives: dialog.refused_keepalives().to_vec(),
            session_timeout: dialog.session_timeout(),
            skipped: dialog.skipped().to_vec(),
            carrier: Carrier::of(dialog.tracks()),
        }
    }
}
