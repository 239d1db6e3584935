//! Session descriptions.

use crate::Oddities;
use crate::sdp::SessionDescription;

/// Whatever a camera sends is read or refused; what was read is written so that it reads back the
/// same, without anything odd, and writing is stable. Every accessor is total.
pub fn sdp(bytes: &[u8]) {
    let Ok(read) = SessionDescription::parse(bytes, &mut Oddities::new()) else { return };
    let _ = read.control();
    for media in &read.media {
        let _ = (media.control(), media.direction(), media.is_rtp());
        for payload_type in media.payload_types() {
            let _ = (media.rtpmap(payload_type), media.fmtp(payload_type));
            let _ = media.fmtp_param(payload_type, "mode");
        }
    }
    let text = read.encode();
    let again = SessionDescription::parse(text.as_bytes(), &mut Oddities::new());
    let again = again.expect("what we wrote can be read");
    assert_eq!(again.media.len(), read.media.len(), "no media is lost in writing");
    assert_eq!(again.encode(), text, "writing is stable");
}
