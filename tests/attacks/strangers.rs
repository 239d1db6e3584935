//! RTSP from somebody without a login.

use std::net::Shutdown;

use crate::{Attack, attack, guess};

const CONNECTIONS: &str = "max_clients + 64 connections";
const HEAD: &str = "8 KiB of head (Limits::CLIENT)";
const LINES: &str = "64 header lines (Limits::CLIENT)";
const URI: &str = "2 KiB of URI (Limits::CLIENT)";
const BODY: &str = "8 KiB of body (Limits::CLIENT)";
const TIME: &str = "request_timeout_s";
const FIRST: &str = "the first wrong byte ends the connection";
const OWED: &str = "64 KiB of answers owed (MAX_OWED)";
const LOGINS: &str = "10 wrong logins and 1/s (limits::logins)";
const LOGIN: &str = "nothing but OPTIONS without a login";

fn request(method: &str, more: &str) -> Vec<u8> {
    format!("{method} rtsp://127.0.0.1/door RTSP/1.0\r\nCSeq: 1\r\n{more}\r\n").into_bytes()
}

pub(crate) const ATTACKS: &[Attack] = &[
    attack("connections that say nothing", CONNECTIONS, |f| f.hold(f.rtsp, 200, b"")),
    attack("half a request line, for ever", CONNECTIONS, |f| {
        f.hold(f.rtsp, 200, b"DESCRIBE rtsp:")
    }),
    attack("a head without its last line", TIME, |f| {
        f.hold(f.rtsp, 64, b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n")
    }),
    attack("a head that comes byte by byte", TIME, |f| {
        f.drip(
            f.rtsp,
            64,
            b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\nX: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        );
    }),
    attack("a body that never comes", TIME, |f| {
        f.hold(f.rtsp, 64, &request("SET_PARAMETER", "Content-Length: 8000\r\n"));
    }),
    attack("a head without end", HEAD, |f| {
        f.pour(
            f.rtsp,
            b"OPTIONS * RTSP/1.0\r\n",
            &b"X-Padding: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n".repeat(64),
        );
    }),
    attack("a line without end", HEAD, |f| {
        f.pour(f.rtsp, b"OPTIONS * RTSP/1.0\r\nX: ", &[b'a'; 16384])
    }),
    attack("a header line folded without end", HEAD, |f| {
        f.pour(f.rtsp, b"OPTIONS * RTSP/1.0\r\nX: ", &b"a\r\n ".repeat(2048));
    }),
    attack("a URI without end", URI, |f| f.pour(f.rtsp, b"DESCRIBE rtsp://h/", &[b'a'; 16384])),
    attack("more header lines than anybody needs", LINES, |f| {
        f.ask_anew(f.rtsp, |_| request("OPTIONS", &"a: b\r\n".repeat(500)));
    }),
    attack("header names that fall into one bucket of a hash table", LINES, |f| {
        // A list of lines is searched here, and 64 are the most there can be.
        f.ask_anew(f.rtsp, |n| {
            let lines: String =
                (0..60).map(|i| format!("X-{:08x}: v\r\n", (n + i) << 16)).collect();
            request("OPTIONS", &lines)
        });
    }),
    attack("a body of 100 GB announced", BODY, |f| {
        f.pour(f.rtsp, &request("SET_PARAMETER", "Content-Length: 99999999999\r\n"), &[0; 16384]);
    }),
    attack("two lengths for one body", FIRST, |f| {
        f.ask_anew(f.rtsp, |_| {
            request("SET_PARAMETER", "Content-Length: 0\r\nContent-Length: 900\r\n")
        });
    }),
    attack("a negative length", FIRST, |f| {
        f.ask_anew(f.rtsp, |_| request("SET_PARAMETER", "Content-Length: -1\r\n"));
    }),
    attack("zeros without end", FIRST, |f| f.pour(f.rtsp, b"", &[0; 16384])),
    attack("noise", FIRST, |f| {
        f.ask_anew(f.rtsp, |n| {
            (0..4096u64).map(|i| ((i * n * 2_654_435_761) >> 7) as u8).collect()
        });
    }),
    attack("frames of media before a login", FIRST, |f| {
        let frame = [&b"$\0\xff\xff"[..], &[0xAA; 65535]].concat();
        f.pour(f.rtsp, b"", &frame);
    }),
    attack("a frame that never ends", TIME, |f| f.hold(f.rtsp, 64, b"$\0\xff\xffonly this")),
    attack("empty frames without end", FIRST, |f| f.pour(f.rtsp, b"", &b"$\0\0\0".repeat(4096))),
    attack("connections opened and closed", CONNECTIONS, |f| f.churn(f.rtsp, b"", false)),
    attack("connections opened and reset", CONNECTIONS, |f| f.churn(f.rtsp, b"", true)),
    attack("one request and a reset", CONNECTIONS, |f| {
        f.churn(f.rtsp, &request("OPTIONS", ""), true)
    }),
    attack("connections half closed", "client_timeout_s", |f| {
        while !f.is_over() {
            let closed = f
                .connect(f.rtsp)
                .and_then(|stream| stream.shutdown(Shutdown::Write).map(|()| stream));
            f.strike();
            drop(closed);
        }
    }),
    attack("OPTIONS without end", OWED, |f| f.ask(f.rtsp, |_| request("OPTIONS", "").repeat(8))),
    attack("OPTIONS without end, answers unread", OWED, |f| {
        f.pour(f.rtsp, b"", &request("OPTIONS", "").repeat(64))
    }),
    attack("DESCRIBE without end and login", LOGIN, |f| {
        f.ask(f.rtsp, |_| request("DESCRIBE", "").repeat(8))
    }),
    attack("DESCRIBE without end and login, answers unread", OWED, |f| {
        f.pour(f.rtsp, b"", &request("DESCRIBE", "").repeat(64));
    }),
    attack("guessing over Digest", LOGINS, |f| {
        f.ask(f.rtsp, |n| request("DESCRIBE", &guess("DESCRIBE", n)))
    }),
    attack("guessing over Basic", LOGINS, |f| {
        f.ask(f.rtsp, |n| request("DESCRIBE", &format!("Authorization: Basic ZXZlOm{n:04}\r\n")));
    }),
    attack("guessing on a connection each", LOGINS, |f| {
        f.ask_anew(f.rtsp, |n| request("DESCRIBE", &guess("DESCRIBE", n)));
    }),
    attack("a login of 7 KB", HEAD, |f| {
        let name = "a".repeat(7000);
        f.ask(f.rtsp, |_| {
            request("DESCRIBE", &format!("Authorization: Digest username=\"{name}\"\r\n"))
        });
    }),
    attack("a login of a thousand parameters", HEAD, |f| {
        let params: Vec<_> = (0..900).map(|n| format!("p{n}=1")).collect();
        let login = format!("Authorization: Digest {}\r\n", params.join(","));
        f.ask(f.rtsp, |_| request("DESCRIBE", &login));
    }),
    attack("sixty logins at once", LINES, |f| {
        f.ask(f.rtsp, |n| {
            request(
                "DESCRIBE",
                &guess("DESCRIBE", n)
                    .repeat(60)
                    .chars()
                    .take(7000)
                    .collect::<String>()
                    .rsplit_once("\r\n")
                    .map(|(whole, _)| format!("{whole}\r\n"))
                    .unwrap_or_default(),
            )
        });
    }),
    attack("methods that do not exist", LOGIN, |f| {
        f.ask(f.rtsp, |n| request(&format!("M{n}"), ""))
    }),
    attack("versions that do not exist", FIRST, |f| {
        f.ask_anew(f.rtsp, |n| format!("OPTIONS * RTSP/{n}.9\r\nCSeq: 1\r\n\r\n").into_bytes());
    }),
    attack("requests without a number", FIRST, |f| {
        f.ask_anew(f.rtsp, |_| b"OPTIONS * RTSP/1.0\r\n\r\n".to_vec());
    }),
    attack("sessions guessed", LOGIN, |f| {
        f.ask(f.rtsp, |n| request("TEARDOWN", &format!("Session: {n:032x}\r\n")));
    }),
    attack("pipelined sessions guessed", LOGIN, |f| {
        f.ask(f.rtsp, |n| {
            format!(
                "PLAY rtsp://127.0.0.1/door RTSP/2.0\r\nCSeq: 1\r\nPipelined-Requests: {n}\r\n\r\n"
            )
            .into_bytes()
        });
    }),
    attack("features that nobody has", HEAD, |f| {
        f.ask(f.rtsp, |_| request("OPTIONS", &format!("Require: {}\r\n", "tag.x,".repeat(900))));
    }),
    attack("paths out of the root", LOGIN, |f| {
        f.ask(f.rtsp, |_| {
            b"DESCRIBE rtsp://h/../../%2e%2e/%00/etc/passwd RTSP/1.0\r\nCSeq: 1\r\n\r\n".to_vec()
        });
    }),
    attack("TLS on the plain port", FIRST, |f| {
        f.churn(f.rtsp, &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3], false)
    }),
    attack("another protocol (SMTP, SSH, SIP)", FIRST, |f| {
        f.ask_anew(f.rtsp, |n| match n % 3 {
            0 => b"EHLO there\r\n".to_vec(),
            1 => b"SSH-2.0-OpenSSH_9.9\r\n".to_vec(),
            _ => b"INVITE sip:a@b SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n".to_vec(),
        });
    }),
];
