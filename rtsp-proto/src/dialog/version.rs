//! What a camera makes of RTSP 2.0, by its answers alone.
//!
//! A camera that cannot read 2.0 says so in one of few ways. Each of them but 505 can have another
//! reason, so what is refused in 2.0 is asked again in 1.0, and only when that goes better it was the
//! version.

use super::Dialog;
use crate::{Response, StatusCode, Version};

/// What was seen of a camera's RTSP 2.0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rtsp2 {
    /// Nothing: it was not asked in 2.0.
    #[default]
    Untried,
    /// It was asked in 2.0, and has not answered.
    Unanswered,
    /// It answers in 2.0.
    Spoken,
    /// It refused a request in 2.0, or closed the connection on one, and has not yet taken the same
    /// in 1.0.
    Doubted,
    /// It does not speak it: it said so, answered in 1.0, or took in 1.0 what it had refused in 2.0.
    Refused,
}

impl Dialog {
    /// From here on the camera is asked in 2.0.
    pub(super) fn begin_2_0(&mut self) {
        self.version = Version::V2_0;
        self.rtsp2 = Rtsp2::Unanswered;
    }

    /// The camera did not bear a request: if that was in 2.0, the next ones are in 1.0.
    pub(super) fn doubt_2_0(&mut self) {
        if self.version == Version::V2_0 {
            self.version = Version::V1_0;
            self.rtsp2 = Rtsp2::Doubted;
        }
    }

    /// What an answer of the handshake says about the version. `true` if the same is to be asked
    /// again, in 1.0.
    pub(super) fn judge_version(&mut self, response: &Response) -> bool {
        let status = response.status;
        if self.version != Version::V2_0 {
            let goes_on = status.is_success() || status == StatusCode::UNAUTHORIZED;
            if self.rtsp2 == Rtsp2::Doubted && goes_on {
                self.rtsp2 = Rtsp2::Refused;
            }
            return false;
        }
        self.rtsp2 = Rtsp2::Spoken;
        let unwilling = is_unwilling(status);
        if unwilling {
            self.doubt_2_0();
        }
        if response.version == Version::V1_0 || status == StatusCode::VERSION_NOT_SUPPORTED {
            self.version = Version::V1_0;
            self.rtsp2 = Rtsp2::Refused;
        }
        unwilling
    }
}

/// Whether the version can be the reason for this status.
fn is_unwilling(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::NOT_IMPLEMENTED
            | StatusCode::VERSION_NOT_SUPPORTED
            | StatusCode::OPTION_NOT_SUPPORTED
    )
}
