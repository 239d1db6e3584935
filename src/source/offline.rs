//! Why a camera cannot be had, in words for the operator and a code for the client.

use std::fmt;
use std::sync::Arc;

use rtsp_proto::StatusCode;
use rtsp_proto::dialog::DialogError;

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

/// A reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offline {
    /// What kind of reason.
    pub kind: OfflineKind,
    /// One sentence, without the camera's login.
    pub text: Arc<str>,
}

impl Offline {
    /// A reason of this kind.
    pub fn new(kind: OfflineKind, text: impl Into<Arc<str>>) -> Self {
        Self { kind, text: text.into() }
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
        Self::new(kind, error.to_string())
    }
}

impl fmt::Display for Offline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
