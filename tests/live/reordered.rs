//! Pictures that are not sent in the order in which they are shown, and Opus beside them.

use std::process::Command;

use super::players::expect_together;
use super::sim::{Clip, Path, Sound, Track};
use super::support::{Program, film};
use super::{House, SOON, ffmpeg};

const PICTURES: usize = 75;
/// The group that was there already, whose pictures come in front of the first that comes live.
const SQUEEZED: usize = 30;
const INTERVAL_S: f64 = 0.040;
/// The players count in pictures, and the relay follows the camera's clock.
const OFF_S: f64 = 0.060;

fn house(film: &[u8]) -> House {
    let clip = Clip::from_annexb(film, 25).unwrap().reordered();
    assert!(clip.pictures.iter().filter(|picture| picture.lag < 0).count() > 100, "B-frames");
    let sound = Sound::from_ogg(&film::opus(), film::OPUS_PACKETS).unwrap();
    House::new(Path::new("main", clip).with(Track::Sound(sound)), "", "")
}

/// Time and hash of each picture that ffmpeg's `framemd5` has printed.
fn pictures(text: &str) -> Vec<(f64, String)> {
    let timebase = text.lines().find_map(|line| line.strip_prefix("#tb 0: ")).unwrap();
    let (of, per_second) = timebase.split_once('/').unwrap();
    let tick = of.parse::<f64>().unwrap() / per_second.parse::<f64>().unwrap();
    let lines = text.lines().filter(|line| line.starts_with("0,"));
    lines
        .map(|line| {
            let fields: Vec<_> = line.split(',').map(str::trim).collect();
            (fields[2].parse::<f64>().unwrap() * tick, fields[5].to_owned())
        })
        .collect()
}

/// They are those of the film, each at its time, in its order, none missing.
fn expect_film(who: &str, film: &[String], seen: &[(f64, String)]) {
    assert!(seen.len() >= PICTURES - 3, "{who}: {} pictures", seen.len());
    let first = film.iter().position(|hash| *hash == seen[0].1);
    let first = first.unwrap_or_else(|| panic!("{who}: no picture of the film"));
    for (at, (_, hash)) in seen.iter().enumerate() {
        assert_eq!(*hash, film[(first + at) % film.len()], "{who}: picture {at}");
    }
    let in_order = seen.windows(2).all(|pair| pair[0].0 <= pair[1].0);
    assert!(in_order, "{who}: shown as {seen:?}");
    for (at, (time, _)) in seen[SQUEEZED..].iter().enumerate() {
        let off = time - seen[SQUEEZED].0 - at as f64 * INTERVAL_S;
        assert!(off.abs() < OFF_S, "{who}: {off:.3} s off its place is picture {at} of {seen:?}");
    }
}

#[test]
fn b_frames_are_decoded_in_their_order_and_at_their_times() {
    let bytes = film::h264_reordered("320x180", 25);
    let file = super::support::leave(&format!("reordered-{}.h264", std::process::id()));
    std::fs::write(&file, &bytes).unwrap();
    let md5 = ["-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let whole = ffmpeg(file.to_str().unwrap(), &md5);
    let _gone = std::fs::remove_file(&file);
    let film: Vec<_> = pictures(&whole.stdout).into_iter().map(|(_, hash)| hash).collect();
    assert_eq!(film.len(), 200);

    let house = house(&bytes);
    let url = house.url("live/door.mp4");
    let mut warm = house.browser();
    let mut offsets = Vec::new();
    for _ in 0..60 {
        let fragment = warm.fragment(1);
        offsets.push(fragment.offset);
    }
    // Those that others refer to are shown two pictures after those that nobody does.
    let (least, most) = (offsets[30..].iter().min().unwrap(), offsets[30..].iter().max().unwrap());
    assert!(*least >= 0 && most - least >= 2 * 3600, "composition offsets: {offsets:?}");

    let count = PICTURES.to_string();
    let arguments = [&["-frames:v", &count][..], &md5].concat();
    let decoded = ffmpeg(&url, &arguments);
    assert_eq!(decoded.stderr, "");
    expect_film("ffmpeg", &film, &pictures(&decoded.stdout));

    let mut mpv = Command::new("mpv");
    mpv.args("--no-config --no-terminal --o=- --of=framemd5 --ovc=rawvideo".split(' '));
    mpv.args(["--oac=pcm_s16le", &format!("--frames={PICTURES}"), &url]);
    let run = Program::run(&mut mpv, SOON * 2).expect_ok("mpv");
    expect_film("mpv", &film, &pictures(&run.stdout));
    let sounds = run.stdout.lines().filter(|line| line.starts_with("1,")).count();
    assert!(sounds > 0, "mpv hears nothing: {}", run.stderr);
}

#[test]
fn b_frames_and_opus_belong_together() {
    let house = house(&film::h264_reordered("320x180", 25));
    expect_together(&house);
}
