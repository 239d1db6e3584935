//! The shapes of real devices' dialogs. Each holds one way or another in which a viewer of that
//! device would get no picture.

mod cameras;
mod recorders;

use super::*;

/// A dialog with a device, and what must come of it.
struct Device {
    name: &'static str,
    url: &'static str,
    script: &'static [(&'static str, &'static str)],
    channels: &'static [(u8, Option<u8>)],
    session: Option<&'static str>,
    timeout_s: u64,
    oddities: &'static [Oddity],
}

use crate::Oddity;

#[test]
fn every_known_device_gives_its_picture() {
    for device in recorders::DEVICES.iter().chain(cameras::DEVICES) {
        let run = Run::new(url(device.url)).script(device.script);
        let name = device.name;
        assert_eq!(run.error, None, "{name}");
        assert!(run.is_idle(), "{name}");
        assert!(run.dialog.is_playing(), "{name}: {:?}", run.events);
        assert_eq!(run.events.last().map(String::as_str), Some("playing"), "{name}");
        let channels: Vec<_> =
            run.dialog.tracks().iter().filter_map(|track| track.transport.interleaved).collect();
        assert_eq!(channels, device.channels, "{name}");
        assert_eq!(run.dialog.session_id(), device.session, "{name}");
        assert_eq!(run.dialog.session_timeout().as_secs(), device.timeout_s, "{name}");
        for &oddity in device.oddities {
            assert!(run.dialog.oddities().count(oddity) > 0, "{name}: {oddity}");
        }
    }
}

#[test]
fn frames_find_their_track_by_the_channels_of_the_answer() {
    let anjvision = cameras::DEVICES.iter().find(|device| device.name == "Anjvision").unwrap();
    let run = Run::new(url(anjvision.url)).script(anjvision.script);
    assert_eq!(run.dialog.track_of_channel(10), Some((0, false)));
    assert_eq!(run.dialog.track_of_channel(11), Some((0, true)));
    assert_eq!(run.dialog.track_of_channel(0), None);
    assert!(!run.dialog.channels_ambiguous());
}
