//! The methods of RTSP 1.0 and 2.0.

use std::fmt;

/// A request method ([RFC 2326 section 10], [RFC 7826 section 13]); names are case-sensitive.
///
/// [RFC 2326 section 10]: https://www.rfc-editor.org/rfc/rfc2326#section-10
/// [RFC 7826 section 13]: https://www.rfc-editor.org/rfc/rfc7826#section-13
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "the names are the standard's own")]
pub enum Method {
    Options,
    Describe,
    Announce,
    Setup,
    Play,
    Pause,
    Record,
    Redirect,
    Teardown,
    GetParameter,
    SetParameter,
    PlayNotify,
    /// Any other token.
    Other(String),
}

impl Method {
    const NAMED: [(Self, &'static str); 12] = [
        (Self::Options, "OPTIONS"),
        (Self::Describe, "DESCRIBE"),
        (Self::Announce, "ANNOUNCE"),
        (Self::Setup, "SETUP"),
        (Self::Play, "PLAY"),
        (Self::Pause, "PAUSE"),
        (Self::Record, "RECORD"),
        (Self::Redirect, "REDIRECT"),
        (Self::Teardown, "TEARDOWN"),
        (Self::GetParameter, "GET_PARAMETER"),
        (Self::SetParameter, "SET_PARAMETER"),
        (Self::PlayNotify, "PLAY_NOTIFY"),
    ];

    /// The method of this name; an unknown name is [`Method::Other`].
    pub fn from_name(name: &str) -> Self {
        Self::NAMED
            .iter()
            .find(|(_, known)| *known == name)
            .map_or_else(|| Self::Other(name.to_owned()), |(method, _)| method.clone())
    }

    /// The name as it stands in a request line.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            known => {
                Self::NAMED.iter().find(|(method, _)| method == known).map_or("", |(_, name)| name)
            }
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_methods_are_one_to_one() {
        for (method, name) in Method::NAMED {
            assert_eq!(Method::from_name(name), method);
            assert_eq!(method.as_str(), name);
        }
        assert_eq!(Method::from_name("play"), Method::Other("play".into()));
    }
}
