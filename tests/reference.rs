//! `docs/reference.md` says what the relay answers and counts, all of it, and nothing that is not so.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test's helpers are tests too")]

use rtsp_relay_testing as support;
use rtsp_relay_testing::sim;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use sim::{Camera, Options};
use support::{Program, Relay, RtspClient, free_port, project, wait_until};

const PAGE: &str = "docs/reference.md";
const SOON: Duration = Duration::from_secs(20);

/// What stands between a comment and the end of its table.
fn section(comment: &str) -> String {
    let page = fs::read_to_string(project(PAGE)).unwrap();
    let (_, rest) = page.split_once(&format!("<!-- {comment} -->\n")).expect(comment);
    rest.split_once("<!-- end -->").expect(comment).0.to_owned()
}

/// The first cells of its rows.
fn first_cells(comment: &str) -> Vec<String> {
    let section = section(comment);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| "));
    rows.skip(1).map(|row| row.split(" |").next().unwrap().to_owned()).collect()
}

/// The words in backquotes of these cells.
fn quoted(cells: &[String]) -> BTreeSet<String> {
    cells.iter().flat_map(|cell| cell.split('`').skip(1).step_by(2).map(str::to_owned)).collect()
}

fn documented_codes(comment: &str) -> BTreeSet<u16> {
    let cells = first_cells(comment);
    cells.iter().flat_map(|cell| cell.split(", ")).map(|code| code.parse().unwrap()).collect()
}

/// The program's text below these places, without its tests.
fn code(places: &[&str]) -> String {
    let mut text = String::new();
    for place in places {
        read(&project(place), &mut text);
    }
    text
}

fn read(place: &Path, text: &mut String) {
    if place.is_dir() {
        for entry in fs::read_dir(place).unwrap() {
            read(&entry.unwrap().path(), text);
        }
    } else if place.extension().is_some_and(|end| end == "rs") && !place.ends_with("tests.rs") {
        let whole = fs::read_to_string(place).unwrap();
        text.push_str(whole.split("#[cfg(test)]").next().unwrap());
    }
}

/// The numbers of three digits directly behind `before` and directly before `after`.
fn numbers_between(text: &str, before: &str, after: &str) -> BTreeSet<u16> {
    let behind = text.split(before).skip(1).map(str::trim_start);
    let numbers = behind.filter_map(|rest| rest.get(..3).filter(|_| rest[3..].starts_with(after)));
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// The codes of the constants of `StatusCode` in this text.
fn named_codes(text: &str) -> BTreeSet<u16> {
    let names = fs::read_to_string(project("rtsp-proto/src/status.rs")).unwrap();
    let code_of = |name: &str| -> u16 {
        let row = names.lines().find(|line| line.trim().starts_with(&format!("{name} ")));
        row.unwrap().split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let named = text.split("StatusCode::").skip(1).map(|rest| {
        rest.split(|c: char| !c.is_ascii_uppercase() && c != '_').next().unwrap().to_owned()
    });
    named.filter(|name| name.len() > 1).map(|name| code_of(&name)).collect()
}

/// What viewers are answered when a stream cannot be had. `is_busy` asks what the camera answered.
fn offline() -> String {
    let text = code(&["src/source/offline.rs"]);
    text.split_once("pub fn status(").unwrap().1.to_owned()
}

#[test]
fn every_answer_over_rtsp_is_documented() {
    // By the server itself, when a stream cannot be had, and when a request cannot be read.
    let text = code(&["src/server", "rtsp-proto/src/decoder/error.rs"]) + &offline();
    let given = named_codes(&text);
    assert!(given.len() > 20, "{given:?}");
    assert_eq!(documented_codes("codes: rtsp"), given);
}

#[test]
fn every_answer_over_http_is_documented() {
    let text = code(&["src/web"]);
    let mut given = BTreeSet::new();
    for maker in ["message(", "HttpResponse::new(", "Self::new(", "head("] {
        given.extend(numbers_between(&text, maker, ","));
    }
    given.extend(numbers_between(&code(&["src/web/request.rs"]), "=> ", ","));
    // Of the live view.
    given.extend(numbers_between(&code(&["src/web/live/farewell.rs"]), "(", ","));
    given.extend(named_codes(&offline()));
    assert!(given.len() > 8, "{given:?}");
    assert_eq!(documented_codes("codes: http"), given);
}

#[test]
fn every_path_is_documented_and_every_documented_path_is_there() {
    let documented = quoted(&first_cells("paths"));
    let text = fs::read_to_string(project("docs/openapi.json")).unwrap();
    let description: Value = serde_json::from_str(&text).unwrap();
    let mut described = BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        let path = path.replace("{name}", "NAME").replace("{id}", "ID");
        // HEAD is as GET, and the page's files are for the page.
        let verbs = ["get", "post", "delete"].into_iter().filter(|verb| item.get(verb).is_some());
        let lines = verbs.map(|verb| format!("{} {path}", verb.to_uppercase()));
        described.extend(lines.filter(|line| line != "GET /{file}"));
    }
    assert_eq!(documented, described, "{PAGE} and docs/openapi.json");

    let house = House::new();
    for line in documented {
        let (method, path) = line.split_once(' ').unwrap();
        let path = path.replace("NAME", "door").replace("ID", "4294967295");
        let (status, answer) = house.ask(method, &path);
        assert_ne!(status, 0, "{line}: no answer");
        assert!(!answer.contains("nothing is here"), "{line}: {answer}");
        assert_ne!(status, 405, "{line}: {answer}");
    }
}

/// Made of what a running relay says: `UPDATE_REFERENCE=1 cargo test --test reference`.
#[test]
fn every_metric_is_documented() {
    let house = House::new();
    let _viewer = house.watch();
    let (_, metrics) = house.ask("GET", "/metrics");
    let mut table = String::from("| metric | kind | |\n|---|---|---|\n");
    let mut helps = metrics.lines().filter_map(|line| line.strip_prefix("# HELP "));
    let kinds = metrics.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for kind in kinds {
        let (name, help) = helps.next().unwrap().split_once(' ').unwrap();
        let kind = kind.strip_prefix(name).unwrap().trim();
        // Some are there only when they have been measured; their names say what they are of.
        let of = if name.starts_with("rtsp_relay_stream_") { " {stream}" } else { "" };
        table.push_str(&format!("| `{name}`{of} | {kind} | {help} |\n"));
    }
    let old = section("metrics");
    if std::env::var_os("UPDATE_REFERENCE").is_some() {
        let page = fs::read_to_string(project(PAGE)).unwrap();
        let (old, new) = (format!("<!-- metrics -->\n{old}"), format!("<!-- metrics -->\n{table}"));
        fs::write(project(PAGE), page.replace(&old, &new)).unwrap();
    } else {
        assert_eq!(old, table, "{PAGE} is not what /metrics says");
    }
    let of_refusals = metrics.lines().filter_map(|line| line.split_once("{reason=\""));
    let reasons: BTreeSet<String> =
        of_refusals.map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).collect();
    assert_eq!(quoted(&first_cells("reasons")), reasons);
}

