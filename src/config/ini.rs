//! Reads `key=value` lines: global keys first, then any number of `[stream]` and `[user]`.
//!
//! A value is everything after the first `=`, without the blanks around it, and nothing in it is
//! special: `#`, `;`, `"` and `=` belong to it, since passwords hold them. So a comment needs a
//! line of its own, and no line continues on the next.

use std::sync::Arc;

use super::document::{Document, Entry, Format, Section, SectionKind, Value, trim};
use super::nearest::nearest;
use super::place::{Findings, Place, quoted};

/// Reads as much as can be understood; the rest is among the findings, a line each.
pub(super) fn read(text: &str, file: &Arc<str>, findings: &mut Findings) -> Document {
    let at = |line| Place::File { file: file.clone(), line };
    let mut sections =
        vec![Section { kind: SectionKind::Global, place: at(1), entries: Vec::new() }];
    // The keys below a header that nobody understands would only be misunderstood.
    let mut lost = false;

    for (index, line) in text.split('\n').enumerate() {
        let (line, place) = (trim(line), at(index + 1));
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(header) = line.strip_prefix('[') {
            match section_kind(header) {
                Ok(kind) => {
                    sections.push(Section { kind, place, entries: Vec::new() });
                    lost = false;
                }
                Err(message) => {
                    findings.error(&place, message);
                    lost = true;
                }
            }
            continue;
        }
        // The line is not shown when it is none: it may be the rest of a password.
        let Some((key, value)) = line.split_once('=') else {
            findings.error(&place, "expected key=value, [stream], [user] or a # comment");
            continue;
        };
        let key = trim(key);
        if key.is_empty() {
            findings.error(&place, "there is no key before the '='");
            continue;
        }
        if let (false, Some(section)) = (lost, sections.last_mut()) {
            let value = Value::Text(trim(value).to_owned());
            section.entries.push(Entry { key: key.to_owned(), value, place });
        }
    }
    Document { format: Format::Ini, sections }
}

/// What comes after the `[` of a header; a comment may follow it, since no secret can.
fn section_kind(header: &str) -> Result<SectionKind, String> {
    let Some((name, rest)) = header.split_once(']') else {
        return Err("a section's header must end with ']'".to_owned());
    };
    let rest = trim(rest);
    if !rest.is_empty() && !rest.starts_with(['#', ';']) {
        return Err(format!("nothing may follow [{}] on its line", name.escape_debug()));
    }
    match trim(name) {
        "stream" => Ok(SectionKind::Stream),
        "user" => Ok(SectionKind::User),
        "" => Err("there is no name in []; known are [stream] and [user]".to_owned()),
        "global" | "default" | "general" => Err(format!(
            "unknown section {}; global keys stand before the first section, without a header",
            quoted(trim(name))
        )),
        other => match nearest(other, ["stream", "user"]) {
            Some((close, true)) => {
                Err(format!("unknown section {}, did you mean [{close}]?", quoted(other)))
            }
            _ => Err(format!("unknown section {}; known are [stream] and [user]", quoted(other))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(text: &str) -> (Document, Vec<String>) {
        let mut findings = Findings::default();
        let document = read(text, &Arc::from("f"), &mut findings);
        let errors = findings.finish().err().unwrap_or_default();
        (document, errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_password_is_taken_as_it_is_written() {
        let (document, errors) = read_all("[stream]\r\n  password = a#b;c=\"d e\" \r\n");
        assert_eq!(errors, [""; 0]);
        let entry = &document.sections[1].entries[0];
        assert!(entry.key == "password" && entry.value == Value::Text("a#b;c=\"d e\"".into()));
        assert_eq!(entry.place.to_string(), "f:2");
    }

    #[test]
    fn a_line_that_is_no_setting_is_named_by_its_number_and_not_shown() {
        let (_, errors) = read_all("# ok\nhunter2\n=x\n[stream\n[user] x\n[user] # fine\n");
        assert_eq!(
            errors,
            [
                "f:2: expected key=value, [stream], [user] or a # comment",
                "f:3: there is no key before the '='",
                "f:4: a section's header must end with ']'",
                "f:5: nothing may follow [user] on its line",
            ]
        );
    }

    #[test]
    fn one_mistyped_header_is_one_error() {
        let (document, errors) = read_all("[streams]\nname=a\nrtsp_url=b\n[user]\nname=c\n");
        assert_eq!(errors, ["f:1: unknown section 'streams', did you mean [stream]?"]);
        assert_eq!(document.sections.len(), 2);
    }
}
