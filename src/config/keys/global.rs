//! The keys of the relay as a whole.

use log::LevelFilter;

use super::{At, Key};
use crate::config::draft::GlobalDraft;
use crate::config::model::AuthMethod;
use crate::config::rules::{
    Addresses, FileName, Group, Interface, Password, Rule, UserName, WordList, Words, number,
};

const LISTENING: &str = "Listening";
const MULTICAST: &str = "Multicast";
const WEB: &str = "Web";
const LIMITS: &str = "Limits";
const LOGINS: &str = "Logins of viewers";
const LOG: &str = "Log";

const AUTH_METHODS: Words<AuthMethod> = Words(&[
    ("digest", AuthMethod::Digest),
    ("digest-sha256", AuthMethod::DigestSha256),
    ("basic", AuthMethod::Basic),
]);

const LOG_LEVELS: Words<Option<LevelFilter>> = Words(&[
    ("error", Some(LevelFilter::Error)),
    ("warn", Some(LevelFilter::Warn)),
    ("info", Some(LevelFilter::Info)),
    ("debug", Some(LevelFilter::Debug)),
    ("trace", Some(LevelFilter::Trace)),
]);

/// `rule` for the value at `place`.
const fn at<R: Rule>(rule: R, place: fn(&mut GlobalDraft) -> &mut R::Value) -> At<GlobalDraft, R> {
    At { rule, place }
}

