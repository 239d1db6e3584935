//! PLAY, and its end: PAUSE and TEARDOWN
//! ([RFC 2326 section 10.5](https://www.rfc-editor.org/rfc/rfc2326#section-10.5) and following).

use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::headers::{Range, RtpInfo, RtpInfoEntry};
use rtsp_proto::{Request, StatusCode, Version};

use super::answers::{Answer, Refusal, bad, finished, ok};
use super::claim::Until;
use super::client::{Client, Farewell, Out};
use super::target::Target;
use crate::logging::Quoted;
use crate::media::Subscriber;
use crate::media::hub::FirstPacket;

impl Client {
    pub(super) fn play(&mut self, request: &Request, target: &Target) -> Answer {
        if let Err(error) = Range::from_headers(&request.headers) {
            return Err(bad(&error.to_string()));
        }
        let session = self.session.as_ref().ok_or(StatusCode::SESSION_NOT_FOUND)?;
        if !session.is_set_up() || session.stream != target.stream {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        if session.playing {
            let response = ok().with("Session", session.id.clone()).with("Range", "npt=0.000-");
            self.reply(&finished(request, response));
            return Ok(ok());
        }
        let presentation = self.wait_for(Until::Picture)?.0;
        let carrier = self.carrier();
        let (Some(session), Some(guard)) = (&mut self.session, &self.guard) else {
            return Err(StatusCode::SESSION_NOT_FOUND.into());
        };
        if session.tracks.len() != presentation.tracks.len() {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        let slot = Arc::clone(guard.slot());
        let subscriber = match std::mem::replace(&mut self.out, Out::Moving) {
            Out::Shared(subscriber) => subscriber,
            Out::Direct(outlet) => {
                let (id, waker) = (self.entry.id, Arc::clone(&self.waker));
                let handoff = self.server.handoff && !self.stream.is_tls();
                Arc::new(Subscriber::new(id, *outlet, waker, handoff))
            }
            Out::Moving => return Err(Refusal::Leave(Farewell::Gone)),
        };
        self.out = Out::Shared(Arc::clone(&subscriber));
        // From joining to the reply the outbox is ours: no frame can get in front.
        let mut outbox = subscriber.outbox();
        outbox.outlet.set_tracks(&slot, session, self.local.ip().to_canonical());
        let wants = |track: u8| matches!(session.tracks.get(usize::from(track)), Some(Some(_)));
        let instant = slot.stream.instant_start;
        let mut first = slot.hub.join(&subscriber, &mut outbox, instant, wants);
        for (packet, track) in first.iter_mut().zip(0..) {
            if let Some(packet) = packet {
                packet.sequence = outbox.outlet.sequence_of(track, packet);
            }
        }
        session.playing = true;
        let transport = if session.uses_udp() { "udp" } else { carrier };
        let base = target.base();
        let mut response = ok().with("Session", session.id.clone()).with("Range", "npt=0.000-");
        let info = rtp_info(&base, &first);
        if !info.0.is_empty() {
            response.headers.append("RTP-Info", info.encode(Version::V1_0));
        }
        let mut bytes = Vec::new();
        finished(request, response).encode(&mut bytes);
        outbox.outlet.reply(&bytes);
        let written = outbox.outlet.written();
        drop(outbox);
        self.playing_since = Some((Instant::now(), written));
        self.entry.update(|details| details.playing = true);
        let details = self.entry.details();
        log::info!(
            "viewer joined stream={} client={} address={} transport={transport} agent={}{}",
            slot.stream.name,
            self.entry.id,
            self.entry.address,
            Quoted(&details.agent),
            details.user.map(|user| format!(" user={}", Quoted(&user))).unwrap_or_default(),
        );
        Ok(ok())
    }

    pub(super) fn pause(&mut self) -> Answer {
        let id = self.session.as_ref().ok_or(StatusCode::SESSION_NOT_FOUND)?.id.clone();
        self.stop_playing("it paused");
        Ok(ok().with("Session", id))
    }

    pub(super) fn teardown(&mut self) -> Answer {
        if self.session.is_none() {
            return Err(StatusCode::SESSION_NOT_FOUND.into());
        }
        self.stop_playing("it ended the session");
        self.outlet(|outlet| outlet.end_udp());
        self.session = None;
        self.guard = None;
        self.seat = None;
        self.entry.update(|details| details.stream = None);
        Ok(ok())
    }
}

fn rtp_info(base: &str, first: &[Option<FirstPacket>]) -> RtpInfo {
    let entries = first.iter().enumerate().filter_map(|(index, first)| {
        let first = (*first)?;
        Some(RtpInfoEntry {
            url: format!("{base}trackID={index}"),
            seq: Some(first.sequence),
            rtptime: Some(first.timestamp),
            ssrc: None,
        })
    });
    RtpInfo(entries.collect())
}
