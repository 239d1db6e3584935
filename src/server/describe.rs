//! DESCRIBE ([RFC 2326 section 10.2](https://www.rfc-editor.org/rfc/rfc2326#section-10.2)): what a
//! stream is made of.

use rtsp_proto::headers::tokens;
use rtsp_proto::{Request, StatusCode};

use super::answers::{Answer, ok};
use super::claim::Until;
use super::client::Client;
use super::target::Target;

impl Client {
    pub(super) fn describe(&mut self, request: &Request, target: &Target) -> Answer {
        let accepted = tokens(&request.headers, "Accept");
        let fits = |kind: &String| {
            let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            matches!(kind.as_str(), "application/sdp" | "application/*" | "*/*")
        };
        if !accepted.is_empty() && !accepted.iter().any(fits) {
            return Err(StatusCode::NOT_ACCEPTABLE.into());
        }
        self.acquire(&target.stream)?;
        let (presentation, version) = self.wait_for(Until::Described)?;
        // A track is described as the whole that it is a part of; one that there is not is nothing.
        if target.track.is_some_and(|track| !presentation.offers(track)) {
            return Err(StatusCode::NOT_FOUND.into());
        }
        let slot = self.guard.as_ref().map(|guard| guard.slot()).filter(|_| target.multicast);
        let place = slot.and_then(|slot| self.server.groups.place(&slot.stream.now()));
        let place = place.filter(|_| !self.stream.is_tls() && !self.way_in.is_tunnel());
        let local = self.local.ip().to_canonical();
        let sdp = presentation.sdp(&target.stream, local, place.as_ref(), version);
        let mut response = ok()
            .with("Content-Base", target.base())
            .with("Content-Type", "application/sdp")
            .with("Cache-Control", "no-cache");
        response.body = sdp.into_bytes();
        Ok(response)
    }
}