/// The keys of the relay as a whole.
pub(in crate::config) static GLOBAL: &[Key<GlobalDraft>] = &[
    Key {
        name: "listen_address",
        group: LISTENING,
        field: &at(Addresses, |d| &mut d.listen_address),
        default: "0.0.0.0,::",
        unit: "",
        example: "192.168.1.5",
        meaning: "The addresses on which RTSP listens. The default is every address of this \
                  machine.",
    },
    Key {
        name: "listen_port",
        group: LISTENING,
        field: &at(number(1, 65535), |d| &mut d.listen_port),
        default: "8554",
        unit: "",
        example: "554",
        meaning: "The TCP port of RTSP: viewers ask for rtsp://HOST:PORT/NAME. Port 554 is the one \
                  that players assume when none is given; below 1024 the relay needs the right to \
                  take it (CAP_NET_BIND_SERVICE).",
    },
    Key {
        name: "rtsps_port",
        group: LISTENING,
        field: &at(number(1, 65535).zero("off"), |d| &mut d.rtsps_port),
        default: "0",
        unit: "",
        example: "322",
        meaning: "The TCP port of RTSP over TLS, rtsps://HOST:PORT/NAME. Needs tls_certificate \
                  and tls_key.",
    },
    Key {
        name: "tls_certificate",
        group: LISTENING,
        field: &at(FileName, |d| &mut d.tls_certificate),
        default: "",
        unit: "",
        example: "/etc/ssl/certs/relay.pem",
        meaning: "The relay's certificate with those that lead to a known authority behind it, \
                  as PEM: for rtsps_port, and for http_port, which speaks TLS as well then.",
    },
    Key {
        name: "tls_key",
        group: LISTENING,
        field: &at(FileName, |d| &mut d.tls_key),
        default: "",
        unit: "",
        example: "/etc/ssl/private/relay.key",
        meaning: "The private key of tls_certificate, as PEM. The relay's user must be able to \
                  read it, and nobody else should.",
    },
    Key {
        name: "rtp_port",
        group: LISTENING,
        field: &at(number(1024, 65534).even().zero("any"), |d| &mut d.rtp_port),
        default: "0",
        unit: "",
        example: "6970",
        meaning: "The UDP port that RTP is sent from to viewers who want UDP; RTCP takes the \
                  next one. A fixed port is one that a firewall can let through.",
    },
    Key {
        name: "multicast_range",
        group: MULTICAST,
        field: &at(Group, |d| &mut d.multicast_range),
        default: "239.255.42.0/24",
        unit: "",
        example: "239.192.7.0/28",
        meaning: "The multicast groups that are handed out, one to each stream with \
                  multicast=yes, in the order in which the streams are written.",
    },
    Key {
        name: "multicast_port",
        group: MULTICAST,
        field: &at(number(2, 65534).even(), |d| &mut d.multicast_port),
        default: "5004",
        unit: "",
        example: "6000",
        meaning: "The UDP port of RTP within a group; RTCP takes the next one. A second track \
                  takes the two ports behind these, and so on.",
    },
    Key {
        name: "multicast_ttl",
        group: MULTICAST,
        field: &at(number(1, 255), |d| &mut d.multicast_ttl),
        default: "1",
        unit: "",
        example: "4",
        meaning: "How many routers a packet may pass. 1 keeps it in the local network.",
    },
    Key {
        name: "multicast_interface",
        group: MULTICAST,
        field: &at(Interface, |d| &mut d.multicast_interface),
        default: "",
        unit: "",
        example: "eth0",
        meaning: "The interface that multicast leaves by. Without it the system's routes decide.",
    },
    Key {
        name: "http_address",
        group: WEB,
        field: &at(Addresses, |d| &mut d.http_address),
        default: "127.0.0.1",
        unit: "",
        example: "0.0.0.0,::",
        meaning: "The addresses on which HTTP listens: status, metrics, pages and live view. The \
                  default can be reached from this machine only. When there are logins, HTTP \
                  asks for them too.",
    },
    Key {
        name: "http_port",
        group: WEB,
        field: &at(number(1, 65535).zero("off"), |d| &mut d.http_port),
        default: "0",
        unit: "",
        example: "8080",
        meaning: "The TCP port of HTTP. With tls_certificate and tls_key it takes both, \
                  http://HOST:PORT/ and https://HOST:PORT/.",
    },
    Key {
        name: "max_clients",
        group: LIMITS,
        field: &at(number(1, 100_000), |d| &mut d.max_clients),
        default: "16",
        unit: "",
        example: "64",
        meaning: "Viewers at one time, RTSP and browser together. One more is answered with 503.",
    },
    Key {
        name: "max_clients_per_ip",
        group: LIMITS,
        field: &at(number(1, 100_000).zero("no limit"), |d| &mut d.max_clients_per_ip),
        default: "0",
        unit: "",
        example: "4",
        meaning: "Viewers at one time from one address.",
    },
    Key {
        name: "max_memory_mb",
        group: LIMITS,
        field: &at(number(16, 4_194_304), |d| &mut d.max_memory_mb),
        default: "512",
        unit: "megabytes (1024 x 1024 bytes)",
        example: "1024",
        meaning: "What the process may take of the memory. Near it cached pictures give way, then \
                  new viewers are refused, then the slowest viewers go; the others go on.",
    },
    Key {
        name: "max_cpu_percent",
        group: LIMITS,
        field: &at(number(1, 100), |d| &mut d.max_cpu_percent),
        default: "80",
        unit: "percent of the whole machine, all its processors together",
        example: "50",
        meaning: "What the process may take of the processors. Above it new viewers are refused, \
                  and those who watch go on.",
    },
    Key {
        name: "max_camera_connections",
        group: LIMITS,
        field: &at(number(1, 10_000), |d| &mut d.max_camera_connections),
        default: "8",
        unit: "",
        example: "32",
        meaning: "Cameras that are pulled at one time. A stream that nobody watches is not \
                  pulled and does not count.",
    },
    Key {
        name: "client_timeout_s",
        group: LIMITS,
        field: &at(number(10, 3600), |d| &mut d.client_timeout_s),
        default: "60",
        unit: "seconds",
        example: "120",
        meaning: "A viewer of whom nothing was heard for so long is gone: no request, no RTCP, \
                  no bytes taken over TCP.",
    },
    Key {
        name: "request_timeout_s",
        group: LIMITS,
        field: &at(number(1, 60), |d| &mut d.request_timeout_s),
        default: "10",
        unit: "seconds",
        example: "5",
        meaning: "A request that was begun must be complete after so long.",
    },
    Key {
        name: "write_timeout_s",
        group: LIMITS,
        field: &at(number(1, 60), |d| &mut d.write_timeout_s),
        default: "10",
        unit: "seconds",
        example: "5",
        meaning: "A viewer that takes nothing at all for so long is closed. One that only takes \
                  too little loses whole pictures instead.",
    },
    Key {
        name: "client_username",
        group: LOGINS,
        field: &at(UserName, |d| &mut d.client_username),
        default: "",
        unit: "",
        example: "viewer",
        meaning: "One login for every stream, a short way to write a [user]. Needs \
                  client_password.",
    },
    Key {
        name: "client_password",
        group: LOGINS,
        field: &at(Password, |d| &mut d.client_password),
        default: "",
        unit: "",
        example: "correct horse",
        meaning: "The password of client_username.",
    },
    Key {
        name: "auth_methods",
        group: LOGINS,
        field: &at(WordList(AUTH_METHODS), |d| &mut d.auth_methods),
        default: "digest",
        unit: "",
        example: "digest,basic",
        meaning: "What viewers are offered to log in with. digest is Digest with MD5, which \
                  every player speaks. digest-sha256 is stronger, but ffmpeg's RTSP client fails \
                  as soon as it is offered, even beside digest. basic sends the password \
                  readable.",
    },
    Key {
        name: "admin_username",
        group: LOGINS,
        field: &at(UserName, |d| &mut d.admin_username),
        default: "",
        unit: "",
        example: "operator",
        meaning: "The login for HTTP calls that change something: end a viewer, switch a stream, \
                  reload. Without it such calls are refused. Needs admin_password.",
    },
    Key {
        name: "admin_password",
        group: LOGINS,
        field: &at(Password, |d| &mut d.admin_password),
        default: "",
        unit: "",
        example: "battery staple",
        meaning: "The password of admin_username.",
    },
    Key {
        name: "log_level",
        group: LOG,
        field: &at(LOG_LEVELS, |d| &mut d.log_level),
        default: "info",
        unit: "",
        example: "debug",
        meaning: "How much is logged to standard error: each level includes those before it.",
    },
];
