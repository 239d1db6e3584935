//! HTTP itself: what browsers, scripts and strangers send.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::{House, SOON};
use crate::support::wait_until;

fn connect(house: &House) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream
}

/// All that the relay says until it closes.
fn said(mut stream: TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn requests_in_one_piece_and_byte_by_byte_get_the_same_answers() {
    let house = House::new("");
    let requests = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n\
                    POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nGET \
                    HEAD /api/v1/status HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let statuses = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with("HTTP/1.1 ")).map(str::to_owned).collect()
    };
    let mut whole = connect(&house);
    whole.write_all(requests.as_bytes()).unwrap();
    let whole = said(whole);
    assert_eq!(
        statuses(&whole),
        ["HTTP/1.1 200 OK", "HTTP/1.1 405 Method Not Allowed", "HTTP/1.1 200 OK"],
        "{whole}"
    );
    assert!(whole.ends_with("Connection: close\r\n\r\n"), "HEAD has no body: {whole}");
    let mut slow = connect(&house);
    slow.set_nodelay(true).unwrap();
    for byte in requests.as_bytes() {
        slow.write_all(&[*byte]).unwrap();
    }
    assert_eq!(statuses(&said(slow)), statuses(&whole));
}

/// What stands behind each `mark`, up to the next quotation mark.
fn named(text: &str, mark: &str) -> Vec<String> {
    let rest = |rest: &str| rest.split('"').next().unwrap_or_default().to_owned();
    text.split(mark).skip(1).map(rest).collect()
}

#[test]
fn the_page_comes_with_all_it_needs_and_runs_nothing_else() {
    let house = House::new("");
    let (code, page) = house.curl("", &["--include"]);
    assert_eq!(code, 200);
    let policy = page.lines().find(|line| line.starts_with("Content-Security-Policy:")).unwrap();
    assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self';"));
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert!(page.contains("X-Content-Type-Options: nosniff"));
    assert!(!page.contains(" style=") && !page.contains(" onclick=") && !page.contains("//cdn"));
    let mut wanted = named(&page, "href=\"");
    wanted.extend(named(&page, "src=\""));
    wanted.retain(|name| name != "#");
    let mut loaded = Vec::new();
    while let Some(name) = wanted.pop() {
        let (code, text) = house.curl(&name, &[]);
        assert_eq!(code, 200, "{name}");
        if name.ends_with(".js") {
            let modules = named(&text, "from \"./");
            wanted.extend(modules.into_iter().filter(|module| !loaded.contains(module)));
        }
        loaded.push(name);
    }
    for name in ["style.css", "icon.svg", "page.js", "player.js", "words.js"] {
        assert!(loaded.iter().any(|loaded| loaded == name), "{loaded:?}");
    }
    assert_eq!(house.curl("nothing.js", &[]).0, 404);
    assert_eq!(house.curl("..%2f..%2fetc/passwd", &[]).0, 404);
    let (code, refused) = house.curl("metrics", &["-X", "POST", "--include"]);
    assert!(code == 405 && refused.contains("Allow: GET, HEAD"), "{refused}");
}

#[test]
fn slow_and_broken_requests_end_in_time_and_leave_nothing() {
    let house = House::new("request_timeout_s=1");
    let before = (house.relay.threads(), house.relay.fds());
    let mut broken = connect(&house);
    broken.write_all(b"\x16\x03\x01\x02\x00\x01\r\n\r\n").unwrap();
    let answer = said(broken);
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut long = connect(&house);
    let _cut = long.write_all(format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)).as_bytes());
    assert!(said(long).starts_with("HTTP/1.1 431 "));
    let mut slow: Vec<_> = (0..20).map(|_| connect(&house)).collect();
    let begun = Instant::now();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nX: ").unwrap();
    }
    // Meanwhile others are served.
    assert_eq!(house.curl("healthz", &[]).0, 200);
    for stream in slow {
        assert_eq!(said(stream), "", "no answer: the request never came");
    }
    assert!(begun.elapsed() > Duration::from_millis(900), "{:?}", begun.elapsed());
    assert!(wait_until(SOON, || (house.relay.threads(), house.relay.fds()) == before));
}

#[test]
fn open_connections_end_with_the_relay() {
    let mut house = House::new("");
    let idle: Vec<_> = (0..10).map(|_| connect(&house)).collect();
    assert!(wait_until(SOON, || house.relay.threads() >= 10));
    let (status, took) = house.relay.terminate();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(4), "{took:?}");
    for stream in idle {
        assert_eq!(said(stream), "");
    }
}
