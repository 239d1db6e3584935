//! The filter in `examples/fail2ban` finds who gave wrong logins, and nobody else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests are tests")]

use rtsp_relay_testing as support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use support::{Program, Relay, free_port, leave, project, wait_until};

const SOON: Duration = Duration::from_secs(20);
/// A name that looks like a line about somebody else.
const CUNNING: &str = "x address=203.0.113.9:1 user=y login failed address=203.0.113.9:1 user=z";

/// The addresses that fail2ban would count for these lines, in order.
fn found(lines: &[String]) -> Vec<String> {
    let log = leave(&format!("fail2ban-{}.log", free_port()));
    fs::write(&log, lines.join("\n") + "\n").unwrap();
    let mut command = Command::new("fail2ban-regex");
    command.args(["-o", "ip"]).arg(&log).arg(project("examples/fail2ban/filter.conf"));
    let finished = Program::run(&mut command, SOON);
    fs::remove_file(&log).unwrap();
    finished.stdout.split_whitespace().map(str::to_owned).collect()
}

fn wrong_login(port: u16, request: &str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let login = BASE64_STANDARD.encode(format!("{CUNNING}:wrong"));
    write!(stream, "{request}Authorization: Basic {login}\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert!(answer.ends_with(b"401"), "{}", String::from_utf8_lossy(&answer));
}

#[test]
fn wrong_logins_are_found_in_the_log_and_names_cannot_blame_others() {
    let http = free_port();
    let relay = Relay::start(&format!(
        "http_port={http}\nauth_methods=basic\nclient_username=family\nclient_password=right\n\
         [stream]\nname=door\nrtsp_url=rtsp://127.0.0.1:1/main"
    ));
    wrong_login(relay.port(), "DESCRIBE rtsp://127.0.0.1/door RTSP/1.0\r\nCSeq: 1\r\n");
    wrong_login(http, "GET /api/v1/status HTTP/1.1\r\nHost: relay\r\n");
    let said = || relay.log().iter().filter(|line| line.contains("login failed")).count() == 2;
    assert!(wait_until(SOON, said), "{:?}", relay.log());
    assert_eq!(found(&relay.log()), ["127.0.0.1", "127.0.0.1"]);
}

#[test]
fn the_journal_and_ipv6_are_understood_and_other_lines_are_not_counted() {
    let journal = |text: &str| format!("Nov 26 16:35:33 box rtsp-relay[4711]: {text}");
    let lines = [
        journal("login failed address=192.0.2.7:40000 user=\"admin\""),
        journal("login failed address=[2001:db8::7]:40000 user=\"admin\""),
        journal("viewer joined stream=door client=1 address=192.0.2.8:1 agent=\"login failed\""),
        journal("login refused by the camera stream=door address=192.0.2.9:1"),
    ];
    assert_eq!(found(&lines), ["192.0.2.7", "2001:db8::7"]);
}
