//! Viewers: those who watch as they should, and those who do not.

mod by_http;
mod datagrams;

use std::io::{self, ErrorKind};
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::cameras::{Kind, Unit, pause};
use super::continuity::Continuity;
use super::media::Media;
use super::rtsp_client::RtspClient;
use super::sim::random::Random;
use super::world::World;

/// The longest a held viewer may be left without a packet: the picture is repeated each second.
const SILENCE: Duration = Duration::from_secs(10);

/// The thread: one viewer after another.
pub(super) fn watch(world: &World, number: u64) {
    let random = Random::new(world.seed.wrapping_mul(31).wrapping_add(number));
    while world.goes_on() {
        if world.calm.load(SeqCst) {
            pause(world, 50);
            continue;
        }
        let unit = &world.units[random.below(world.units.len() as u64) as usize];
        let stay = Duration::from_millis(100 + random.below(2500));
        world.inside.fetch_add(1, SeqCst);
        let kind = match random.below(22) {
            0..=7 => come(world, unit, "reads", |client| read(world, unit, client, stay, 0)),
            8 | 9 => come(world, unit, "reads slowly", |client| read(world, unit, client, stay, 3)),
            10 | 11 => come(world, unit, "stalls", |_| {
                pause(world, stay.as_millis() as u64);
                Ok(())
            }),
            12 => come(world, unit, "vanishes", |client| {
                client.read_frame(SILENCE)?;
                // Closed with a reset, in the middle of whatever it was.
                SockRef::from(client.stream()).set_linger(Some(Duration::ZERO))
            }),
            13 => hang_up(world, unit),
            14 | 15 => by_http::in_mp4(world, unit, stay),
            16 | 17 => by_http::by_websocket(world, unit, stay),
            18 | 19 => datagrams::by_multicast(world, unit, stay),
            _ => datagrams::over_udp(world, unit, stay),
        };
        world.inside.fetch_sub(1, SeqCst);
        let (what, outcome) = kind;
        match outcome {
            Ok(()) => world.count(&format!("viewer {what}")),
            // The camera may be away just now.
            Err(error) => world.count(&format!("refused {}", refusal(&error))),
        }
        pause(world, random.below(150));
    }
}

/// Whether a viewer that came for so long goes without a word.
fn goes_silently(stay: Duration) -> bool {
    stay.as_millis() % 2 == 1
}

type Visit = (&'static str, io::Result<()>);

/// Whether a viewer stays that means to stay until then.
fn stays(world: &World, until: Instant) -> bool {
    Instant::now() < until && world.goes_on() && !world.calm.load(SeqCst)
}

/// Connects and plays with all tracks on the connection, then does as it likes.
fn come(
    world: &World,
    unit: &Unit,
    what: &'static str,
    then: impl FnOnce(&mut RtspClient) -> io::Result<()>,
) -> Visit {
    let outcome = RtspClient::watch(&world.url(&unit.name)).and_then(|mut client| {
        world.count("joined");
        then(&mut client)
    });
    (what, outcome)
}

/// Reads, and looks at all that headers tell. `drag` milliseconds pass after each packet.
fn read(
    world: &World,
    unit: &Unit,
    client: &mut RtspClient,
    stay: Duration,
    drag: u64,
) -> io::Result<()> {
    let until = Instant::now() + stay;
    let (mut continuity, mut media) = (Continuity::default(), Media::new());
    let mut has_key = false;
    let stream = &unit.name;
    let wrong = |what: String| world.wrong(format!("{stream}: {what}"));
    while stays(world, until) {
        let frame = match client.read_frame(SILENCE) {
            Ok(Some(frame)) => frame,
            Ok(None) if unit.holds => {
                wrong("a viewer was lost that should be held".into());
                return Ok(());
            }
            Ok(None) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::TimedOut && has_key => {
                wrong(format!("neither a picture nor the end for {SILENCE:?}"));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        if frame.channel != 0 {
            continue;
        }
        if let Err(what) = continuity.push(&frame.payload) {
            wrong(what);
            return Ok(());
        }
        media.packet(&frame.payload);
        if let Some(picture) = media.packet_end() {
            world.count("pictures");
            has_key |= picture.whole_key;
            // What the camera's network has lost, or the camera left out, nobody can decode.
            if has_key && !picture.decodable && unit.kind != Kind::Udp && !unit.is_mute() {
                wrong(format!("a picture that cannot be decoded, after {}", continuity.pictures));
                return Ok(());
            }
        }
        if drag > 0 {
            pause(world, drag);
        }
    }
    if continuity.gaps > 0 && unit.kind != Kind::Udp && !unit.is_mute() {
        wrong(format!("{} gaps in the sequence numbers", continuity.gaps));
    }
    if drag == 0 {
        // The camera may have ended it meanwhile.
        let _answered = client.teardown();
    }
    Ok(())
}

/// Goes away while the relay may still be dialling the camera.
fn hang_up(world: &World, unit: &Unit) -> Visit {
    let outcome = RtspClient::connect(&world.url(&unit.name)).and_then(|mut client| {
        let uri = client.aggregate();
        client.send(rtsp_proto::Method::Describe, &uri, &[]).map(drop)
    });
    ("hangs up", outcome)
}

/// An answer's status, or what became of the connection.
fn refusal(error: &io::Error) -> String {
    let text = error.to_string();
    let code = text.split(|c: char| !c.is_ascii_digit()).find(|word| word.len() == 3);
    code.map_or_else(|| format!("{:?}", error.kind()), str::to_owned)
}
