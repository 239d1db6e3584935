//! By other ways in: UDP, HTTP, TLS and tunnels.

use std::io::{Read, Write};
use std::sync::Arc;

use rtsp_relay::tls::{Caller, Trust};

use crate::field::Field;
use crate::{Attack, attack, guess};

const SILENT: &str = "datagrams are never answered";
const SENDER: &str = "a report counts for its sender's address and port only";
const HTTP: &str = "128 connections (MAX_CONNECTIONS)";
const HTTP_HEAD: &str = "16 KiB and 64 lines of head";
const HTTP_BODY: &str = "4 KiB of body";
const TIME: &str = "request_timeout_s";
const LOGINS: &str = "10 wrong logins and 1/s (limits::logins)";
const LOGIN: &str = "nothing but /healthz without a login";
const HANDSHAKE: &str = "request_timeout_s for a handshake";
const COOKIE: &str = "128 bytes of cookie, 4 KiB of head";
const TUNNEL: &str = "request_timeout_s for the other half, 4 POSTs";
const CONNECTIONS: &str = "max_clients + 64 connections";

fn get(path: &str, more: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: x\r\n{more}\r\n").into_bytes()
}

fn half(method: &str, cookie: &str) -> Vec<u8> {
    format!("{method} /door HTTP/1.0\r\nx-sessioncookie: {cookie}\r\nContent-Length: 32767\r\n\r\n")
        .into_bytes()
}

/// The first flight of a client that means it.
fn client_hello() -> Vec<u8> {
    let mut caller = Caller::new(&Trust::Insecure, "relay.lan").unwrap();
    let mut bytes = Vec::new();
    caller.session.write_tls(&mut bytes).unwrap();
    bytes
}

/// Handshakes one after another that end well, and then these bytes, which are no record of theirs.
fn shake_hands(field: &Field, port: u16, then: &[u8]) {
    while !field.is_over() {
        if let Ok(mut stream) = field.connect(port) {
            let mut session = Caller::new(&Trust::Insecure, "relay.lan").unwrap().session;
            while session.is_handshaking() && session.complete_io(&mut stream).is_ok() {}
            let _gone = stream.write_all(then);
        }
        field.strike();
    }
}

