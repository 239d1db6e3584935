//! What happens, as those hear it who follow the events.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;
use socket2::{Domain, Socket, Type};

use super::description::Description;
use super::{House, SOON};
use crate::support::{RtspClient, wait_until};

/// One who follows; without a login, or with one of Basic.
struct Follower(BufReader<TcpStream>, Description);

#[derive(Debug)]
struct Heard {
    id: String,
    name: String,
    data: Value,
}

impl Follower {
    fn new(port: u16, headers: &str) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        // Little is on its way to one that does not read.
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], port)).into()).unwrap();
        let mut stream = TcpStream::from(socket);
        stream.set_read_timeout(Some(SOON)).unwrap();
        write!(stream, "GET /api/v1/events HTTP/1.1\r\nHost: a\r\n{headers}\r\n").unwrap();
        let mut follower = Self(BufReader::new(stream), Description::read());
        let head = follower.block();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line == "Content-Type: text/event-stream"), "{head:?}");
        let opening = follower.block();
        assert!(opening[0].starts_with("retry: ") && opening[1].starts_with("id: "), "{opening:?}");
        follower
    }

    /// Lines up to an empty one.
    fn block(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let count = self.0.read_line(&mut line).unwrap();
            assert!(count > 0, "the stream of events ended after {lines:?}");
            match line.trim_end() {
                "" => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }

    fn next(&mut self) -> Heard {
        loop {
            let block = self.block();
            let field = |name: &str| {
                let line = block.iter().find_map(|line| line.strip_prefix(name));
                line.unwrap_or_default().to_owned()
            };
            if !block[0].starts_with(':') {
                let data = serde_json::from_str(&field("data: ")).unwrap();
                let name = field("event: ");
                assert_eq!(self.1.flaw_of_event(&name, &data), None, "{block:?}");
                return Heard { id: field("id: "), name, data };
            }
        }
    }

    /// The next event of this name.
    fn wait(&mut self, name: &str) -> Heard {
        loop {
            let heard = self.next();
            if heard.name == name {
                return heard;
            }
        }
    }

    /// The states that a stream goes through until it is in `last`.
    fn states(&mut self, stream: &str, last: &str) -> Vec<String> {
        let mut states: Vec<String> = Vec::new();
        while states.last().map(String::as_str) != Some(last) {
            let heard = self.wait("state");
            let state = heard.data["state"].as_str().unwrap().to_owned();
            if heard.data["stream"] == stream && states.last() != Some(&state) {
                states.push(state);
            }
        }
        states
    }
}

