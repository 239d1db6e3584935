//! Which path means what.

use super::page;
use super::request::Verb;

/// What a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/` and what the page loads.
    Asset(String),
    /// `/api/v1/status`.
    Status,
    /// `/api/v1/streams/NAME`.
    Stream(String),
    /// `POST /api/v1/streams/NAME/COMMAND`.
    Command(String, Command),
    /// `POST /api/v1/reload`.
    Reload,
    /// `/api/v1/events`.
    Events,
    /// `/api/v1/clients`.
    Clients,
    /// `/api/v1/clients/ID`, whatever stands there.
    Client(String),
    /// `/live/NAME.mp4`.
    Live(String),
    /// `/live/NAME`, for a WebSocket.
    Socket(String),
    /// `/snapshot/NAME.mp4`.
    Snapshot(String),
    /// `/metrics`.
    Metrics,
    /// `/healthz`.
    Health,
}

/// What a path with this name in it leads to.
type LeadsTo = fn(String) -> Route;

/// The paths, as docs/openapi.json writes them, and what they lead to; the first that fits counts.
/// A stream's name may have slashes.
const PATHS: [(&str, LeadsTo); 16] = [
    ("/healthz", |_| Route::Health),
    ("/metrics", |_| Route::Metrics),
    ("/api/v1/status", |_| Route::Status),
    ("/api/v1/events", |_| Route::Events),
    ("/api/v1/reload", |_| Route::Reload),
    ("/api/v1/clients", |_| Route::Clients),
    ("/api/v1/clients/{id}", Route::Client),
    ("/api/v1/streams/{name}/enable", |name| Route::Command(name, Command::Enable)),
    ("/api/v1/streams/{name}/disable", |name| Route::Command(name, Command::Disable)),
    ("/api/v1/streams/{name}/restart", |name| Route::Command(name, Command::Restart)),
    ("/api/v1/streams/{name}", Route::Stream),
    ("/live/{name}.mp4", Route::Live),
    ("/live/{name}", Route::Socket),
    ("/snapshot/{name}.mp4", Route::Snapshot),
    ("/", Route::Asset),
    ("/{file}", Route::Asset),
];

/// What stands in a path where the pattern has a name in braces; `None` when it does not fit.
fn fitting<'a>(pattern: &str, path: &'a str) -> Option<&'a str> {
    let pattern = pattern.strip_prefix('/')?;
    let Some((before, rest)) = pattern.split_once('{') else {
        return (pattern == path).then_some("");
    };
    let (what, after) = rest.split_once('}')?;
    let found = path.strip_prefix(before)?.strip_suffix(after)?;
    (what == "name" || !found.contains('/')).then_some(found)
}

/// What can be done to a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Enable,
    Disable,
    Restart,
}

impl Command {
    const ALL: [Self; 3] = [Self::Enable, Self::Disable, Self::Restart];

    /// As a path says it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enable => "enable",
            Self::Disable => "disable",
            Self::Restart => "restart",
        }
    }

    /// The command at the end of a path.
    pub(super) fn at_end(path: &str) -> Option<Self> {
        let (_, last) = path.rsplit_once('/')?;
        Self::ALL.into_iter().find(|command| command.name() == last)
    }
}

impl Route {
    /// The meaning of a path without the slash in front. A stream may be called like a command; what
    /// is not read is a command.
    pub(super) fn of(verb: Verb, path: &str) -> Option<Self> {
        let reads = matches!(verb, Verb::Get | Verb::Head);
        PATHS
            .into_iter()
            .filter_map(|(pattern, leads_to)| Some(leads_to(fitting(pattern, path)?.to_owned())))
            .find(|route| match route {
                Self::Command(..) => !reads,
                Self::Asset(name) => page::names().any(|known| known == name),
                _ => true,
            })
    }

    /// The meaning for a request that wants to go on with a WebSocket: a stream's name may end in
    /// `.mp4`.
    pub(super) fn upgraded(self) -> Self {
        match self {
            Self::Live(stream) => Self::Socket(stream + ".mp4"),
            other => other,
        }
    }

