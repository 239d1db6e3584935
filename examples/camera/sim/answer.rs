//! What is answered to each request (RFC 2326, section 10).

use super::connection::Connection;
use super::delivery::Delivery;
use super::feed::Feed;
use super::sdp::CONTROL;
use super::session::Session;
use super::stats::add;
use super::timeline::unix_now;
use rtsp_proto::auth::Verdict;
use rtsp_proto::headers::{Lower, Transport, TransportSpec};
use rtsp_proto::{Method, Request, Response, StatusCode, Version};
use std::net::SocketAddr;
use std::sync::Arc;

impl Connection {
    /// The answer to anything but PLAY.
    pub(super) fn answer(&mut self, request: &Request) -> Response {
        self.check(request).err().unwrap_or_else(|| {
            let answer = match request.method {
                Method::Options => Ok(self.options(request)),
                Method::Describe => self.describe(request),
                Method::Setup => self.setup(request),
                Method::Pause => self.pause(request),
                Method::Teardown => self.teardown(request),
                Method::GetParameter | Method::SetParameter => self.parameter(request),
                _ => Err(StatusCode::NOT_IMPLEMENTED),
            };
            answer.unwrap_or_else(plain)
        })
    }

    /// Starts the media right behind the answer to PLAY.
    pub(super) fn play(&mut self, request: &Request) {
        let session = match self.check(request) {
            Err(refusal) => return self.reply(request, refusal),
            Ok(()) => self.session_of(request, true),
        };
        let (feed, number, id, tracks) = match session {
            Err(status) => return self.reply(request, plain(status)),
            Ok(session) => {
                session.pause();
                session.playing = true;
                let feed = Arc::clone(&session.feed);
                (feed, session.number, session.id.clone(), session.tracks.clone())
            }
        };
        add(&self.world.counters.plays);
        let base = base(&request.uri);
        let set_up: Vec<bool> = tracks.iter().map(Option::is_some).collect();
        feed.subscribe(number, tracks, |first| {
            let entry = |(index, (sequence, time)): (usize, &(u16, u32))| {
                format!("url={base}{CONTROL}{};seq={sequence};rtptime={time}", index + 1)
            };
            let playing = first.iter().enumerate().filter(|&(index, _)| set_up[index]);
            let info: Vec<String> = playing.map(entry).collect();
            let mut response =
                plain(StatusCode::OK).with("Session", id).with("Range", "npt=0.000-");
            if feed.path.rtp_info {
                response = response.with("RTP-Info", info.join(","));
            }
            self.reply(request, response);
        });
    }

    /// Version, sequence number and login.
    fn check(&self, request: &Request) -> Result<(), Response> {
        let world = &self.world;
        if request.version != Version::V1_0 && !world.options.rtsp2 {
            return Err(plain(StatusCode::VERSION_NOT_SUPPORTED));
        }
        if request.cseq().is_none() {
            return Err(plain(StatusCode::BAD_REQUEST));
        }
        let free = request.method == Method::Options && !world.options.auth_options;
        let Some(verifier) = world.verifier.as_ref().filter(|_| !free) else { return Ok(()) };
        let (now, peer) = (unix_now().as_secs(), self.peer.ip().to_string());
        let same = |uri: &str| uri == request.uri;
        let verdict =
            verifier.verify(&request.method, &request.headers, same, &peer, now, |user| {
                world.password_of(user)
            });
        let stale = matches!(verdict, Verdict::Stale);
        match verdict {
            Verdict::Granted { .. } if !world.switches.wrong_password() => {
                add(&world.counters.logins_ok);
                return Ok(());
            }
            Verdict::Granted { .. } | Verdict::Denied { .. } => add(&world.counters.logins_failed),
            Verdict::Missing | Verdict::Stale => {}
        }
        let mut response = plain(StatusCode::UNAUTHORIZED);
        for challenge in verifier.challenge(now, world.random.next(), &peer, stale) {
            response.headers.append("WWW-Authenticate", world.dialect(challenge));
        }
        Err(response)
    }

