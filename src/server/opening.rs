//! HTTP on the port for RTSP: the two requests that open a tunnel, and those that open nothing.

use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::tunnel::{Half, Opening, OpeningError};

use super::client::Client;
use super::farewell::Farewell;
use super::tunnels::{Post, Taken, Waiting};
use crate::net::Interest;

/// The answer to a GET, behind which RTSP follows without end.
const OPEN: &str = concat!(
    "HTTP/1.0 200 OK\r\n",
    "Server: rtsp-relay/",
    env!("CARGO_PKG_VERSION"),
    "\r\n",
    "Connection: close\r\n",
    "Cache-Control: no-store\r\n",
    "Pragma: no-cache\r\n",
    "Content-Type: application/x-rtsp-tunnelled\r\n",
    "\r\n"
);

impl Client {
    /// One half of a tunnel came, with what follows its head. That of a POST goes on in the thread of its GET.
    pub(super) fn open(&mut self, opening: Opening, rest: Vec<u8>) -> Result<(), Farewell> {
        let address = self.entry.address.ip();
        let tunnels = Arc::clone(&self.server.tunnels);
        match opening.half {
            Half::Get => {
                let get = tunnels.listen(opening.cookie, address, &self.waker);
                let get = get.map_err(|Taken| self.refuse_cookie())?;
                self.outlet(|outlet| outlet.reply(OPEN.as_bytes()));
                self.way_in.listen(get);
                Ok(())
            }
            Half::Post => {
                // It counts as a connection for as long as it is open, whoever reads it.
                let registered = self.registered.take();
                let post = Post { stream: Arc::clone(&self.stream), rest, _registered: registered };
                let waiting = tunnels.speak(opening.cookie, address, post, &self.waker);
                match waiting.map_err(|Taken| self.refuse_cookie())? {
                    Some(waiting) => Err(self.wait_for_get(&waiting)),
                    None => Err(Farewell::Joined),
                }
            }
        }
    }

    /// Waits until the GET has taken the connection.
    fn wait_for_get(&mut self, waiting: &Waiting) -> Farewell {
        let deadline = Instant::now() + self.server.config.get().request_timeout;
        let farewell = loop {
            if !waiting.is_waiting() {
                return Farewell::Joined;
            }
            if self.entry.is_stopping() {
                break Farewell::Ended(Arc::from("the relay ends the connection"));
            }
            if Instant::now() >= deadline {
                break Farewell::TimedOut("its tunnel has no GET");
            }
            let ready = self.stream.wait(Interest::Hangup, &self.waker, Some(deadline));
            if ready.map_or(true, |ready| ready.hangup) {
                break Farewell::Gone;
            }
        };
        // The GET may have come at the last moment.
        if waiting.take_back() { farewell } else { Farewell::Joined }
    }

    /// HTTP that is no tunnel, such as that of a browser.
    pub(super) fn refuse_opening(&mut self, error: &OpeningError) -> Farewell {
        let status = match error {
            OpeningError::TooLong(_) => "431 Request Header Fields Too Large",
            _ => "400 Bad Request",
        };
        self.refuse_http(status, &error.to_string())
    }

    fn refuse_cookie(&mut self) -> Farewell {
        self.refuse_http("403 Forbidden", "this x-sessioncookie is in use")
    }

    fn refuse_http(&mut self, status: &str, reason: &str) -> Farewell {
        let length = reason.len() + 1;
        let answer = format!(
            "HTTP/1.0 {status}\r\nConnection: close\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{reason}\n"
        );
        self.outlet(|outlet| outlet.reply(answer.as_bytes()));
        Farewell::Foreign(format!("HTTP: {reason}"))
    }
}
