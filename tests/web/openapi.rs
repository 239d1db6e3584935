//! Every operation of docs/openapi.json, by everybody who may ask: each status that is documented
//! is given, none other is, and each body is what its schema says.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::sync::atomic::{AtomicBool, Ordering};

use super::answer::{Answer, login};
use super::description::Description;
use super::{House, SOON};
use crate::sim::{Auth, Camera, Options};
use crate::support::RtspClient;

const USERS: &str = "\
    auth_methods=digest,basic\nadmin_username=root\nadmin_password=battery\n\
    [user]\nname=all\npassword=staple\n\
    [user]\nname=far\npassword=horses\nallow=192.0.2.0/24\n";
const VIEWER: &str = "all:staple";
const ADMIN: &str = "root:battery";
const CROSS_SITE: [&str; 3] =
    ["Origin: http://evil.example\r\n", "Origin: null\r\n", "Sec-Fetch-Site: cross-site\r\n"];
pub(super) const WEBSOCKET: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";

/// An operation, a target of it, and what it is answered with: without a login, to a viewer, to
/// the administrator's browser on another site's page, and to the administrator.
const TABLE: [(&str, &str, [u16; 4]); 26] = [
    ("GET /", "/", [401, 200, 200, 200]),
    ("HEAD /", "/", [401, 200, 200, 200]),
    ("GET /{file}", "/page.js", [401, 200, 200, 200]),
    ("HEAD /{file}", "/style.css", [401, 200, 200, 200]),
    ("GET /healthz", "/healthz", [200, 200, 200, 200]),
    ("HEAD /healthz", "/healthz", [200, 200, 200, 200]),
    ("GET /metrics", "/metrics", [401, 200, 200, 200]),
    ("HEAD /metrics", "/metrics", [401, 200, 200, 200]),
    ("GET /api/v1/status", "/api/v1/status?x=1", [401, 200, 200, 200]),
    ("HEAD /api/v1/status", "/api/v1/status", [401, 200, 200, 200]),
    ("GET /api/v1/streams/{name}", "/api/v1/streams/door", [401, 200, 200, 200]),
    ("HEAD /api/v1/streams/{name}", "/api/v1/streams/yard%2Fsub", [401, 200, 200, 200]),
    ("GET /api/v1/clients", "/api/v1/clients", [401, 200, 200, 200]),
    ("HEAD /api/v1/clients", "/api/v1/clients", [401, 200, 200, 200]),
    ("GET /api/v1/events", "/api/v1/events", [401, 200, 200, 200]),
    ("HEAD /api/v1/events", "/api/v1/events", [401, 200, 200, 200]),
    ("GET /live/{name}", "/live/door", [401, 101, 403, 101]),
    ("GET /live/{name}.mp4", "/live/door.mp4", [401, 200, 200, 200]),
    ("HEAD /live/{name}.mp4", "/live/door.mp4", [401, 200, 200, 200]),
    ("GET /snapshot/{name}.mp4", "/snapshot/door.mp4", [401, 200, 200, 200]),
    ("HEAD /snapshot/{name}.mp4", "/snapshot/door.mp4", [401, 200, 200, 200]),
    (
        "POST /api/v1/streams/{name}/restart",
        "/api/v1/streams/yard/sub/restart",
        [401, 401, 403, 200],
    ),
    (
        "POST /api/v1/streams/{name}/disable",
        "/api/v1/streams/yard/sub/disable",
        [401, 401, 403, 200],
    ),
    ("POST /api/v1/streams/{name}/enable", "/api/v1/streams/yard/sub/enable", [401, 401, 403, 200]),
    ("DELETE /api/v1/clients/{id}", "/api/v1/clients/VIEWER", [401, 401, 403, 200]),
    ("POST /api/v1/reload", "/api/v1/reload", [401, 401, 403, 200]),
];

