//! The state in Prometheus' text format ([exposition formats]): base units, one HELP and TYPE a
//! name.
//!
//! [exposition formats]: https://prometheus.io/docs/instrumenting/exposition_formats/

use std::fmt::Write;

use super::Web;
use super::status::StreamStatus;
use crate::limits::Reason;

const STATES: [&str; 5] = ["idle", "connecting", "live", "offline", "disabled"];

/// A metric of each stream: name, type, help, and the value.
type OfStream = (&'static str, &'static str, &'static str, fn(&StreamStatus) -> Option<f64>);

const OF_STREAMS: &[OfStream] = &[
    ("rtsp_relay_stream_viewers", "gauge", "Viewers that play the stream now.", |stream| {
        Some(stream.clients as f64)
    }),
    (
        "rtsp_relay_stream_rate_bytes_per_second",
        "gauge",
        "What goes to each viewer of the stream, of the last seconds.",
        |stream| stream.bitrate_kbps.map(|kbps| kbps as f64 * 125.0),
    ),
    (
        "rtsp_relay_stream_thinned_pictures_total",
        "counter",
        "Pictures that max_bandwidth_kbps has had left out.",
        |stream| Some(stream.frames_thinned as f64),
    ),
    (
        "rtsp_relay_stream_received_bytes_total",
        "counter",
        "RTP and RTCP from the camera, with their interleaved prefixes.",
        |stream| Some(stream.bytes_in as f64),
    ),
    (
        "rtsp_relay_stream_sent_bytes_total",
        "counter",
        "RTP and RTCP to all viewers of the stream.",
        |stream| Some(stream.bytes_out as f64),
    ),
    (
        "rtsp_relay_stream_lost_packets_total",
        "counter",
        "Packets that the camera's numbering shows as lost on the way to the relay.",
        |stream| Some(stream.packets_lost as f64),
    ),
    (
        "rtsp_relay_stream_skipped_pictures_total",
        "counter",
        "Pictures that viewers were too slow for, each counted for each viewer.",
        |stream| Some(stream.frames_skipped as f64),
    ),
    (
        "rtsp_relay_stream_frame_rate_hertz",
        "gauge",
        "Pictures per second that come from the camera.",
        |stream| stream.fps,
    ),
    (
        "rtsp_relay_stream_key_frame_interval_seconds",
        "gauge",
        "From one key frame of the camera to the next.",
        |stream| stream.gop_ms.map(|ms| ms as f64 / 1000.0),
    ),
    (
        "rtsp_relay_stream_jitter_seconds",
        "gauge",
        "How unevenly the camera's packets come (RFC 3550).",
        |stream| stream.jitter_ms.map(|ms| ms / 1000.0),
    ),
    (
        "rtsp_relay_stream_reconnects_total",
        "counter",
        "How often the camera was reached again after it had been lost.",
        |stream| Some(stream.reconnects as f64),
    ),
];

impl Web {
    /// The document. Streams that the one who asks may not watch are not in it.
    pub(super) fn metrics(&self, user: Option<&str>, peer: std::net::IpAddr) -> String {
        let streams = self.streams(user, peer);
        let config = self.config.get();
        let limits = &config.limits;
        let mut out = String::new();
        let mut single = |name: &str, kind: &str, help: &str, value: f64| {
            introduce(&mut out, name, kind, help);
            let _ = writeln!(out, "{name} {value}");
        };
        single(
            "rtsp_relay_start_time_seconds",
            "gauge",
            "When the relay was started, in seconds since 1970.",
            self.started.1.duration_since(std::time::UNIX_EPOCH).map_or(0.0, |at| at.as_secs_f64()),
        );
        single("rtsp_relay_viewers", "gauge", "Viewers now.", self.gatekeeper.viewers().into());
        single(
            "rtsp_relay_viewers_limit",
            "gauge",
            "Viewers that there may be (max_clients).",
            limits.max_clients.into(),
        );
        single(
            "rtsp_relay_cameras",
            "gauge",
            "Cameras pulled now.",
            self.registry.cameras().into(),
        );
        single(
            "rtsp_relay_cameras_limit",
            "gauge",
            "Cameras that may be pulled at once (max_camera_connections).",
            limits.max_camera_connections.into(),
        );
        let name = "rtsp_relay_reloads_total";
        introduce(&mut out, name, "counter", "Configurations read again, by what came of it.");
        let (taken, refused) = self.reloads.counts();
        let _ = writeln!(out, "{name}{{outcome=\"taken\"}} {taken}");
        let _ = writeln!(out, "{name}{{outcome=\"refused\"}} {refused}");
        let events = &self.registry.events;
        let name = "rtsp_relay_events_total";
        introduce(&mut out, name, "counter", "Changes of streams and viewers that were told.");
        let _ = writeln!(out, "{name} {}", events.count());
        let name = "rtsp_relay_event_listeners";
        introduce(&mut out, name, "gauge", "Listeners of /api/v1/events now.");
        let _ = writeln!(out, "{name} {}", events.listeners());
        introduce(&mut out, "rtsp_relay_build_info", "gauge", "Always 1; the version is a label.");
        let _ =
            writeln!(out, "rtsp_relay_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
        let name = "rtsp_relay_refused_total";
        introduce(&mut out, name, "counter", "Requests refused, by what stood in the way.");
        for reason in Reason::ALL {
            let times = self.gatekeeper.refusals.get(reason);
            let _ = writeln!(out, "{name}{{reason=\"{}\"}} {times}", reason.label());
        }
        let name = "rtsp_relay_stream_state";
        introduce(&mut out, name, "gauge", "1 for the state that the stream is in.");
        for stream in &streams {
            let label = escaped(&stream.name);
            for state in STATES {
                let value = u8::from(stream.state == state);
                let _ = writeln!(out, "{name}{{stream=\"{label}\",state=\"{state}\"}} {value}");
            }
        }
        for (name, kind, help, value) in OF_STREAMS {
            introduce(&mut out, name, kind, help);
            for stream in &streams {
                if let Some(value) = value(stream) {
                    let label = escaped(&stream.name);
                    let _ = writeln!(out, "{name}{{stream=\"{label}\"}} {value}");
                }
            }
        }
        out
    }
}

fn introduce(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// A label's value: backslash, quote and line end escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
