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
use crate::support::{Relay, RtspClient};

const SOON: Duration = Duration::from_secs(20);
/// Of the changes, every so many-th; no multiple of their number for one header.
const SAMPLE: usize = 11;
/// Between two rounds of the recorded media.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers all its connections, one after the other, from one recording.
pub(super) struct Scripted {
    port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Scripted {
    fn start(recording: Recording) -> Self {
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
            stream.write_all(&answers.to(recording, &one).1)?;
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
