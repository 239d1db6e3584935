//! Films that ffmpeg makes: a test pattern that counts its pictures, a white flash in every second,
//! and a beep that begins with it.

use std::process::{Command, Stdio};

/// When in each second the flash and the beep begin.
pub const FLASH_AT_S: f64 = 0.48;
/// Samples of sound a second.
pub const SOUND_RATE: u32 = 48_000;
/// Access units that AAC has in 8 s of that.
pub const SOUND_UNITS: usize = 375;
/// Access units with which ffmpeg's AAC encoder begins before the first sample.
pub const SOUND_PRIMING: usize = 1;

/// Eight seconds of H.264 in Annex B form, with a key frame every second.
pub fn h264(size: &str, fps: u32) -> Vec<u8> {
    let quiet = ["-c:v", "libx264", "-bf", "0", "-sc_threshold", "0", "-threads", "1"];
    picture(size, fps, &[&quiet[..], &["-g", &fps.to_string(), "-f", "h264"]].concat())
}

/// Eight seconds of H.265 in Annex B form, with an IDR picture every second.
pub fn h265(size: &str, fps: u32) -> Vec<u8> {
    let wishes = format!("keyint={fps}:min-keyint={fps}:open-gop=0:bframes=0");
    picture(size, fps, &x265(&wishes).each_ref().map(String::as_str))
}

/// The same as open groups with pictures out of order: each key frame but the first is a CRA, and
/// pictures that are shown before it come after it and refer to those before it.
pub fn h265_open(size: &str, fps: u32) -> Vec<u8> {
    let wishes = format!("keyint={fps}:min-keyint={fps}:open-gop=1:bframes=2:b-adapt=0");
    picture(size, fps, &x265(&wishes).each_ref().map(String::as_str))
}

/// The same as open groups with pictures in order: each key frame but the first is a CRA.
pub fn h265_clean(size: &str, fps: u32) -> Vec<u8> {
    let wishes = format!("keyint={fps}:min-keyint={fps}:open-gop=1:bframes=0");
    picture(size, fps, &x265(&wishes).each_ref().map(String::as_str))
}

fn x265(wishes: &str) -> [String; 6] {
    let all = format!(
        "{wishes}:scenecut=0:repeat-headers=1:info=0:log-level=none:pools=1:frame-threads=1"
    );
    ["-c:v", "libx265", "-x265-params", &all, "-f", "hevc"].map(str::to_owned)
}

fn picture(size: &str, fps: u32, coder: &[&str]) -> Vec<u8> {
    let pattern = format!("testsrc2=size={size}:rate={fps}:duration=8");
    let flash = f64::from(fps) * FLASH_AT_S;
    let white = format!("drawbox=color=white:t=fill:enable='eq(mod(n,{fps}),{flash:.0})'");
    let mut all = vec!["-i", &pattern, "-vf", &white, "-pix_fmt", "yuv420p"];
    all.extend(["-preset", "ultrafast"].iter().chain(coder));
    ffmpeg(&all)
}

/// Beeps of 1 kHz, 80 ms long, as AAC in ADTS form: more than [`SOUND_PRIMING`] and then
/// [`SOUND_UNITS`] access units, so that what is cut out goes on where it began.
pub fn aac() -> Vec<u8> {
    let end = FLASH_AT_S + 0.08;
    let sound = format!(
        "aevalsrc='0.5*sin(2*PI*1000*t)*between(mod(t,1),{FLASH_AT_S},{end})':s={SOUND_RATE}:d=9"
    );
    ffmpeg(&["-i", &sound, "-c:a", "aac", "-b:a", "64k", "-f", "adts"])
}

fn ffmpeg(args: &[&str]) -> Vec<u8> {
    let output = Command::new("ffmpeg")
        .args(["-hide_banner", "-nostdin", "-loglevel", "error", "-f", "lavfi"])
        .args(args)
        .arg("-")
        .stdin(Stdio::null())
        .output()
        .expect("ffmpeg is installed by tests/tools/install");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && output.stdout.len() > 1000, "{args:?}: {complaint}");
    output.stdout
}
