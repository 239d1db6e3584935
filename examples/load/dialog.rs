//! The requests of a viewer, one after another, with no more than a player needs.

use super::framing::header_value;

/// How far the viewer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Options,
    Describe,
    Setup,
    Play,
    Playing,
}

/// A viewer's side of the conversation.
#[derive(Debug)]
pub(crate) struct Dialog {
    url: String,
    /// Of the presentation, for PLAY and TEARDOWN.
    base: String,
    /// Of SETUP.
    transport: String,
    session: String,
    step: Step,
    cseq: u32,
}

impl Dialog {
    /// Nothing said yet.
    pub(crate) fn new(url: &str) -> Self {
        let (url, base) = (url.to_owned(), url.to_owned());
        let transport = "RTP/AVP/TCP;unicast;interleaved=0-1".to_owned();
        Self { url, base, transport, session: String::new(), step: Step::Options, cseq: 0 }
    }

    /// Asks for datagrams to these ports of RTP and RTCP instead.
    pub(crate) fn over_udp(self, (rtp, rtcp): (u16, u16)) -> Self {
        Self { transport: format!("RTP/AVP;unicast;client_port={rtp}-{rtcp}"), ..self }
    }

    /// The first request.
    pub(crate) fn start(&mut self) -> String {
        let url = self.url.clone();
        self.request("OPTIONS", &url, "")
    }

    /// The only request for MP4.
    pub(crate) fn get(&mut self) -> String {
        self.step = Step::Playing;
        let path = self.url.splitn(4, '/').nth(3).unwrap_or_default();
        format!("GET /{path} HTTP/1.1\r\nHost: load\r\nUser-Agent: load\r\n\r\n")
    }

    /// The last one, if there is a session.
    pub(crate) fn teardown(&mut self) -> Option<String> {
        let base = self.base.clone();
        (!self.session.is_empty()).then(|| self.request("TEARDOWN", &base, ""))
    }

    /// Takes an answer; the next request, or nothing when all is said.
    pub(crate) fn answer(&mut self, message: &str) -> Result<Option<String>, String> {
        if !message.starts_with("RTSP/") && !message.starts_with("HTTP/") {
            // A request of the server's own. None of ours waits for it.
            return Ok(None);
        }
        let status = message.split(' ').nth(1).unwrap_or_default();
        if status != "200" {
            return Err(message.lines().next().unwrap_or_default().to_owned());
        }
        match self.step {
            Step::Options => {
                self.step = Step::Describe;
                let url = self.url.clone();
                Ok(Some(self.request("DESCRIBE", &url, "Accept: application/sdp\r\n")))
            }
            Step::Describe => {
                self.step = Step::Setup;
                let base = header_value(message, "content-base");
                let base = base.unwrap_or(&self.url).trim_end_matches('/').to_owned();
                let control = video_control(message).ok_or("no video track in the SDP")?;
                let track = if control.contains("://") {
                    control.to_owned()
                } else {
                    format!("{base}/{control}")
                };
                self.base = base;
                let transport = format!("Transport: {}\r\n", self.transport);
                Ok(Some(self.request("SETUP", &track, &transport)))
            }
            Step::Setup => {
                self.step = Step::Play;
                let session = header_value(message, "session").ok_or("SETUP without a session")?;
                self.session = session.split(';').next().unwrap_or_default().trim().to_owned();
                let base = self.base.clone();
                Ok(Some(self.request("PLAY", &base, "Range: npt=now-\r\n")))
            }
            Step::Play | Step::Playing => {
                self.step = Step::Playing;
                Ok(None)
            }
        }
    }

    fn request(&mut self, method: &str, url: &str, more: &str) -> String {
        self.cseq += 1;
        let mut text = format!("{method} {url} RTSP/1.0\r\nCSeq: {}\r\n", self.cseq);
        if !self.session.is_empty() {
            text += &format!("Session: {}\r\n", self.session);
        }
        text + "User-Agent: load\r\n" + more + "\r\n"
    }
}

/// The control attribute of the first video track (RFC 2326, C.1.1).
fn video_control(message: &str) -> Option<&str> {
    let media = message.split("\r\nm=").skip(1).find(|media| media.starts_with("video"))?;
    media.lines().find_map(|line| line.strip_prefix("a=control:"))
}
