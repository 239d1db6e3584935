//! The report for programs. The names stay as they are; new ones may come.

use serde_json::{Value, json};

use super::Report;
use super::attempt::Attempt;
use crate::source::Carrier;

/// The report as a JSON object.
pub fn json(report: &Report) -> String {
    let attempt = report.told();
    let facts = attempt.and_then(|attempt| attempt.facts.as_ref());
    let rates = report.rates().unwrap_or_default();
    let failure = report.failure();
    let value = json!({
        "url": report.url,
        "works": failure.is_none(),
        "failure": failure.map(|failure| json!({
            "step": failure.step, "message": failure.message, "advice": failure.advice,
        })),
        // Of a certificate that is not trusted; null for one that is, and without TLS.
        "tls_fingerprint": report.pin.map(|pin| pin.to_string()),
        "version": facts.map(|facts| facts.version.to_string()),
        "server": facts.and_then(|facts| facts.server.as_deref()),
        "methods": facts.map_or(Vec::new(), |facts| {
            facts.methods.iter().map(ToString::to_string).collect()
        }),
        "login": facts.and_then(|facts| facts.login),
        "tracks": attempt.map_or(Vec::new(), tracks),
        "transports": {
            "tcp": transport(report.over(Carrier::Tcp)),
            "udp": transport(report.over(Carrier::Udp)),
            "multicast": transport(report.over(Carrier::Multicast)),
        },
        "keepalive": facts.filter(|_| report.best().is_some()).map(|facts| json!({
            "method": facts.keepalive.as_ref().map(ToString::to_string),
            "interval_s": facts.keepalive_interval.as_secs(),
            "session_timeout_s": facts.session_timeout.as_secs(),
        })),
        "start_ms": report.best().and_then(|best| best.started_after).map(|t| t.as_millis() as u64),
        "fps": rates.fps.map(|fps| (fps * 100.0).round() / 100.0),
        "bitrate_kbps": report.kbps().map(|kbps| kbps.round() as u64),
        "gop_ms": rates.gop.map(|gop| gop.as_millis() as u64),
        "tolerated": attempt.map_or(Vec::new(), |attempt| {
            let one = |(odd, count): (rtsp_proto::Oddity, u64)| {
                json!({ "what": odd.to_string(), "count": count })
            };
            attempt.oddities.iter().map(one).collect()
        }),
        "stream": report.stream_section(),
    });
    format!("{value:#}")
}

fn tracks(attempt: &Attempt) -> Vec<Value> {
    let tracks = attempt.presentation.iter().flat_map(|presentation| &presentation.tracks);
    tracks
        .map(|track| {
            let resolution = track.parameter_sets.resolution();
            json!({
                "kind": track.kind.as_str(),
                "codec": track.encoding,
                "clock_rate": track.clock_rate,
                "payload_type": track.payload_type,
                "resolution": resolution.map(|(width, height)| format!("{width}x{height}")),
                "relayed": track.offered,
            })
        })
        .collect()
}

/// `null` for one that was not tried.
fn transport(attempt: Option<&Attempt>) -> Value {
    let Some(attempt) = attempt else { return Value::Null };
    json!({ "works": attempt.works(), "reason": attempt.reason() })
}
