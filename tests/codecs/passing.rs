//! What comes through besides H.264 and AAC: ffmpeg decodes it, and a viewer who joins gets whole
//! pictures.

use std::process::Command;

use rtsp_proto::codec::Codec;
use rtsp_proto::rtp::RtpPacket;
use rtsp_proto::sdp::MediaKind;

use super::sim::coding::Role;
use super::sim::{Clip, Path, Sound, Stamp, Track};
use super::support::{GstCamera, Program, Relay, RtspClient, film};
use super::{SOON, camera};

/// What ffmpeg says when something is missing or damaged.
const COMPLAINTS: &[&str] =
    &["error", "missed", "missing", "concealing", "corrupt", "invalid", "damaged", "dropping"];
const PICTURES: usize = 50;
/// A second of sound as it is counted here.
const SOUND_BYTES: usize = 8000 * 2;

/// ffmpeg that plays all tracks for a while.
fn ffmpeg(url: &str) -> Program {
    let mut command = Command::new("ffmpeg");
    command.args("-hide_banner -nostdin -nostats -loglevel warning".split(' '));
    command.args("-xerror -err_detect explode -threads 1 -rtsp_transport tcp -i".split(' '));
    command.arg(url).args("-map 0 -t 3 -fps_mode passthrough".split(' '));
    // What is decoded counts here, by its number. Its times, which a camera's first report may
    // shift, are looked at by others.
    command.args("-vf setpts=N/25/TB -af asetpts=N/SR/TB".split(' '));
    command.args("-c:a pcm_s16le -ar 8000 -ac 1 -f framehash -".split(' '));
    Program::start(&mut command)
}

/// It decoded enough of these tracks with pictures and with sound, and nothing was wrong.
fn expect_decoded(what: &str, ffmpeg: Program, videos: &[usize], sounds: &[usize]) {
    let finished = ffmpeg.finish(SOON).expect_ok(what);
    let said = finished.stderr.to_lowercase();
    let complaint = COMPLAINTS.iter().find(|word| said.contains(**word));
    assert!(complaint.is_none(), "{what}: ffmpeg complains:\n{}", finished.stderr);
    let of = |track: usize| {
        let sizes = finished.stdout.lines().filter_map(move |line| {
            let fields: Vec<_> = line.split(',').map(str::trim).collect();
            (fields[0].parse() == Ok(track)).then(|| fields[4].parse::<usize>().unwrap())
        });
        (sizes.clone().count(), sizes.sum::<usize>())
    };
    for &track in videos {
        assert!(of(track).0 >= PICTURES, "{what}: {} pictures of track {track}", of(track).0);
    }
    for &track in sounds {
        assert!(of(track).1 >= SOUND_BYTES, "{what}: {} bytes of track {track}", of(track).1);
    }
}

fn kinds(relay: &Relay, stream: &str) -> Vec<MediaKind> {
    let description = RtspClient::connect(&relay.url(stream)).unwrap().describe().unwrap();
    description.media.into_iter().map(|medium| medium.kind).collect()
}

/// The next frame with media: its track and its packet.
fn next_media(viewer: &mut RtspClient) -> (usize, Vec<u8>) {
    loop {
        let frame = viewer.read_frame(SOON).unwrap().expect("the relay keeps its viewers");
        if frame.channel % 2 == 0 {
            return (usize::from(frame.channel / 2), frame.payload);
        }
    }
}

/// The next picture that the simulated camera counted: its track and its number.
fn next_stamp(viewer: &mut RtspClient) -> (usize, u64) {
    loop {
        let (track, packet) = next_media(viewer);
        if let Some(stamp) = Stamp::find(&packet) {
            return (track, stamp.count);
        }
    }
}

/// The size of the first picture of Motion JPEG that a viewer gets, from its beginning on.
fn first_picture(viewer: &mut RtspClient) -> usize {
    let mut bytes = 0;
    loop {
        let (track, packet) = next_media(viewer);
        if track != 0 {
            continue;
        }
        let packet = RtpPacket::parse(&packet).unwrap();
        // RFC 2435, section 3.1: the fragment's place in its picture.
        let place = packet.payload()[1..4].iter().fold(0, |n, &byte| n << 8 | usize::from(byte));
        assert_eq!(place == 0, bytes == 0, "a part at {place} after {bytes} bytes");
        bytes += packet.payload().len();
        if packet.marker() {
            return bytes;
        }
    }
}