/// What else the administrator may be answered.
const FURTHER: &[(&str, &str, &str, u16)] = &[
    ("GET", "/api/v1/streams/nobody", "", 404),
    ("HEAD", "/api/v1/streams/nobody", "", 404),
    ("GET", "/api/v1/streams/door/restart", "", 405),
    ("HEAD", "/api/v1/streams/door/restart", "", 405),
    ("GET", "/live/nobody", WEBSOCKET, 404),
    ("GET", "/live/door", "", 426),
    ("GET", "/live/door", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 426),
    ("GET", "/live/nobody.mp4", "", 404),
    ("HEAD", "/live/nobody.mp4", "", 404),
    // A stream's name may end so.
    ("GET", "/live/film.mp4", WEBSOCKET, 101),
    ("GET", "/live/film.mp4", "Connection: Upgrade\r\nUpgrade: websocket\r\n", 426),
    ("GET", "/snapshot/nobody.mp4", "", 404),
    ("HEAD", "/snapshot/nobody.mp4", "", 404),
    ("POST", "/api/v1/streams/nobody/enable", "", 404),
    ("POST", "/api/v1/streams/nobody/disable", "", 404),
    ("POST", "/api/v1/streams/nobody/restart", "", 404),
    ("POST", "/api/v1/streams/yard/sub/disable", "", 200),
    ("POST", "/api/v1/streams/yard/sub/restart", "", 409),
    ("DELETE", "/api/v1/clients/4294967295", "", 404),
    ("DELETE", "/api/v1/clients/x", "", 404),
    // Where no camera is, where it refuses the login, and where it never answers.
    ("GET", "/live/gone.mp4", "", 503),
    ("GET", "/snapshot/gone.mp4", "", 503),
    ("GET", "/live/locked.mp4", "", 502),
    ("GET", "/snapshot/locked.mp4", "", 502),
    ("GET", "/live/mute.mp4", "", 504),
    ("GET", "/snapshot/mute.mp4", "", 504),
];

/// Documented, and held elsewhere: they need the end of the relay, a port that is taken, many
/// listeners, a full house, or a film that cannot be shown. A file of the page is there, and a
/// stream that is not is a command when it is called like one.
const ELSEWHERE: [(&str, u16); 11] = [
    ("GET /api/v1/streams/{name}", 405),
    ("HEAD /api/v1/streams/{name}", 405),
    ("POST /api/v1/reload", 409),
    ("POST /api/v1/reload", 503),
    ("GET /api/v1/events", 503),
    ("GET /live/{name}", 503),
    ("GET /live/{name}.mp4", 501),
    ("GET /snapshot/{name}.mp4", 501),
    ("GET /{file}", 404),
    ("HEAD /{file}", 404),
    ("PATCH /{file}", 404),
];

/// Stands for all methods that a path does not have.
const OTHER: &str = "PATCH";

/// A relay that is asked, and what it has answered.
struct Inquiry<'a> {
    house: &'a House,
    description: Description,
    seen: BTreeSet<(String, u16)>,
}

