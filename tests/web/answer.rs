//! One request on a connection of its own, byte for byte as the test wants it, and its answer.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{House, SOON};

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    /// `None`: it has no end, and was not read.
    pub(super) body: Option<Vec<u8>>,
}

impl Answer {
    /// What these bytes are answered with; `verb` is what they ask with.
    pub(super) fn to(port: u16, verb: &str, request: &[u8]) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        // What is refused early may not be read in whole.
        let _cut = (&stream).write_all(request);
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            let count = reader.read_line(&mut line).unwrap();
            assert!(count > 0, "no answer to {:?}", String::from_utf8_lossy(request));
            line.trim_end().to_owned()
        };
        let first = line();
        let status = first.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).expect(&first);
        let mut headers = Vec::new();
        loop {
            let line = line();
            let Some((name, value)) = line.split_once(": ") else { break };
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut answer = Self { status: status.parse().unwrap(), headers, body: None };
        // Whatever follows an answer to HEAD would be taken for the next answer.
        if verb == "HEAD" {
            let mut body = Vec::new();
            reader.read_to_end(&mut body).unwrap();
            answer.body = Some(body);
        } else if let Some(length) = answer.header("content-length") {
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            answer.body = Some(body);
        }
        answer
    }

    /// The first header of this name, in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text, as far as it is some.
    pub(super) fn text(&self) -> String {
        String::from_utf8_lossy(self.body.as_deref().unwrap_or_default()).into_owned()
    }
}

/// The header line of a Basic login, `NAME:PASSWORD`; none for nobody.
pub(super) fn login(login: &str) -> String {
    match login {
        "" => String::new(),
        _ => format!("Authorization: Basic {}\r\n", STANDARD.encode(login)),
    }
}

impl House {
    /// The answer to a request without a body; `headers` are whole lines.
    pub(super) fn ask(&self, verb: &str, target: &str, headers: &str) -> Answer {
        let head = format!("{verb} {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
        Answer::to(self.port, verb, format!("{head}{headers}\r\n").as_bytes())
    }
}
