//! The manual page rtsp-relay.conf(5), made from the table of keys as the annotated configuration is.

use std::fmt::Write;

use super::keys::{self, KeyInfo, Scope};

const HEAD: &str = r#".\" Made from the table of keys; see src/config/manual.rs.
.TH RTSP\-RELAY.CONF 5 "" "rtsp\-relay" "File formats"
.SH NAME
rtsp\-relay.conf \- configuration of rtsp\-relay
.SH SYNOPSIS
.I /etc/rtsp\-relay.conf
.SH DESCRIPTION
What
.BR rtsp\-relay (8)
listens on, which cameras it may pull, who may watch, and its limits.
After a change,
.B rtsp\-relay \-\-check
says what the relay makes of it, or every error with its line.
.PP
A line is
.IR key = value ,
a section, or a comment, which begins with # or ; and needs a line of its own.
Values are taken literally: no quotes, nothing to escape.
Blanks around a value do not count, and a key without a value is a key that is not given, but for
.BR password .
Yes may be written yes, true, on or 1, and no as no, false, off or 0.
Lists are separated by commas.
.PP
The global keys come first, then one
.B [stream]
for each stream and one
.B [user]
for each viewer who logs in.
.PP
A file whose first character is a brace is JSON: an object of the same keys, with arrays named
.B streams
and
.BR users .
.PP
The file holds passwords: only root and the relay should be able to read it.
"#;

const TAIL: &str = r#".SH EXAMPLE
.nf
listen_port=8554
max_clients=16
client_username=family
client_password=watch me

[stream]
name=door
rtsp_url=rtsp://192.168.1.100:554/stream1
username=admin
password=p@ss:word
.fi
.SH FILES
.I /etc/rtsp\-relay.conf
as installed has every key as a comment, with its default.
.SH SEE ALSO
.BR rtsp\-relay (8)
"#;

/// The text of `docs/man/rtsp-relay.conf.5`.
pub fn manual() -> String {
    let mut out = String::from(HEAD);
    let mut heading = "";
    for key in keys::all() {
        let wanted = match key.scope {
            Scope::Global => "GLOBAL KEYS",
            Scope::GlobalAndStream => "KEYS OF A STREAM, OR DEFAULTS FOR ALL",
            Scope::Stream => "KEYS OF A STREAM",
            Scope::User => "KEYS OF A USER",
        };
        if heading != wanted {
            heading = wanted;
            let _ = writeln!(out, ".SH {heading}");
        }
        document(&mut out, &key);
    }
    out.push_str(TAIL);
    out
}

fn document(out: &mut String, key: &KeyInfo) {
    let _ = writeln!(out, ".TP\n.B {}", escaped(key.name));
    for paragraph in key.meaning.split('\n') {
        let _ = writeln!(out, "{}", escaped(paragraph.trim()));
    }
    let default = if key.default.is_empty() { "none" } else { key.default };
    let unit = if key.unit.is_empty() { String::new() } else { format!("; in {}", key.unit) };
    let _ = writeln!(out, ".br\nRange: {}{}.", escaped(&key.range), escaped(&unit));
    let _ = writeln!(out, ".br\nDefault: {}.", breakable(default));
    let _ = writeln!(out, ".br\nExample: {}={}", escaped(key.name), breakable(key.example));
}

/// `text` as it is, for roff: a minus and not a hyphen, and nothing at the beginning of a line
/// that would be a command.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    match text.chars().next() {
        Some('.' | '\'') => format!("\\&{text}"),
        _ => text,
    }
}

/// A value, which has no blanks: it may go on in the next line behind a comma, say.
fn breakable(value: &str) -> String {
    let value = escaped(value);
    [",", ":", "/"].iter().fold(value, |value, end| value.replace(end, &format!("{end}\\:")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_become_a_command_of_the_page() {
        assert_eq!(escaped(".so /etc/passwd"), "\\&.so /etc/passwd");
        assert_eq!(escaped("a-b\\c"), "a\\-b\\ec");
        assert!(manual().lines().all(|line| !line.trim().is_empty() || line.is_empty()));
    }
}
