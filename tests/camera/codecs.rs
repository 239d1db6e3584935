//! What the camera shows besides H.264.

use super::client::Client;
use super::sim::{Camera, Clip, Coding, Fault, Options, Path, Sound, Stamp, Track};
use super::support::{Watched, film};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn sound() -> Track {
    let sound = Sound::from_adts(&film::aac(), film::SOUND_PRIMING, film::SOUND_UNITS).unwrap();
    assert_eq!((sound.payloads.len(), sound.clock_rate), (film::SOUND_UNITS, film::SOUND_RATE));
    Track::Sound(sound)
}

/// H.265 with AAC, a second picture and metadata.
fn camera() -> Camera {
    let clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let path = Path::new("main", clip).with(sound());
    let many = path.clone().with(Track::Video(Clip::sub())).with(Track::Sound(Sound::metadata()));
    let many = Path { name: "many".into(), ..many };
    Camera::start(Options { paths: vec![path, many], ..Options::default() }).unwrap()
}

#[test]
fn clips_of_h265_are_cut_into_whole_pictures() {
    let clip = Clip::from_h265(&film::h265("320x180", 25), 25).unwrap();
    let keys: Vec<_> = (0..200).filter(|&n| clip.pictures[n].key).collect();
    assert_eq!((clip.pictures.len(), keys), (200, vec![0, 25, 50, 75, 100, 125, 150, 175]));
    assert!(clip.parameter_sets().iter().all(Option::is_some));
    assert!(Clip::from_h265(b"no video", 25).is_err());
    assert!(Sound::from_adts(b"no sound", 0, 1).is_err());
}

#[test]
fn ffmpeg_sees_the_flashes_of_h265_and_hears_the_beeps_of_aac_together() {
    let camera = camera();
    let mut watched = Watched::ffmpeg(&camera.url("main"), "tcp");
    let times = watched.wait_more(4, SOON);
    let skews = times.skews_ms(0.0);
    assert!(skews.len() >= 3 && skews.iter().all(|skew| skew.abs() < 5.0), "{skews:?}");
}

#[test]
fn all_tracks_tell_the_same_time() {
    let camera = camera();
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("many"), 4).unwrap();
    // NTP time and RTP time of each track's report, and the first packet with a stamp.
    let mut reports = [None; 4];
    let mut moments = [None; 4];
    let rates = [90_000.0, f64::from(film::SOUND_RATE), 90_000.0, 90_000.0];
    let fps = [25.0, 0.0, 25.0, 5.0];
    while [0, 2, 3].iter().any(|&track| moments[track].is_none()) {
        let frame = client.frame().unwrap();
        let (track, packet) = (usize::from(frame.channel / 2), &frame.payload);
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap());
        if frame.channel % 2 == 1 && packet[1] == 200 {
            reports[track] =
                Some((f64::from(word(8)) + f64::from(word(12)) / 2f64.powi(32), word(16)));
        } else if let (Some(stamp), Some((ntp, rtp))) = (Stamp::find(packet), reports[track]) {
            let since = f64::from(frame.timestamp().wrapping_sub(rtp) as i32) / rates[track];
            // When the camera began, by this packet.
            moments[track].get_or_insert(ntp + since - stamp.count as f64 / fps[track]);
        }
    }
    let [Some(one), _, Some(two), Some(three)] = moments else { panic!("{moments:?}") };
    assert!((one - two).abs() < 0.001 && (one - three).abs() < 0.001, "{moments:?}");
    assert!(reports[1].is_some(), "the sound is reported too");
}

#[test]
fn large_pictures_of_h265_are_cut_and_small_units_share_a_packet() {
    let camera = camera();
    let mut client = Client::connect(camera.address()).unwrap();
    client.play(&camera.url("main"), 2).unwrap();
    let mut kinds = Vec::new();
    while kinds.len() < 200 {
        let frame = client.frame().unwrap();
        if frame.channel == 0 {
            assert!(frame.payload.len() <= 12 + 1400);
            kinds.push(Coding::H265.kind(&frame.payload[12..]));
        }
    }
    assert!(kinds.contains(&48) && kinds.contains(&49), "{kinds:?}");
}

#[test]
fn after_a_reboot_all_numbers_are_others_and_the_clock_is_in_1970() {
    let camera = camera();
    let look = || {
        let mut client = Client::connect(camera.address()).unwrap();
        client.play(&camera.url("main"), 2).unwrap();
        let report = client.frame().unwrap().payload;
        let word = |at: usize| u32::from_be_bytes(report[at..at + 4].try_into().unwrap());
        (client, word(4), word(8), word(16))
    };
    let (mut client, ssrc, ntp, rtp) = look();
    camera.fault(Fault::Reboot).unwrap();
    while client.frame().is_ok() {}
    let (_client, ssrc_after, ntp_after, rtp_after) = look();
    assert!(ssrc != ssrc_after && rtp.abs_diff(rtp_after) > 90_000, "{rtp} {rtp_after}");
    const UNIX_EPOCH: u32 = 2_208_988_800;
    assert!(ntp > UNIX_EPOCH + 1_000_000_000 && ntp_after < UNIX_EPOCH + 1000, "{ntp_after}");
}