#[test]
fn each_change_of_a_streams_state_and_each_viewer_is_told() {
    let house = House::new("source_idle_timeout_s=0\nretry_initial_ms=300");
    let mut follower = Follower::new(house.port, "");
    let mut viewer = house.viewer("door");
    let join = follower.wait("join");
    assert_eq!(join.data["stream"], "door");
    assert_eq!(join.data["transport"], "tcp");
    let client = join.data["client"].clone();
    assert_eq!(house.get("api/v1/clients")[0]["id"], client);

    house.camera.fault(crate::sim::Fault::Die).unwrap();
    viewer.read_to_end(SOON).unwrap();
    let lost = loop {
        let heard = follower.next();
        if heard.data["state"] == "offline" {
            break heard;
        }
    };
    assert!(!lost.data["reason"].as_str().unwrap().is_empty(), "{lost:?}");
    let leave = follower.wait("leave");
    assert_eq!((&leave.data["stream"], &leave.data["client"]), (&"door".into(), &client));
    assert!(leave.data["bytes"].as_u64() > Some(1000), "{leave:?}");
    assert!(leave.data["at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(follower.states("door", "idle").last().unwrap(), "idle");

    // Whoever was away for a moment goes on behind the last one it read.
    drop(follower);
    drop(house.viewer("yard/sub"));
    let mut back = Follower::new(house.port, &format!("Last-Event-ID: {}\r\n", leave.id));
    let states = back.states("yard/sub", "idle");
    assert_eq!(states, ["connecting", "live", "idle"]);
}

#[test]
fn a_user_hears_of_no_stream_that_is_not_theirs_and_a_stranger_of_nothing() {
    let house = House::new(
        "auth_methods=digest,basic\nsource_idle_timeout_s=0\n\
         [user]\nname=all\npassword=one\n[user]\nname=yard\npassword=two\nstreams=yard/*\n",
    );
    assert_eq!(house.curl("api/v1/events", &[]).0, 401);
    assert_eq!(house.curl("api/v1/events", &["--basic", "-u", "all:two"]).0, 401);
    let post = house.curl("api/v1/events", &["-X", "POST", "--basic", "-u", "all:one"]);
    assert_eq!(post.0, 405);
    // all:one and yard:two, as Basic has it.
    let mut all = Follower::new(house.port, "Authorization: Basic YWxsOm9uZQ==\r\n");
    let mut yard = Follower::new(house.port, "Authorization: Basic eWFyZDp0d28=\r\n");
    for stream in ["door", "yard/sub"] {
        let url = house.relay.url(stream).replace("rtsp://", "rtsp://all:one@");
        drop(RtspClient::watch(&url).unwrap());
        assert_eq!(all.wait("leave").data["stream"], stream);
    }
    loop {
        let heard = yard.next();
        assert_eq!(heard.data["stream"], "yard/sub", "{heard:?}");
        if heard.name == "leave" {
            break;
        }
    }
}

#[test]
fn listeners_are_bounded_leave_nothing_behind_and_end_with_the_relay() {
    let mut house = House::new("source_idle_timeout_s=0\nwrite_timeout_s=60");
    let before = (house.relay.threads(), house.relay.fds());
    let listeners: Vec<_> = (0..32).map(|_| Follower::new(house.port, "")).collect();
    let (code, body) = house.curl("api/v1/events", &[]);
    assert!(code == 503 && body.contains("too many"), "{body}");
    assert_eq!(house.curl("healthz", &[]).0, 200);
    drop(listeners);
    let gone = || (house.relay.threads(), house.relay.fds()) == before;
    assert!(wait_until(SOON, gone), "listeners that have gone leave nothing");
    let mut follower = Follower::new(house.port, "");
    drop(house.viewer("door"));
    follower.wait("leave");
    let begun = Instant::now();
    let (status, _) = house.relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let mut rest = String::new();
    follower.0.read_to_string(&mut rest).unwrap();
}

/// More events than the buffers of both sockets and the relay hold.
const MANY: u64 = 10_000;
const AT_ONCE: usize = 100;

#[test]
fn a_slow_listener_loses_events_and_is_told_how_many() {
    let house = House::new("admin_username=root\nadmin_password=x\nauth_methods=basic");
    let mut slow = Follower::new(house.port, "");
    let mut control = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    control.set_read_timeout(Some(SOON)).unwrap();
    let request = |command| {
        // root:x, as Basic has it.
        format!(
            "POST /api/v1/streams/door/{command} HTTP/1.1\r\nHost: a\r\n\
             Authorization: Basic cm9vdDp4\r\n\r\n"
        )
    };
    let requests = [request("disable"), request("enable")].concat().repeat(AT_ONCE / 2);
    let mut answers = BufReader::new(control.try_clone().unwrap());
    for _ in 0..MANY / AT_ONCE as u64 {
        control.write_all(requests.as_bytes()).unwrap();
        let mut done = 0;
        while done < AT_ONCE {
            let mut line = String::new();
            assert!(answers.read_line(&mut line).unwrap() > 0);
            done += usize::from(line.starts_with("{\"message\":"));
        }
    }
    let (mut heard, mut missed) = (0, 0);
    while heard + missed < MANY {
        let next = slow.next();
        match next.name.as_str() {
            "missed" => missed += next.data["events"].as_u64().unwrap(),
            _ => heard += 1,
        }
    }
    assert_eq!(heard + missed, MANY, "each event is heard, or counted as missed");
    assert!(missed > MANY / 2 && heard >= 512, "{heard} {missed}");
}
