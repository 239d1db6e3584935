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
use super::group::{Begin, Membership};
use super::live;
use super::session::Session;
use super::target::{CONTROL, Target};
use crate::events::Viewer;
use crate::media::{self, Subscriber};

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
        let mut begins = Vec::new();
        if let (tracks @ 1.., Some(group)) = (session.tracks_by_multicast(), &session.group) {
            let address = self.entry.address.ip().to_canonical();
            let viewer = Arc::clone(&subscriber) as Arc<dyn media::Viewer>;
            match group.join(viewer, address, tracks, session.tracks.len()) {
                Ok((membership, known)) => {
                    session.membership = Some(membership);
                    begins = known;
                }
                // What it was told in the answer to SETUP is over.
                Err(_) if group.is_closed() => {
                    return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
                }
                Err(error) => return Err(self.refused_group(&error)),
            }
        }
        // From joining to the reply the outbox is ours: no frame can get in front.
        let mut outbox = subscriber.outbox();
        outbox.outlet.set_tracks(&slot, session, self.local.ip().to_canonical());
        let wants = |track: u8| session.is_sent(usize::from(track));
        let instant = slot.stream.now().instant_start;
        let first = slot.hub.join(&subscriber, &mut outbox, instant, wants);
        begins.resize(first.len(), None);
        for ((begin, first), track) in begins.iter_mut().zip(&first).zip(0..) {
            if let Some(first) = first {
                let sequence = outbox.outlet.sequence_of(track, first);
                *begin = Some(Begin { sequence, timestamp: Some(first.timestamp) });
            }
        }
        session.playing = true;
        session.play_cseq = request.cseq().unwrap_or_default();
        stand(session, &mut response.headers);
        let info = rtp_info(&target.base(), &begins, |track| slot.hub.ssrc(track));
        if second {
            // With a group of pictures in hand a viewer begins with its key frame.
            let in_hand = info.0.iter().any(|entry| entry.rtptime.is_some());
            let style = if in_hand { SeekStyle::Rap } else { SeekStyle::Next };
            response.headers.append("Seek-Style", style.to_string());
        }
        if !info.0.is_empty() {
            response.headers.append("RTP-Info", info.encode(session.version));
        }
        let mut bytes = Vec::new();
        finished(request, response, self.session.as_ref()).encode(&mut bytes);
        outbox.outlet.reply(&bytes);
        let written = outbox.outlet.written();
        drop(outbox);
        let membership = self.session.as_ref().and_then(|session| session.membership.as_ref());
        membership.into_iter().for_each(Membership::release);
        self.playing_since = Some((Instant::now(), written));
        self.entry.update(|details| details.playing = true);
        self.server.registry.events.joined(self.as_viewer());
        Ok(ok())
    }

    /// As those see it who follow the events.
    pub(super) fn as_viewer(&self) -> Viewer {
        let details = self.entry.details();
        let session = self.session.as_ref();
        let transport = match session {
            Some(session) if session.tracks_by_multicast() != 0 => "multicast",
            Some(session) if session.uses_udp() => "udp",
            _ => self.carrier(),
        };
        Viewer {
            stream: session.map(|session| session.stream.clone()).unwrap_or_default(),
            client: self.entry.id,
            address: self.entry.address,
            transport,
            user: details.user,
            agent: details.agent,
        }
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

fn rtp_info(base: &str, begins: &[Option<Begin>], ssrc: impl Fn(u8) -> Option<u32>) -> RtpInfo {
    let entries = begins.iter().zip(0u8..).filter_map(|(begin, index)| {
        let begin = (*begin)?;
        Some(RtpInfoEntry {
            url: format!("{base}{CONTROL}{index}"),
            seq: Some(begin.sequence),
            rtptime: begin.timestamp,
            ssrc: ssrc(index),
        })
    });
    RtpInfo(entries.collect())
}
