//! What the API shows: of the relay, of each stream, of each viewer. The names are those of the
//! public interface; no secret is in it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rtsp_proto::codec::Codec;
use rtsp_proto::sdp::MediaKind;
use serde::Serialize;

use super::Web;
use super::reload::ReloadStatus;
use crate::access;
use crate::clients::Entry;
use crate::limits::Reason;
use crate::logging::Utc;
use crate::media::presentation::Track;
use crate::source::{Carrier, Slot};

/// The whole relay.
#[derive(Debug, Serialize)]
pub(super) struct RelayStatus {
    version: &'static str,
    /// When it was started.
    since: String,
    uptime_s: u64,
    /// Where viewers ask.
    rtsp_port: u16,
    /// Viewers, and how many there may be.
    clients: u32,
    max_clients: u32,
    /// How often somebody was refused, by reason; without those that never were.
    refused: BTreeMap<&'static str, u64>,
    /// Cameras that are pulled, and how many may be.
    cameras: u32,
    max_camera_connections: u32,
    /// What came of the last reload, for those who see all streams.
    reload: Option<ReloadStatus>,
    streams: Vec<StreamStatus>,
}

/// One stream.
#[derive(Debug, Serialize)]
pub(super) struct StreamStatus {
    pub(super) name: String,
    camera_id: Option<String>,
    /// Without the camera's login.
    rtsp_url: String,
    pub(super) state: &'static str,
    /// Why it is offline, or was.
    reason: Option<String>,
    /// What stands in while the camera is away.
    showing: Option<&'static str>,
    /// When this state began.
    since: String,
    retry_in_s: Option<f64>,
    pub(super) clients: usize,
    /// What carries the camera's media: `tcp`, `udp` or `multicast`.
    transport: Option<&'static str>,
    tracks: Vec<TrackStatus>,
    /// Pictures per second that come from the camera.
    pub(super) fps: Option<f64>,
    /// What goes to each viewer, of the last seconds.
    pub(super) bitrate_kbps: Option<u64>,
    /// From one key frame to the next.
    pub(super) gop_ms: Option<u64>,
    pub(super) packets_lost: u64,
    /// How unevenly the camera's packets come.
    pub(super) jitter_ms: Option<f64>,
    pub(super) reconnects: u64,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    pub(super) frames_skipped: u64,
    pub(super) frames_thinned: u64,
    /// What the camera does against the standards, and how often.
    oddities: Vec<OddityStatus>,
}

#[derive(Debug, Serialize)]
struct TrackStatus {
    kind: String,
    codec: String,
    clock_rate: u32,
    resolution: Option<String>,
}

#[derive(Debug, Serialize)]
struct OddityStatus {
    text: String,
    count: u64,
}

/// One connection of a viewer.
#[derive(Debug, Serialize)]
pub(super) struct ClientStatus {
    id: u64,
    address: String,
    /// The stream it asked for.
    stream: Option<String>,
    playing: bool,
    user: Option<String>,
    agent: String,
    since: String,
}

impl Web {
    /// What this user may see of the relay.
    pub(super) fn relay_status(&self, user: Option<&str>, peer: std::net::IpAddr) -> RelayStatus {
        let config = self.config.get();
        let limits = &config.limits;
        RelayStatus {
            version: env!("CARGO_PKG_VERSION"),
            since: Utc(self.started.1).to_string(),
            uptime_s: self.started.0.elapsed().as_secs(),
            rtsp_port: config.listen_port,
            clients: self.gatekeeper.viewers(),
            max_clients: limits.max_clients,
            refused: Reason::ALL
                .into_iter()
                .map(|reason| (reason.label(), self.gatekeeper.refusals.get(reason)))
                .filter(|&(_, times)| times > 0)
                .collect(),
            cameras: self.registry.cameras(),
            max_camera_connections: limits.max_camera_connections,
            reload: self.reloads.last().filter(|_| self.access.get().sees_all(user)),
            streams: self.streams(user, peer),
        }
    }

