//! What a client is told: each request on the wire and the answer it gets.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here is the test")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod logins;
mod pipelining;
mod playing;
mod refusals;
mod sessions;
mod silence;

use std::io;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rtsp_proto::Response;
use sim::{Camera, Clip, Options, Path};
use support::{Incoming, Relay, RtspClient, response};

const SOON: Duration = Duration::from_secs(10);

/// A camera and a relay with two streams: `door` has a picture, `hall` sound too.
struct House {
    camera: Camera,
    relay: Relay,
    addresses: AtomicU16,
}

impl House {
    /// `globals` stand before the streams, `more` after them.
    fn new(globals: &str, more: &str) -> Self {
        let paths =
            vec![Path::new("main", Clip::builtin()), Path::new("av", Clip::builtin()).with_audio()];
        let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
        let relay = Relay::start(&format!(
            "{globals}\n[stream]\nname=door\nrtsp_url={}\n[stream]\nname=hall\nrtsp_url={}\n{more}",
            camera.url("main"),
            camera.url("av"),
        ));
        Self { camera, relay, addresses: AtomicU16::new(1) }
    }

    fn open() -> Self {
        Self::new("", "")
    }

    /// A connection on which nothing was said yet.
    fn knock(&self) -> RtspClient {
        RtspClient::connect(&self.relay.url("door")).unwrap()
    }

    /// The same from an address that was not there before: one alone may not guess so much.
    fn knock_from_elsewhere(&self) -> RtspClient {
        let [.., high, low] = self.addresses.fetch_add(1, SeqCst).to_be_bytes();
        let own = Ipv4Addr::new(127, 1, high, low);
        RtspClient::connect_from(Some(own), &self.relay.url("door")).unwrap()
    }

    /// The lines as they go over the wire, `{door}` and `{hall}` being the streams' URLs.
    fn wire(&self, lines: &str) -> String {
        let text = lines
            .replace("{door}", &self.relay.url("door"))
            .replace("{hall}", &self.relay.url("hall"))
            .replace("{host}", &format!("127.0.0.1:{}", self.relay.port()));
        text.replace('\n', "\r\n")
    }

    /// Sends a request of these lines (without body) and gives its answer.
    fn ask(&self, client: &mut RtspClient, lines: &str) -> Response {
        client.send_raw(self.wire(&format!("{lines}\n\n")).as_bytes()).unwrap();
        response(client)
    }
}

/// Whether the relay closes within `time`; nothing but frames may come before that.
fn closes(client: &mut RtspClient, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    loop {
        match client.next(deadline) {
            Ok(Incoming::End) => return true,
            Ok(Incoming::Frame(_)) => {}
            Ok(other) => panic!("{other:?} instead of the end"),
            Err(error) if error.kind() == io::ErrorKind::TimedOut => return false,
            Err(error) => panic!("{error}"),
        }
    }
}

fn code(response: &Response) -> u16 {
    response.status.code()
}

/// The session's id from a SETUP's answer.
fn session_id(response: &Response) -> String {
    let value = response.headers.get("Session").expect("a Session header");
    value.split(';').next().unwrap().to_owned()
}
