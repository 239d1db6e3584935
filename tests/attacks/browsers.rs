//! By HTTP from somebody with a login: live pictures, snapshots, events, the API. And multicast.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::field::{ATTACKER, Field};
use crate::support::RtspClient;
use crate::{Attack, GROUP, GROUP_PORT, attack};

const SEATS: &str = "max_clients_per_ip";
const WRITE: &str = "write_timeout_s, and 0.75 s in the queue";
const MESSAGE: &str = "4 KiB of message (MAX_MESSAGE)";
const AT_ONCE: &str = "64 messages at once (MOST_AT_ONCE)";
const OWED: &str = "64 KiB of answers owed (MAX_OWED)";
const RULES: &str = "the first wrong frame ends the WebSocket";
const LISTENERS: &str = "32 listeners (MAX_LISTENERS)";
const ADMIN: &str = "nothing is changed without the administrator's login";
const ANSWER: &str = "write_timeout_s";
const BODY: &str = "4 KiB of body";
const TIME: &str = "request_timeout_s";
const CAMERAS: &str = "max_camera_connections, source_start_timeout_s";
const STREAMS: &str = "the list of streams is fixed";
const GROUPS: &str = "a stream has one group, whoever is in it";
const SENDER: &str = "a report counts for its sender's address only";

const LOGIN: &str = "Authorization: Basic bWFsbG9yeTptYWxsb3J5cy1vd24=\r\n";
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
/// Longest first answer that is waited for.
const PATIENCE: Duration = Duration::from_millis(300);

fn request(verb: &str, path: &str, more: &str) -> Vec<u8> {
    format!("{verb} {path} HTTP/1.1\r\nHost: x\r\n{LOGIN}{more}\r\n").into_bytes()
}

fn get(path: &str) -> Vec<u8> {
    request("GET", path, "")
}

