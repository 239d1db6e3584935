//! Requests on their way out.

use std::time::Instant;

use super::exchange::Exchange;
use super::step::{Link, Patience, Phase, Step, TEARDOWN_TIMEOUT};
use super::{Dialog, DialogError, Output, play};
use crate::{Limits, Method, Request};

impl Dialog {
    /// Makes `step` the one that is under way, and sends its request if there is a connection;
    /// else [`Dialog::connected`] does.
    pub(super) fn ask(&mut self, step: Step, logins: u8, now: Instant) -> Result<(), DialogError> {
        let step = match step {
            Step::Play if !self.session.open => Step::Setup,
            Step::Release if !self.session.open => return play::released(self, now),
            step => step,
        };
        match step {
            Step::Keepalive => {}
            Step::Teardown => self.phase = Phase::Closing,
            _ => self.phase = Phase::Asking { step, logins },
        }
        if self.link != Link::Up {
            return Ok(());
        }
        match (step.row().ask)(self) {
            Some(request) => self.send(step, request, logins, now),
            None => Ok(()),
        }
    }

    fn send(
        &mut self,
        step: Step,
        mut request: Request,
        logins: u8,
        now: Instant,
    ) -> Result<(), DialogError> {
        if request.uri.len() > Limits::CAMERA.uri {
            let what = format!(
                "the camera's presentation leads to a URL of {} bytes; at most {} are sent",
                request.uri.len(),
                Limits::CAMERA.uri
            );
            return Err(DialogError::Protocol { step: step.name(), what });
        }
        let digest_uri = if self.digest_with_base { self.aggregate() } else { request.uri.clone() };
        let cnonce = self.entropy.next();
        let authorization =
            self.auth.authorize(&request.method, &digest_uri, &request.body, cnonce);
        let authorized = authorization.is_some();
        if let Some(value) = authorization {
            request.headers.append("Authorization", value);
        }
        self.cseq = self.cseq.wrapping_add(1);
        let deadline = match step.row().patience {
            Patience::Request => Some(now + self.options.request_timeout),
            Patience::None => None,
            Patience::Teardown => Some(now + TEARDOWN_TIMEOUT),
        };
        let mut wire = Vec::new();
        request.encode(&mut wire);
        self.outputs.push_back(Output::Send(wire));
        let (cseq, uri) = (self.cseq, request.uri);
        self.exchanges.opened(Exchange { cseq, step, uri, deadline, authorized, logins });
        Ok(())
    }

    /// A request with what all have. `CSeq` is spelt as cameras want it that compare by case.
    pub(super) fn new_request(&self, method: Method, uri: impl AsRef<str>) -> Request {
        Request::new(method, wire_uri(uri.as_ref()), self.version)
            .with("CSeq", self.cseq.wrapping_add(1).to_string())
            .with("User-Agent", self.options.user_agent.as_str())
    }

    /// Adds the session's id, once there is one.
    pub(super) fn in_session(&self, request: Request) -> Request {
        match self.session.id() {
            Some(id) => request.with("Session", id),
            None => request,
        }
    }

    /// The URI of the whole presentation.
    pub(super) fn aggregate(&self) -> String {
        let uri = match &self.presentation {
            Some(presentation) => presentation.base.aggregate().to_owned(),
            None => self.url.request_uri(),
        };
        wire_uri(&if self.play.other_slash { turn_slash(&uri) } else { uri })
    }
}

/// The URI without its trailing slash, or with one if it has none.
fn turn_slash(uri: &str) -> String {
    uri.strip_suffix('/').map_or_else(|| format!("{uri}/"), str::to_owned)
}

/// A URI that cannot break the request line: blanks, control characters and everything beyond
/// ASCII are percent-encoded, all else is left as the camera wrote it.
fn wire_uri(uri: &str) -> String {
    let mut wire = String::with_capacity(uri.len());
    for byte in uri.bytes() {
        if byte.is_ascii_graphic() {
            wire.push(char::from(byte));
        } else {
            wire.push_str(&format!("%{byte:02X}"));
        }
    }
    wire
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trailing_slash_turns_both_ways() {
        for (one, other) in [("rtsp://c/a", "rtsp://c/a/"), ("rtsp://c/a?b=1", "rtsp://c/a?b=1/")] {
            assert_eq!(turn_slash(one), other);
            assert_eq!(turn_slash(other), one);
        }
    }

    #[test]
    fn a_control_url_cannot_smuggle_in_a_header() {
        assert_eq!(wire_uri("rtsp://c/a b\r\nX: é"), "rtsp://c/a%20b%0D%0AX:%20%C3%A9");
        assert_eq!(wire_uri("rtsp://c/user=a&p=B!%20"), "rtsp://c/user=a&p=B!%20");
    }
}
