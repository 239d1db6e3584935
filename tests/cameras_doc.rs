//! docs/cameras.md promises a test for each oddity of a camera: the tests must be there.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Rows there are at least; fewer mean that the tables are not found any more.
const LEAST_ROWS: usize = 50;

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The names of all tests below a folder.
fn tests_below(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            tests_below(&path, names);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            for part in text.split("#[test]").skip(1) {
                let name = part.split_once("fn ").map(|(_, rest)| rest);
                names.extend(name.and_then(|rest| rest.split('(').next()).map(str::to_owned));
            }
        }
    }
}

#[test]
fn each_oddity_of_a_camera_names_tests_that_exist() {
    let mut names = BTreeSet::new();
    for folder in ["rtsp-proto/src", "src", "tests"] {
        tests_below(&project(folder), &mut names);
    }
    let document = fs::read_to_string(project("docs/cameras.md")).unwrap();
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in document.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let &[camera, _, tests] = &cells[..] else { panic!("not three cells: {line}") };
        if camera == "the camera" {
            continue;
        }
        rows += 1;
        let named: Vec<_> = tests.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            wrong.push(format!("{camera}: names no test"));
        }
        let missing = named.iter().filter(|name| !names.contains(**name));
        wrong.extend(missing.map(|name| format!("{camera}: no test {name}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows >= LEAST_ROWS, "{rows} rows");
}
