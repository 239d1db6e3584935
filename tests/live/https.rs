//! The same over TLS, on the same port.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use rtsp_relay::tls::Caller;
use rustix::process::Signal;
use rustls::{ClientConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

use super::browser::Browser;
use super::sim::{Clip, Synthetic};
use super::support::{Certificate, Program, wait_until};
use super::{House, SOON, curl, ffmpeg, silent};

/// A house with a certificate.
struct Secure {
    house: House,
    certificate: Certificate,
}

type Tls = StreamOwned<ClientConnection, TcpStream>;

impl Secure {
    fn new(config: &str) -> Self {
        Self::with(Clip::sub(), config)
    }

    fn with(clip: Clip, config: &str) -> Self {
        let certificate = Certificate::new();
        let config = format!("{}{config}", certificate.config());
        Self { house: House::new(silent(clip), &config, ""), certificate }
    }

    fn url(&self, path: &str) -> String {
        self.house.url(path).replace("http://", "https://")
    }

    /// By curl, which takes this certificate and no other.
    fn curl(&self, path: &str, arguments: &[&str]) -> (u16, String, String) {
        let file = self.certificate.certificate.to_str().unwrap();
        curl(&self.url(path), &[&["--cacert", file], arguments].concat())
    }

    /// Shakes hands on a connection, and expects this certificate.
    fn greet(&self, mut socket: TcpStream) -> io::Result<Tls> {
        socket.set_read_timeout(Some(SOON))?;
        let mut session = Caller::new(&self.certificate.pinned(), "127.0.0.1").unwrap().session;
        while session.is_handshaking() {
            session.complete_io(&mut socket)?;
        }
        Ok(StreamOwned::new(session, socket))
    }

    fn socket(&self) -> TcpStream {
        let socket = TcpStream::connect(("127.0.0.1", self.house.port)).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        socket
    }

    /// On which little waits for who does not read.
    fn narrow(&self) -> Tls {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(&SocketAddr::from(([127, 0, 0, 1], self.house.port)).into()).unwrap();
        self.greet(socket.into()).unwrap()
    }

    fn connect(&self) -> io::Result<Tls> {
        self.greet(self.socket())
    }

    fn browser(&self, headers: &[&str]) -> Result<Browser, String> {
        let tls = self.connect().expect("a handshake");
        Browser::open_on(Box::new(tls), self.house.port, "door", headers)
    }

    /// Waits for a line about this connection, and gives those that there are.
    fn told(&self, own: SocketAddr) -> Vec<String> {
        let end = format!(" address={own}");
        let lines = || {
            let mut log = self.house.relay.log();
            log.retain(|line| line.contains("HTTP connection refused: ") && line.ends_with(&end));
            log
        };
        assert!(wait_until(SOON, || !lines().is_empty()), "nothing is told of {own}");
        lines()
    }

    /// One line for developers says why this connection has ended.
    fn expect_told(&self, own: SocketAddr, why: &str) {
        let told = self.told(own);
        assert!(told.len() == 1 && told[0].contains(why), "{told:?} instead of {why}");
        assert!(told[0].contains(" DEBUG "), "{told:?}");
    }
}

#[test]
fn the_page_and_the_api_come_over_tls_and_without_by_one_port() {
    let secure = Secure::new(
        "client_username=eve\nclient_password=pw\nadmin_username=root\nadmin_password=toor\n",
    );
    let eve = ["--digest", "--user", "eve:pw"];
    let (code, head, body) = secure.curl("", &eve);
    assert!(code == 200 && body.contains("<script"), "{head}");
    assert!(head.contains("frame-ancestors 'none'"), "{head}");
    let (code, _, body) = secure.curl("api/v1/streams/door", &eve);
    assert!(code == 200 && body.contains("\"state\""), "{body}");
    assert!(secure.curl("metrics", &eve).2.contains("rtsp_relay_"));
    assert_eq!(secure.curl("healthz", &[]).0, 200);
    assert_eq!(secure.curl("api/v1/status", &[]).0, 401);
    // What changes something: from the own page, which has come over TLS, and no other.
    let own = secure.url("").trim_end_matches('/').to_owned();
    let plain = own.replace("https://", "http://");
    let post = |origin: &str| {
        let origin = format!("Origin: {origin}");
        let admin = ["--digest", "--user", "root:toor", "--request", "POST", "--header", &origin];
        secure.curl("api/v1/streams/door/restart", &admin).0
    };
    assert_eq!((post(&own), post(&plain), post("https://evil.example")), (200, 403, 403));

    let port = secure.house.port;
    let line = format!("listening on https://127.0.0.1:{port}/");
    assert!(secure.house.relay.log_contains(&line));
    assert_eq!(secure.house.curl("api/v1/status", &eve).0, 200, "without TLS, too");
    // A certificate that nobody vouches for.
    let mut stranger = Command::new("curl");
    let refused = Program::run(stranger.args(["-sS", &secure.url("healthz")]), SOON);
    assert_eq!(refused.status.and_then(|status| status.code()), Some(60), "{}", refused.stderr);
}

#[test]
fn a_websocket_and_the_events_go_over_tls() {
    // Key frames are larger than what TLS takes at once.
    let spec = Synthetic { bitrate_kbps: 10_000, fps: 25, gop: 25, ..Synthetic::default() };
    let secure = Secure::with(Clip::synthetic(&spec), "");
    let own = format!("Origin: https://127.0.0.1:{}", secure.house.port);
    let plain = own.replace("https://", "http://");
    let refused = secure.browser(&[&plain]).err().expect("a refusal");
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");

    let mut events = secure.connect().unwrap();
    events.write_all(b"GET /api/v1/events HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut events = BufReader::new(events);
    let mut heard = |part: &str| {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert!(events.read_line(&mut line).unwrap() > 0, "{part} is not heard");
        }
    };
    heard("retry: ");
    let mut browser = secure.browser(&[&own]).unwrap();
    heard("event: join");
    let mut last = browser.fragment(1);
    let mut largest = 0;
    for _ in 0..60 {
        let next = browser.fragment(1);
        assert_eq!(next.decode, last.decode + u64::from(last.duration), "none is missing");
        largest = largest.max(next.bytes.len());
        last = next;
    }
    assert!(largest > 64 * 1024, "{largest} bytes");
    drop(browser);
    heard("event: leave");
}

#[test]
fn ffmpeg_plays_it_over_tls() {
    let secure = Secure::new("");
    let url = secure.url("live/door.mp4");
    let arguments = "-map 0:v -frames:v 50 -fps_mode passthrough -f framemd5 -".split(' ');
    let decoded = ffmpeg(&url, &arguments.collect::<Vec<_>>());
    let lines = decoded.stdout.lines().filter(|line| !line.starts_with('#')).count();
    assert_eq!((lines, decoded.stderr.as_str()), (50, ""));
    let (code, head, body) =
        secure.curl("snapshot/door.mp4", &["--dump-header", "-", "--output", "/dev/null"]);
    assert_eq!((code, body.as_str()), (200, ""), "{head}");
}

#[test]
fn who_is_slow_over_tls_is_skipped_forward_and_who_takes_nothing_is_ended() {
    let spec = Synthetic { bitrate_kbps: 8000, fps: 25, gop: 25, ..Synthetic::default() };
    let secure = Secure::with(Clip::synthetic(&spec), "write_timeout_s=6\n");
    let port = secure.house.port;
    let mut slow = Browser::open_on(Box::new(secure.narrow()), port, "door", &[]).unwrap();
    let mut last = slow.fragment(1);
    let mut stuck = secure.narrow();
    stuck.write_all(b"GET /live/door.mp4 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let relay = &secure.house.relay;
    assert!(relay.wait_log("viewer too slow, skipping to a key frame", SOON).is_some());
    let until = Instant::now() + SOON;
    let mut jumped = false;
    while !jumped && Instant::now() < until {
        let next = slow.fragment(1);
        jumped = next.decode > last.decode + 2 * u64::from(last.duration);
        assert!(!jumped || next.sync, "after the jump a decoder can begin");
        last = next;
    }
    assert!(jumped, "nothing was skipped");
    let own = stuck.sock.local_addr().unwrap();
    let left = || {
        let about = format!(" address={own} ");
        relay.log().into_iter().find(|line| line.contains("viewer left") && line.contains(&about))
    };
    assert!(wait_until(SOON, || left().is_some()));
    assert!(left().unwrap().contains("it takes no data"), "{:?}", left());
    assert!(slow.fragment(1).decode > last.decode);
}

#[test]
fn a_certificate_renewed_by_hup_is_shown_to_who_comes_then() {
    let mut secure = Secure::new("");
    let mut browser = secure.browser(&[]).unwrap();
    secure.certificate.renew();
    assert!(secure.connect().is_err(), "before HUP the old one is shown");
    secure.house.relay.process().signal(Signal::HUP);
    assert!(secure.house.relay.wait_log("certificate renewed", SOON).is_some());
    assert_eq!(secure.curl("healthz", &[]).0, 200);
    secure.connect().unwrap();
    browser.fragment(1);
}

#[test]
fn half_a_handshake_is_let_go_in_the_time_of_a_request() {
    let secure = Secure::new("request_timeout_s=1");
    for first in [&[22][..], &[22, 3, 1, 0, 200, 1, 0]] {
        let begun = Instant::now();
        let mut socket = secure.socket();
        let own = socket.local_addr().unwrap();
        socket.write_all(first).unwrap();
        let mut rest = Vec::new();
        let _reset_or_end = socket.read_to_end(&mut rest);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(900) && took < SOON, "{took:?}");
        secure.expect_told(own, "its TLS handshake does not end");
        assert!(rest.is_empty());
    }
    // Neither does it help to go on byte by byte.
    let mut socket = secure.socket();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let begun = Instant::now();
    let mut hello = [22, 3, 1, 0, 200, 1, 0, 0, 196].into_iter().chain(std::iter::repeat(3));
    let over = wait_until(SOON, || {
        let gone = socket.write_all(&[hello.next().unwrap()]).is_err();
        gone || matches!(socket.read(&mut [0]), Ok(0))
    });
    assert!(over && begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(wait_until(SOON, || secure.house.relay.log_contains("does not end")));
    assert_eq!(secure.curl("healthz", &[]).0, 200);
}

#[test]
fn what_is_no_tls_ends_the_connection_and_is_told_once() {
    let secure = Secure::new("");
    let ends = |mut socket: &TcpStream| {
        let mut rest = Vec::new();
        let _reset_or_end = socket.read_to_end(&mut rest);
        rest
    };
    // An alert comes back, if anything does.
    for garbage in [&[22; 600][..], &[22, 3, 1, 255, 255, 1]] {
        let mut socket = secure.socket();
        socket.write_all(garbage).unwrap();
        let rest = ends(&socket);
        assert!(rest.is_empty() || rest[0] == 21, "{rest:?}");
        let own = socket.local_addr().unwrap();
        secure.expect_told(own, "its TLS cannot be understood");
    }
    // Behind a handshake that was none's fault.
    let mut tls = secure.connect().unwrap();
    tls.sock
        .write_all(&[23, 3, 3, 0, 64].iter().chain(&[0; 64]).copied().collect::<Vec<_>>())
        .unwrap();
    ends(&tls.sock);
    let own = tls.sock.local_addr().unwrap();
    secure.expect_told(own, "its TLS cannot be understood");
    // Who does not like the certificate says so.
    let mut stranger = Command::new("curl");
    assert!(!Program::run(stranger.args(["-sS", &secure.url("healthz")]), SOON).ok());
    let line = "it does not accept the relay's TLS, or tls_certificate: UnknownCA";
    assert!(secure.house.relay.wait_log(line, SOON).is_some());
    assert!(!secure.house.relay.log_contains("internal failure"));
    assert_eq!(secure.curl("healthz", &[]).0, 200);
}

#[test]
fn answers_arrive_in_whole_at_who_reads_slowly() {
    const REQUESTS: usize = 400;
    let secure = Secure::new("");
    let mut tls = secure.narrow();
    let whole = secure.curl("player.js", &[]).2.trim_end().to_owned();
    let ask = |end: &str| format!("GET /player.js HTTP/1.1\r\nHost: a\r\n{end}\r\n");
    tls.write_all(ask("").repeat(REQUESTS).as_bytes()).unwrap();
    let mut answers = Vec::new();
    let whole = whole.as_bytes();
    let count = |answers: &[u8]| answers.windows(whole.len()).filter(|part| *part == whole).count();
    let mut chunk = [0; 65536];
    // The last one, too, before anything else is asked.
    while answers.len() < REQUESTS * whole.len() || count(&answers) < REQUESTS {
        let length = tls.read(&mut chunk).unwrap();
        assert!(length > 0, "the end after {} bytes", answers.len());
        answers.extend_from_slice(&chunk[..length]);
    }
    tls.write_all(ask("Connection: close\r\n").as_bytes()).unwrap();
    let mut last = Vec::new();
    // The end is said; without that it would be an error.
    tls.read_to_end(&mut last).unwrap();
    assert_eq!(count(&last), 1);
}

#[test]
fn without_a_certificate_tls_is_refused_in_words() {
    let house = House::new(silent(Clip::sub()), "", "");
    let mut socket = TcpStream::connect(("127.0.0.1", house.port)).unwrap();
    socket.set_read_timeout(Some(SOON)).unwrap();
    socket.write_all(&[22, 3, 1, 0, 1, 1]).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains("tls_certificate"), "{answer}");
    let line = "HTTP connection refused: it speaks TLS, and no tls_certificate is set address=";
    assert!(house.relay.wait_log(line, SOON).is_some());
    assert!(!house.relay.log_contains("https://"));
}
