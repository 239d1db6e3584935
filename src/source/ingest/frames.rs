//! Interleaved frames to their tracks.

use std::time::Instant;

use rtsp_proto::Oddity;
use rtsp_proto::decoder::Frame;
use rtsp_proto::dialog::Dialog;
use rtsp_proto::{Oddities, rtcp};

use crate::source::feed::{Fed, Feed};

/// Feeds a frame; `None` when it is of no track that is relayed.
pub(super) fn feed(
    mut frame: Frame<'_>,
    dialog: &Dialog,
    feed: &mut Feed,
    now: Instant,
    oddities: &mut Oddities,
) -> Option<Fed> {
    let Some((index, mut is_rtcp)) = dialog.track_of_channel(frame.channel) else {
        oddities.note(Oddity::UnknownChannel);
        return None;
    };
    let mut media = dialog.tracks().get(index)?.media;
    if dialog.channels_ambiguous() {
        // The camera gave one channel to two tracks: what comes tells whose it is.
        is_rtcp = rtcp::is_rtcp(frame.payload());
        if let Some(payload_type) = frame.payload().get(1).filter(|_| !is_rtcp) {
            media = feed.media_of_payload_type(payload_type & 0x7f).unwrap_or(media);
        }
    }
    let track = feed.track_of_media(media)?;
    Some(match is_rtcp {
        true => feed.rtcp(track, frame.payload(), now, oddities),
        false => feed.rtp(track, frame.wire_mut(), now, oddities),
    })
}
