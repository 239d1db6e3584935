//! What was measured, and how it is summed up.

use serde_json::{Value, json};

/// Values of one quantity, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Quantity(Vec<f64>);

impl Quantity {
    /// Adds one.
    pub(crate) fn add(&mut self, value_ms: f64) {
        self.0.push(value_ms);
    }

    /// Count, mean and percentiles; `null` without values.
    pub(crate) fn summary(&mut self) -> Value {
        let values = &mut self.0;
        values.sort_by(f64::total_cmp);
        let Some(&max) = values.last() else { return Value::Null };
        // Nearest rank.
        let at = |share: f64| {
            let rank = (share * values.len() as f64).ceil() as usize;
            round(values[rank.clamp(1, values.len()) - 1])
        };
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        json!({
            "count": values.len(), "mean": round(mean), "p50": at(0.5), "p95": at(0.95),
            "p99": at(0.99), "max": round(max),
        })
    }
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// Of one group of viewers.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Viewers that began.
    pub(crate) joined: usize,
    /// Viewers that got media.
    pub(crate) playing: usize,
    /// Viewers that ended by themselves.
    pub(crate) failed: usize,
    /// Received in the steady window.
    pub(crate) bytes: u64,
    /// Whole access units in the steady window.
    pub(crate) pictures: u64,
    /// Of these, pictures that a decoder cannot show.
    pub(crate) undecodable: u64,
    /// From the first packet on, by sequence number.
    pub(crate) lost_packets: u64,
    /// From the first picture on, by the camera's count.
    pub(crate) missed_pictures: u64,
    /// The camera's stamp to the access unit's last byte, in the steady window.
    pub(crate) latency: Quantity,
    /// TCP connect to the first packet.
    pub(crate) first_packet: Quantity,
    /// TCP connect to the last byte of the first whole key frame.
    pub(crate) first_key: Quantity,
    /// How late a player shows that started its clock with the first key frame.
    pub(crate) shown_late: Quantity,
}

impl Figures {
    /// As JSON.
    pub(crate) fn summary(&mut self) -> Value {
        json!({
            "joined": self.joined,
            "playing": self.playing,
            "failed": self.failed,
            "bytes": self.bytes,
            "pictures": self.pictures,
            "undecodable_pictures": self.undecodable,
            "lost_packets": self.lost_packets,
            "missed_pictures": self.missed_pictures,
            "latency_ms": self.latency.summary(),
            "first_packet_ms": self.first_packet.summary(),
            "first_key_frame_ms": self.first_key.summary(),
            "shown_late_ms": self.shown_late.summary(),
        })
    }
}
