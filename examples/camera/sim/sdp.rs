//! The presentation of a path, written by hand: what a camera says is text, right or wrong.

use super::clip::Clip;
use super::coding::Coding;
use super::groups::Groups;
use super::options::{Path, Track};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Payload type of video.
pub const VIDEO_TYPE: u8 = 96;
/// Clock rate of video.
pub const VIDEO_CLOCK: u32 = 90_000;
/// The control attribute of a track is this and its number, from 1.
pub const CONTROL: &str = "trackID=";

/// The SDP of a path.
pub fn write(path: &Path, groups: &Groups) -> String {
    let mut text = format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns={}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\n\
         a=control:*\r\na=range:npt=now-\r\n",
        path.name,
    );
    for (track, number) in path.tracks().iter().zip(1..) {
        let (port, connection) = groups.description(number - 1);
        text += &match track {
            Track::Video(clip) => video(clip, path.sprop, port, &connection),
            Track::Sound(sound) => {
                let number = sound.payload_type;
                let fmtp = match sound.fmtp.as_str() {
                    "" => String::new(),
                    fmtp => format!("a=fmtp:{number} {fmtp}\r\n"),
                };
                let (media, map) = (sound.media, &sound.rtpmap);
                format!(
                    "m={media} {port} RTP/AVP {number}\r\n{connection}\
                     a=rtpmap:{number} {map}\r\n{fmtp}"
                )
            }
        };
        text += &format!("a=control:{CONTROL}{number}\r\n");
    }
    text
}

fn video(clip: &Clip, sprop: bool, port: u16, connection: &str) -> String {
    let (name, fps) = (clip.coding.name(), clip.fps);
    let sets = if sprop { parameter_sets(clip).unwrap_or_default() } else { String::new() };
    let mode = if clip.coding == Coding::H264 { "packetization-mode=1;" } else { "" };
    let fmtp = match format!("{mode}{sets}") {
        fmtp if fmtp.is_empty() => fmtp,
        fmtp => format!("a=fmtp:{VIDEO_TYPE} {}\r\n", fmtp.trim_end_matches(';')),
    };
    format!(
        "m=video {port} RTP/AVP {VIDEO_TYPE}\r\n{connection}\
         a=rtpmap:{VIDEO_TYPE} {name}/{VIDEO_CLOCK}\r\n{fmtp}a=framerate:{fps}\r\n"
    )
}

fn parameter_sets(clip: &Clip) -> Option<String> {
    let [vps, sps, pps] = clip.parameter_sets();
    let (sps, pps) = (sps?, pps?);
    let profile: String = sps.iter().skip(1).take(3).map(|byte| format!("{byte:02X}")).collect();
    let vps = vps.map(|vps| STANDARD.encode(vps));
    let (sps, pps) = (STANDARD.encode(sps), STANDARD.encode(pps));
    Some(match clip.coding {
        Coding::H264 => format!("profile-level-id={profile};sprop-parameter-sets={sps},{pps}"),
        Coding::H265 => format!("sprop-vps={};sprop-sps={sps};sprop-pps={pps}", vps?),
    })
}
