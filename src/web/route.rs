//! Which path means what.

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
    /// `/api/v1/clients`.
    Clients,
    /// `/api/v1/clients/ID`.
    Client(u64),
    /// `/metrics`.
    Metrics,
    /// `/healthz`.
    Health,
}

impl Route {
    /// The meaning of a path without the slash in front.
    pub(super) fn of(path: &str) -> Option<Self> {
        let route = match path {
            "healthz" => Self::Health,
            "metrics" => Self::Metrics,
            "api/v1/status" => Self::Status,
            "api/v1/clients" => Self::Clients,
            _ => {
                if let Some(stream) = path.strip_prefix("api/v1/streams/") {
                    Self::Stream(stream.to_owned())
                } else if let Some(id) = path.strip_prefix("api/v1/clients/") {
                    Self::Client(id.parse().ok()?)
                } else if path.contains('/') {
                    return None;
                } else {
                    Self::Asset(path.to_owned())
                }
            }
        };
        Some(route)
    }

    /// The methods that make sense here.
    pub(super) fn verbs(&self) -> &'static [Verb] {
        match self {
            Self::Client(_) => &[Verb::Delete],
            _ => &[Verb::Get, Verb::Head],
        }
    }

    /// Whether it changes something: an administrator's matter.
    pub(super) fn changes(&self) -> bool {
        matches!(self, Self::Client(_))
    }

    /// The stream that it is about; empty for none.
    pub(super) fn stream_name(&self) -> &str {
        match self {
            Self::Stream(name) => name,
            _ => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_slashes_are_found() {
        assert_eq!(Route::of("api/v1/streams/a/b"), Some(Route::Stream("a/b".into())));
        assert_eq!(Route::of(""), Some(Route::Asset(String::new())));
        assert_eq!(Route::of("api/v1/clients/17"), Some(Route::Client(17)));
        for none in ["api/v1", "api/v2/status", "api/v1/clients/x", "../etc/passwd"] {
            assert_eq!(Route::of(none), None, "{none}");
        }
    }

    #[test]
    fn what_changes_something_cannot_be_asked_for_with_get() {
        let route = Route::of("api/v1/clients/1").unwrap();
        assert!(route.changes() && !route.verbs().contains(&Verb::Get));
    }
}
