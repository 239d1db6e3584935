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

/// The same with two B-frames before each P-frame, to which nothing refers.
pub fn h264_reordered(size: &str, fps: u32) -> Vec<u8> {
    let group = fps.to_string();
    picture(size, fps, &[&REORDERED[..], &["-g", &group, "-f", "h264"]].concat())
}

const REORDERED: [&str; 12] = [
    "-c:v",
    "libx264",
    "-bf",
    "2",
    "-b_strategy",
    "0",
    "-sc_threshold",
    "0",
    "-threads",
    "1",
    "-x264-params",
    "b-pyramid=none:weightp=0",
];

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
    ffmpeg(&["-i", &beeps(), "-c:a", "aac", "-b:a", "64k", "-f", "adts"])
}

/// Packets that Opus has in 8 s.
pub const OPUS_PACKETS: usize = 400;

/// The same beeps as Opus in Ogg form.
pub fn opus() -> Vec<u8> {
    ffmpeg(&["-i", &beeps(), "-c:a", "libopus", "-b:a", "64k", "-ac", "2", "-f", "ogg"])
}

fn beeps() -> String {
    let end = FLASH_AT_S + 0.08;
    format!(
        "aevalsrc='0.5*sin(2*PI*1000*t)*between(mod(t,1),{FLASH_AT_S},{end})':s={SOUND_RATE}:d=9"
    )
}

/// The cells of [`numbered`]'s top row, each a sixteenth of the width: white is 1, the lowest bit first.
/// Eight cells count the pictures, seven are the film's number, the last one is always white.
pub const NUMBERED_CELLS: u32 = 16;
/// Pictures of a film of [`numbered`].
pub const NUMBERED_PICTURES: u64 = 200;

/// Eight seconds of H.264 in Annex B form at 25 pictures a second, with a key frame every two, that
/// a program can read: which film it is (0 to 127), and which of its [`NUMBERED_PICTURES`].
pub fn numbered(number: u32, width: u32, height: u32) -> Vec<u8> {
    let plain = ["-c:v", "libx264", "-bf", "0", "-sc_threshold", "0", "-threads", "1"];
    numbered_with(number, (width, height), &plain)
}

/// The same with two B-frames before each P-frame, to which nothing refers.
pub fn numbered_reordered(number: u32, width: u32, height: u32) -> Vec<u8> {
    numbered_with(number, (width, height), &REORDERED)
}

fn numbered_with(number: u32, (width, height): (u32, u32), coder: &[&str]) -> Vec<u8> {
    let cell = width / NUMBERED_CELLS;
    let white = |at: u32, when: &str| {
        format!("drawbox=x={}:y=0:w={cell}:h={cell}:color=white:t=fill{when}", at * cell)
    };
    let mut draw = vec![format!("drawbox=x=0:y=0:w=iw:h={cell}:color=black:t=fill")];
    draw.extend((0..8).map(|bit| {
        let when = format!(":enable='gte(mod(n\\,{})\\,{})'", 2 << bit, 1 << bit);
        white(bit, &when)
    }));
    draw.extend((0..7).filter(|bit| number >> bit & 1 == 1).map(|bit| white(8 + bit, "")));
    draw.push(white(15, ""));
    let pattern = format!("testsrc2=size={width}x{height}:rate=25:duration=8");
    let mut all = vec!["-i", &pattern];
    let draw = draw.join(",");
    all.extend(["-vf", &draw, "-pix_fmt", "yuv420p", "-preset", "ultrafast"]);
    all.extend(coder.iter().chain(&["-g", "50", "-f", "h264"]));
    ffmpeg(&all)
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
