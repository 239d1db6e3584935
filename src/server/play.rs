//! PLAY, and its end: PAUSE and TEARDOWN
//! ([RFC 2326 section 10.5](https://www.rfc-editor.org/rfc/rfc2326#section-10.5) and following).

use std::sync::Arc;
use std::time::Instant;

use rtsp_proto::headers::{Range, RtpInfo, RtpInfoEntry, SeekStyle};
use rtsp_proto::{Headers, Request, StatusCode, Version};

use super::answers::{Answer, Refusal, bad, finished, ok};
use super::claim::Until;
use super::client::{Client, Out};
use super::farewell::Farewell;
use super::live;
use super::session::Session;
use super::target::{CONTROL, Target};
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
        let second = session.version == Version::V2_0;
        let mut response = ok().with("Session", session.id.clone());
        if second {
            check_aggregate(session, target)?;
            live::check_play(request, session.npt(), &mut response.headers)?;
        }
        if session.playing {
            stand(session, &mut response.headers);
            if second {
                response.headers.append("Seek-Style", SeekStyle::Next.to_string());
            }
            self.reply(&finished(request, response, self.session.as_ref()));
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
        session.play_cseq = request.cseq().unwrap_or_default();
        stand(session, &mut response.headers);
        let info = rtp_info(&target.base(), &first, |track| slot.hub.ssrc(track));
        if second {
            // With a group of pictures in hand a viewer begins with its key frame.
            let begins = if info.0.is_empty() { SeekStyle::Next } else { SeekStyle::Rap };
            response.headers.append("Seek-Style", begins.to_string());
        }
        if !info.0.is_empty() {
            response.headers.append("RTP-Info", info.encode(session.version));
        }
        let mut bytes = Vec::new();
        finished(request, response, self.session.as_ref()).encode(&mut bytes);
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

    pub(super) fn pause(&mut self, request: &Request, target: &Target) -> Answer {
        let session = self.session.as_ref().ok_or(StatusCode::SESSION_NOT_FOUND)?;
        let mut response = ok().with("Session", session.id.clone());
        if request.version == Version::V2_0 {
            check_aggregate(session, target)?;
            live::locate(session, &mut response.headers);
        }
        self.stop_playing("it paused");
        Ok(response)
    }

    pub(super) fn teardown(&mut self, request: &Request, target: &Target) -> Answer {
        let session = self.session.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
        if let (Version::V2_0, Some(track)) = (request.version, target.track) {
            // Of several tracks, one can be taken down while nothing plays.
            if session.set_up_tracks() > 1 && session.playing {
                return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
            }
            if session.take_down(track) {
                return Ok(ok());
            }
            if session.tracks.get(usize::from(track)).is_none_or(Option::is_none) {
                return Err(StatusCode::NOT_FOUND.into());
            }
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

/// In RTSP 2.0 what plays together is controlled together.
fn check_aggregate(session: &Session, target: &Target) -> Result<(), Refusal> {
    match target.track {
        Some(_) if session.set_up_tracks() > 1 => {
            Err(StatusCode::ONLY_AGGREGATE_OPERATION_ALLOWED.into())
        }
        _ => Ok(()),
    }
}

/// Adds where the presentation stands.
fn stand(session: &Session, answer: &mut Headers) {
    match session.version {
        Version::V2_0 => live::locate(session, answer),
        _ => answer.append("Range", "npt=0.000-"),
    }
}

fn rtp_info(
    base: &str,
    first: &[Option<FirstPacket>],
    ssrc: impl Fn(u8) -> Option<u32>,
) -> RtpInfo {
    let entries = first.iter().zip(0u8..).filter_map(|(first, index)| {
        let first = (*first)?;
        Some(RtpInfoEntry {
            url: format!("{base}{CONTROL}{index}"),
            seq: Some(first.sequence),
            rtptime: Some(first.timestamp),
            ssrc: ssrc(index),
        })
    });
    RtpInfo(entries.collect())
}
