//! `docs/openapi.json`, and answers held against it.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::answer::Answer;
use crate::support::project;

/// The methods that OpenAPI 3.1 has.
const VERBS: [&str; 8] = ["get", "head", "post", "delete", "put", "patch", "options", "trace"];
/// The keywords of JSON Schema that are looked at here, or say nothing of a value.
const KEYWORDS: [&str; 12] = [
    "$ref",
    "additionalProperties",
    "anyOf",
    "description",
    "enum",
    "format",
    "items",
    "maximum",
    "minimum",
    "properties",
    "required",
    "type",
];

/// The description of the API.
pub(super) struct Description(Value);

impl Description {
    pub(super) fn read() -> Self {
        let text = std::fs::read_to_string(project("docs/openapi.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    fn paths(&self) -> &Map<String, Value> {
        self.0["paths"].as_object().unwrap()
    }

    /// The paths as they are written there.
    pub(super) fn templates(&self) -> impl Iterator<Item = &str> {
        self.paths().keys().map(String::as_str)
    }

    /// The methods of a path.
    pub(super) fn verbs(&self, template: &str) -> BTreeSet<String> {
        let item = self.paths()[template].as_object().unwrap();
        let verbs = item.keys().filter(|key| VERBS.contains(&key.as_str()));
        verbs.map(|verb| verb.to_uppercase()).collect()
    }

    /// Each method with each path, such as `GET /metrics`.
    pub(super) fn operations(&self) -> BTreeSet<String> {
        let of = |template| {
            let verbs = self.verbs(template).into_iter();
            verbs.map(move |verb| format!("{verb} {template}"))
        };
        self.templates().flat_map(of).collect()
    }

    /// The status codes of an operation, or of a method that its path does not have.
    pub(super) fn statuses(&self, verb: &str, template: &str) -> BTreeSet<u16> {
        let codes = self.answers(verb, template).keys();
        codes.map(|code| code.parse().unwrap()).collect()
    }

    fn answers(&self, verb: &str, template: &str) -> &Map<String, Value> {
        let item = &self.paths()[template];
        let operation = item.get(verb.to_lowercase()).unwrap_or(&item["x-other-methods"]);
        operation["responses"].as_object().unwrap()
    }

    /// The path there that a request's path is one of: of those that fit, the one that says most.
    pub(super) fn template(&self, path: &str) -> Option<&str> {
        let fits = |template: &&str| match template.split_once('{') {
            None => *template == path,
            Some((before, rest)) => {
                let (what, after) = rest.split_once('}').unwrap();
                let found = path.strip_prefix(before).and_then(|found| found.strip_suffix(after));
                found.is_some_and(|found| match what {
                    "name" => true,
                    "file" => self.files().any(|file| file == found),
                    _ => !found.contains('/'),
                })
            }
        };
        let said =
            |template: &&str| template.split(['{', '}']).step_by(2).map(str::len).sum::<usize>();
        self.templates().filter(fits).max_by_key(said)
    }

    /// The files of the page.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let names = &self.paths()["/{file}"]["parameters"][0]["schema"]["enum"];
        names.as_array().unwrap().iter().filter_map(Value::as_str)
    }

    /// What is wrong with an answer to a request for this path.
    pub(super) fn flaw(&self, verb: &str, path: &str, answer: &Answer) -> Option<String> {
        let Some(template) = self.template(path) else {
            // Bytes that cannot be read come before paths that are not there.
            let known = [400, 404, 413, 431, 501, 505].contains(&answer.status);
            return (!known).then(|| format!("{} where nothing is", answer.status));
        };
        let answers = self.answers(verb, template);
        let Some(known) = answers.get(&answer.status.to_string()) else {
            return Some(format!("{} is not documented", answer.status));
        };
        let known = self.resolved(known);
        let headers = known["headers"].as_object().into_iter().flatten();
        for (name, header) in headers.filter(|(_, header)| header["required"] == true) {
            let Some(value) = answer.header(&name.to_lowercase()) else {
                return Some(format!("no {name}: {}", header["description"]));
            };
            let is_number = header["schema"]["type"] == "integer";
            if is_number && value.parse::<u64>().is_err() {
                return Some(format!("{name} is no number: {value}"));
            }
        }
        if verb == "HEAD" {
            let body = answer.text();
            return (!body.is_empty()).then(|| format!("HEAD has a body: {body}"));
        }
        let content = known["content"].as_object()?;
        let kind = answer.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default();
        let Some(known) = content.get(kind) else {
            return Some(format!("the content is {kind}"));
        };
        match serde_json::from_str(&answer.text()) {
            _ if kind != "application/json" => None,
            Ok(value) => self.flaw_of(&known["schema"], &value),
            Err(error) => Some(format!("it is no JSON: {error}")),
        }
    }

    /// What is wrong with the data of an event of this name.
    pub(super) fn flaw_of_event(&self, name: &str, data: &Value) -> Option<String> {
        let kinds =
            "/paths/~1api~1v1~1events/get/responses/200/content/text~1event-stream/schema/anyOf";
        let kinds = self.0.pointer(kinds).and_then(Value::as_array).unwrap();
        let kind = kinds.iter().find(|kind| kind["properties"]["event"]["const"] == name);
        let Some(kind) = kind else { return Some(format!("{name} is not documented")) };
        self.flaw_of(&kind["properties"]["data"]["contentSchema"], data)
    }

    fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(name) => self.0.pointer(name.trim_start_matches('#')).expect(name),
            None => value,
        }
    }

    /// What is wrong with a value, as far as the schemas of the document go.
    fn flaw_of(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolved(schema);
        let mut keywords = schema.as_object().expect("a schema").keys();
        if let Some(unknown) = keywords.find(|keyword| !KEYWORDS.contains(&keyword.as_str())) {
            return Some(format!("this test does not know the keyword {unknown}"));
        }
        if let Some(any) = schema["anyOf"].as_array() {
            let flaws: Option<Vec<_>> = any.iter().map(|one| self.flaw_of(one, value)).collect();
            return flaws.map(|flaws| flaws.join("; "));
        }
        let kind = match value {
            Value::Null => "null",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_u64() => "integer",
            Value::Number(_) => "number",
            Value::String(_) => "string",
            Value::Array(_) => "array",
            Value::Object(_) => "object",
        };
        let fits = |known: &Value| known == kind || known == "number" && kind == "integer";
        let is_one = match &schema["type"] {
            Value::Array(kinds) => kinds.iter().any(fits),
            known => fits(known),
        };
        let in_list = schema["enum"].as_array().is_none_or(|known| known.contains(value));
        let number = value.as_f64();
        let bound = |name: &str| number.zip(schema[name].as_f64());
        let in_range = bound("minimum").is_none_or(|(number, least)| number >= least)
            && bound("maximum").is_none_or(|(number, most)| number <= most);
        let is_date = |text: &str| text.len() >= 20 && text.ends_with('Z') && &text[10..11] == "T";
        let in_form = match schema["format"].as_str() {
            Some("date-time") => value.as_str().is_none_or(is_date),
            other => other.is_none(),
        };
        if !(is_one && in_list && in_range && in_form) {
            return Some(format!("{value} is not of {schema}"));
        }
        if let Some(items) = value.as_array() {
            return items.iter().find_map(|item| self.flaw_of(&schema["items"], item));
        }
        let fields = value.as_object()?;
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required.filter_map(Value::as_str) {
            if !fields.contains_key(name) {
                return Some(format!("{name} is missing in {value}"));
            }
        }
        fields.iter().find_map(|(name, value)| {
            let other = &schema["additionalProperties"];
            match schema["properties"].get(name) {
                Some(schema) => self.flaw_of(schema, value),
                None if other.is_object() => self.flaw_of(other, value),
                None => Some(format!("{name} is not documented")),
            }
        })
    }
}

