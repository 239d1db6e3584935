//! What a client's answers must be like.

use std::collections::VecDeque;

use rtsp_proto::decoder::Frame;
use rtsp_proto::{Method, Response, StatusCode, Version};

use super::ask::{Asked, EASY_TRANSPORTS, Place};

/// One connection, as a client sees it.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// The relay asks for a login.
    guarded: bool,
    /// The bytes of the client had mistakes: what they mean nobody knows.
    pub(super) confused: bool,
    asked: VecDeque<Asked>,
    logged_in: bool,
    session: Option<Known>,
    /// The stream was ended by the relay, or a track was taken down: it may be over.
    pub(super) unsure: bool,
    /// Frames of media, and requests that were granted, so far.
    pub(super) seen: (u64, u64),
}

#[derive(Debug)]
struct Known {
    id: String,
    playing: bool,
    version: Version,
    channels: Vec<u8>,
}

impl Model {
    pub(super) fn new(guarded: bool) -> Self {
        Self { guarded, ..Self::default() }
    }

    pub(super) fn session(&self) -> Option<&str> {
        self.session.as_ref().map(|known| known.id.as_str())
    }

    pub(super) fn ask(&mut self, asked: Asked) {
        self.asked.push_back(asked);
    }

    /// All requests have their answers.
    pub(super) fn is_quiet(&self) -> bool {
        self.asked.is_empty()
    }

    /// A frame of media.
    pub(super) fn frame(&mut self, frame: &Frame<'_>) {
        self.seen.0 += 1;
        if self.confused {
            return;
        }
        let known = self.session.as_ref().filter(|known| known.playing);
        let known = known.unwrap_or_else(|| unreachable!("media without PLAY: {self:?}"));
        assert!(known.channels.contains(&frame.channel), "channel {} of {self:?}", frame.channel);
    }

    /// An answer.
    pub(super) fn answer(&mut self, response: &Response) {
        if self.confused {
            return;
        }
        let asked = self.asked.pop_front();
        let asked = asked.unwrap_or_else(|| unreachable!("{response:?} answers nothing"));
        let (status, second) = (response.status, asked.version == Version::V2_0);
        let context = || format!("{asked:?}: {response:?}, {:?}", self.session);
        assert_eq!(response.cseq(), asked.cseq, "{}", context());
        let version = if asked.version == Version::V1_0 { Version::V1_0 } else { Version::V2_0 };
        assert_eq!(response.version, version, "{}", context());
        if asked.cseq.is_none() {
            assert_eq!(status, StatusCode::BAD_REQUEST, "{}", context());
            return;
        }
        let opens = asked.login == Some(true);
        let entered = !self.guarded || opens || asked.login.is_none() && self.logged_in;
        let public = [
            StatusCode::BAD_REQUEST,
            StatusCode::UNAUTHORIZED,
            StatusCode::METHOD_NOT_ALLOWED,
            StatusCode::NOT_IMPLEMENTED,
            StatusCode::VERSION_NOT_SUPPORTED,
            StatusCode::OPTION_NOT_SUPPORTED,
        ];
        if !entered && asked.method != Method::Options {
            assert!(public.contains(&status), "told to a stranger: {}", context());
        }
        if entered && opens && asked.version == Version::V1_0 {
            assert_ne!(status, StatusCode::UNAUTHORIZED, "{}", context());
        }
        let has_session = self.session.is_some() || self.unsure;
        let foreign = asked.session.as_deref().is_some_and(|id| Some(id) != self.session());
        if status.is_success() {
            let free = asked.method == Method::Options && !second;
            assert!(free || self.unsure || !foreign, "a foreign session: {}", context());
            self.granted(&asked, response);
        } else if asked.plain && (opens || !self.guarded) && !foreign && !self.unsure {
            self.refused(&asked, status, has_session);
        }
    }

    fn granted(&mut self, asked: &Asked, response: &Response) {
        let context = || format!("{asked:?}: {response:?}, {:?}", self.session);
        let has_session = self.session.is_some() || self.unsure;
        self.seen.1 += 1;
        self.logged_in |= asked.login == Some(true) && asked.method != Method::Options;
        match asked.method {
            Method::Options | Method::GetParameter | Method::SetParameter => {}
            Method::Describe => {
                let nowhere = matches!(asked.place, Place::Nowhere | Place::NoTrack);
                assert!(!nowhere, "{}", context());
                assert!(response.body.starts_with(b"v=0\r\n"), "{}", context());
            }
            Method::Setup => {
                let nowhere = matches!(asked.place, Place::Nowhere | Place::NoTrack);
                assert!(!nowhere, "{}", context());
                let id = response.headers.get("Session").unwrap_or_default();
                let id = id.split(';').next().unwrap_or_default().to_owned();
                assert_eq!(id.len(), 32, "{}", context());
                let transport = response.headers.get("Transport").unwrap_or_default();
                assert!(!transport.contains("192.0.2"), "aimed at somebody: {}", context());
                let channels = transport.split("interleaved=").nth(1).unwrap_or_default();
                let channels: Vec<u8> = channels
                    .split(|c: char| !c.is_ascii_digit())
                    .map_while(|number| number.parse().ok())
                    .collect();
                let known = self.session.get_or_insert_with(|| Known {
                    id: id.clone(),
                    playing: false,
                    version: asked.version,
                    channels: Vec::new(),
                });
                assert!(self.unsure || known.id == id && !known.playing, "{asked:?} {known:?}");
                known.id = id;
                known.channels.extend(channels);
            }
            Method::Play => {
                assert!(has_session, "{}", context());
                if let Some(known) = &mut self.session {
                    known.playing = true;
                }
            }
            Method::Pause => {
                assert!(has_session, "{}", context());
                if let Some(known) = &mut self.session {
                    known.playing = false;
                }
            }
            Method::Teardown => {
                assert!(has_session, "{}", context());
                match (asked.version, asked.place) {
                    // Perhaps of one track only.
                    (Version::V2_0, Place::Track(_)) => self.unsure = true,
                    _ => {
                        self.session = None;
                        self.unsure = false;
                    }
                }
            }
            _ => unreachable!("{}", context()),
        }
    }

    /// What nothing speaks against may not be refused.
    fn refused(&self, asked: &Asked, status: StatusCode, has_session: bool) {
        let context = || format!("{asked:?}: {status}, {:?}", self.session);
        let known = self.session.as_ref();
        if known.is_some_and(|known| known.version != asked.version) {
            return assert_eq!(status, StatusCode::VERSION_NOT_SUPPORTED, "{}", context());
        }
        let of_stream = matches!(asked.place, Place::Stream | Place::Track(_));
        let easy = asked.transport < EASY_TRANSPORTS;
        let sound = match asked.method {
            Method::Options => true,
            // Whether there is another track is the camera's business.
            Method::Describe => matches!(asked.place, Place::Stream | Place::Track(0)),
            Method::Setup => {
                asked.place == Place::Track(0) && easy && known.is_none_or(|known| !known.playing)
            }
            Method::Play | Method::Pause | Method::Teardown => has_session && of_stream,
            _ => false,
        };
        assert!(!sound, "refused without a reason: {}", context());
    }
}
