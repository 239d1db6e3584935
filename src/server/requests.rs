//! What each method does ([RFC 2326 section 10](https://www.rfc-editor.org/rfc/rfc2326#section-10)).
//!
//! Every request is answered once, in order. The order of the checks decides what a stranger can
//! learn: version and syntax, then the login, and only then whether a stream exists.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rtsp_proto::headers::{Range, RtpInfo, RtpInfoEntry, tokens};
use rtsp_proto::{Method, Request, Response, StatusCode, Version};

use super::access::{self, Decision};
use super::client::{Client, Farewell, Out};
use super::target::{Target, without_login};
use crate::limits::Full;
use crate::logging::Quoted;
use crate::media::hub::FirstPacket;
use crate::media::{Presentation, Subscriber};
use crate::net::Interest;
use crate::source::{AcquireError, Offline, SourceGuard, Standing};

const PUBLIC: &str =
    "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER";
const SERVER: &str = concat!("rtsp-relay/", env!("CARGO_PKG_VERSION"));
/// When a client may come again after it was refused for want of a place.
const RETRY_AFTER_S: u64 = 5;

/// As long may PLAY wait for a key frame of a camera that has just come: the answer then tells
/// exactly with which packet the viewer begins. Later the answer is sent without it.
const PICTURE_PATIENCE: Duration = Duration::from_secs(2);

/// What the reason phrase of a 400 begins with.
const BAD: &str = "Bad Request: ";

/// What a request needs of the camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// Its tracks are known.
    Described,
    /// There is a picture to begin with.
    Picture,
}

/// A refusal on the way to an answer, or the client is gone.
pub(super) enum Refusal {
    Answer(Response),
    Leave(Farewell),
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Self {
        Self::Answer(Response::new(status, Version::V1_0))
    }
}

pub(super) type Answer = Result<Response, Refusal>;

impl Client {
    /// Answers a request.
    pub(super) fn request(&mut self, request: &Request) -> Result<(), Farewell> {
        log::trace!(
            "request method={} uri={} client={}",
            request.method,
            Quoted(&without_login(&request.uri)),
            self.entry.id
        );
        if let Some(agent) = request.headers.get("User-Agent") {
            self.entry.update(|details| {
                if details.agent != agent {
                    details.agent = agent.chars().take(Quoted::MAX).collect();
                }
            });
        }
        let cseq = request.cseq();
        let answer = match cseq {
            Some(_) => self.answer(request),
            None => Err(bad("a request needs a CSeq")),
        };
        match answer {
            // PLAY has sent its answer itself, in front of the first frame.
            Ok(response) if request.method == Method::Play && response.status.is_success() => {}
            // What follows a request that cannot be read may not be what it seems either.
            Err(Refusal::Answer(response)) if response.status == StatusCode::BAD_REQUEST => {
                let reason = response.reason.trim_start_matches(BAD).to_owned();
                self.reply(&finished(request, response).with("Connection", "close"));
                return Err(Farewell::Refused(reason));
            }
            Ok(response) | Err(Refusal::Answer(response)) => {
                self.reply(&finished(request, response));
            }
            Err(Refusal::Leave(farewell)) => return Err(farewell),
        }
        Ok(())
    }

    fn answer(&mut self, request: &Request) -> Answer {
        if request.version != Version::V1_0 {
            return Err(StatusCode::VERSION_NOT_SUPPORTED.into());
        }
        let required: Vec<String> = ["Require", "Proxy-Require"]
            .iter()
            .flat_map(|name| tokens(&request.headers, name))
            .collect();
        if !required.is_empty() {
            let response = Response::new(StatusCode::OPTION_NOT_SUPPORTED, Version::V1_0);
            return Ok(response.with("Unsupported", required.join(", ")));
        }
        match request.method {
            Method::Options => return Ok(ok().with("Public", PUBLIC)),
            Method::Announce | Method::Record | Method::Redirect | Method::PlayNotify => {
                let response = Response::new(StatusCode::METHOD_NOT_ALLOWED, Version::V1_0);
                return Ok(response.with("Allow", PUBLIC));
            }
            Method::Other(_) => return Err(StatusCode::NOT_IMPLEMENTED.into()),
            _ => {}
        }
        let Some(mut target) = Target::parse(&request.uri) else {
            return Err(bad("a URI is rtsp://host/stream or *"));
        };
        if let Some(session) = self.session.as_ref().filter(|_| target.stream.is_empty()) {
            target.stream.clone_from(&session.stream);
            if target.origin.is_empty() {
                target.origin.clone_from(&session.origin);
            }
        }
        self.check_access(request, &target)?;
        self.check_session(request)?;
        match request.method {
            Method::Describe => self.describe(request, &target),
            Method::Setup => self.setup(request, &target),
            Method::Play => self.play(request, &target),
            Method::Pause => self.pause(),
            Method::Teardown => self.teardown(),
            _ => parameter(request),
        }
    }

