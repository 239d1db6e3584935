//! What is heard: nothing until somebody wants to, and then what the camera hears.

use super::browser::{Browser, Page};
use super::seen::seen;
use super::sim::{Clip, Path, Sound, Track};
use super::support::{film, wait_until};
use super::{DESKTOP, House, SOON};

const VIDEO: &str = "document.querySelector('video')";
/// Listens to what the `<video>` plays, and notes how loud 1 kHz was at the most, and 3 kHz, in dB.
const LISTEN: &str = "(async () => {
    const context = new AudioContext();
    await context.resume();
    const analyser = context.createAnalyser();
    analyser.smoothingTimeConstant = 0;
    const bins = new Float32Array(analyser.frequencyBinCount);
    context.createMediaStreamSource(document.querySelector('video').captureStream()).connect(analyser);
    const at = (frequency) => bins[Math.round(frequency * analyser.fftSize / context.sampleRate)];
    window.heard = { tone: -Infinity, other: -Infinity };
    setInterval(() => {
      analyser.getFloatFrequencyData(bins);
      if (at(1000) > heard.tone) window.heard = { tone: at(1000), other: at(3000) };
    }, 10);
    return context.state;
  })()";

fn house(sound: Sound) -> House {
    let clip = Clip::from_annexb(&film::numbered(0, 320, 180), 25).unwrap();
    House::with(vec![Path::new("cam0", clip).with(Track::Sound(sound))], "", "")
}

fn decoded(page: &Page<'_>) -> u64 {
    page.eval(&format!("{VIDEO}.webkitAudioDecodedByteCount")).as_u64().unwrap()
}

fn plays(page: &Page<'_>) {
    let before = seen(page, "cam0").len();
    assert!(wait_until(SOON, || seen(page, "cam0").len() > before + 25), "it plays");
}

/// The beeps of the film are heard after the key for the sound, and not before or after the next.
fn is_heard_when_wanted(sound: Sound, name: &str) {
    let house = house(sound);
    let browser = Browser::start();
    let page = browser.open(&house.page("#cam0"), DESKTOP);
    plays(&page);
    assert!(page.eval(&format!("{VIDEO}.muted")) == true && decoded(&page) == 0, "not asked for");
    page.expect_text("#details .audio", name, SOON);
    page.expect_text("#details .sound", "Sound on", SOON);

    page.key("m");
    page.expect_text("#details .sound", "Sound off", SOON);
    plays(&page);
    assert!(page.becomes(&format!("!{VIDEO}.muted && {VIDEO}.volume > 0"), SOON));
    let before = decoded(&page);
    assert!(wait_until(SOON, || decoded(&page) > before), "no sound is decoded");
    assert_eq!(page.text(LISTEN), "running");
    assert!(page.becomes("heard.tone > -50", SOON), "no beep: {}", page.eval("heard"));
    let heard = page.eval("heard");
    println!("{name}: {heard}");
    // A tone, not noise.
    let of = |what: &str| heard[what].as_f64().unwrap_or(f64::NEG_INFINITY);
    assert!(of("tone") > of("other") + 15.0, "{heard}");

    page.key("m");
    page.expect_text("#details .sound", "Sound on", SOON);
    plays(&page);
    assert!(
        page.becomes(&format!("{VIDEO}.muted && {VIDEO}.webkitAudioDecodedByteCount === 0"), SOON)
    );
    page.expect_no_errors();
}

#[test]
fn aac_is_heard_when_it_is_wanted() {
    let sound = Sound::from_adts(&film::aac(), film::SOUND_PRIMING, film::SOUND_UNITS).unwrap();
    is_heard_when_wanted(sound, "AAC 48 kHz");
}

#[test]
fn opus_is_heard_when_it_is_wanted() {
    let sound = Sound::from_ogg(&film::opus(), film::OPUS_PACKETS).unwrap();
    is_heard_when_wanted(sound, "Opus 48 kHz");
}
