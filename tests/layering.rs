//! The layers of `docs/architecture.md`, held: imports point strictly down, protocols stay away
//! from sockets, and no file grows into a jumble.
#![allow(clippy::panic, reason = "the helpers are tests too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// From top to bottom. A module may use those of lower rows, not those of its own.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli", "daemon"],
    &["server", "web", "probe"],
    &["source", "access", "clients"],
    &["media"],
    &["limits", "events"],
    &["net", "config", "current", "stats", "logging", "entropy", "drill", "service", "core_dump"],
    &["tls", "system_error"],
];

/// What may not occur in a layer's code, and why.
const STRANGERS: &[(&str, &[&str], &str)] = &[
    (
        "src/media",
        &["TcpStream", "TcpListener", "UdpSocket", "socket2", "rustix::net"],
        "media knows no sockets",
    ),
    ("src/net", &["rtsp_proto"], "net knows no RTSP"),
    ("src/tls", &["TcpStream", "UdpSocket", "rtsp_proto"], "tls knows neither sockets nor RTSP"),
    (
        "rtsp-proto/src",
        &["TcpStream", "UdpSocket", "std::thread", "SystemTime::now", "Instant::now"],
        "rtsp-proto has no sockets, no threads and no clock",
    ),
];

const MAX_LINES: usize = 500;

#[test]
fn imports_point_strictly_down() {
    let mut wrong = Vec::new();
    for file in rust_files("src") {
        let module = module_of(&file);
        let Some(&top) = module.first().map(String::as_str).as_ref() else { continue };
        let Some(rank) = rank(top) else {
            wrong.push(format!("{}: in no layer: give it one in LAYERS", file.display()));
            continue;
        };
        for used in used_modules(&code(&file), &module) {
            if used != top && self::rank(&used).is_some_and(|below| below <= rank) {
                wrong.push(format!("{}: {top} uses {used}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "imports that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn each_layer_keeps_away_from_what_is_not_its_business() {
    let mut wrong = Vec::new();
    for (folder, words, rule) in STRANGERS {
        // Tests and fuzz bodies play the caller, who has a clock.
        let only_tests = |file: &Path| {
            let inside = file.strip_prefix(project(folder)).unwrap_or(file);
            inside.iter().any(|part| part == "tests" || part == "fuzz")
        };
        for file in rust_files(folder).into_iter().filter(|file| !only_tests(file)) {
            let code = code(&file);
            for word in words.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{}: {word}: {rule}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_a_jumble() {
    let mut long = Vec::new();
    for file in ["src", "rtsp-proto/src"].iter().flat_map(|folder| rust_files(folder)) {
        let lines = read(&file).lines().count();
        if lines > MAX_LINES {
            long.push(format!("{}: {lines} lines", file.display()));
        }
    }
    assert!(long.is_empty(), "more than {MAX_LINES} lines; split by noun:\n{}", long.join("\n"));
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let code = "use crate::{media::{self, hub::Hub}, config, stats::{A, B}};\n\
                pub(in crate::source) fn f() { crate::net::g(); super::super::web::h(); }\n\
                use super::sibling; use other_crate::log; pub(crate) use self::log;";
    let module = ["server".to_owned(), "session".to_owned()];
    let used: Vec<_> = used_modules(code, &module).into_iter().collect();
    assert_eq!(used, ["config", "media", "net", "server", "source", "stats", "web"]);
}

#[test]
fn comments_and_tests_do_not_count() {
    let text = "use crate::net; // not crate::web\n/// [`crate::source`]\nfn f() {}\n\
                #[cfg(test)]\nmod tests { use crate::daemon; }\n";
    assert_eq!(without_comments_and_tests(text).trim(), "use crate::net; \n\nfn f() {}");
}

fn rank(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// `src/media/hub.rs` is `["media", "hub"]`; `lib.rs` is nothing.
fn module_of(file: &Path) -> Vec<String> {
    let path = file.strip_prefix(project("src")).expect("a file of src").with_extension("");
    let mut names: Vec<_> = path.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if names.last().is_some_and(|name| name == "mod" || name == "lib") {
        names.pop();
    }
    names
}

/// The top-level modules of this crate that `code`, which stands in `module`, names.
fn used_modules(code: &str, module: &[String]) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, keyword) in code.match_indices("crate::").chain(code.match_indices("rtsp_relay::")) {
        if starts_a_word(code, at) {
            used.extend(heads(&code[at + keyword.len()..]));
        }
    }
    for (at, _) in code.match_indices("super::").filter(|(at, _)| !code[..*at].ends_with("super::"))
    {
        let rest = code[at..].trim_start_matches("super::");
        let levels = (code.len() - at - rest.len()) / "super::".len();
        if let Some(parents) = module.len().checked_sub(levels).filter(|_| starts_a_word(code, at))
        {
            match module.first().filter(|_| parents > 0) {
                Some(top) => used.extend([top.clone()]),
                None => used.extend(heads(rest)),
            }
        }
    }
    used
}

fn starts_a_word(code: &str, at: usize) -> bool {
    !code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// The first names of a path: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn heads(path: &str) -> Vec<String> {
    let path = path.trim_start();
    let Some(group) = path.strip_prefix('{') else {
        let end = path.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(path.len());
        return vec![path[..end].to_owned()];
    };
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                found.extend(heads(&group[start..at]).into_iter().filter(|name| !name.is_empty()));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found
}

fn code(file: &Path) -> String {
    without_comments_and_tests(&read(file))
}

/// Cuts comments off each line, and the unit tests off the end.
fn without_comments_and_tests(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines: Vec<_> =
        text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect();
    lines.join("\n")
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// All `.rs` files below a folder of the project; none when there is no such folder.
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![project(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}
