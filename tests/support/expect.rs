//! What several suites expect of a viewer's connection.

use std::time::{Duration, Instant};

use rtsp_proto::Response;

use super::{Continuity, Incoming, RtspClient};

const SOON: Duration = Duration::from_secs(10);

/// The packets of the first track follow one another without a gap, so many of them.
pub fn expect_media(client: &mut RtspClient, packets: u64) {
    let mut video = Continuity::default();
    while video.packets < packets {
        let frame = client.read_frame(SOON).expect("it is served").expect("the stream goes on");
        if frame.channel == 0 {
            video.push(&frame.payload).expect("the packets belong together");
        }
    }
    assert_eq!(video.gaps, 0);
}

/// The next response, whatever frames come before it.
pub fn response(client: &mut RtspClient) -> Response {
    let deadline = Instant::now() + SOON;
    loop {
        match client.next(deadline) {
            Ok(Incoming::Response(response)) => return response,
            Ok(Incoming::Frame(_)) => {}
            other => panic!("{other:?} instead of an answer"),
        }
    }
}
