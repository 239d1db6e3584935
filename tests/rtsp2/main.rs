//! RTSP 2.0 (RFC 7826) toward clients and cameras: what is on the wire, header by header.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "helpers of tests are tests"
)]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

mod answers;
mod cameras;
mod deviations;
mod endings;
mod pipelining;
mod programs;
mod recorder;
mod rules;

use std::time::Duration;

use rtsp_proto::{Response, Version};
use sim::{Camera, Clip, Options, Path};
use support::{Incoming, Relay, RtspClient, response};

const SOON: Duration = Duration::from_secs(15);

/// A camera and a relay with two streams: `door` has a picture, `hall` sound too.
struct House {
    camera: Camera,
    relay: Relay,
}

impl House {
    fn new() -> Self {
        let paths =
            vec![Path::new("main", Clip::builtin()), Path::new("av", Clip::builtin()).with_audio()];
        let camera = Camera::start(Options { paths, ..Options::default() }).unwrap();
        let relay = Relay::start(&format!(
            "client_timeout_s=10\nsource_idle_timeout_s=1\n\
             [stream]\nname=door\nrtsp_url={}\n[stream]\nname=hall\nrtsp_url={}\n",
            camera.url("main"),
            camera.url("av"),
        ));
        Self { camera, relay }
    }

    /// A client of RTSP 2.0 that has said nothing yet.
    fn knock(&self, stream: &str) -> RtspClient {
        let mut client = RtspClient::connect(&self.relay.url(stream)).unwrap();
        client.version = Version::V2_0;
        client
    }

    /// One that plays all tracks, interleaved.
    fn watch(&self, stream: &str) -> RtspClient {
        let mut client = self.knock(stream);
        let tracks = client.describe().unwrap().media.len();
        for track in 0..tracks {
            let spec = rtsp_proto::headers::TransportSpec::interleaved(2 * track as u8);
            client.setup(track, spec).unwrap();
        }
        client.play().unwrap();
        client
    }

    /// The lines as they go over the wire, `{door}` and `{hall}` being the streams' URLs.
    fn wire(&self, lines: &str) -> String {
        let text = lines
            .replace("{door}", &self.relay.url("door"))
            .replace("{hall}", &self.relay.url("hall"));
        text.replace('\n', "\r\n")
    }

    /// Sends a request of these lines (without body) and gives its answer.
    fn ask(&self, client: &mut RtspClient, lines: &str) -> Response {
        client.send_raw(self.wire(&format!("{lines}\n\n")).as_bytes()).unwrap();
        response(client)
    }
}

/// The session's id from a SETUP's answer.
fn session_id(response: &Response) -> String {
    let value = response.headers.get("Session").expect("a Session header");
    value.split(';').next().unwrap().to_owned()
}