impl Inquiry<'_> {
    /// Asks, and holds the answer against the description.
    fn ask(&mut self, verb: &str, target: &str, headers: &str) -> Answer {
        let answer = self.house.ask(verb, target, headers);
        self.hold(verb, target, answer)
    }

    fn hold(&mut self, verb: &str, target: &str, answer: Answer) -> Answer {
        let path = target.split('?').next().unwrap().replace("%2F", "/");
        let flaw = self.description.flaw(verb, &path, &answer);
        assert_eq!(flaw, None, "{verb} {target}: {answer:?}");
        let template = self.description.template(&path).unwrap();
        self.seen.insert((format!("{verb} {template}"), answer.status));
        answer
    }

    fn by_everybody(&mut self) {
        for (operation, target, expected) in TABLE {
            let (verb, template) = operation.split_once(' ').unwrap();
            assert_eq!(self.description.template(&path_of(target)), Some(template), "{target}");
            let viewer = target.contains("VIEWER").then(|| self.house.viewer_with_login());
            let target = match &viewer {
                Some((_, id)) => target.replace("VIEWER", id),
                None => target.to_owned(),
            };
            let socket = if template == "/live/{name}" { WEBSOCKET } else { "" };
            let [nobody, watches, foreign, admin] = expected;
            let mut asked = vec![(socket.to_owned(), nobody)];
            asked.push((login(VIEWER) + socket, watches));
            asked.extend(CROSS_SITE.map(|origin| (login(ADMIN) + socket + origin, foreign)));
            asked.push((login(ADMIN) + socket, admin));
            for (headers, status) in asked {
                let answer = self.ask(verb, &target, &headers);
                assert_eq!(answer.status, status, "{verb} {target}\n{headers}{answer:?}");
            }
        }
    }

    /// Methods that a path does not have: 405 with those that it has, and nothing before the login.
    fn by_other_methods(&mut self) {
        for (_, target, _) in TABLE {
            let template = self.description.template(&path_of(target)).unwrap().to_owned();
            let allowed = self.description.verbs(&template);
            let needs_login = template != "/healthz";
            for verb in ["GET", "HEAD", "POST", "DELETE", "PUT", OTHER, "OPTIONS", "TRACE", "QUERY"]
            {
                // A command is looked at as a stream that is called so.
                let reads = verb == "GET" || verb == "HEAD";
                if allowed.contains(verb)
                    || reads && allowed.contains("POST") && target.contains("/sub/")
                {
                    continue;
                }
                if needs_login {
                    assert_eq!(self.ask(verb, target, "").status, 401, "{verb} {target}");
                }
                let answer = self.ask(verb, target, &login(ADMIN));
                assert_eq!(answer.status, 405, "{verb} {target}");
                let allow = answer.header("allow").unwrap().split(", ").map(str::to_owned);
                assert_eq!(allow.collect::<BTreeSet<_>>(), allowed, "{verb} {target}");
            }
            if self.description.statuses(OTHER, &template).contains(&403) {
                let origin = format!("{}{}", login(ADMIN), CROSS_SITE[0]);
                let far = if allowed.contains("GET") { login("far:horses") } else { origin };
                assert_eq!(self.ask(OTHER, target, &far).status, 403, "{target}");
            }
        }
    }

    /// What cannot be read, at every operation; and whoever may not come from here.
    fn in_wrong_forms(&mut self) {
        let long = "x".repeat(20_000);
        for (operation, target, _) in TABLE {
            let (verb, template) = operation.split_once(' ').unwrap();
            for verb in [verb, OTHER] {
                for (version, header, status) in [
                    ("1.1", "Content-Length: x", 400),
                    ("1.1", "Content-Length: 5000", 413),
                    ("1.1", &*format!("X: {long}"), 431),
                    ("2.0", "X: x", 505),
                ] {
                    let text =
                        format!("{verb} {target} HTTP/{version}\r\nHost: a\r\n{header}\r\n\r\n");
                    let answer = Answer::to(self.house.port, verb, text.as_bytes());
                    assert_eq!(self.hold(verb, target, answer).status, status, "{verb} {target}");
                }
            }
            let answer = self.ask("BREW", target, "");
            assert_eq!(answer.status, 501);
            self.seen.insert((format!("{OTHER} {template}"), 501));
            if template != "/healthz" && !verb.starts_with(['P', 'D']) {
                assert_eq!(self.ask(verb, target, &login("far:horses")).status, 403, "{target}");
            }
        }
    }

    /// While others guess logins from the same address.
    fn among_guessers(&mut self) {
        let (done, port) = (AtomicBool::new(false), self.house.port);
        let wrong = login("all:wrong");
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{wrong}\r\n");
        let guess = || {
            while !done.load(Ordering::Relaxed) {
                Answer::to(port, "GET", request.as_bytes());
            }
        };
        std::thread::scope(|scope| {
            // Two wait for their turn, and there is no room for a third.
            let guessers = [(); 3].map(|()| scope.spawn(guess));
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                for (operation, target, expected) in TABLE {
                    let verb = operation.split(' ').next().unwrap();
                    for verb in [verb, OTHER].into_iter().filter(|_| expected[0] == 401) {
                        let mut tries = (0..30).map(|_| self.ask(verb, target, &wrong).status);
                        assert!(tries.any(|status| status == 429), "{verb} {target}");
                    }
                }
            }));
            done.store(true, Ordering::Relaxed);
            for guesser in guessers {
                guesser.join().unwrap();
            }
            outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        });
    }
}

fn path_of(target: &str) -> String {
    target.split('?').next().unwrap().replace("%2F", "/").replace("VIEWER", "1")
}

impl House {
    /// A viewer, and its id in the list.
    fn viewer_with_login(&self) -> (RtspClient, String) {
        let url = self.relay.url("door").replace("rtsp://", &format!("rtsp://{VIEWER}@"));
        let viewer = RtspClient::watch(&url).unwrap();
        let list = self.ask("GET", "/api/v1/clients", &login(VIEWER)).text();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        let entries = list.as_array().unwrap().iter();
        let own = entries.max_by_key(|entry| entry["id"].as_u64()).unwrap();
        (viewer, own["id"].to_string())
    }
}

