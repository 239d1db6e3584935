//! Session descriptions from any bytes.

use crate::{
    Oddities,
    sdp::{MAX_MEDIA, SessionDescription},
};

/// What was read reads the same when written again, and then without a complaint about lines.
pub fn sdp(data: &[u8]) {
    let Ok(first) = SessionDescription::parse(data, &mut Oddities::new()) else { return };
    assert!(!first.media.is_empty() && first.media.len() <= MAX_MEDIA);
    for media in &first.media {
        for payload_type in media.payload_types() {
            assert!(media.rtpmap(payload_type).is_none_or(|map| map.clock_rate > 0));
            let _ = media.fmtp_param(payload_type, "sprop-parameter-sets");
        }
        let _ = (media.control(), media.direction(), media.is_rtp());
    }

    let text = first.encode();
    let mut oddities = Oddities::new();
    let second = SessionDescription::parse(text.as_bytes(), &mut oddities).unwrap_or_default();
    assert_eq!(second, written(first), "\n{text}");
    assert_eq!(second.encode(), text);
    for odd in [crate::Oddity::OddSdpLine, crate::Oddity::SkippedMedia, crate::Oddity::BareLineEnd]
    {
        assert_eq!(oddities.count(odd), 0, "{odd}\n{text}");
    }
}

/// With what the writer adds because the standard demands it.
fn written(mut session: SessionDescription) -> SessionDescription {
    session.origin.get_or_insert_default();
    if session.media.iter().any(|media| media.connection.is_none()) {
        session.connection.get_or_insert_with(|| "IN IP4 0.0.0.0".to_owned());
    }
    session
}