#[test]
fn motion_jpeg_g711_and_opus_play_and_whoever_joins_gets_whole_pictures() {
    let paths = ["jpeg+opus", "h264+pcma", "jpeg+pcmu"];
    // Noise makes pictures of more than 64 KiB, which the relay passes on in parts.
    let picture = ["--pattern", "snow", "--width", "480", "--height", "272"];
    let streams = paths.map(|path| path.replace('+', "-"));
    let served = [0, 1, 2].map(|n| format!("{}={}", streams[n], paths[n]));
    let wanted = served.iter().flat_map(|path| ["--path", path]);
    let camera = GstCamera::start(&picture.into_iter().chain(wanted).collect::<Vec<_>>());
    let config = streams
        .each_ref()
        .map(|stream| format!("[stream]\nname={stream}\nrtsp_url={}\n", camera.url(stream)));
    let relay = Relay::start(&config.concat());
    let players = streams.each_ref().map(|stream| ffmpeg(&relay.url(stream)));
    let _first = RtspClient::watch(&relay.url("jpeg-opus")).unwrap();
    for _ in 0..4 {
        let bytes = first_picture(&mut RtspClient::watch(&relay.url("jpeg-opus")).unwrap());
        assert!(bytes > 64 * 1024, "the relay had no need to cut it: {bytes} bytes");
    }
    for (path, player) in paths.iter().zip(players) {
        expect_decoded(path, player, &[0], &[1]);
    }
}

#[test]
fn two_pictures_and_g711_play_for_whoever_joins_within_a_group() {
    let path = Path::new("main", Clip::builtin()).with_audio().with(Track::Video(Clip::sub()));
    let camera = camera(path);
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let mut first = RtspClient::watch(&relay.url("door")).unwrap();
    // Key frames of the two come every 50 and every 25 pictures: this is the middle of both.
    loop {
        let (track, count) = next_stamp(&mut first);
        if track == 0 && count % 50 == 30 {
            break;
        }
    }
    let mut second = RtspClient::watch(&relay.url("door")).unwrap();
    let mut begun = [None; 3];
    while begun[0].is_none() || begun[2].is_none() {
        let (track, count) = next_stamp(&mut second);
        begun[track].get_or_insert(count);
    }
    let [main, sub] = [0, 2].map(|track| begun[track].unwrap());
    assert_eq!((main % 50, sub % 25), (0, 0), "each track begins at its key frame");
    let player = ffmpeg(&relay.url("door"));
    // In the presentation the sound stands between the two.
    expect_decoded("two pictures", player, &[0, 2], &[1]);
}

#[test]
fn media_chooses_exactly_the_tracks_of_its_kind() {
    let path = Path::new("main", Clip::builtin()).with_audio().with(Track::Video(Clip::sub()));
    let camera = camera(path.with(Track::Sound(Sound::metadata())));
    let url = camera.url("main");
    let relay = Relay::start(&format!(
        "[stream]\nname=all\nrtsp_url={url}\n[stream]\nname=seen\nrtsp_url={url}\nmedia=video\n\
         [stream]\nname=heard\nrtsp_url={url}\nmedia=audio\n"
    ));
    use MediaKind::{Application, Audio, Video};
    assert_eq!(kinds(&relay, "all"), [Video, Audio, Video, Application]);
    assert_eq!(kinds(&relay, "seen"), [Video, Video]);
    assert_eq!(kinds(&relay, "heard"), [Audio]);
    let [seen, heard] = ["seen", "heard"].map(|stream| ffmpeg(&relay.url(stream)));
    expect_decoded("media=video", seen, &[0, 1], &[]);
    expect_decoded("media=audio", heard, &[], &[0]);
}

/// H.265 whose parameter sets are in the presentation and, for as long as a test lasts, nowhere
/// else.
fn bare_h265() -> Clip {
    let mut clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let (with_sets, coding) = (clip.pictures.clone(), clip.coding);
    for picture in &mut clip.pictures {
        picture.nal_units.retain(|nal| !matches!(coding.role(nal), Role::ParameterSet(_)));
    }
    let bare = clip.pictures.clone();
    for _ in 0..20 {
        clip.pictures.extend(bare.iter().cloned());
    }
    clip.pictures.extend(with_sets);
    clip
}

#[test]
fn a_viewer_of_h265_gets_parameter_sets_that_only_the_presentation_has() {
    let camera = camera(Path::new("main", bare_h265()));
    let relay = Relay::start(&format!("[stream]\nname=door\nrtsp_url={}", camera.url("main")));
    let mut first = RtspClient::watch(&relay.url("door")).unwrap();
    // The others come within a group of pictures.
    while next_stamp(&mut first).1 % 25 != 10 {}
    let player = ffmpeg(&relay.url("door"));
    let mut second = RtspClient::watch(&relay.url("door")).unwrap();
    let mut has_sets = false;
    loop {
        let (_, packet) = next_media(&mut second);
        let scan = Codec::H265.scan(RtpPacket::parse(&packet).unwrap().payload());
        has_sets |= scan.parameter_sets;
        if scan.slice {
            assert!(has_sets && scan.random_access, "{has_sets} {scan:?}");
            break;
        }
    }
    expect_decoded("H.265", player, &[0], &[]);
}
