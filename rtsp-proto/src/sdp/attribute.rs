//! `a=` lines.

/// An attribute, of a session or of a media description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name, a token.
    pub name: String,
    /// What follows the colon; `None` without one.
    pub value: Option<String>,
}

impl Attribute {
    /// `a=name`
    pub fn flag(name: impl Into<String>) -> Self {
        Self { name: name.into(), value: None }
    }

    /// `a=name:value`
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: Some(value.into()) }
    }

    /// Reads what follows `a=`; blanks around name and value are no part of them. `None` when
    /// the name is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, value) = match text.split_once(':') {
            Some((name, value)) => (name, Some(value.trim().to_owned())),
            None => (text, None),
        };
        let name = name.trim();
        is_token(name).then(|| Self { name: name.to_owned(), value })
    }
}

/// Which way media flow, from the side that wrote the description ([RFC 8866 section 6.7]).
///
/// In RTSP it says little: cameras write `recvonly`, meaning that the client receives, and some
/// write `sendonly` on everything.
///
/// [RFC 8866 section 6.7]: https://www.rfc-editor.org/rfc/rfc8866#section-6.7
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// `sendrecv`, and when nothing is said.
    #[default]
    SendRecv,
    /// `sendonly`: the client sends, the camera plays (a back channel).
    SendOnly,
    /// `recvonly`: the client receives.
    RecvOnly,
    /// `inactive`
    Inactive,
}

impl Direction {
    pub(super) fn of(attributes: &[Attribute]) -> Option<Self> {
        attributes.iter().find_map(|attribute| {
            let named = [
                ("sendrecv", Self::SendRecv),
                ("sendonly", Self::SendOnly),
                ("recvonly", Self::RecvOnly),
                ("inactive", Self::Inactive),
            ];
            named
                .into_iter()
                .find(|(name, _)| attribute.name.eq_ignore_ascii_case(name))
                .map(|(_, direction)| direction)
        })
    }
}

/// The characters of a token ([RFC 8866 section 9]).
///
/// [RFC 8866 section 9]: https://www.rfc-editor.org/rfc/rfc8866#section-9
pub(super) fn is_token(text: &str) -> bool {
    let is_token_char =
        |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_token_char)
}

pub(super) fn find<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    named(attributes, name).next()
}

/// The values of all attributes of this name, in any case.
pub(super) fn named<'a>(attributes: &'a [Attribute], name: &str) -> impl Iterator<Item = &'a str> {
    attributes
        .iter()
        .filter(move |attribute| attribute.name.eq_ignore_ascii_case(name))
        .map(|attribute| attribute.value.as_deref().unwrap_or_default())
}

pub(super) fn control(attributes: &[Attribute]) -> Option<&str> {
    named(attributes, "control").find(|value| !value.is_empty())
}
