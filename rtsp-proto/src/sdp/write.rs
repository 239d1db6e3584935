//! Descriptions to text.

use std::{borrow::Cow, fmt::Write};

use super::{Attribute, SessionDescription, connection};

impl SessionDescription {
    /// The text by the rules of [RFC 8866 section 5]: the lines in their order, CRLF ends, `-`
    /// for an empty name, a connection for every media description.
    ///
    /// Line ends inside a value are taken out, so that no value becomes a line.
    ///
    /// [RFC 8866 section 5]: https://www.rfc-editor.org/rfc/rfc8866#section-5
    pub fn encode(&self) -> String {
        let mut text = String::with_capacity(2048);
        line(&mut text, 'v', "0");
        line(&mut text, 'o', &self.origin.clone().unwrap_or_default().to_string());
        line(&mut text, 's', if self.name.is_empty() { "-" } else { &self.name });
        match &self.connection {
            Some(value) => line(&mut text, 'c', value),
            None if self.media.iter().any(|media| media.connection.is_none()) => {
                line(&mut text, 'c', connection::ANY);
            }
            None => {}
        }
        line(&mut text, 't', "0 0");
        attributes(&mut text, &self.attributes);
        for media in &self.media {
            let formats = media.formats.join(" ");
            let value = format!("{} {} {} {formats}", media.kind, media.port, media.protocol);
            line(&mut text, 'm', &value);
            if let Some(value) = &media.connection {
                line(&mut text, 'c', value);
            }
            for value in &media.bandwidth {
                line(&mut text, 'b', value);
            }
            attributes(&mut text, &media.attributes);
        }
        text
    }
}

fn attributes(text: &mut String, attributes: &[Attribute]) {
    for attribute in attributes {
        match &attribute.value {
            Some(value) => line(text, 'a', &format!("{}:{value}", attribute.name)),
            None => line(text, 'a', &attribute.name),
        }
    }
}

fn line(text: &mut String, kind: char, value: &str) {
    // Writing to a String cannot fail.
    let _ = write!(text, "{kind}={}\r\n", clean(value));
}

fn clean(value: &str) -> Cow<'_, str> {
    let breaks = |c: char| matches!(c, '\r' | '\n' | '\0');
    if value.contains(breaks) {
        Cow::Owned(value.replace(breaks, ""))
    } else {
        Cow::Borrowed(value)
    }
}