#[test]
fn every_operation_answers_everybody_as_the_description_says() {
    let locked = Options { auth: Auth::Basic, ..Options::default() };
    let locked = Camera::start(locked).unwrap();
    let mute = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let house = House::new(&format!(
        "max_clients=100\n{USERS}\
         [stream]\nname=gone\nrtsp_url=rtsp://127.0.0.1:9/x\n\
         [stream]\nname=locked\nrtsp_url={}\n\
         [stream]\nname=mute\nrtsp_url=rtsp://{}/x\nsource_start_timeout_s=1\n\
         [stream]\nname=film.mp4\nrtsp_url=rtsp://127.0.0.1:9/x\n",
        locked.url("main"),
        mute.local_addr().unwrap(),
    ));
    let description = Description::read();
    let table: BTreeSet<String> =
        TABLE.iter().map(|(operation, ..)| (*operation).to_owned()).collect();
    assert_eq!(table, description.operations(), "the table has every operation, and no other");
    assert_eq!(table.len(), TABLE.len());

    let mut inquiry = Inquiry { house: &house, description, seen: BTreeSet::new() };
    inquiry.by_everybody();
    for (verb, target, headers, status) in FURTHER {
        let answer = inquiry.ask(verb, target, &(login(ADMIN) + headers));
        assert_eq!(answer.status, *status, "{verb} {target} {answer:?}");
    }
    inquiry.by_other_methods();
    inquiry.in_wrong_forms();
    inquiry.among_guessers();
    house.relay.rewrite("nonsense");
    // The guesses are forgiven as time goes by.
    let reloaded = crate::support::wait_until(SOON, || {
        inquiry.ask("POST", "/api/v1/reload", &login(ADMIN)).status == 422
    });
    assert!(reloaded, "{:?}", house.relay.log());

    let Inquiry { description, seen, .. } = inquiry;
    let elsewhere = ELSEWHERE.map(|(operation, status)| (operation.to_owned(), status));
    for template in description.templates() {
        for verb in description.verbs(template).into_iter().chain([OTHER.to_owned()]) {
            for status in description.statuses(&verb, template) {
                let given = (format!("{verb} {template}"), status);
                let known = elsewhere.contains(&given);
                assert!(known || seen.contains(&given), "{given:?} was never given");
            }
        }
    }
}

#[test]
fn a_path_that_is_not_described_is_none_and_tells_nothing_before_the_login() {
    let house = House::new(USERS);
    for path in [
        "/api/v1",
        "/api/v2/status",
        "/nothing.js",
        "/snapshot/door",
        "/a/b",
        "/api/v1/clients/1/2",
    ] {
        for verb in ["GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS"] {
            assert_eq!(house.ask(verb, path, "").status, 404, "{verb} {path}");
        }
    }
    // Whether there is such a viewer or stream is nobody's business.
    for (verb, path) in [
        ("DELETE", "/api/v1/clients/x"),
        ("DELETE", "/api/v1/clients/1"),
        ("GET", "/api/v1/streams/nobody"),
        ("POST", "/api/v1/streams/nobody/enable"),
        ("GET", "/api/v1/streams/door/enable"),
        ("PUT", "/api/v1/streams/door/enable"),
        ("GET", "/live/nobody"),
        ("GET", "/live/nobody.mp4"),
        ("GET", "/snapshot/nobody.mp4"),
    ] {
        assert_eq!(house.ask(verb, path, "").status, 401, "{verb} {path}");
    }
}

#[test]
fn a_stream_that_is_called_like_a_command_is_read_and_what_is_posted_there_is_the_command() {
    let house =
        House::new(&format!("{USERS}[stream]\nname=door/enable\nrtsp_url=rtsp://127.0.0.1:9/x\n"));
    let ask = |verb: &str, path: &str| house.ask(verb, path, &login(ADMIN));
    let path = "/api/v1/streams/door/enable";
    assert_eq!(ask("GET", path).status, 200);
    assert!(ask("POST", path).text().contains("enabled already"));
    let refused = ask("PUT", path);
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, HEAD, POST")));
    for verb in ["GET", "HEAD", "PUT", "DELETE"] {
        let refused = ask(verb, "/api/v1/streams/door/disable");
        assert_eq!((refused.status, refused.header("allow")), (405, Some("POST")), "{verb}");
    }
}