    fn options(&self, request: &Request) -> Response {
        let mut public = self.world.options.public.to_owned();
        if self.world.options.rtsp2 {
            public += ", PLAY_NOTIFY";
        }
        let response = plain(StatusCode::OK).with("Public", public);
        match &self.session {
            Some(session) if request.headers.get("Session").is_some() => {
                add(&self.world.counters.keepalives_options);
                response.with("Session", session.id.clone())
            }
            _ => response,
        }
    }

    fn describe(&self, request: &Request) -> Result<Response, StatusCode> {
        let (feed, _) = self.target(&request.uri)?;
        add(&self.world.counters.describes);
        let mut response = plain(StatusCode::OK);
        if feed.path.content_base {
            response = response.with("Content-Base", base(&request.uri));
        }
        response = response.with("Content-Type", "application/sdp");
        response.body = feed.presentation.clone().into_bytes();
        Ok(response)
    }

    fn setup(&mut self, request: &Request) -> Result<Response, StatusCode> {
        let (feed, track) = self.target(&request.uri)?;
        let ssrcs = feed.ssrcs();
        let track = match track {
            Some(track) if track < ssrcs.len() => track,
            None if ssrcs.len() == 1 => 0,
            None => return Err(StatusCode::AGGREGATE_OPERATION_NOT_ALLOWED),
            Some(_) => return Err(StatusCode::NOT_FOUND),
        };
        let asked = Transport::from_headers(&request.headers);
        let asked = asked.map_err(|_| StatusCode::BAD_REQUEST)?.ok_or(StatusCode::BAD_REQUEST)?;
        let usable =
            asked.0.iter().find_map(|spec| self.delivery(spec, &feed, track, ssrcs[track]));
        let (delivery, answer) = usable.ok_or(StatusCode::UNSUPPORTED_TRANSPORT)?;
        if self.session.is_none() && request.headers.get("Session").is_none() {
            let id = format!("{:016X}", self.world.random.next());
            let session = self.world.sessions.open(id, &feed);
            self.session = Some(session.ok_or(StatusCode::NOT_ENOUGH_BANDWIDTH)?);
        }
        let timeout = self.world.options.session_timeout.as_secs();
        let session = self.session.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
        let named = request.headers.get("Session").is_none_or(|id| id.trim() == session.id);
        if !named {
            return Err(StatusCode::SESSION_NOT_FOUND);
        }
        if session.playing || !Arc::ptr_eq(&session.feed, &feed) {
            return Err(StatusCode::METHOD_NOT_VALID_IN_THIS_STATE);
        }
        session.set(track, delivery);
        add(&self.world.counters.setups);
        Ok(plain(StatusCode::OK)
            .with("Transport", answer)
            .with("Session", format!("{};timeout={timeout}", session.id)))
    }

    /// What comes of one alternative of a Transport header; `None` if it is not for this camera.
    fn delivery(
        &self,
        spec: &TransportSpec,
        feed: &Feed,
        track: usize,
        ssrc: u32,
    ) -> Option<(Delivery, String)> {
        let world = &self.world;
        let lower = if world.options.always_tcp { Lower::Tcp } else { spec.lower };
        match lower {
            Lower::Tcp if world.options.allow_tcp && !world.switches.no_tcp() => {
                let used = |channel| {
                    self.session.as_ref().is_some_and(|session| session.uses(channel, track))
                };
                let asked = spec.interleaved.map(|(rtp, rtcp)| (rtp, rtcp.unwrap_or(rtp | 1)));
                let free = (0..=254).step_by(2).find(|&rtp| !used(rtp) && !used(rtp + 1))?;
                let (rtp, rtcp) =
                    asked.filter(|&(a, b)| !used(a) && !used(b)).unwrap_or((free, free + 1));
                let outlet = Arc::clone(&self.outlet);
                let text = format!("RTP/AVP/TCP;unicast;interleaved={rtp}-{rtcp};ssrc={ssrc:08X}");
                Some((Delivery::Tcp { outlet, rtp, rtcp }, text))
            }
            Lower::Udp if self.wants_group(spec) => {
                let udp = Arc::clone(world.udp.as_ref()?);
                let text = feed.groups.transport(track, ssrc, Version::V1_0)?;
                let rtp = *feed.groups.of_tracks.get(track)?;
                let rtcp = SocketAddr::new(rtp.ip(), rtp.port() + 1);
                Some((Delivery::Udp { udp, rtp, rtcp }, text))
            }
            Lower::Udp if !spec.is_multicast() && world.options.allow_udp => {
                let udp = Arc::clone(world.udp.as_ref()?);
                let (rtp, rtcp) = spec.client_port?;
                let rtcp = rtcp.or(rtp.checked_add(1))?;
                let server = match world.options.server_port {
                    true => format!("server_port={}-{};", udp.port, udp.port + 1),
                    false => String::new(),
                };
                let text =
                    format!("RTP/AVP;unicast;client_port={rtp}-{rtcp};{server}ssrc={ssrc:08X}");
                let to = |port| SocketAddr::new(self.peer.ip(), port);
                Some((Delivery::Udp { udp, rtp: to(rtp), rtcp: to(rtcp) }, text))
            }
            _ => None,
        }
    }