/// A frame of a browser; its mask is 0, so what it says is there to be read.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        short @ 0..=125 => bytes.push(0x80 | short as u8),
        long => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(long as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A connection that has asked for this and got the beginning of its answer.
fn asked(field: &Field, request: &[u8]) -> io::Result<TcpStream> {
    let mut stream = field.connect(field.http)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let mut status = [0; 12];
    stream.read_exact(&mut status)?;
    match &status[9..] {
        b"101" | b"200" => Ok(stream),
        _ => Err(io::Error::other("refused")),
    }
}

fn web_socket(field: &Field, stream: &str) -> io::Result<TcpStream> {
    asked(field, &request("GET", &format!("/live/{stream}"), UPGRADE))
}

/// WebSockets one after another, on each of which this is said again and again; what comes is read
/// or, with `deaf`, left where it is.
fn say(field: &Field, deaf: bool, next: impl Fn(u64) -> Vec<u8>) {
    let mut number = 0;
    let mut sink = vec![0; 64 * 1024];
    while !field.is_over() {
        if let Ok(mut stream) = web_socket(field, "door") {
            let _set = stream.set_nonblocking(true);
            while !field.is_over() {
                number += 1;
                let blocks = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
                let sent = stream.write(&next(number));
                let read = if deaf { Ok(1) } else { stream.read(&mut sink) };
                field.strike();
                let ended = matches!(read, Ok(0)) || read.as_ref().is_err_and(|e| !blocks(e));
                if ended || sent.as_ref().is_err_and(|e| !blocks(e)) {
                    break;
                }
            }
        }
        field.strike();
    }
}

/// So many that watch and read nothing.
fn gather(field: &Field, count: usize, come: impl Fn() -> io::Result<TcpStream>) {
    let mut held = Vec::new();
    while !field.is_over() {
        if held.len() < count {
            held.extend(come().inspect(|stream| {
                let _set = socket2::SockRef::from(stream).set_recv_buffer_size(4096);
            }));
        }
        field.strike();
    }
}

/// The group set up, by an insider.
fn member(client: &mut RtspClient) -> io::Result<()> {
    let uri = format!("{}/trackID=0", client.aggregate().trim_end_matches('/'));
    let transport = [("Transport", "RTP/AVP;multicast")];
    let code = client.request(rtsp_proto::Method::Setup, &uri, &transport)?.status.code();
    assert!(matches!(code, 200 | 453), "{code}");
    if code == 200 { Ok(()) } else { Err(io::Error::other("no seat")) }
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack("live MP4 that nobody reads", WRITE, |f| {
        gather(f, 10, || asked(f, &get("/live/door.mp4")));
    }),
    attack("live MP4 that is opened and reset", SEATS, |f| {
        f.churn(f.http, &get("/live/door.mp4"), true)
    }),
    attack("more live MP4 than there are seats", SEATS, |f| {
        f.hold(f.http, 100, &get("/live/door.mp4"))
    }),
    attack("live MP4 of a camera that is dead", CAMERAS, |f| {
        f.hold(f.http, 8, &get("/live/dead.mp4"))
    }),
    attack("live MP4 of a camera that says nothing", CAMERAS, |f| {
        f.hold(f.http, 8, &get("/live/mute.mp4"))
    }),
    attack("live MP4 of streams that do not exist", STREAMS, |f| {
        f.ask(f.http, |n| get(&format!("/live/{n}.mp4")))
    }),
    attack("requests behind a request for live MP4", SEATS, |f| {
        f.ask(f.http, |_| get("/live/door.mp4").repeat(4))
    }),
    attack("snapshots without end", SEATS, |f| f.ask_anew(f.http, |_| get("/snapshot/door.mp4"))),
    attack("snapshots that nobody waits for", SEATS, |f| {
        f.churn(f.http, &get("/snapshot/door.mp4"), true)
    }),
    attack("WebSockets that nobody reads", WRITE, |f| gather(f, 10, || web_socket(f, "door"))),
    attack("WebSockets opened and reset", SEATS, |f| {
        f.churn(f.http, &request("GET", "/live/door", UPGRADE), true)
    }),
    attack("more WebSockets than there are seats", SEATS, |f| {
        f.hold(f.http, 100, &request("GET", "/live/door", UPGRADE))
    }),
    attack("a WebSocket whose handshake comes byte by byte", TIME, |f| {
        f.drip(f.http, 64, &request("GET", "/live/door", UPGRADE))
    }),
    attack("WebSockets of cameras that are dead", CAMERAS, |f| {
        f.hold(f.http, 8, &request("GET", "/live/dead", UPGRADE))
    }),
    attack("WebSockets of another site's page", "the page's own origin only", |f| {
        let more =
            format!("{UPGRADE}Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\n");
        f.ask(f.http, |_| request("GET", "/live/door", &more));
    }),
    attack("a frame of 2^63 bytes", MESSAGE, |f| {
        say(f, false, |_| [&[0x82, 0xff, 0x7f][..], &[0xff; 7], &[0; 4]].concat());
    }),
    attack("frames of 64 KB", MESSAGE, |f| say(f, false, |_| frame(0x82, &[7; 65535]))),
    attack("a message in pieces without end", MESSAGE, |f| {
        say(f, false, |n| frame(u8::from(n == 1) * 2, &[7; 100]).repeat(16));
    }),
    attack("empty pieces without end", AT_ONCE, |f| {
        say(f, false, |n| frame(u8::from(n == 1) * 2, b"").repeat(200));
    }),
    attack("messages without end", AT_ONCE, |f| say(f, false, |_| frame(0x81, b"x").repeat(200))),
    attack("pings without end", OWED, |f| say(f, false, |_| frame(0x89, &[7; 125]).repeat(100))),
    attack("pings without end, answers unread", OWED, |f| {
        say(f, true, |_| frame(0x89, &[7; 125]).repeat(100));
    }),
    attack("pongs that nobody asked for", AT_ONCE, |f| {
        say(f, false, |_| frame(0x8a, &[7; 125]).repeat(100));
    }),
    attack("frames without a mask", RULES, |f| say(f, false, |_| vec![0x81, 1, b'x'])),
    attack("opcodes that do not exist", RULES, |f| {
        say(f, false, |n| frame(0x80 | 3 | (n as u8 & 4), b"x"));
    }),
    attack("reserved bits", RULES, |f| say(f, false, |_| frame(0xf1, b"x"))),
    attack("control frames that are too long or in pieces", RULES, |f| {
        say(f, false, |n| if n % 2 == 0 { frame(0x89, &[7; 200]) } else { frame(0x09, b"x") });
    }),
    attack("text that is no UTF-8", RULES, |f| say(f, false, |_| frame(0x81, &[0xff; 64]))),
    attack("the last message again and again", RULES, |f| {
        say(f, false, |_| frame(0x88, &[3, 0xe8]).repeat(100));
    }),
    attack("events that nobody reads", LISTENERS, |f| {
        gather(f, 100, || asked(f, &get("/api/v1/events")));
    }),
    attack("events asked for and reset", LISTENERS, |f| {
        f.churn(f.http, &get("/api/v1/events"), true)
    }),
    attack("status asked for without end, answers unread", ANSWER, |f| {
        f.pour(f.http, b"", &get("/api/v1/status").repeat(32))
    }),
    attack("requests in a pipeline without end", "one request at a time", |f| {
        f.ask(f.http, |_| get("/api/v1/status").repeat(16))
    }),
    attack("changes with a viewer's login", ADMIN, |f| {
        f.ask_anew(f.http, |n| {
            request(
                "POST",
                &format!("/api/v1/streams/door/{}", ["disable", "restart"][n as usize % 2]),
                "",
            )
        });
    }),
    attack("a body that comes byte by byte", TIME, |f| {
        f.drip(f.http, 64, &request("POST", "/api/v1/reload", "Content-Length: 4000\r\n"))
    }),
    attack("bodies of 5 KB", BODY, |f| {
        let begin = request("POST", "/api/v1/reload", "Content-Length: 5000\r\n");
        f.ask_anew(f.http, |_| [&begin[..], &[b' '; 5000]].concat());
    }),
    attack("members of a group that come and vanish", GROUPS, |f| {
        f.inside("plaza", |f, client| {
            client.describe()?;
            member(client)?;
            // It counts from here: to play takes as long as the camera needs that was let go before.
            f.strike();
            client.play()?;
            *client = f.insider("plaza")?;
            Ok(())
        });
    }),
    attack("more members of a group than there are seats", SEATS, |f| {
        let mut held = Vec::new();
        while !f.is_over() {
            if held.len() < 40 {
                held.extend(f.insider("plaza").and_then(|mut client| {
                    client.describe()?;
                    member(&mut client)?;
                    client.play().map(|_| client)
                }));
            }
            f.strike();
        }
    }),
    attack("strangers that speak to a group", SENDER, |f| {
        let member = f.insider("plaza").and_then(|mut client| {
            client.describe()?;
            member(&mut client)?;
            client.play().map(|_| client)
        });
        while !f.is_over() {
            // By the loopback only, wherever the system's routes lead to.
            let socket = UdpSocket::bind((ATTACKER, 0)).unwrap();
            socket2::SockRef::from(&socket).set_multicast_if_v4(&Ipv4Addr::LOCALHOST).unwrap();
            for kind in 200..208 {
                for port in [GROUP_PORT, GROUP_PORT + 1] {
                    let to = SocketAddr::from((GROUP, port));
                    let _full = socket.send_to(&[0x81, kind, 0, 1, 0, 0, 0, 0], to);
                }
            }
            f.strike();
        }
        drop(member);
    }),
];