    fn check_access(&mut self, request: &Request, target: &Target) -> Result<(), Refusal> {
        let address = self.entry.address;
        match self.server.access.decide(request, &target.stream, address) {
            Decision::Granted(user) => {
                self.authenticated = true;
                if user.is_some() {
                    self.entry.update(|details| details.user = user);
                }
            }
            Decision::Forbidden => return Err(StatusCode::FORBIDDEN.into()),
            // Some players leave the login away once their session stands, and some go on with
            // the first nonce for ever. The session cannot be reached from another connection.
            Decision::Challenge { innocent: true, .. }
                if self.authenticated
                    && self.session.as_ref().is_some_and(|s| s.stream == target.stream) => {}
            Decision::Challenge { challenges, failed, .. } => {
                if let Some(user) = failed {
                    log::warn!("login failed address={address} user={}", Quoted(&user));
                }
                let mut response = Response::new(StatusCode::UNAUTHORIZED, Version::V1_0);
                for challenge in challenges {
                    response.headers.append("WWW-Authenticate", challenge);
                }
                return Err(Refusal::Answer(response));
            }
        }
        let slot = self.server.registry.find(&target.stream);
        match slot {
            Some(slot) if !access::stream_allows(&slot.stream, address) => {
                Err(StatusCode::FORBIDDEN.into())
            }
            _ => Ok(()),
        }
    }

    /// A Session header must name the session of this connection.
    fn check_session(&self, request: &Request) -> Result<(), Refusal> {
        let named = request
            .headers
            .get("Session")
            .map(|value| value.split(';').next().unwrap_or_default().trim());
        match (named, &self.session) {
            (None, _) => Ok(()),
            (Some(named), Some(session)) if session.id == named => Ok(()),
            _ => Err(StatusCode::SESSION_NOT_FOUND.into()),
        }
    }

    fn describe(&mut self, request: &Request, target: &Target) -> Answer {
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
        let sdp = presentation.sdp(&target.stream, self.local.ip().to_canonical(), version);
        let mut response = ok()
            .with("Content-Base", target.base())
            .with("Content-Type", "application/sdp")
            .with("Cache-Control", "no-cache");
        response.body = sdp.into_bytes();
        Ok(response)
    }

    fn play(&mut self, request: &Request, target: &Target) -> Answer {
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
        let transport = match session.uses_udp() {
            true => "udp",
            false if self.stream.is_tls() => "tls",
            false => "tcp",
        };
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

    fn pause(&mut self) -> Answer {
        let id = self.session.as_ref().ok_or(StatusCode::SESSION_NOT_FOUND)?.id.clone();
        self.stop_playing("it paused");
        Ok(ok().with("Session", id))
    }

    fn teardown(&mut self) -> Answer {
        if self.session.is_none() {
            return Err(StatusCode::SESSION_NOT_FOUND.into());
        }
        self.stop_playing("it ended the session");
        self.outlet(|outlet| outlet.end_udp());
        self.session = None;
        self.guard = None;
        self.place = None;
        self.entry.update(|details| details.stream = None);
        Ok(ok())
    }

    /// Takes a place and wants the stream.
    pub(super) fn acquire(&mut self, stream: &str) -> Result<(), Refusal> {
        if self.guard.as_ref().is_some_and(|guard| guard.slot().stream.name == stream) {
            return Ok(());
        }
        if self.session.is_some() {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE.into());
        }
        if self.server.registry.find(stream).is_none() {
            return Err(StatusCode::NOT_FOUND.into());
        }
        if self.place.is_none() {
            let place = self.server.places.take(Some(self.entry.address.ip()));
            self.place = Some(place.map_err(|full| self.refused_place(full))?);
        }
        self.guard = None;
        let guard = self.server.registry.acquire(stream, &self.waker);
        let guard: SourceGuard = guard.map_err(|error| self.refused_source(stream, error))?;
        self.entry.update(|details| details.stream = Some(stream.to_owned()));
        self.guard = Some(guard);
        Ok(())
    }

    fn refused_place(&self, full: Full) -> Refusal {
        let (id, address) = (self.entry.id, self.entry.address);
        let limit = match full {
            Full::All(max) => format!("max_clients={max}"),
            Full::Address(max) => format!("max_clients_per_ip={max}"),
        };
        log::warn!("viewer refused, all places are taken client={id} address={address} {limit}");
        unavailable(Duration::from_secs(RETRY_AFTER_S))
    }

