//! The presentation of a path, written by hand: what a camera says is text, right or wrong.

use super::options::Path;
use super::tone;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Payload type of the video track.
pub const VIDEO_TYPE: u8 = 96;
/// Clock rate of the video track.
pub const VIDEO_CLOCK: u32 = 90_000;
/// The control attribute of a track is this and its number, from 1.
pub const CONTROL: &str = "trackID=";

/// The SDP of a path.
pub fn write(path: &Path) -> String {
    let mut text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n\
         m=video 0 RTP/AVP {VIDEO_TYPE}\r\na=rtpmap:{VIDEO_TYPE} H264/{VIDEO_CLOCK}\r\n\
         a=fmtp:{VIDEO_TYPE} packetization-mode=1{}\r\na=framerate:{}\r\na=control:{CONTROL}1\r\n",
        path.name,
        parameter_sets(path),
        path.clip.fps,
    );
    if path.audio {
        text += &format!(
            "m=audio 0 RTP/AVP {}\r\na=rtpmap:{} PCMU/{}\r\na=control:{CONTROL}2\r\n",
            tone::PAYLOAD_TYPE,
            tone::PAYLOAD_TYPE,
            tone::CLOCK_RATE,
        );
    }
    text
}

fn parameter_sets(path: &Path) -> String {
    let Some((sps, pps)) = path.clip.parameter_sets().filter(|_| path.sprop) else {
        return String::new();
    };
    let profile: String = sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    let (sps, pps) = (STANDARD.encode(sps), STANDARD.encode(pps));
    format!(";profile-level-id={profile};sprop-parameter-sets={sps},{pps}")
}
