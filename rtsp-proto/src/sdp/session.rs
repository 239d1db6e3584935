//! A whole session description.

use std::fmt::Write;

use super::{MediaDescription, Origin, on_one_line};

/// A session description ([RFC 8866 section 5]).
///
/// [RFC 8866 section 5]: https://www.rfc-editor.org/rfc/rfc8866#section-5
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionDescription {
    /// `o=`; `None` when it is missing or cannot be read.
    pub origin: Option<Origin>,
    /// `s=`; empty when it is missing.
    pub name: String,
    /// The value of `c=`.
    pub connection: Option<String>,
    /// The `a=` lines before the first `m=`.
    pub attributes: Vec<Attribute>,
    /// The media descriptions, in order.
    pub media: Vec<MediaDescription>,
}

/// One `a=` line: `name` or `name:value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The name.
    pub name: String,
    /// What stands behind the colon; `None` without one.
    pub value: Option<String>,
}

impl Attribute {
    pub(super) fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((name, value)) => {
                Self { name: name.trim().to_owned(), value: Some(value.trim().to_owned()) }
            }
            None => Self { name: text.trim().to_owned(), value: None },
        }
    }
}

impl SessionDescription {
    /// The control attribute of the session; `None` when it is missing or empty.
    pub fn control(&self) -> Option<&str> {
        self.attribute("control").map(str::trim).filter(|value| !value.is_empty())
    }

    /// The value of the session's first attribute of this name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        attribute(&self.attributes, name)
    }

    /// The text, with all lines that [RFC 8866 section 9] wants, in its order, ended by CRLF.
    ///
    /// [RFC 8866 section 9]: https://www.rfc-editor.org/rfc/rfc8866#section-9
    pub fn encode(&self) -> String {
        let mut out = String::from("v=0\r\n");
        match &self.origin {
            Some(origin) => {
                let _ = write!(out, "o={origin}\r\n");
            }
            None => out.push_str("o=- 0 0 IN IP4 0.0.0.0\r\n"),
        }
        let name = on_one_line(&self.name);
        // Section 5.3: the line must be there and must not be empty.
        let _ = write!(out, "s={}\r\n", if name.is_empty() { "-" } else { &name });
        if let Some(connection) = &self.connection {
            let _ = write!(out, "c={}\r\n", on_one_line(connection));
        }
        out.push_str("t=0 0\r\n");
        write_attributes(&self.attributes, &mut out);
        for media in &self.media {
            media.write(&mut out);
        }
        out
    }
}

pub(super) fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Option<&'a str> {
    attributes
        .iter()
        .filter(|attribute| attribute.name.eq_ignore_ascii_case(name))
        .find_map(|attribute| attribute.value.as_deref())
}

pub(super) fn write_attributes(attributes: &[Attribute], out: &mut String) {
    for Attribute { name, value } in attributes {
        let _ = match value {
            Some(value) => write!(out, "a={}:{}\r\n", on_one_line(name), on_one_line(value)),
            None => write!(out, "a={}\r\n", on_one_line(name)),
        };
    }
}