    fn refused_source(&mut self, stream: &str, error: AcquireError) -> Refusal {
        self.place = None;
        let (id, address) = (self.entry.id, self.entry.address);
        match error {
            AcquireError::NotFound => StatusCode::NOT_FOUND.into(),
            AcquireError::TooManyCameras(max) => {
                log::warn!(
                    "viewer refused, too many cameras are pulled stream={stream} client={id} address={address} max_camera_connections={max}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::NoResources(error) => {
                log::error!(
                    "viewer refused, the system is out of resources: {error} stream={stream} client={id} address={address}"
                );
                unavailable(Duration::from_secs(RETRY_AFTER_S))
            }
            AcquireError::Offline(offline, retry_in) => {
                log::warn!(
                    "viewer refused: {offline} stream={stream} client={id} address={address}"
                );
                unavailable_source(&offline, retry_in)
            }
        }
    }

    /// Waits for the camera.
    pub(super) fn wait_for(&mut self, until: Until) -> Result<(Arc<Presentation>, u64), Refusal> {
        let mut asked_again = false;
        loop {
            let mut deadline = None;
            let guard = self.guard.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
            match guard.standing() {
                Standing::Live(presentation, version, picture) => match picture {
                    Err(waited) if until == Until::Picture && waited < PICTURE_PATIENCE => {
                        deadline = Some(Instant::now() + (PICTURE_PATIENCE - waited));
                    }
                    _ => return Ok((presentation, version)),
                },
                Standing::Described(presentation, version) if until == Until::Described => {
                    return Ok((presentation, version));
                }
                Standing::Pending | Standing::Described(..) => {}
                // A failure that this client was not waiting for: it asks anew now.
                Standing::Failed(..) if !asked_again && guard.is_stale() => {
                    asked_again = true;
                    guard.try_again();
                    continue;
                }
                Standing::Failed(offline, retry_in) => {
                    let (id, address) = (self.entry.id, self.entry.address);
                    let stream = &guard.slot().stream.name;
                    log::warn!(
                        "viewer refused: {offline} stream={stream} client={id} address={address}"
                    );
                    if self.session.is_none() {
                        self.guard = None;
                        self.place = None;
                    }
                    return Err(unavailable_source(&offline, retry_in));
                }
            }
            asked_again = true;
            let ready = self.stream.wait(Interest::Hangup, &self.waker, deadline);
            if self.entry.is_stopping() {
                let text = "the relay ends the connection";
                return Err(Refusal::Leave(Farewell::Ended(Arc::from(text))));
            }
            if ready.map_or(true, |ready| ready.hangup) {
                return Err(Refusal::Leave(Farewell::Gone));
            }
        }
    }
}

/// Adds what every response has: the number of its request, and who answers.
fn finished(request: &Request, response: Response) -> Response {
    let Response { version, status, reason, headers, body } = response;
    let mut whole = Response::new(status, version);
    whole.reason = reason;
    whole.body = body;
    if let Some(cseq) = request.cseq() {
        whole.headers.append("CSeq", cseq.to_string());
    }
    for (name, value) in headers.iter() {
        whole.headers.append(name, value);
    }
    whole.headers.append("Server", SERVER);
    whole
}

pub(super) fn ok() -> Response {
    Response::new(StatusCode::OK, Version::V1_0)
}

pub(super) fn bad(reason: &str) -> Refusal {
    let mut response = Response::new(StatusCode::BAD_REQUEST, Version::V1_0);
    response.reason = format!("{BAD}{}", reason.escape_default());
    Refusal::Answer(response)
}

fn unavailable(retry_after: Duration) -> Refusal {
    let response = Response::new(StatusCode::SERVICE_UNAVAILABLE, Version::V1_0);
    Refusal::Answer(response.with("Retry-After", retry_after_seconds(retry_after)))
}

fn unavailable_source(offline: &Offline, retry_in: Duration) -> Refusal {
    let response = Response::new(offline.status(), Version::V1_0);
    Refusal::Answer(response.with("Retry-After", retry_after_seconds(retry_in)))
}

fn retry_after_seconds(time: Duration) -> String {
    time.as_millis().div_ceil(1000).max(1).to_string()
}

/// GET_PARAMETER and SET_PARAMETER without a body keep the session alive; there are no
/// parameters.
fn parameter(request: &Request) -> Answer {
    let response = match request.body.is_empty() {
        true => ok(),
        false => Response::new(StatusCode::PARAMETER_NOT_UNDERSTOOD, Version::V1_0),
    };
    Ok(match request.headers.get("Session") {
        Some(session) => response.with("Session", session.split(';').next().unwrap_or_default()),
        None => response,
    })
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
