//! Requests as they come: of each operation of docs/openapi.json and of none, with any method,
//! query, headers and body. Each gets an answer that the description has.

use super::answer::{Answer, login};
use super::description::Description;
use super::openapi::WEBSOCKET;
use super::{House, SOON};
use crate::support::{RtspClient, wait_until};

const SEED: u64 = 20_261_127;
const REQUESTS: u32 = 300;

const USERS: &str = "\
    auth_methods=digest,basic\nadmin_username=root\nadmin_password=battery\n\
    [user]\nname=all\npassword=staple\n";

/// A sequence that looks random, and is the same each time (xorshift, G. Marsaglia 2003).
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }

    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// Some characters, of those that a target may have.
    fn word(&mut self) -> String {
        const LETTERS: &[&str] = &[
            "a", "Z", "0", "-", "_", ".", "..", "/", "%2F", "%20", "%C3%BC", "~", "é", "+", "*",
            "'",
        ];
        let length = self.below(12);
        (0..length).map(|_| self.of(LETTERS)).collect()
    }

    /// The target of a request: of this operation, and now and then of something beside it.
    fn target(&mut self, template: &str) -> String {
        let name = match self.below(5) {
            0 => self.word(),
            1 => "nobody".to_owned(),
            2 => "yard%2Fsub".to_owned(),
            _ => "door".to_owned(),
        };
        let id = match self.below(3) {
            0 => self.word(),
            1 => "18446744073709551616".to_owned(),
            _ => self.below(9).to_string(),
        };
        let file = self.of(&["page.js", "style.css", "nothing.js", "%70age.js"]);
        let mut target =
            template.replace("{name}", &name).replace("{id}", &id).replace("{file}", file);
        match self.below(12) {
            0 => target.push_str(&self.word()),
            1 => target = format!("http://a{target}"),
            2 => target.push_str(self.of(&["%", "%zz", "%00", "%ff", " ", "\u{7f}", "#x"])),
            3..=5 => target.push_str(&format!("?{}={}", self.word(), self.word())),
            _ => {}
        }
        target
    }

    fn headers(&mut self, template: &str, reads: bool) -> String {
        let mut headers = String::new();
        // A viewer's login where the administrator's is needed is a wrong one, and those are slow.
        match self.below(5) {
            0 => {}
            1 if reads => headers.push_str(&login("all:staple")),
            _ => headers.push_str(&login("root:battery")),
        }
        if template.starts_with("/live/") && !self.once_in(4) {
            headers.push_str(WEBSOCKET);
        }
        for _ in 0..self.below(4) {
            let word = self.word();
            headers.push_str(&match self.below(12) {
                0 => format!("Last-Event-ID: {word}\r\n"),
                1 => format!("Origin: {word}\r\n"),
                2 => "Sec-Fetch-Site: same-origin\r\n".to_owned(),
                3 => format!("Accept: {word}\r\n"),
                4 => "Expect: 100-continue\r\n".to_owned(),
                5 => "Transfer-Encoding: chunked\r\n".to_owned(),
                6 => format!("Upgrade: {word}\r\n"),
                7 => format!("Sec-WebSocket-Key: {word}\r\n"),
                8 => "Host: b\r\n".to_owned(),
                9 => format!("X: {}\r\n", "x".repeat(self.below(20_000))),
                10 => "X: x\r\n".repeat(self.below(70)),
                _ => format!("X-{}: {word}\r\n", self.below(9)),
            });
        }
        headers
    }

    fn body(&mut self) -> String {
        let body = "x".repeat([1, 100, 4096, 4097][self.below(4)]);
        let length = match self.below(8) {
            0 => self.word(),
            _ => body.len().to_string(),
        };
        format!("Content-Length: {length}\r\n\r\n{body}")
    }
}

/// A request, with its method and target.
fn request(chance: &mut Chance, description: &Description) -> (String, String, String) {
    let operations: Vec<String> = description.operations().into_iter().collect();
    let operation = &operations[chance.below(operations.len())];
    let (own, template) = operation.split_once(' ').unwrap();
    let verb = match chance.below(4) {
        0 => chance
            .of(&["GET", "HEAD", "POST", "DELETE", "PUT", "PATCH", "OPTIONS", "TRACE", "BREW"]),
        _ => own,
    };
    let target = chance.target(template);
    let reads = verb == own && matches!(own, "GET" | "HEAD");
    let headers = chance.headers(template, reads);
    let version = if chance.once_in(20) { chance.of(&["1.0", "2.0", "1.2"]) } else { "1.1" };
    let end = if chance.once_in(4) { chance.body() } else { "\r\n".to_owned() };
    // The last of its kind: what follows HEAD's answer is read up to the end.
    let text =
        format!("{verb} {target} HTTP/{version}\r\nHost: a\r\nConnection: close\r\n{headers}{end}");
    (verb.to_owned(), target, text)
}

/// The path that a target means; `None`: it cannot be read.
fn path_of(target: &str) -> Option<String> {
    let target = target.strip_prefix("http://a").unwrap_or(target);
    let target = target.split(['?', '#']).next()?;
    let mut bytes = Vec::new();
    let mut parts = target.split('%');
    bytes.extend(parts.next()?.bytes());
    for part in parts {
        bytes.push(u8::from_str_radix(part.get(..2)?, 16).ok()?);
        bytes.extend(part[2..].bytes());
    }
    String::from_utf8(bytes).ok()
}

#[test]
fn whatever_is_asked_is_answered_as_the_description_says() {
    let house = House::new(&format!("max_clients=100\n{USERS}"));
    let description = Description::read();
    let mut chance = Chance(SEED);
    let mut given = std::collections::BTreeMap::<u16, u32>::new();
    for number in 0..REQUESTS {
        let (verb, target, text) = request(&mut chance, &description);
        let answer = Answer::to(house.port, &verb, text.as_bytes());
        let shown = || format!("request {number} of seed {SEED}: {text:?}\n{answer:?}");
        match path_of(&target) {
            Some(path) => {
                let flaw = description.flaw(&verb, &path, &answer);
                assert_eq!(flaw, None, "{path} {}", shown());
            }
            None => assert!([400, 413, 431, 501, 505].contains(&answer.status), "{}", shown()),
        }
        *given.entry(answer.status).or_default() += 1;
    }
    for status in [101, 200, 400, 401, 404, 405, 413, 431, 501, 505] {
        assert!(given.contains_key(&status), "{status} is not among {given:?}");
    }

    assert_eq!(house.ask("GET", "/healthz", "").status, 200);
    assert_eq!(house.relay.stderr.count("internal failure"), 0, "{:?}", house.relay.log());
    let enabled = house.ask("POST", "/api/v1/streams/door/enable", &login("root:battery"));
    assert_eq!(enabled.status, 200, "{enabled:?}");
    let url = house.relay.url("door").replace("rtsp://", "rtsp://all:staple@");
    let mut viewer = RtspClient::watch(&url).unwrap();
    assert!(viewer.read_frame(SOON).unwrap().is_some());
    drop(viewer);
    // Those who watched over HTTP have gone, and leave nothing.
    let nobody = || house.ask("GET", "/api/v1/clients", &login("all:staple")).text() == "[]\n";
    assert!(wait_until(SOON, nobody));
}
