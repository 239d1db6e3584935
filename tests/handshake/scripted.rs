//! A camera on a socket that answers as it was recorded, with one header changed.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::change::cases;
use super::record::Recording;
use super::replay::Answers;
use crate::support::{Relay, RtspClient, wait_until};

const SOON: Duration = Duration::from_secs(20);
/// Of the changes, every so many-th; no multiple of their number for one header.
const SAMPLE: usize = 11;
/// Cameras with wrong bytes, and how many are watched at once.
const STRESSED: u64 = 48;
const AT_ONCE: usize = 16;
/// Between two rounds of the recorded media.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers all its connections, one after the other, from one recording.
pub(super) struct Scripted {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    pub(super) fn start(recording: Recording) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if flag.load(Ordering::SeqCst) {
                    return;
                }
                // The end of a connection is told by whoever reads from the relay.
                let _ = serve(&recording, stream, &flag);
            }
        });
        Self { port, stop, thread: Some(thread) }
    }
}

impl Scripted {
    pub(super) fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/main", self.port)
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
        let joined = self.thread.take().map(JoinHandle::join);
        assert!(joined.is_none_or(|joined| joined.is_ok() || std::thread::panicking()));
    }
}

fn serve(recording: &Recording, mut stream: TcpStream, stop: &AtomicBool) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PAUSE))?;
    let mut answers = Answers::default();
    let (mut request, mut playing) = (Vec::new(), false);
    while !stop.load(Ordering::SeqCst) {
        let mut bytes = [0; 2048];
        match stream.read(&mut bytes) {
            Ok(0) => return Ok(()),
            Ok(count) => request.extend_from_slice(&bytes[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
        // Receiver reports come in between; the requests have no bodies.
        while request.first() == Some(&b'$') && request.len() >= 4 {
            let length = 4 + usize::from(u16::from_be_bytes([request[2], request[3]]));
            request.drain(..length.min(request.len()));
        }
        while let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") {
            let one: Vec<u8> = request.drain(..end + 4).collect();
            if one.starts_with(b"TEARDOWN") {
                return Ok(());
            }
            // A camera that is asked what it does not know hangs up.
            let Some((_, wire)) = answers.to(recording, &one) else { return Ok(()) };
            stream.write_all(&wire)?;
            playing |= one.starts_with(b"PLAY");
        }
        if playing {
            stream.write_all(&recording.media)?;
        }
    }
    Ok(())
}

/// Each change of the sample is a camera of its own, all behind one relay: a viewer of each gets
/// frames, or an answer while the log names the header.
pub(super) fn sample(recordings: &[(&str, Recording)]) {
    let (mut cameras, mut config) = (Vec::new(), String::from("max_clients=1000\n"));
    config += "max_camera_connections=1000\nsource_idle_timeout_s=0\n";
    let all = recordings.iter().flat_map(|(name, recording)| {
        cases(recording).into_iter().map(move |case| (*name, recording, case))
    });
    for (number, (name, recording, (place, change))) in all.step_by(SAMPLE).enumerate() {
        let camera = Scripted::start(recording.with(&place, change));
        let login = recording.url.split_once("://").unwrap().1.rsplit_once('@');
        let login = login.map_or(String::new(), |(login, _)| format!("{login}@"));
        let url = format!("rtsp://{login}127.0.0.1:{}/main", camera.port);
        config += &format!("[stream]\nname=c{number}\nrtsp_url={url}\n");
        cameras.push((format!("{name}: {change:?} {}", place.header), place, camera));
    }
    let relay = Relay::start(&config);
    let mut refused = 0;
    for (number, (what, place, _)) in cameras.iter().enumerate() {
        match RtspClient::watch(&relay.url(&format!("c{number}"))) {
            Ok(mut viewer) => {
                let frame = viewer.read_frame(SOON).unwrap();
                assert!(frame.is_some(), "{what}: no frame");
            }
            Err(error) => {
                let told = relay.wait_log(&place.header, SOON);
                assert!(told.is_some(), "{what}: {error}; {:#?}", relay.log());
                refused += 1;
            }
        }
    }
    assert!(cameras.len() > 20 && refused < cameras.len() / 4, "{refused} of {}", cameras.len());
}

/// Cameras that send wrong bytes at every stage, each its own: whatever becomes of their viewers,
/// when these are gone nothing is left in the relay.
pub(super) fn stress(recording: &Recording) {
    let cameras: Vec<_> =
        (0..STRESSED).map(|seed| Scripted::start(spoilt(recording, seed))).collect();
    let mut config = String::from(
        "max_clients=1000\nmax_camera_connections=1000\nsource_idle_timeout_s=0\n\
         source_start_timeout_s=2\nsource_timeout_s=2\n",
    );
    for (number, camera) in cameras.iter().enumerate() {
        config += &format!("[stream]\nname=c{number}\nrtsp_url={}\n", camera.url());
    }
    let relay = Relay::start(&config);
    let (threads, files) = (relay.threads(), relay.fds());
    let mut pictures = 0;
    for chunk in (0..cameras.len()).collect::<Vec<_>>().chunks(AT_ONCE) {
        pictures += std::thread::scope(|scope| {
            let watch = |number: &usize| {
                let url = relay.url(&format!("c{number}"));
                scope.spawn(move || {
                    let viewer = RtspClient::watch(&url);
                    viewer.is_ok_and(|mut viewer| matches!(viewer.read_frame(SOON), Ok(Some(_))))
                })
            };
            let viewers: Vec<_> = chunk.iter().map(watch).collect();
            viewers.into_iter().filter_map(|viewer| viewer.join().unwrap().then_some(())).count()
        });
    }
    let is_quiet = || relay.threads() == threads && relay.fds() == files;
    assert!(wait_until(SOON, is_quiet), "left behind: {:?}", relay.process().thread_names());
    assert!(!relay.log_contains("internal failure"), "a panic");
    assert!((1..cameras.len()).contains(&pictures), "{pictures} of {} pictures", cameras.len());
}

/// The recording with some wrong, missing and new bytes in the answers and in the media.
fn spoilt(recording: &Recording, seed: u64) -> Recording {
    let mut spoilt = recording.clone();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below.max(1)
    };
    let mut spoil = |bytes: &mut Vec<u8>| {
        let at = random(bytes.len());
        match random(4) {
            0 => bytes[at] = random(256) as u8,
            1 => drop(bytes.remove(at)),
            2 => bytes.insert(at, random(256) as u8),
            _ => drop(bytes.drain(at..(at + random(64)).min(bytes.len()))),
        }
    };
    for stage in 0..3 {
        let answer = (seed as usize + stage) % spoilt.answers.len();
        let mut bytes = std::mem::take(&mut spoilt.answers[answer].wire).into_bytes();
        spoil(&mut bytes);
        spoilt.answers[answer].wire = String::from_utf8_lossy(&bytes).into_owned();
        spoil(&mut spoilt.media);
    }
    spoilt
}
