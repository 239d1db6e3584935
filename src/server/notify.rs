//! What a client of RTSP 2.0 is told when the relay ends its session: PLAY_NOTIFY and TEARDOWN
//! ([RFC 7826 section 13.5.1 and 13.7.2](https://www.rfc-editor.org/rfc/rfc7826#section-13.5.1)).
//!
//! Nobody waits for the answers: the connection closes behind the requests.

use rtsp_proto::headers::{
    NotifyReason, RequestStatus, RtpInfo, RtpInfoEntry, TerminateCause, TerminateReason,
};
use rtsp_proto::{Method, Request, StatusCode, Version};

use super::answers::now;
use super::client::Client;
use super::farewell::Farewell;
use super::group::bit;
use super::live;
use super::session::Session;

impl Client {
    /// The requests that end the session, or nothing when its client knows already, or speaks
    /// RTSP 1.0. Taken while the outlet still knows what it sent.
    pub(super) fn last_words(&mut self, farewell: &Farewell, played: bool) -> Vec<u8> {
        let stopping = self.entry.is_stopping();
        let (cause, message) = match farewell {
            Farewell::Ended(reason) if stopping => (TerminateCause::ServerAdmin, &**reason),
            Farewell::Ended(reason) => (TerminateCause::InternalError, &**reason),
            Farewell::TimedOut(reason) => (TerminateCause::SessionTimeout, *reason),
            _ => return Vec::new(),
        };
        let tracks = self.session.as_ref().map_or(0, |session| session.tracks.len());
        let last = (0..tracks).map(|track| self.outlet(|outlet| outlet.last_packet(track))?);
        let mut last: Vec<Option<(u32, u16)>> = last.collect();
        let session = self.session.as_ref().filter(|session| session.version == Version::V2_0);
        let Some(session) = session else { return Vec::new() };
        if let Some(group) = &session.group {
            for (track, last) in last.iter_mut().enumerate() {
                let by_multicast = session.tracks_by_multicast() & bit(track) != 0;
                *last = if by_multicast { group.last_packet(track) } else { *last };
            }
        }

        let mut bytes = Vec::new();
        let mut cseq = 0;
        let mut request = |method| {
            cseq += 1;
            Request::new(method, session.base(), Version::V2_0)
                .with("CSeq", cseq.to_string())
                .with("Session", session.id.clone())
                .with("Date", now().to_string())
        };
        if played && matches!(farewell, Farewell::Ended(_)) {
            let mut notify = request(Method::PlayNotify)
                .with("Notify-Reason", NotifyReason::EndOfStream.to_string())
                .with("Request-Status", failed(session.play_cseq).to_string())
                .with("Range", live::until(session.npt()));
            let info = last_packets(session, &last);
            if !info.0.is_empty() {
                notify = notify.with("RTP-Info", info.encode(Version::V2_0));
            }
            notify.encode(&mut bytes);
        }
        let reason = TerminateReason { cause, message: Some(message.to_owned()) };
        let teardown = request(Method::Teardown).with("Terminate-Reason", reason.to_string());
        teardown.encode(&mut bytes);
        bytes
    }
}

/// The last packet of each track, as its source and number.
fn last_packets(session: &Session, last: &[Option<(u32, u16)>]) -> RtpInfo {
    let entries = last.iter().enumerate().filter_map(|(track, last)| {
        let (ssrc, sequence) = (*last)?;
        let url = session.track_url(track);
        Some(RtpInfoEntry { url, seq: Some(sequence), rtptime: None, ssrc: Some(ssrc) })
    });
    RtpInfo(entries.collect())
}

/// PLAY was granted and cannot be gone on with.
fn failed(cseq: u32) -> RequestStatus {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    RequestStatus { cseq, status, reason: status.reason().to_owned() }
}