    /// The methods that make sense here.
    pub(super) fn verbs(&self) -> &'static [Verb] {
        match self {
            Self::Client(_) => &[Verb::Delete],
            Self::Socket(_) => &[Verb::Get],
            Self::Command(..) | Self::Reload => &[Verb::Post],
            _ => &[Verb::Get, Verb::Head],
        }
    }

    /// Whether it changes something: an administrator's matter.
    pub(super) fn changes(&self) -> bool {
        matches!(self, Self::Client(_) | Self::Command(..) | Self::Reload)
    }

    /// The stream that it is about; empty for none.
    pub(super) fn stream_name(&self) -> &str {
        match self {
            Self::Stream(name) | Self::Live(name) | Self::Socket(name) | Self::Snapshot(name) => {
                name
            }
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    fn document() -> Value {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/openapi.json");
        serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
    }

    #[test]
    fn the_files_of_the_page_are_described_and_no_other() {
        let document = document();
        let names = &document["paths"]["/{file}"]["parameters"][0]["schema"]["enum"];
        let described: BTreeSet<_> =
            names.as_array().unwrap().iter().flat_map(Value::as_str).collect();
        assert_eq!(described, page::names().filter(|name| !name.is_empty()).collect());
    }

    /// The paths of docs/openapi.json with the methods of each.
    fn described() -> BTreeMap<String, BTreeSet<String>> {
        let document = document();
        let verbs = |item: &Value| -> BTreeSet<String> {
            let known = Verb::ALL.map(|verb| verb.name().to_lowercase());
            let verbs = item.as_object().unwrap().keys().filter(|key| known.contains(key));
            verbs.map(|verb| verb.to_uppercase()).collect()
        };
        let paths = document["paths"].as_object().unwrap();
        paths.iter().map(|(path, item)| (path.clone(), verbs(item))).collect()
    }

    #[test]
    fn every_path_and_method_is_described_and_no_other() {
        let mut known = BTreeMap::new();
        for (pattern, leads_to) in PATHS {
            let verbs = leads_to(String::new()).verbs();
            let verbs = verbs.iter().map(|verb| verb.name().to_owned());
            known.insert(pattern.to_owned(), verbs.collect::<BTreeSet<_>>());
        }
        assert_eq!(described(), known);
        // What was found there is what the pattern leads to, by each of its methods.
        for (pattern, leads_to) in PATHS {
            let (found, before) = match pattern.split_once('{') {
                Some((_, rest)) if rest.starts_with("file") => ("page.js", rest),
                Some((_, rest)) => ("x", rest),
                None => ("", ""),
            };
            let name = before.split('}').next().unwrap_or_default();
            let path = pattern.replace(&format!("{{{name}}}"), found);
            let route = leads_to(found.to_owned());
            for verb in route.verbs() {
                assert_eq!(Route::of(*verb, &path[1..]), Some(route.clone()), "{path}");
            }
        }
    }

    #[test]
    fn names_with_slashes_are_found() {
        assert_eq!(Route::of(Verb::Get, "api/v1/streams/a/b"), Some(Route::Stream("a/b".into())));
        assert_eq!(Route::of(Verb::Get, ""), Some(Route::Asset(String::new())));
        assert_eq!(Route::of(Verb::Get, "api/v1/clients/17"), Some(Route::Client("17".into())));
        assert_eq!(Route::of(Verb::Get, "live/a/b.mp4"), Some(Route::Live("a/b".into())));
        assert_eq!(Route::of(Verb::Get, "live/a.b"), Some(Route::Socket("a.b".into())));
        let upgraded = Route::of(Verb::Get, "live/a.mp4").map(Route::upgraded);
        assert_eq!(upgraded, Some(Route::Socket("a.mp4".into())));
        assert_eq!(Route::of(Verb::Get, "snapshot/a/b.mp4"), Some(Route::Snapshot("a/b".into())));
        for none in [
            "snapshot/a",
            "snapshot/",
            "api/v1",
            "api/v2/status",
            "api/v1/clients/1/2",
            "nothing.js",
            "../etc/passwd",
        ] {
            assert_eq!(Route::of(Verb::Get, none), None, "{none}");
        }
    }

    #[test]
    fn a_stream_called_like_a_command_can_be_looked_at() {
        let path = "api/v1/streams/a/restart";
        assert_eq!(Route::of(Verb::Get, path), Some(Route::Stream("a/restart".into())));
        let command = Route::Command("a".into(), Command::Restart);
        assert_eq!(Route::of(Verb::Post, path), Some(command.clone()));
        assert!(command.changes());
        let path = "api/v1/streams/a/restart/restart";
        let command = Route::Command("a/restart".into(), Command::Restart);
        assert_eq!(Route::of(Verb::Post, path), Some(command));
    }

    #[test]
    fn what_changes_something_cannot_be_asked_for_with_get() {
        let route = Route::of(Verb::Get, "api/v1/clients/1").unwrap();
        assert!(route.changes() && !route.verbs().contains(&Verb::Get));
    }
}
