//! What differs between two configurations: what a reload has to touch, and what not.

use std::fmt;

use super::model::{Config, Stream};

/// The difference between the configuration in use and the one to come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Names of streams that are new.
    pub added: Vec<String>,
    /// Names of streams that are there no more.
    pub removed: Vec<String>,
    /// Streams of which something else is another.
    pub changed: Vec<(String, StreamDiff)>,
    /// Users, the administrator, or how they log in.
    pub logins: bool,
    /// What the relay may take of the machine.
    pub limits: bool,
    /// For how long clients are waited for.
    pub timeouts: bool,
    /// Where RTSP listens.
    pub rtsp: bool,
    /// Where RTSPS listens.
    pub rtsps: bool,
    /// Where HTTP listens.
    pub http: bool,
    /// The names of certificate and key.
    pub certificate: bool,
    /// The UDP port toward clients.
    pub rtp_port: bool,
    /// Multicast groups.
    pub multicast: bool,
    /// How much is logged.
    pub log_level: bool,
}

/// What differs between two settings of one stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamDiff {
    /// Whatever the session with the camera depends on: it must be made anew.
    pub session: bool,
    /// It is another camera: what was learned of the old one is of no use.
    pub camera: bool,
    /// What viewers see while the camera is away.
    pub outage: bool,
    /// Whether it may be watched at all.
    pub enabled: bool,
    /// Anything else: it is asked for when it is needed.
    pub other: bool,
}

impl Diff {
    /// From the configuration in use to the one to come.
    pub fn between(before: &Config, after: &Config) -> Self {
        let is_new = |name: &&String| !before.streams.contains_key(*name);
        let is_gone = |name: &&String| !after.streams.contains_key(*name);
        let changed = after.streams.iter().filter_map(|(name, after)| {
            let diff = StreamDiff::between(before.streams.get(name)?, after);
            (diff != StreamDiff::default()).then(|| (name.clone(), diff))
        });
        let timeouts = |c: &Config| (c.client_timeout, c.request_timeout, c.write_timeout);
        let addresses = before.listen_address != after.listen_address;
        Self {
            added: after.streams.keys().filter(is_new).cloned().collect(),
            removed: before.streams.keys().filter(is_gone).cloned().collect(),
            changed: changed.collect(),
            logins: before.users != after.users
                || before.admin != after.admin
                || before.auth_methods != after.auth_methods,
            limits: before.limits != after.limits,
            timeouts: timeouts(before) != timeouts(after),
            rtsp: addresses || before.listen_port != after.listen_port,
            rtsps: addresses || before.rtsps_port != after.rtsps_port,
            http: before.http != after.http,
            certificate: before.tls != after.tls,
            rtp_port: addresses || before.rtp_port != after.rtp_port,
            multicast: before.multicast != after.multicast,
            log_level: before.log_level != after.log_level,
        }
    }

    /// Whether nothing is to be touched.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

impl StreamDiff {
    /// From the settings in use to those to come; equal ones give the default.
    pub fn between(before: &Stream, after: &Stream) -> Self {
        if before == after {
            return Self::default();
        }
        let camera = before.url.authority() != after.url.authority();
        let session = before.url != after.url
            || before.credentials != after.credentials
            || before.transport != after.transport
            || before.media != after.media
            || before.camera_tls != after.camera_tls;
        let outage = before.on_offline != after.on_offline
            || before.hold_timeout != after.hold_timeout
            || before.fallback != after.fallback;
        let enabled = before.enabled != after.enabled;
        Self { session, camera, outage, enabled, other: !(session || outage || enabled) }
    }
}

/// For the log: how many streams, and what else.
impl fmt::Display for Diff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (added, removed) = (self.added.len(), self.removed.len());
        let changed = self.changed.len();
        write!(f, "streams_added={added} streams_removed={removed} streams_changed={changed}")?;
        let rest = [
            ("logins", self.logins),
            ("limits", self.limits),
            ("timeouts", self.timeouts),
            ("rtsp", self.rtsp),
            ("rtsps", self.rtsps),
            ("http", self.http),
            ("certificate", self.certificate),
            ("rtp_port", self.rtp_port),
            ("multicast", self.multicast),
            ("log_level", self.log_level),
        ];
        let rest: Vec<_> =
            rest.iter().filter(|(_, differs)| *differs).map(|(name, _)| *name).collect();
        if !rest.is_empty() {
            write!(f, " changed={}", rest.join(","))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Sources, Surroundings, load_in};
    use super::*;

