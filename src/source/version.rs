//! Which version of RTSP a camera is asked in.
//!
//! 2.0 is spoken where the camera's answer to OPTIONS shows that it knows it. Whether that is worth
//! anything shows in the media: a camera that refused 2.0 or brought nothing in it is asked in 1.0
//! from then on.

use rtsp_proto::Version;
use rtsp_proto::dialog::Dialog;

use super::slot::Slot;

impl Slot {
    /// The newest version to speak.
    pub(super) fn newest_version(&self) -> Version {
        if self.lock().only_1_0 { Version::V1_0 } else { Version::V2_0 }
    }

    /// An attempt is over, which brought media or not.
    pub(super) fn judge_version(&self, dialog: &Dialog, worked: bool) {
        if dialog.tried_2_0() && !(worked && dialog.version() == Version::V2_0) {
            let mut state = self.lock();
            if !state.only_1_0 {
                log::info!(
                    "RTSP 2.0 brought no media, using 1.0 from now on stream={}",
                    self.stream.name
                );
            }
            state.only_1_0 = true;
        }
    }
}
