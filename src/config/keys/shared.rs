//! The keys of a stream that may also stand before all sections, as the default of every stream.

use super::{At, Key};
use crate::config::draft::SharedDraft;
use crate::config::model::{OnOffline, TransportPolicy};
use crate::config::rules::{Rule, Words, YES_NO, number};

const PULLING: &str = "Pulling from a camera";
const AWAY: &str = "When a camera is away";
const VIEWERS: &str = "What viewers get of a stream";

const TRANSPORTS: Words<TransportPolicy> = Words(&[
    ("auto", TransportPolicy::Auto),
    ("tcp", TransportPolicy::Tcp),
    ("udp", TransportPolicy::Udp),
    ("multicast", TransportPolicy::Multicast),
]);

const ON_OFFLINE: Words<OnOffline> =
    Words(&[("disconnect", OnOffline::Disconnect), ("hold", OnOffline::Hold)]);

/// `rule` for the value at `place`.
const fn at<R: Rule>(rule: R, place: fn(&mut SharedDraft) -> &mut R::Value) -> At<SharedDraft, R> {
    At { rule, place }
}

/// The keys of a stream that may also stand before all sections, as the default of every stream.
pub(in crate::config) static SHARED: &[Key<SharedDraft>] = &[
    Key {
        name: "transport",
        group: PULLING,
        field: &at(TRANSPORTS, |d| &mut d.transport),
        default: "auto",
        unit: "",
        example: "udp",
        meaning: "How the camera is asked to send. auto asks for TCP, for UDP where the camera \
                  refuses that, and last for multicast. multicast takes the group that the \
                  camera announces, on the interface that leads to the camera.",
    },
    Key {
        name: "source_start_timeout_s",
        group: PULLING,
        field: &at(number(1, 300), |d| &mut d.source_start_timeout_s),
        default: "10",
        unit: "seconds",
        example: "20",
        meaning: "From the first viewer to the camera's first packet; after it the viewer is \
                  told that the camera is too slow.",
    },
    Key {
        name: "source_timeout_s",
        group: PULLING,
        field: &at(number(1, 3600), |d| &mut d.source_timeout_s),
        default: "10",
        unit: "seconds",
        example: "30",
        meaning: "A camera that sent no media for so long is offline.",
    },
    Key {
        name: "source_idle_timeout_s",
        group: PULLING,
        field: &at(number(1, 86_400).zero("letting go at once"), |d| &mut d.source_idle_timeout_s),
        default: "5",
        unit: "seconds",
        example: "60",
        meaning: "How long the camera is kept after its last viewer has left, so that one who \
                  comes back, or switches players, need not wait.",
    },
    Key {
        name: "retry_initial_ms",
        group: AWAY,
        field: &at(number(10, 3_600_000), |d| &mut d.retry_initial_ms),
        default: "500",
        unit: "milliseconds",
        example: "1000",
        meaning: "The wait before the first new attempt to reach an offline camera. It doubles \
                  with each failure, with some chance in it, up to retry_max_ms. A new viewer \
                  makes for an attempt at once.",
    },
    Key {
        name: "retry_max_ms",
        group: AWAY,
        field: &at(number(10, 3_600_000), |d| &mut d.retry_max_ms),
        default: "30000",
        unit: "milliseconds",
        example: "60000",
        meaning: "The longest wait between two attempts; not less than retry_initial_ms.",
    },
    Key {
        name: "retry_max_attempts",
        group: AWAY,
        field: &at(number(1, 1_000_000).zero("no end"), |d| &mut d.retry_max_attempts),
        default: "0",
        unit: "",
        example: "10",
        meaning: "Attempts in a row before the camera is given up until the next viewer comes.",
    },
    Key {
        name: "on_offline",
        group: AWAY,
        field: &at(ON_OFFLINE, |d| &mut d.on_offline),
        default: "disconnect",
        unit: "",
        example: "hold",
        meaning: "What happens to viewers when the camera goes offline. disconnect: they are \
                  told, and their connections closed. hold: they stay, see the last key frame \
                  once a second, without sound, and go on at the camera's first key frame when \
                  it is back. Whoever comes meanwhile sees the same, unless nobody has stayed: \
                  then the relay has no picture. A picture larger than 8 MiB is not held; \
                  gop_cache_kb does not matter.",
    },
    Key {
        name: "hold_timeout_s",
        group: AWAY,
        field: &at(number(1, 604_800).zero("no end"), |d| &mut d.hold_timeout_s),
        default: "0",
        unit: "seconds",
        example: "300",
        meaning: "How long viewers see a picture that stands still, with on_offline=hold, \
                  before they are told and closed. The time of a fallback does not count.",
    },
    Key {
        name: "instant_start",
        group: VIEWERS,
        field: &at(YES_NO, |d| &mut d.instant_start),
        default: "yes",
        unit: "",
        example: "no",
        meaning: "A new viewer gets a picture at once, from the cached group of pictures, not \
                  with the camera's next key frame.",
    },
    Key {
        name: "gop_cache_kb",
        group: VIEWERS,
        field: &at(number(1, 1_048_576).zero("no cache"), |d| &mut d.gop_cache_kb),
        default: "16384",
        unit: "kilobytes (1024 bytes)",
        example: "8192",
        meaning: "The bound of that cache, for each stream that is pulled.",
    },
    Key {
        name: "max_bandwidth_kbps",
        group: VIEWERS,
        field: &at(number(1, 10_000_000).zero("no limit"), |d| &mut d.max_bandwidth_kbps),
        default: "0",
        unit: "kilobits per second",
        example: "4000",
        meaning: "What the stream may take on its way to a viewer, in any two seconds. Above it \
                  whole pictures are left out: first those that no other needs, then all up to \
                  the next key frame. Sound stays. What a new viewer gets to begin with \
                  (instant_start) comes on top.",
    },
    Key {
        name: "max_egress_kbps",
        group: VIEWERS,
        field: &at(number(1, 100_000_000).zero("no limit"), |d| &mut d.max_egress_kbps),
        default: "0",
        unit: "kilobits per second",
        example: "100000",
        meaning: "What all viewers of the stream take together, each counted with the stream's \
                  measured rate. One who does not fit any more is refused with 453.",
    },
    Key {
        name: "max_clients_per_stream",
        group: VIEWERS,
        field: &at(number(1, 100_000).zero("no limit"), |d| &mut d.max_clients_per_stream),
        default: "0",
        unit: "",
        example: "8",
        meaning: "Viewers of the stream at one time.",
    },
];
