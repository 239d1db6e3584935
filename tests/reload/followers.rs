//! Who follows the events over HTTP while users come and go.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use super::{House, SOON};

/// Comments that are waited for: one comes each 15 s, whether anything happens or not.
const PATIENCE: u32 = 2;

/// One who follows the events, and how many comments it has read.
struct Follower(BufReader<TcpStream>, u32);

impl Follower {
    fn new(house: &House, login: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n{login}\r\n").unwrap();
        let mut follower = Self(BufReader::new(stream), 0);
        follower.read_up_to("id: ");
        follower
    }

    /// The next line; `None` when the relay has ended it.
    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let count = self.0.read_line(&mut line).unwrap();
        self.1 += u32::from(line.starts_with(':'));
        assert!(self.1 <= PATIENCE, "nothing happens, and it does not end");
        (count > 0).then_some(line)
    }

    /// Reads lines up to one that begins like this.
    fn read_up_to(&mut self, beginning: &str) {
        let mut lines = Vec::new();
        while !lines.last().is_some_and(|line: &String| line.starts_with(beginning)) {
            let line = self.line();
            lines.push(line.unwrap_or_else(|| panic!("no {beginning}: it ended after {lines:?}")));
        }
    }

    /// What comes until the relay ends it.
    fn rest(mut self) -> String {
        std::iter::from_fn(|| self.line()).collect()
    }
}

impl House {
    /// Other users, and nothing else.
    fn reload_with(&self, users: &str) {
        let config = format!("auth_methods=digest,basic\n{users}");
        self.relay.rewrite(&self.text(&config, &self.near.url("sub")));
        self.hang_up();
    }
}

/// all:one, ann:two and root:x, as Basic has it.
const ALL: &str = "Authorization: Basic YWxsOm9uZQ==\r\n";
const ANN: &str = "Authorization: Basic YW5uOnR3bw==\r\n";
const ROOT: &str = "Authorization: Basic cm9vdDp4\r\n";

#[test]
fn who_follows_without_a_login_goes_on_until_one_is_needed() {
    let house = House::new("");
    let mut follower = Follower::new(&house, "");
    let bystander = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    house.reload_with("");
    follower.read_up_to("event: reload");
    house.reload_with("max_clients=9");
    follower.read_up_to("event: reload");

    house.reload_with("[user]\nname=all\npassword=one");
    let rest = follower.rest();
    assert!(!rest.contains("event: "), "it hears nothing more: {rest}");
    assert_eq!(house.curl("api/v1/events", &[]).0, 401);
    // A connection that has asked for nothing yet may still do so.
    let mut bystander = BufReader::new(bystander);
    bystander.get_mut().set_read_timeout(Some(SOON)).unwrap();
    write!(bystander.get_mut(), "GET /api/v1/status HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut line = String::new();
    bystander.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 401 "), "{line}");
}

#[test]
fn who_follows_with_a_login_goes_on_as_long_as_it_is_the_same() {
    let users =
        |ann: &str| format!("[user]\nname=all\npassword=one\n[user]\nname=ann\npassword={ann}\n");
    let house = House::new("");
    house.reload_with(&users("two"));
    let mut followers = [ALL, ROOT].map(|login| Follower::new(&house, login));
    let mut ann = Follower::new(&house, ANN);
    house.reload_with(&format!("max_clients=9\n{}", users("two")));
    ann.read_up_to("event: reload");
    house.reload_with(&users("other"));
    assert!(!ann.rest().contains("event: reload"), "her password is another one");
    // Without users everybody may look, whoever they were.
    house.reload_with("");
    for follower in &mut followers {
        for _ in 0..3 {
            follower.read_up_to("event: reload");
        }
    }
    house.reload_with(&users("two"));
    for follower in followers {
        assert!(!follower.rest().contains("event: "), "they were let in by users that had gone");
    }
}
