//! Reads the same keys as JSON: an object with the arrays `streams` and `users`.
//!
//! serde_json's values know no lines, so only their raw text is asked for, level by level: it is
//! borrowed from the source, and the distance from the source's start is its position.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::document::{Document, Entry, Format, Section, SectionKind, Value};
use super::place::{Findings, Place, quoted};

/// Reads the whole; after an error of JSON's syntax there is nothing to read, and `None`.
pub(super) fn read(text: &str, file: &Arc<str>, findings: &mut Findings) -> Option<Document> {
    let line_ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at);
    let mut reader = Reader { text, line_ends: line_ends.collect(), file, findings };
    match serde_json::from_str::<Object<'_>>(text) {
        Ok(object) => Some(reader.document(object)),
        Err(error) => {
            reader.syntax_error(&error, None);
            None
        }
    }
}

struct Reader<'r, 'a> {
    text: &'a str,
    /// Offsets of the line feeds.
    line_ends: Vec<usize>,
    file: &'r Arc<str>,
    findings: &'r mut Findings,
}

impl<'a> Reader<'_, 'a> {
    fn document(&mut self, object: Object<'a>) -> Document {
        let mut global =
            Section { kind: SectionKind::Global, place: self.place(1), entries: Vec::new() };
        let mut sections = Vec::new();
        let mut seen: Vec<(SectionKind, Place)> = Vec::new();
        for Member { key, at, raw } in object.0 {
            let place = self.place(self.line_of(at));
            let kind = match &*key {
                "streams" => SectionKind::Stream,
                "users" => SectionKind::User,
                _ => {
                    self.entry(&mut global, key, raw, place);
                    continue;
                }
            };
            if let Some((_, first)) = seen.iter().find(|(earlier, _)| *earlier == kind) {
                let message = format!("'{key}' is given twice, first at {first}");
                self.findings.error(&place, message);
                continue;
            }
            self.sections(kind, &key, raw, &place, &mut sections);
            seen.push((kind, place));
        }
        sections.insert(0, global);
        Document { format: Format::Json, sections }
    }

    /// The objects of `streams` or `users`.
    fn sections(
        &mut self,
        kind: SectionKind,
        key: &str,
        raw: &'a RawValue,
        place: &Place,
        sections: &mut Vec<Section>,
    ) {
        if Shape::of(raw) != Shape::Array {
            return self.findings.error(place, format!("{key} must be an array of objects"));
        }
        let Some(elements) = self.parse::<Vec<&RawValue>>(raw) else { return };
        for element in elements {
            let place = self.place(self.line_of(element.get()));
            if Shape::of(element) != Shape::Object {
                self.findings.error(&place, format!("{key} must be an array of objects"));
                continue;
            }
            let Some(object) = self.parse::<Object<'_>>(element) else { continue };
            let mut section = Section { kind, place, entries: Vec::new() };
            for Member { key, at, raw } in object.0 {
                let place = self.place(self.line_of(at));
                self.entry(&mut section, key, raw, place);
            }
            sections.push(section);
        }
    }

    fn entry(&mut self, section: &mut Section, key: Cow<'a, str>, raw: &'a RawValue, place: Place) {
        let value = match Shape::of(raw) {
            Shape::Text => self.parse::<String>(raw).map(Value::Text),
            Shape::Number => Some(Value::Number(raw.get().to_owned())),
            Shape::Boolean => Some(Value::Boolean(raw.get() == "true")),
            Shape::Array => self.list(&key, raw),
            Shape::Null => {
                let message = format!("{} must not be null; leave the key out", quoted(&key));
                self.findings.error(&place, message);
                None
            }
            Shape::Object => {
                self.findings.error(&place, format!("{} must not be an object", quoted(&key)));
                None
            }
        };
        let value = value.unwrap_or(Value::Unusable);
        section.entries.push(Entry { key: key.into_owned(), value, place });
    }

    fn list(&mut self, key: &str, raw: &'a RawValue) -> Option<Value> {
        let elements = self.parse::<Vec<&RawValue>>(raw)?;
        let mut items = Vec::with_capacity(elements.len());
        for element in elements {
            match Shape::of(element) {
                Shape::Text => items.push(self.parse::<String>(element)?),
                Shape::Number => items.push(element.get().to_owned()),
                _ => {
                    let place = self.place(self.line_of(element.get()));
                    let message = format!("{} must be an array of texts", quoted(key));
                    self.findings.error(&place, message);
                    return None;
                }
            }
        }
        Some(Value::List(items))
    }

    /// The outer pass has seen brackets and commas only; what it skipped may still be wrong
    /// inside, half a surrogate pair for example.
    fn parse<T: Deserialize<'a>>(&mut self, raw: &'a RawValue) -> Option<T> {
        let first_line = self.line_of(raw.get());
        serde_json::from_str(raw.get())
            .map_err(|error| self.syntax_error(&error, Some(first_line)))
            .ok()
    }

    /// `first_line` is that of the part that was read; `None` for the whole.
    fn syntax_error(&mut self, error: &serde_json::Error, first_line: Option<usize>) {
        let text = error.to_string();
        let what = text.rsplit_once(" at line ").map_or(text.as_str(), |(what, _)| what);
        let line = error.line().max(1);
        let (line, column) = match first_line {
            None => (line, format!(" (column {})", error.column())),
            Some(first) => (first + line - 1, String::new()),
        };
        let place = self.place(line);
        self.findings.error(&place, format!("not JSON: {what}{column}"));
    }

    /// The line that `part`, a slice of the source, begins in.
    fn line_of(&self, part: &str) -> usize {
        let offset = (part.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        1 + self.line_ends.partition_point(|end| *end < offset)
    }

    fn place(&self, line: usize) -> Place {
        Place::File { file: self.file.clone(), line }
    }
}