    fn wants_group(&self, spec: &TransportSpec) -> bool {
        let multicast = self.world.options.multicast;
        multicast.is_some_and(|multicast| multicast.always || spec.is_multicast())
    }

    fn pause(&mut self, request: &Request) -> Result<Response, StatusCode> {
        let session = self.session_of(request, true)?;
        session.pause();
        let id = session.id.clone();
        add(&self.world.counters.pauses);
        Ok(plain(StatusCode::OK).with("Session", id))
    }

    fn teardown(&mut self, request: &Request) -> Result<Response, StatusCode> {
        self.session_of(request, true)?.ended = true;
        self.session = None;
        add(&self.world.counters.teardowns);
        Ok(plain(StatusCode::OK))
    }

    fn parameter(&mut self, request: &Request) -> Result<Response, StatusCode> {
        if request.headers.get("Session").is_none() {
            return Ok(plain(StatusCode::OK));
        }
        let id = self.session_of(request, false)?.id.clone();
        let counters = &self.world.counters;
        add(match request.method {
            Method::GetParameter => &counters.keepalives_get_parameter,
            _ => &counters.keepalives_set_parameter,
        });
        Ok(plain(StatusCode::OK).with("Session", id))
    }

    /// The session a request names; for what acts on a path, the URI must be of that path too.
    fn session_of(&mut self, request: &Request, of_path: bool) -> Result<&mut Session, StatusCode> {
        let feed = if of_path { Some(self.target(&request.uri)?.0) } else { None };
        let named = request.headers.get("Session").map(|id| id.split(';').next().unwrap_or(id));
        let session = self.session.as_mut().ok_or(StatusCode::SESSION_NOT_FOUND)?;
        if named.map(str::trim) != Some(session.id.as_str()) {
            return Err(StatusCode::SESSION_NOT_FOUND);
        }
        if feed.is_some_and(|feed| !Arc::ptr_eq(&feed, &session.feed)) {
            return Err(StatusCode::NOT_FOUND);
        }
        Ok(session)
    }

    /// The path, and the track from 0, that a URI means. The track stands behind the path or, as
    /// ffmpeg does with a query, behind everything.
    fn target(&self, uri: &str) -> Result<(Arc<Feed>, Option<usize>), StatusCode> {
        let after = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let whole = after.split_once('/').map_or("", |(_, rest)| rest);
        let (before, track) = match whole.rsplit_once(CONTROL) {
            None => (whole, None),
            Some((before, number)) => {
                let number = number.split(['?', '/']).next().and_then(|n| n.parse::<usize>().ok());
                let track = number.and_then(|number| number.checked_sub(1));
                (before, Some(track.ok_or(StatusCode::NOT_FOUND)?))
            }
        };
        let name = before.trim_end_matches('/');
        let bare = name.split('?').next().unwrap_or(name).trim_end_matches('/');
        let feeds = &self.world.feeds;
        let found = [name, bare].into_iter().find_map(|n| feeds.iter().find(|f| f.path.name == n));
        Ok((Arc::clone(found.ok_or(StatusCode::NOT_FOUND)?), track))
    }
}

fn plain(status: StatusCode) -> Response {
    // CSeq comes first in what cameras send; `reply` fills it in.
    Response::new(status, Version::V1_0).with("CSeq", "0").with("Server", "simulated camera")
}

/// What control attributes are relative to: the URI with one slash at its end.
fn base(uri: &str) -> String {
    format!("{}/", uri.trim_end_matches('/'))
}