#[test]
fn every_field_of_a_stream_is_documented() {
    let house = House::new();
    let _viewer = house.watch();
    let (_, stream) = house.ask("GET", "/api/v1/streams/door");
    let stream: Value = serde_json::from_str(&stream).unwrap();
    let fields: BTreeSet<String> = stream.as_object().unwrap().keys().cloned().collect();
    assert_eq!(quoted(&first_cells("fields")), fields);
}

/// With the port of this relay; its administrator is that of the page.
#[test]
fn the_commands_of_the_page_work() {
    let page = fs::read_to_string(project(PAGE)).unwrap();
    let (_, rest) = page.split_once("```sh admin\n").unwrap();
    let (commands, _) = rest.split_once("```").unwrap();
    let house = House::new();
    let here = commands.replace("localhost:8080", &format!("127.0.0.1:{}", house.port));
    assert_ne!(here, commands);
    let finished = Program::run(Command::new("bash").args(["-e", "-c", &here]), SOON);
    let finished = finished.expect_ok(commands);
    assert!(finished.stdout.contains("\"name\":\"door\""), "{}", finished.stdout);
}

/// A camera, and a relay with HTTP and an administrator.
struct House {
    _camera: Camera,
    relay: Relay,
    port: u16,
}

impl House {
    fn new() -> Self {
        let camera = Camera::start(Options::default()).unwrap();
        let port = free_port();
        let relay = Relay::start(&format!(
            "http_port={port}\nadmin_username=operator\nadmin_password=battery staple\n\
             [stream]\nname=door\nrtsp_url={}\n",
            camera.url("main")
        ));
        Self { _camera: camera, relay, port }
    }

    /// The status and what was said in two seconds: some answers have no end.
    fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--anyauth", "--user", "operator:battery staple"]);
        curl.args(["--max-time", "2"]);
        curl.args(["--write-out", "\n%{http_code}", "--request", method]);
        curl.arg(format!("http://127.0.0.1:{}{path}", self.port));
        let said = Program::run(&mut curl, SOON).stdout;
        let (body, status) = said.trim_end().rsplit_once('\n').unwrap_or(("", said.trim()));
        (status.parse().unwrap_or(0), body.to_owned())
    }

    /// Somebody who watches, when the stream has been measured.
    fn watch(&self) -> RtspClient {
        let viewer = RtspClient::watch(&self.relay.url("door")).unwrap();
        let measured = || {
            let (_, metrics) = self.ask("GET", "/metrics");
            metrics.contains("rtsp_relay_stream_rate_bytes_per_second{")
        };
        assert!(wait_until(SOON, measured), "{:?}", self.relay.log());
        viewer
    }
}