/// What a value is, by its first byte: JSON needs no more.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Text,
    Number,
    Boolean,
    Null,
    Array,
    Object,
}

impl Shape {
    fn of(raw: &RawValue) -> Self {
        match raw.get().as_bytes().first() {
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') => Self::Null,
            Some(b'[') => Self::Array,
            Some(b'{') => Self::Object,
            _ => Self::Number,
        }
    }
}

/// The members of an object in their order, doubles included.
struct Object<'a>(Vec<Member<'a>>);

struct Member<'a> {
    key: Cow<'a, str>,
    /// Begins where the key does if that is borrowed from the source, as it is without escapes;
    /// else where the value does.
    at: &'a str,
    raw: &'a RawValue,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some(KeyText(key)) = map.next_key()? {
                    let raw: &RawValue = map.next_value()?;
                    let at = if let Cow::Borrowed(key) = key { key } else { raw.get() };
                    members.push(Member { key, at, raw });
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// A key, borrowed where it can be. (`Cow` itself is always owned when it is deserialized.)
struct KeyText<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for KeyText<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = KeyText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<KeyText<'de>, E> {
                Ok(KeyText(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<KeyText<'de>, E> {
                Ok(KeyText(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> (Vec<String>, Vec<String>) {
        let mut findings = Findings::default();
        let document = read(text, &Arc::from("f"), &mut findings);
        let sections = document.map(|document| document.sections).unwrap_or_default();
        let entries = sections.iter().flat_map(|section| {
            let kind = section.kind;
            section
                .entries
                .iter()
                .map(move |entry| format!("{} {kind:?} {}", entry.place, entry.key))
        });
        let entries = entries.collect();
        let errors = findings.finish().err().unwrap_or_default();
        (entries, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_key_knows_its_line() {
        let text = "{\n \"streams\": [\n  {\"name\": \"a\",\n\"rtsp_url\":\n\"b\"}\n ],\n\n \"max\\u005fclients\": 3 }";
        let (entries, errors) = read_all(text);
        assert_eq!(errors, [""; 0]);
        assert_eq!(entries, ["f:8 Global max_clients", "f:3 Stream name", "f:4 Stream rtsp_url"]);
    }

    #[test]
    fn a_slip_of_syntax_is_named_with_its_line() {
        for (text, error) in [
            ("{\n\"a\": 1,\n}", "f:3: not JSON: trailing comma (column 1)"),
            ("{\n\"a\": 1\n\"b\": 2}", "f:3: not JSON: expected `,` or `}` (column 1)"),
            (
                "{\n\"a\": \"x\n\"}",
                "f:2: not JSON: control character (\\u0000-\\u001F) found while parsing a string (column 7)",
            ),
            ("{\"a\": 1}\n}", "f:2: not JSON: trailing characters (column 1)"),
            ("{\n\"a\": [1,", "f:2: not JSON: EOF while parsing a value (column 8)"),
            ("{\n\n\"a\": \"\\ud800\"}", "f:3: not JSON: unexpected end of hex escape"),
        ] {
            assert_eq!(read_all(text).1, [error], "{text}");
        }
    }

    #[test]
    fn what_has_the_wrong_shape_is_named_and_the_rest_still_read() {
        let (entries, errors) = read_all(
            "{\"streams\": {},\n\"users\": [1,\n{\"name\": null}],\n\"a\": {},\n\"b\": [[]],\n\"streams\": [],\n\"c\": 1}",
        );
        assert_eq!(entries, ["f:4 Global a", "f:5 Global b", "f:7 Global c", "f:3 User name"]);
        assert_eq!(
            errors,
            [
                "f:1: streams must be an array of objects",
                "f:2: users must be an array of objects",
                "f:3: 'name' must not be null; leave the key out",
                "f:4: 'a' must not be an object",
                "f:5: 'b' must be an array of texts",
                "f:6: 'streams' is given twice, first at f:1",
            ]
        );
    }
}
