//! The annotated configuration, made from the table of keys: it is the reference.

use std::fmt::Write;

use super::keys::{self, KeyInfo, Scope};

/// Comments are wrapped to fit a terminal.
const WIDTH: usize = 80;

const HEAD: &str = "\
Configuration of rtsp-relay, and the reference of its keys.

Every key stands here as a comment, with its default. To change one, take away its # and put \
your value behind the =. Then ask what the relay makes of it:

    rtsp-relay --check

and restart the relay:

    systemctl restart rtsp-relay

A line is key=value, a section, or a comment. Values are taken literally: no quotes, nothing to \
escape, and a comment needs a line of its own, since a # may belong to a password. Blanks around \
a value do not count, and a key without a value is a key that is not given, but for password. \
Yes may be written yes, true, on or 1, and no as no, false, off or 0. Lists are separated by \
commas. The global keys come first, then one [stream] for each stream and one [user] for each \
viewer who logs in.

The same keys may be written as JSON, with arrays named streams and users; a file that begins \
with a brace is read as JSON.

This file will hold passwords: only root and the relay should be able to read it.";

const SHARED: &str = "\
The keys from here to the first section are the defaults of all streams; each of them may stand \
in a [stream] too, for that stream alone.";

const STREAM: &str = "\
One section for each stream. Copy these lines, take away the #, and fill them in; without a \
login, leave the last two away. Below them, every key that may stand in a [stream], beside those \
under \"the defaults of all streams\".";

const USER: &str = "\
One section for each viewer who logs in. Without any, and without client_username, everybody \
may watch everything.";

/// The text of the configuration that is shipped, `etc/rtsp-relay.conf`.
pub fn reference() -> String {
    let mut out = String::new();
    comment(&mut out, HEAD);
    let mut group = "";
    let mut scope = Scope::Global;
    for key in keys::all() {
        if key.group != group {
            out.push('\n');
            let _ = writeln!(out, "# {:-<1$}", format!("{} ", key.group), WIDTH - 2);
            group = key.group;
        }
        if key.scope != scope {
            scope = key.scope;
            out.push('\n');
            introduce(&mut out, scope);
        }
        document(&mut out, &key);
    }
    out
}

fn introduce(out: &mut String, scope: Scope) {
    match scope {
        Scope::Global => {}
        Scope::GlobalAndStream => comment(out, SHARED),
        Scope::Stream => {
            comment(out, STREAM);
            out.push_str(
                "\n#[stream]\n#name=door\n#rtsp_url=rtsp://192.168.1.100:554/stream1\n\
                 #username=admin\n#password=secret\n",
            );
        }
        Scope::User => {
            comment(out, USER);
            out.push_str("\n#[user]\n#name=alice\n#password=open sesame\n");
        }
    }
}

/// Meaning, unit, range, default and example of a key, and the key itself as a comment.
fn document(out: &mut String, key: &KeyInfo) {
    out.push('\n');
    comment(out, key.meaning);
    let default = if key.default.is_empty() { "none" } else { key.default };
    let facts = [
        ("Unit", key.unit),
        ("Range", key.range.as_str()),
        ("Default", default),
        ("Example", &format!("{}={}", key.name, key.example)),
    ];
    for (name, fact) in facts.into_iter().filter(|(_, fact)| !fact.is_empty()) {
        let _ = writeln!(out, "#   {:9}{fact}", format!("{name}:"));
    }
    let _ = writeln!(out, "#{}={}", key.name, key.default);
}

/// `text` as comment lines. Lines with a margin are kept as they are.
fn comment(out: &mut String, text: &str) {
    for paragraph in text.split('\n') {
        if paragraph.is_empty() || paragraph.starts_with(' ') {
            let _ = writeln!(out, "{}", format!("# {paragraph}").trim_end());
            continue;
        }
        let mut line = String::from("#");
        for word in paragraph.split(' ') {
            if line.len() + 1 + word.len() > WIDTH {
                let _ = writeln!(out, "{line}");
                line.truncate(1);
            }
            line.push(' ');
            line.push_str(word);
        }
        let _ = writeln!(out, "{line}");
    }
}
