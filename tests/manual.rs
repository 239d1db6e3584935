//! What a user looks up: the manual pages and the completion say what the program does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use rtsp_relay::cli::HELP;
use rtsp_relay::config::{keys, manual};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Made like the shipped configuration, and in the same way: `UPDATE_REFERENCE=1`.
#[test]
fn the_manual_documents_every_key() {
    let path = repository("docs/man/rtsp-relay.conf.5");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        fs::write(&path, manual()).unwrap();
    }
    let page = fs::read_to_string(&path).unwrap();
    assert_eq!(page, manual(), "docs/man/rtsp-relay.conf.5 is not what the table of keys says");
    for key in keys::all() {
        let heading = format!("\n.TP\n.B {}\n", key.name);
        assert!(page.contains(&heading), "{}", key.name);
    }
}

/// The options of the help are those of the manual and of the completion.
#[test]
fn every_option_stands_in_the_manual_and_is_completed() {
    let page = fs::read_to_string(repository("docs/man/rtsp-relay.8")).unwrap();
    let page = ["\\fR", "\\fB"].iter().fold(page, |page, font| page.replace(font, " "));
    let page = page.replace("\\-", "-").replace("\\~", " ");
    let described: BTreeSet<&str> = page
        .lines()
        .filter(|line| line.starts_with(".B"))
        .flat_map(|line| line.split([' ', ',']))
        .filter(|word| word.starts_with('-'))
        .collect();
    let completion = fs::read_to_string(repository("etc/bash-completion/rtsp-relay")).unwrap();
    let words = HELP.split(|c: char| c.is_whitespace() || "[]|,=".contains(c));
    let options: BTreeSet<&str> =
        words.map(|word| word.trim_matches('(')).filter(|word| word.starts_with('-')).collect();
    assert!(options.len() > 12, "{options:?}");
    for option in options {
        assert!(described.contains(option), "{option} is not in the manual: {described:?}");
        let long = option.starts_with("--");
        assert!(!long || completion.contains(option), "{option} is not completed");
    }
}

/// What stands in the manual is what a reader sees: man complains about what it cannot set.
#[test]
fn the_manual_pages_are_well_formed() {
    for page in ["rtsp-relay.8", "rtsp-relay.conf.5"] {
        let run = Command::new("man")
            .args(["--warnings=all", "--local-file", "--pager=cat"])
            .arg(repository("docs/man").join(page))
            // Wide enough for a fingerprint, which cannot be broken.
            .envs([("MANWIDTH", "100"), ("LC_ALL", "C.UTF-8")])
            .output()
            .expect("man is installed by tests/tools/install");
        let complaints = String::from_utf8_lossy(&run.stderr);
        assert!(run.status.success() && complaints.is_empty(), "{page}: {complaints}");
        let text = String::from_utf8_lossy(&run.stdout);
        assert!(text.contains("DESCRIPTION") && text.lines().count() > 60, "{page}:\n{text}");
    }
}

/// Who reports a fault names one version: of the program, of the package and of the changelog.
#[test]
fn there_is_one_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = fs::read_to_string(repository("CHANGELOG.md")).unwrap();
    let headings = changelog.lines().filter_map(|line| line.strip_prefix("## ["));
    let mut released = headings.filter(|heading| !heading.starts_with("Unreleased]"));
    assert!(released.next().is_some_and(|heading| heading.starts_with(&format!("{version}] - "))));
    let package = fs::read_to_string(repository("debian/changelog")).unwrap();
    assert!(package.starts_with(&format!("rtsp-relay ({version}) ")), "debian/changelog");
}
