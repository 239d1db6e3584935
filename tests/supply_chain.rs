//! What is linked in: where it comes from, under which licence, with how much `unsafe`, and that the bill
//! of materials in the package says so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Between these, `UPDATE_REFERENCE=1 cargo test --test supply_chain` writes the table.
const TABLE: (&str, &str) = ("<!-- unsafe: begin -->\n", "<!-- unsafe: end -->\n");

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(project(path)).unwrap()
}

fn output(command: &mut Command) -> String {
    let output = command.current_dir(project("")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn bill() -> String {
    output(
        Command::new(project("debian/sbom"))
            .env("CARGO", env!("CARGO"))
            .env("SOURCE_DATE_EPOCH", "1700000000"),
    )
}

/// Name and version of what is in the bill, but for the relay itself.
fn components() -> Vec<Value> {
    let bill: Value = serde_json::from_str(&bill()).unwrap();
    bill["components"].as_array().unwrap().clone()
}

#[test]
fn the_bill_of_materials_is_whole_and_the_same_each_time() {
    let text = bill();
    assert_eq!(text, bill());
    let bill: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&bill["bomFormat"], &bill["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(bill["metadata"]["timestamp"], "2023-11-14T22:13:20Z");
    let known: BTreeSet<_> = components()
        .iter()
        .chain([&bill["metadata"]["component"]])
        .map(|component| component["bom-ref"].as_str().unwrap().to_owned())
        .collect();
    assert!(known.len() > 20, "{known:?}");
    for component in components() {
        let own = component["name"] == "rtsp-proto";
        let hash = component["hashes"][0]["content"].as_str().is_some_and(|hash| hash.len() == 64);
        assert!(own || hash, "{component}");
    }
    let dependencies = bill["dependencies"].as_array().unwrap();
    assert_eq!(dependencies.len(), known.len());
    for dependency in dependencies {
        assert!(known.contains(dependency["ref"].as_str().unwrap()), "{dependency}");
        for needed in dependency["dependsOn"].as_array().unwrap() {
            assert!(known.contains(needed.as_str().unwrap()), "{dependency}");
        }
    }
    // What the manifest asks for is there; what only tests need is not.
    let has = |name: &str| known.iter().any(|one| one.contains(&format!("/{name}@")));
    assert!(has("rustls") && has("zeroize") && !has("proptest") && !has("rcgen"));
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let rules = read(".deny.toml");
    let allow = rules.split("allow = [").nth(1).unwrap().split(']').next().unwrap();
    let allowed: BTreeSet<_> = allow.split(',').map(|name| name.trim().trim_matches('"')).collect();
    for component in components() {
        let expression = component["licenses"][0]["expression"].as_str().unwrap();
        let any = |part: &str| {
            part.split(" OR ").any(|one| allowed.contains(one.trim_matches(['(', ')'])))
        };
        assert!(expression.split(" AND ").all(any), "{component}");
    }
}

#[test]
fn everything_comes_from_the_one_registry_with_a_checksum() {
    let lock = read("Cargo.lock");
    let mut sources = BTreeSet::new();
    for package in lock.split("[[package]]").skip(1) {
        let names = ["rtsp-relay", "rtsp-proto", "rtsp-relay-testing"];
        let own = names.iter().any(|name| package.contains(&format!("name = \"{name}\"")));
        let source = package.lines().find_map(|line| line.strip_prefix("source = \"registry+"));
        assert_eq!(source.is_some() && package.contains("checksum = \""), !own, "{package}");
        sources.extend(source);
    }
    assert_eq!(sources.len(), 1, "{sources:?}");
}

/// How often the word stands in the code of a crate, comments and its tests left out.
fn count_unsafe(folder: &Path) -> usize {
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !["tests", "benches", "examples"].iter().any(|skip| name == *skip) {
            count += count_unsafe(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
            let words =
                code.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_'));
            count += words.filter(|word| *word == "unsafe").count();
        }
    }
    count
}

#[test]
fn the_documentation_says_how_much_of_each_crate_is_unsafe() {
    let metadata =
        output(Command::new(env!("CARGO")).args(["metadata", "--locked", "--format-version", "1"]));
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let folders: BTreeMap<_, _> = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|package| {
            let text = |key: &str| package[key].as_str().unwrap().to_owned();
            let folder = Path::new(&text("manifest_path")).parent().unwrap().to_owned();
            ((text("name"), text("version")), folder)
        })
        .collect();
    let mut rows = String::from("| crate | `unsafe` |\n|---|---|\n");
    for component in components() {
        let text = |key: &str| component[key].as_str().unwrap().to_owned();
        let folder = &folders[&(text("name"), text("version"))];
        rows += &format!(
            "| {} {} | {} |\n",
            text("name"),
            text("version"),
            count_unsafe(&folder.join("src"))
        );
    }
    assert!(rows.contains("| rtsp-proto 0.1.0 | 0 |"), "{rows}");
    assert_eq!(count_unsafe(&project("src")), 0);
    let documented = read("docs/dependencies.md");
    let (before, rest) = documented.split_once(TABLE.0).unwrap();
    let (table, after) = rest.split_once(TABLE.1).unwrap();
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let text = format!("{before}{}{rows}{}{after}", TABLE.0, TABLE.1);
        fs::write(project("docs/dependencies.md"), text).unwrap();
    } else {
        assert_eq!(table, rows, "run UPDATE_REFERENCE=1 cargo test --test supply_chain");
    }
}