    /// The streams that this user may watch from there.
    pub(super) fn streams(&self, user: Option<&str>, peer: std::net::IpAddr) -> Vec<StreamStatus> {
        self.registry
            .slots()
            .filter(|slot| self.access.get().may_watch(user, &slot.stream.name))
            .filter(|slot| access::stream_allows(&slot.stream.now(), peer))
            .map(|slot| StreamStatus::of(&slot))
            .collect()
    }

    /// The viewers of streams that this user may watch.
    pub(super) fn client_statuses(&self, user: Option<&str>) -> Vec<ClientStatus> {
        self.clients
            .list()
            .iter()
            .map(|entry| ClientStatus::of(entry))
            .filter(|client| {
                let stream = client.stream.as_deref().unwrap_or_default();
                self.access.get().may_watch(user, stream)
            })
            .collect()
    }
}

impl StreamStatus {
    pub(super) fn of(slot: &Slot) -> Self {
        let status = slot.status();
        let stats = &slot.stats;
        let presentation = slot.presentation();
        let stream = slot.stream.now();
        let tracks = presentation.iter().flat_map(|presentation| &presentation.tracks);
        Self {
            name: stream.name.clone(),
            camera_id: stream.camera_id.clone(),
            rtsp_url: stream.url.to_string(),
            state: status.state,
            showing: status.showing,
            reason: status.reason.map(|reason| reason.to_string()),
            since: ago(status.since),
            retry_in_s: status.retry_in.map(|left| tenths(left.as_secs_f64())),
            clients: status.viewers,
            transport: status.carrier.map(Carrier::word),
            tracks: tracks.filter(|track| track.offered).map(TrackStatus::of).collect(),
            bitrate_kbps: slot.hub.bits_per_second().ok().map(|bits| bits / 1000),
            fps: stats.picture_rate_milli.get().map(|milli| tenths(milli as f64 / 1000.0)),
            gop_ms: stats.gop_ms.get(),
            jitter_ms: stats.jitter_us.get().map(|us| tenths(us as f64 / 1000.0)),
            packets_lost: stats.packets_lost.get(),
            reconnects: stats.reconnects.get(),
            bytes_in: stats.bytes_in.get(),
            bytes_out: stats.bytes_out.get(),
            frames_skipped: stats.frames_skipped.get(),
            frames_thinned: slot.hub.thinned(),
            oddities: status
                .oddities
                .iter()
                .map(|(oddity, count)| OddityStatus { text: oddity.to_string(), count })
                .collect(),
        }
    }
}

impl TrackStatus {
    fn of(track: &Track) -> Self {
        let resolution = track.parameter_sets.resolution();
        let codec = match track.codec {
            Codec::H264 => "H264".to_owned(),
            Codec::H265 => "H265".to_owned(),
            Codec::Other if track.encoding.is_empty() => {
                format!("payload type {}", track.payload_type)
            }
            Codec::Other => track.encoding.clone(),
        };
        let kind = match &track.kind {
            MediaKind::Video => "video",
            MediaKind::Audio => "audio",
            _ => "other",
        };
        Self {
            kind: kind.to_owned(),
            codec,
            clock_rate: track.clock_rate,
            resolution: resolution.map(|(width, height)| format!("{width}x{height}")),
        }
    }
}

impl ClientStatus {
    fn of(entry: &Entry) -> Self {
        let details = entry.details();
        Self {
            id: entry.id,
            address: entry.address.to_string(),
            stream: details.stream,
            playing: details.playing,
            user: details.user,
            agent: details.agent,
            since: ago(entry.since.elapsed()),
        }
    }
}

/// Rounded to one digit after the point.
fn tenths(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

/// The moment that was so long ago, on the wall.
fn ago(time: Duration) -> String {
    let now = SystemTime::now();
    Utc(now.checked_sub(time).unwrap_or(now)).to_string()
}