#[test]
fn a_path_is_found_in_the_description_as_the_relay_finds_it() {
    let description = Description::read();
    for (path, template) in [
        ("/", Some("/")),
        ("/page.js", Some("/{file}")),
        ("/nothing.js", None),
        ("/metrics", Some("/metrics")),
        ("/api/v1/streams/a/b", Some("/api/v1/streams/{name}")),
        ("/api/v1/streams/a/b/enable", Some("/api/v1/streams/{name}/enable")),
        ("/api/v1/streams/enable", Some("/api/v1/streams/{name}")),
        ("/api/v1/clients/1", Some("/api/v1/clients/{id}")),
        ("/api/v1/clients/1/2", None),
        ("/live/a/b.mp4", Some("/live/{name}.mp4")),
        ("/live/a/b", Some("/live/{name}")),
        ("/snapshot/a", None),
    ] {
        assert_eq!(description.template(path), template, "{path}");
    }
}

#[test]
fn what_is_not_as_described_is_found() {
    let description = Description::read();
    let reload =
        |data: &str| description.flaw_of_event("reload", &serde_json::from_str(data).unwrap());
    assert_eq!(reload(r#"{"taken":true,"at":"2026-01-02T03:04:05.678Z"}"#), None);
    for wrong in [
        r#"{"taken":true}"#,
        r#"{"taken":1,"at":"2026-01-02T03:04:05.678Z"}"#,
        r#"{"taken":true,"at":"today"}"#,
        r#"{"taken":true,"at":"2026-01-02T03:04:05.678Z","more":1}"#,
    ] {
        assert!(reload(wrong).is_some(), "{wrong}");
    }
    assert!(description.flaw_of_event("missed", &serde_json::json!({ "events": 0 })).is_some());
    assert!(description.flaw_of_event("other", &serde_json::json!({})).is_some());
}
