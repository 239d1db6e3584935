//! The table of keys: what may stand in a configuration, where, and what it means.
//!
//! This one table reads and checks the values, fills in the defaults, finds the key that a
//! mistyped one was meant to be, prints the configuration, and is the text of the annotated
//! configuration that is shipped. A key exists when it stands here, and only then.

mod global;
mod shared;
mod stream;
mod user;

pub(super) use global::GLOBAL;
pub(super) use shared::SHARED;
pub(super) use stream::STREAM;
pub(super) use user::USER;

use super::document::{SectionKind, Value};
use super::rules::{Rule, Shown};

/// A key of a section that is read into a `T`.
pub(super) struct Key<T: 'static> {
    pub(super) name: &'static str,
    /// The heading it stands under in the reference.
    pub(super) group: &'static str,
    pub(super) field: &'static dyn Field<T>,
    /// As it would be written; empty when there is none.
    pub(super) default: &'static str,
    /// Of the number; empty where there is none.
    pub(super) unit: &'static str,
    /// A value other than the default, as it would be written.
    pub(super) example: &'static str,
    /// One or more sentences.
    pub(super) meaning: &'static str,
}

/// One value within a `T`, with its rule.
pub(super) trait Field<T>: Sync {
    /// Reads `value` into `target`. An error follows the key's name: "must be …".
    fn set(&self, target: &mut T, value: &Value) -> Result<(), String>;
    /// The value within `target`, which stays as it is.
    fn show(&self, target: &mut T) -> Shown;
    /// What may be given, in a few words.
    fn range(&self) -> String;
}

/// Joins a rule to the place of its value.
struct At<T, R: Rule> {
    rule: R,
    place: fn(&mut T) -> &mut R::Value,
}

impl<T, R: Rule> Field<T> for At<T, R> {
    fn set(&self, target: &mut T, value: &Value) -> Result<(), String> {
        *(self.place)(target) = self.rule.read(value)?;
        Ok(())
    }

    fn show(&self, target: &mut T) -> Shown {
        self.rule.show((self.place)(target))
    }

    fn range(&self) -> String {
        self.rule.range()
    }
}

/// Where a key may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Before the first section, or with `--set`.
    Global,
    /// There, for all streams, and in each `[stream]`.
    GlobalAndStream,
    /// In a `[stream]`.
    Stream,
    /// In a `[user]`.
    User,
}

impl Scope {
    /// Whether the key may stand in a section of this kind.
    pub(super) fn covers(self, section: SectionKind) -> bool {
        match section {
            SectionKind::Global => matches!(self, Self::Global | Self::GlobalAndStream),
            SectionKind::Stream => matches!(self, Self::Stream | Self::GlobalAndStream),
            SectionKind::User => self == Self::User,
        }
    }
}

/// What the table says of one key, for whoever documents it.
#[derive(Clone, Debug)]
pub struct KeyInfo {
    /// As it is written, in INI and in JSON.
    pub name: &'static str,
    /// Where it may stand.
    pub scope: Scope,
    /// The heading it belongs under.
    pub group: &'static str,
    /// As it would be written; empty when there is none.
    pub default: &'static str,
    /// Of a number; empty where there is none.
    pub unit: &'static str,
    /// What may be given, in a few words.
    pub range: String,
    /// A value other than the default.
    pub example: &'static str,
    /// One or more sentences.
    pub meaning: &'static str,
}

/// All keys in the order of the reference; `name`, `password` and `allow` stand twice, with the
/// scopes of streams and of users.
pub fn all() -> Vec<KeyInfo> {
    let mut all = infos(GLOBAL, Scope::Global);
    all.extend(infos(SHARED, Scope::GlobalAndStream));
    all.extend(infos(STREAM, Scope::Stream));
    all.extend(infos(USER, Scope::User));
    all
}

fn infos<T>(keys: &[Key<T>], scope: Scope) -> Vec<KeyInfo> {
    let info = |key: &Key<T>| KeyInfo {
        name: key.name,
        scope,
        group: key.group,
        default: key.default,
        unit: key.unit,
        range: key.field.range(),
        example: key.example,
        meaning: key.meaning,
    };
    keys.iter().map(info).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::draft::{GlobalDraft, SharedDraft, StreamDraft, UserDraft};

    /// Defaults and examples are read by the rule they stand beside, and read back as written.
    fn check<T: Default>(keys: &[Key<T>]) {
        for key in keys {
            for text in [key.default, key.example].into_iter().filter(|text| !text.is_empty()) {
                let mut draft = T::default();
                let set = key.field.set(&mut draft, &Value::Text(text.into()));
                assert_eq!(set, Ok(()), "{}={text}", key.name);
                match key.field.show(&mut draft) {
                    Shown::Value(shown) => assert_eq!(shown, text, "{}", key.name),
                    Shown::Secret(shown) => assert!(!shown.contains(text), "{}", key.name),
                    Shown::Unset => panic!("{}={text} was lost", key.name),
                }
            }
            assert!(!key.example.is_empty(), "{} has no example", key.name);
            assert_ne!(key.default, key.example, "the example of {} shows nothing", key.name);
            assert!(!key.meaning.is_empty() && key.meaning.ends_with('.'), "{}", key.name);
            let unit = ["_s", "_ms", "_kb", "_mb", "_kbps", "_percent"];
            let has_unit = unit.iter().any(|unit| key.name.ends_with(unit));
            assert_eq!(has_unit, !key.unit.is_empty(), "the unit of {}", key.name);
        }
    }

    #[test]
    fn the_table_keeps_its_own_rules() {
        check::<GlobalDraft>(GLOBAL);
        check::<SharedDraft>(SHARED);
        check::<StreamDraft>(STREAM);
        check::<UserDraft>(USER);
    }

    #[test]
    fn a_key_means_one_thing_in_one_place() {
        for section in [SectionKind::Global, SectionKind::Stream, SectionKind::User] {
            let mut names: Vec<_> =
                all().iter().filter(|key| key.scope.covers(section)).map(|key| key.name).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count, "{section:?}");
        }
    }

    #[test]
    fn the_promised_keys_are_there_with_the_promised_defaults() {
        let promised = "listen_address=0.0.0.0,:: listen_port=8554 rtsps_port=0 tls_certificate= \
             tls_key= rtp_port=0 multicast_range=239.255.42.0/24 multicast_port=5004 \
             multicast_ttl=1 multicast_interface= http_address=127.0.0.1 http_port=0 \
             max_clients=16 max_clients_per_ip=0 max_memory_mb=512 max_cpu_percent=80 \
             max_camera_connections=8 client_timeout_s=60 request_timeout_s=10 \
             write_timeout_s=10 client_username= client_password= auth_methods=digest \
             admin_username= admin_password= log_level=info transport=auto \
             source_start_timeout_s=10 source_timeout_s=10 source_idle_timeout_s=5 \
             retry_initial_ms=500 retry_max_ms=30000 retry_max_attempts=0 \
             on_offline=disconnect hold_timeout_s=0 instant_start=yes gop_cache_kb=16384 \
             max_bandwidth_kbps=0 max_egress_kbps=0 max_clients_per_stream=0 name= rtsp_url= \
             camera_id= username= password= password_file= fallback= multicast=no media=all \
             tls_fingerprint= tls_insecure=no allow= enabled=yes name= password= \
             password_hash= streams= allow=";
        let table: Vec<String> =
            all().iter().map(|key| format!("{}={}", key.name, key.default)).collect();
        assert_eq!(table, promised.split_whitespace().collect::<Vec<_>>());
    }
}