    fn config(set: &[(&str, &str)], streams: &[(&str, &str)]) -> Config {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let sources = Sources { set: pairs(set), streams: pairs(streams), ..Sources::default() };
        load_in(&sources, Surroundings::default()).unwrap().config
    }

    #[test]
    fn equal_configurations_differ_in_nothing() {
        let one = config(&[("max_clients", "3")], &[("a", "rtsp://c/1")]);
        let diff = Diff::between(&one, &one.clone());
        assert!(diff.is_empty());
        assert_eq!(diff.to_string(), "streams_added=0 streams_removed=0 streams_changed=0");
    }

    #[test]
    fn streams_that_come_go_and_change_are_named() {
        let before = config(&[], &[("a", "rtsp://c/1"), ("b", "rtsp://c/2"), ("c", "rtsp://c/3")]);
        let after = config(&[], &[("b", "rtsp://c/2"), ("c", "rtsp://d/3"), ("d", "rtsp://c/4")]);
        let diff = Diff::between(&before, &after);
        assert_eq!(
            (diff.added.as_slice(), diff.removed.as_slice()),
            (&["d".to_owned()][..], &["a".to_owned()][..])
        );
        let change = StreamDiff { session: true, camera: true, ..StreamDiff::default() };
        assert_eq!(diff.changed, [("c".to_owned(), change)]);
        assert_eq!(diff.to_string(), "streams_added=1 streams_removed=1 streams_changed=1");
    }

    #[test]
    fn each_setting_of_a_stream_touches_what_depends_on_it() {
        let url = [("a", "rtsp://c/1")];
        let before = config(&[], &url);
        let change = |key: &str, value: &str| {
            Diff::between(&before, &config(&[(key, value)], &url)).changed.pop().unwrap().1
        };
        assert!(change("transport", "udp").session && !change("transport", "udp").camera);
        assert!(change("on_offline", "hold").outage && !change("on_offline", "hold").session);
        assert!(change("hold_timeout_s", "5").outage);
        for key in
            ["retry_initial_ms", "gop_cache_kb", "max_clients_per_stream", "source_timeout_s"]
        {
            assert_eq!(
                change(key, "17"),
                StreamDiff { other: true, ..StreamDiff::default() },
                "{key}"
            );
        }
    }

    #[test]
    fn each_global_key_touches_what_depends_on_it() {
        let before = config(&[], &[]);
        let words = |key: &str, value: &str| {
            let text = Diff::between(&before, &config(&[(key, value)], &[])).to_string();
            text.split_once(" changed=").map(|(_, words)| words.to_owned()).unwrap_or_default()
        };
        for (key, value, touched) in [
            ("listen_port", "9000", "rtsp"),
            ("listen_address", "127.0.0.1", "rtsp,rtsps,rtp_port"),
            ("http_port", "9000", "http"),
            ("max_clients", "7", "limits"),
            ("max_memory_mb", "64", "limits"),
            ("client_timeout_s", "11", "timeouts"),
            ("auth_methods", "basic", "logins"),
            ("rtp_port", "6000", "rtp_port"),
            ("multicast_ttl", "2", "multicast"),
            ("log_level", "debug", "log_level"),
        ] {
            assert_eq!(words(key, value), touched, "{key}");
        }
    }
}
