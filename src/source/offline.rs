//! Why a camera cannot be had, in words for the operator and a code for the client.

use std::fmt;
use std::io;
use std::sync::Arc;

use rtsp_proto::StatusCode;
use rtsp_proto::dialog::DialogError;

use crate::system_error::words;
use crate::tls::certificate::Fingerprint;

/// Who has to do something about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OfflineKind {
    /// No connection to the camera.
    Unreachable,
    /// The camera answered that it will not, for now or at all.
    Refused,
    /// The camera wants another login than the one configured.
    Login,
    /// The camera took longer than `source_start_timeout_s`.
    StartTimeout,
    /// It was there, and went.
    Lost,
}

/// Where exactly it went wrong, for those who explain it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Cause {
    /// Nothing that could be explained better than by the text.
    #[default]
    Other,
    /// The host's name has no address.
    Lookup,
    /// No connection: what the system said.
    Connect(io::ErrorKind),
    /// Nothing at all answered at the address.
    NoAnswer,
    /// What answered a plain request speaks TLS.
    SpeaksTls,
    /// The camera's certificate is not the one it must be; the fingerprint of the one it is.
    Untrusted(Option<Fingerprint>),
    /// TLS with the camera does not work.
    Tls,
    /// The handshake ended.
    Dialog(DialogError),
    /// The camera wants none of the transports that are allowed.
    Transport,
    /// Nothing that is described can be relayed.
    NoMedia,
    /// PLAY was accepted, and nothing came.
    Silence,
}

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    /// What kind of reason.
    pub kind: OfflineKind,
    /// One sentence, without the camera's login.
    pub text: Arc<str>,
    /// Where it went wrong.
    pub cause: Cause,
}

impl Offline {
    /// A reason of this kind.
    pub fn new(kind: OfflineKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into(), cause: Cause::Other }
    }

    /// The same, with where it went wrong.
    #[must_use]
    pub fn at(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    /// Whether the camera said that it has no session free.
    pub fn is_busy(&self) -> bool {
        matches!(&self.cause, Cause::Dialog(DialogError::Refused { status, .. })
            if matches!(*status, StatusCode::NOT_ENOUGH_BANDWIDTH | StatusCode::SERVICE_UNAVAILABLE))
    }

    /// What a client that waits for the stream is told.
    pub fn status(&self) -> StatusCode {
        match self.kind {
            OfflineKind::Unreachable | OfflineKind::Refused | OfflineKind::Lost => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            OfflineKind::Login => StatusCode::BAD_GATEWAY,
            OfflineKind::StartTimeout => StatusCode::GATEWAY_TIMEOUT,
        }
    }
}

impl From<DialogError> for Offline {
    fn from(error: DialogError) -> Self {
        let kind = match error {
            DialogError::LoginRefused { .. }
            | DialogError::LoginNeeded
            | DialogError::UnknownLogin { .. } => OfflineKind::Login,
            DialogError::Timeout { .. } => OfflineKind::StartTimeout,
            DialogError::Ended { .. } => OfflineKind::Lost,
            _ => OfflineKind::Refused,
        };
        Self::new(kind, error.to_string()).at(Cause::Dialog(error))
    }
}

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The connection to the camera failed.
pub(super) fn lost(error: &io::Error) -> Offline {
    let text = format!("the connection to the camera failed: {}", words(error));
    Offline::new(OfflineKind::Lost, text)
}