/// These requests again and again inside TLS, with some of their answers read.
fn ask_inside(field: &Field, port: u16, requests: &[u8]) {
    while !field.is_over() {
        let Ok(mut stream) = field.connect(port) else { continue };
        let mut caller = Caller::new(&Trust::Insecure, "relay.lan").unwrap();
        let mut tls = rustls::Stream::new(&mut caller.session, &mut stream);
        while !field.is_over() && tls.write_all(requests).is_ok() {
            let _answers = tls.read(&mut [0; 4096]);
            field.strike();
        }
        field.strike();
    }
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack("a flood of reports over UDP", SILENT, |f| {
        f.shoot(f.udp + 1, |_| vec![0x80, 201, 0, 1, 0, 0, 0, 0])
    }),
    attack("farewells of others over UDP", SENDER, |f| {
        f.shoot(f.udp + 1, |_| vec![0x81, 203, 0, 1, 0, 0, 0, 0])
    }),
    attack("media sent to where media comes from", SILENT, |f| {
        f.shoot(f.udp, |_| vec![0x80; 1400])
    }),
    attack("datagrams of 64 KB", SILENT, |f| f.shoot(f.udp + 1, |_| vec![0x80; 65000])),
    attack("empty datagrams", SILENT, |f| f.shoot(f.udp + 1, |_| Vec::new())),
    attack("questions for an amplifier (STUN, DNS, SSDP)", SILENT, |f| {
        f.shoot(f.udp + 1, |n| match n % 3 {
            0 => [&[0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42][..], &[0; 12]].concat(),
            1 => [&[0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], &[0, 0, 255, 0, 1]].concat(),
            _ => b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n".to_vec(),
        });
    }),
    attack("HTTP connections that say nothing", HTTP, |f| f.hold(f.http, 200, b"")),
    attack("an HTTP head without its last line", TIME, |f| {
        f.hold(f.http, 64, b"GET / HTTP/1.1\r\nHost: x\r\n")
    }),
    attack("an HTTP head that comes byte by byte", TIME, |f| {
        f.drip(f.http, 64, b"GET / HTTP/1.1\r\nX: aaaaaaaaaaaaaaaaaaa")
    }),
    attack("an HTTP head without end", HTTP_HEAD, |f| {
        f.pour(f.http, b"GET / HTTP/1.1\r\n", &b"X: aaaaaaaaaaaaaaaaa\r\n".repeat(256))
    }),
    attack("an HTTP target without end", HTTP_HEAD, |f| f.pour(f.http, b"GET /", &[b'a'; 16384])),
    attack("an HTTP body of 100 GB", HTTP_BODY, |f| {
        f.pour(
            f.http,
            b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
            &[0; 16384],
        );
    }),
    attack("an HTTP body that never comes", TIME, |f| {
        f.hold(
            f.http,
            64,
            b"POST /api/v1/reload HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n",
        );
    }),
    attack("an HTTP body with two lengths", HTTP_BODY, |f| {
        f.ask_anew(f.http, |_| b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n".to_vec());
    }),
    attack("a compressed HTTP body", HTTP_BODY, |f| {
        f.ask_anew(f.http, |_| [&b"POST / HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"[..], &[0x1F, 0x8B, 8, 0], &[0xFF; 16]].concat());
    }),
    attack("HTTP connections opened and reset", HTTP, |f| f.churn(f.http, &get("/", ""), true)),
    attack("HTTP requests without end and login", LOGIN, |f| {
        f.ask(f.http, |_| get("/metrics", "").repeat(4))
    }),
    attack("HTTP requests without end, answers unread", "write_timeout_s", |f| {
        f.pour(f.http, b"", &get("/healthz", "").repeat(64))
    }),
    attack("guessing over HTTP", LOGINS, |f| {
        f.ask(f.http, |n| get("/api/v1/status", &format!("Authorization: Basic ZXZlOm{n:04}\r\n")));
    }),
    attack("guessing the administrator's login", LOGINS, |f| {
        f.ask(f.http, |n| {
            format!("DELETE /api/v1/clients/1 HTTP/1.1\r\nHost: x\r\n{}\r\n", guess("DELETE", n))
                .into_bytes()
        });
    }),
    attack("HTTP paths out of the root", LOGIN, |f| {
        f.ask(f.http, |_| get("/../../%2e%2e/%00etc/passwd", ""))
    }),
    attack("HTTP upgrades that nobody asked for", LOGIN, |f| {
        f.ask(f.http, |_| get("/live/door", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"));
    }),
    attack("HTTP ranges by the thousand", HTTP_HEAD, |f| {
        f.ask(f.http, |_| get("/", &format!("Range: bytes={}\r\n", "0-0,".repeat(2000))));
    }),
    attack("handshakes that never begin", HANDSHAKE, |f| f.hold(f.tls, 200, b"")),
    attack("handshakes that never end", HANDSHAKE, |f| f.hold(f.tls, 64, &client_hello())),
    attack("a handshake that comes byte by byte", HANDSHAKE, |f| {
        f.drip(f.tls, 64, &client_hello())
    }),
    attack("handshakes thrown away", CONNECTIONS, |f| {
        let hello = client_hello();
        f.ask_anew(f.tls, |_| hello.clone());
    }),
    attack("handshakes completed and thrown away", CONNECTIONS, |f| shake_hands(f, f.tls, b"")),
    attack("handshakes of junk", HANDSHAKE, |f| {
        f.ask_anew(f.tls, |n| [&[22, 3, 1, 2, 0][..], &[n as u8; 512]].concat())
    }),
    attack("records larger than there are", HANDSHAKE, |f| {
        f.pour(f.tls, &[22, 3, 1, 0xFF, 0xFF], &[1; 16384])
    }),
    attack("alerts without end", HANDSHAKE, |f| {
        f.pour(f.tls, b"", &[21, 3, 3, 0, 2, 1, 0].repeat(512))
    }),
    attack("RTSP on the port for TLS", HANDSHAKE, |f| {
        f.ask_anew(f.tls, |_| b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec())
    }),
    attack("requests without end inside TLS", LOGIN, |f| {
        ask_inside(f, f.tls, &b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n".repeat(8))
    }),
    attack("HTTPS handshakes that never end", HANDSHAKE, |f| {
        let hello = client_hello();
        f.hold(f.http, 64, &hello[..hello.len() / 2]);
    }),
    attack("an HTTPS handshake that comes byte by byte", HANDSHAKE, |f| {
        f.drip(f.http, 64, &client_hello())
    }),
    attack("HTTPS handshakes thrown away", HTTP, |f| f.churn(f.http, &client_hello(), true)),
    attack("HTTPS handshakes completed and thrown away", HTTP, |f| shake_hands(f, f.http, b"")),
    attack("HTTPS handshakes of junk", HANDSHAKE, |f| {
        f.ask_anew(f.http, |n| [&[22, 3, 1, 2, 0][..], &[n as u8; 512]].concat())
    }),
    attack("junk behind an HTTPS handshake", "the first wrong record ends the connection", |f| {
        shake_hands(f, f.http, &[[23, 3, 3, 1, 0].as_slice(), &[7; 256]].concat())
    }),
    attack("HTTPS requests without end and login", LOGIN, |f| {
        ask_inside(f, f.http, &get("/metrics", "").repeat(4))
    }),
    attack("tunnels that never get a POST", TUNNEL, |f| {
        let number = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let mut held = Vec::new();
        while !f.is_over() {
            let n = number.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            if let Ok(mut stream) = f.connect(f.rtsp) {
                let _gone = stream.write_all(&half("GET", &format!("t{n}")));
                held.push(stream);
            }
            if held.len() > 60 {
                held.remove(0);
            }
            f.strike();
        }
    }),
    attack("POSTs that never find a tunnel", TUNNEL, |f| {
        f.hold(f.rtsp, 64, &half("POST", "nobody"))
    }),
    attack("one cookie for all tunnels", TUNNEL, |f| f.hold(f.rtsp, 64, &half("GET", "same"))),
    attack("cookies of others", "a cookie belongs to the address that used it first", |f| {
        // That of the honest viewer behind a tunnel; the attacker has seen it.
        f.ask_anew(f.rtsp, |_| format!("POST /door HTTP/1.0\r\n{}\r\n", f.cookie).into_bytes());
    }),
    attack("a cookie without end", COOKIE, |f| {
        f.pour(f.rtsp, b"GET / HTTP/1.0\r\nx-sessioncookie: ", &[b'a'; 16384])
    }),
    attack("a tunnel of what is no base64", "the first wrong byte ends the tunnel", |f| {
        tunnel(f, b"!!!! not base64 ????")
    }),
    attack("a tunnel of requests without end", LOGIN, |f| {
        tunnel(f, b"T1BUSU9OUyAqIFJUU1AvMS4wDQpDU2VxOiAxDQoNCg==")
    }),
    attack("a web server asked for its pages on the port for RTSP", CONNECTIONS, |f| {
        f.ask_anew(f.rtsp, |n| get(&format!("/{n}.php"), ""))
    }),
];

/// A GET and a POST, and this in the POST again and again.
fn tunnel(field: &Field, body: &[u8]) {
    let mut number = 0;
    while !field.is_over() {
        number += 1;
        let cookie = format!("own{number}");
        let (Ok(mut get), Ok(mut post)) = (field.connect(field.rtsp), field.connect(field.rtsp))
        else {
            continue;
        };
        let _gone = get
            .write_all(&half("GET", &cookie))
            .and_then(|()| post.write_all(&half("POST", &cookie)));
        let mut sink = [0; 4096];
        while !field.is_over() && post.write_all(body).is_ok() {
            match get.read(&mut sink) {
                Ok(0) => break,
                _ => field.strike(),
            }
        }
        field.strike();
    }
}
