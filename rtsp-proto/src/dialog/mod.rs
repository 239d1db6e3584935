//! The handshake with a camera, without I/O: OPTIONS, DESCRIBE, SETUP per track, PLAY, signs of
//! life, TEARDOWN ([RFC 2326 section 10], [RFC 7826 section 13]).
//!
//! The caller owns the connection and the clock. It calls [`Dialog::connected`] once it has
//! dialled, hands over what a [`crate::decoder::Decoder`] finds, calls [`Dialog::poll`] at
//! [`Dialog::deadline`], and after each call takes [`Dialog::output`] until there is none. An error
//! is the end; after it only [`Dialog::teardown`] does anything, if the camera still holds a
//! session.
//!
//! One request is open at a time, as cameras do not cope with more, except that a keepalive is not
//! waited for. Everything else that a camera may do against the standard and still get its picture
//! through is described in the file that deals with it:
//!
//! | file | what |
//! | --- | --- |
//! | `step` | the table of steps: how each is asked, what becomes of its answer |
//! | `ask`, `exchange`, `answer` | requests out, answers matched to them, what any may be answered |
//! | `describe`, `setup`, `play`, `keepalive` | the steps |
//! | `login` | 401 |
//! | `connection` | redirects, and cameras that close the connection |
//! | `incoming` | the camera's own requests |
//! | `session`, `transport` | what the headers of an answer mean |
//! | `version` | cameras that do not bear RTSP 2.0 |
//!
//! [RFC 2326 section 10]: https://www.rfc-editor.org/rfc/rfc2326#section-10
//! [RFC 7826 section 13]: https://www.rfc-editor.org/rfc/rfc7826#section-13

mod answer;
mod ask;
mod connection;
mod describe;
mod entropy;
mod error;
mod exchange;
mod incoming;
mod keepalive;
mod login;
mod options;
mod output;
mod play;
mod session;
mod setup;
mod step;
#[cfg(test)]
mod tests;
mod transport;
mod version;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use connection::{MAX_RECONNECTS, MAX_REDIRECTS};
pub use error::DialogError;
pub use options::{DialogOptions, REQUEST_TIMEOUT};
pub use output::{Output, TrackRequest, TrackSetup};
pub use version::Rtsp2;

use crate::auth::ClientAuth;
use crate::{Method, Oddities, Request, Response, Url, Version};
use describe::Presentation;
use entropy::Entropy;
use exchange::Exchanges;
use keepalive::Keepalive;
use play::Play;
use session::Session;
use setup::Series;
use step::{Link, Phase, Step};

/// One handshake with a camera, from OPTIONS to TEARDOWN.
pub struct Dialog {
    options: DialogOptions,
    /// The stream's URL: the configured one, or the last redirect's.
    url: Url,
    version: Version,
    rtsp2: Rtsp2,
    phase: Phase,
    link: Link,
    patience: connection::Patience,
    outputs: VecDeque<Output>,
    cseq: u32,
    exchanges: Exchanges,
    entropy: Entropy,
    auth: ClientAuth,
    /// The camera accepted the login once.
    login_proven: bool,
    /// There is a login, but not for the host the camera redirected to.
    login_withheld: bool,
    /// Digest is computed with the aggregate URI instead of the request's own.
    digest_with_base: bool,
    /// What `Public` lists.
    methods: Vec<Method>,
    /// What the `Server` header says.
    server: Option<String>,
    presentation: Option<Presentation>,
    series: Series,
    session: Session,
    play: Play,
    /// [`Output::Playing`] was given.
    announced: bool,
    keepalive: Keepalive,
    last_media: Option<Instant>,
    /// An error from a method that cannot return it; [`Dialog::poll`] does, at once.
    failure: Option<(Instant, DialogError)>,
    torn_down: bool,
    /// A SETUP was granted at some time.
    granted: bool,
    /// TEARDOWN of the last session was answered.
    dismissed: bool,
    oddities: Oddities,
}

impl Dialog {
    /// A dialog that waits for its connection. `entropy` is for client nonces, and has to be hard
    /// to guess.
    pub fn new(options: DialogOptions, entropy: u64, _now: Instant) -> Self {
        Self {
            url: options.url.without_login(),
            version: Version::V1_0,
            rtsp2: Rtsp2::default(),
            phase: Phase::Asking { step: Step::Options, logins: 0 },
            link: Link::Down,
            patience: connection::Patience::default(),
            outputs: VecDeque::new(),
            cseq: 0,
            exchanges: Exchanges::default(),
            entropy: Entropy::new(entropy),
            auth: ClientAuth::new(options.login()),
            login_proven: false,
            login_withheld: false,
            digest_with_base: false,
            methods: Vec::new(),
            server: None,
            presentation: None,
            series: Series::default(),
            session: Session::default(),
            play: Play::default(),
            announced: false,
            keepalive: Keepalive::without(&options.refused_keepalives),
            last_media: None,
            failure: None,
            torn_down: false,
            granted: false,
            dismissed: false,
            oddities: Oddities::new(),
            options,
        }
    }

    /// The connection that was asked for is up: the first, or the one after [`Output::Reconnect`]
    /// or [`Output::Redirect`]. The dialog starts, or goes on.
    pub fn connected(&mut self, now: Instant) {
        if self.link == Link::Up {
            return;
        }
        self.link = Link::Up;
        self.exchanges.clear();
        self.patience.answered = false;
        if let Phase::Asking { step, logins } = self.phase {
            let result = self.ask(step, logins, now);
            self.fail_later(result, now);
        }
    }

    /// The tracks to set up, in order; in answer to [`Output::Described`] or
    /// [`Output::TransportRefused`], or later to change the transport, which takes down the old
    /// session first. An empty list fails with [`DialogError::NoMedia`] at the next
    /// [`Dialog::poll`].
    pub fn setup(&mut self, tracks: Vec<TrackRequest>, now: Instant) {
        let result = setup::choose(self, tracks, now);
        self.fail_later(result, now);
    }

    /// An answer of the camera.
    ///
    /// # Errors
    /// When the dialog cannot go on: [`DialogError`] says why.
    pub fn response(&mut self, response: &Response, now: Instant) -> Result<(), DialogError> {
        let result = self.answered(response, now);
        self.concluded(result)
    }

    /// A request of the camera.
    ///
    /// # Errors
    /// [`DialogError::Ended`] when it ends the stream: TEARDOWN, REDIRECT, and PLAY_NOTIFY at its
    /// end.
    pub fn request(&mut self, request: &Request, _now: Instant) -> Result<(), DialogError> {
        let result = incoming::asked(self, request);
        self.concluded(result)
    }

    /// An RTP or RTCP packet came from the camera. Call it for each: the first may stand for the
    /// answer to PLAY, and later ones tell a camera that forgot the session from one that only
    /// does not like the keepalive.
    pub fn media(&mut self, now: Instant) {
        self.last_media = Some(now);
        if matches!(self.phase, Phase::Asking { step: Step::Play, .. }) {
            play::media_came(self, now);
        }
    }

    /// The connection is gone. `Ok` means that [`Output::Reconnect`] or [`Output::TornDown`]
    /// follows, or was given before.
    ///
    /// # Errors
    /// [`DialogError::Ended`] when there is nothing to go on with.
    pub fn disconnected(&mut self, _now: Instant) -> Result<(), DialogError> {
        if let Some((_, error)) = self.failure.take() {
            return Err(error);
        }
        let result = connection::lost(self);
        self.link = Link::Down;
        self.concluded(result)
    }

    /// When [`Dialog::poll`] has to be called next.
    pub fn deadline(&self) -> Option<Instant> {
        let failure = self.failure.as_ref().map(|&(at, _)| at);
        [failure, self.exchanges.deadline(), self.keepalive.deadline()].into_iter().flatten().min()
    }

    /// Does what is due: gives up waiting for an answer, sends a keepalive.
    ///
    /// # Errors
    /// [`DialogError::Timeout`], [`DialogError::Ended`], or what went wrong in a method that
    /// returns nothing.
    pub fn poll(&mut self, now: Instant) -> Result<(), DialogError> {
        let result = self.due(now);
        self.concluded(result)
    }

    /// The next thing to do for the caller.
    pub fn output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Ends the session, if the camera holds one. [`Output::TornDown`] follows: at once, with
    /// the answer, or after a second without one.
    pub fn teardown(&mut self, now: Instant) {
        if self.torn_down || self.is_closing() {
            return;
        }
        self.exchanges.give_up();
        self.keepalive.stop();
        self.failure = None;
        let can_ask = self.session.open && self.link == Link::Up;
        if !can_ask || self.ask(Step::Teardown, 0, now).is_err() {
            self.finish();
        }
    }

    /// Whether the camera is about to say the id of a session it may already hold. Whoever leaves
    /// now leaves it without TEARDOWN, and many cameras have room for one session only.
    pub fn awaits_session(&self) -> bool {
        let asks = matches!(self.phase, Phase::Asking { step: Step::Setup, .. });
        asks && !self.session.open && self.link == Link::Up
    }

    /// Whether the camera granted a session in this dialog.
    pub fn was_granted(&self) -> bool {
        self.granted
    }

    /// Whether the camera answered the TEARDOWN of the last session it granted, so that it knows
    /// that the session is over.
    pub fn is_dismissed(&self) -> bool {
        self.dismissed
    }

    /// The tracks as the camera set them up, in the order of the requests.
    pub fn tracks(&self) -> &[TrackSetup] {
        &self.series.tracks
    }

    /// The media descriptions that were asked for and left out, because the camera refused them
    /// although it gave others.
    pub fn skipped(&self) -> &[usize] {
        &self.series.skipped
    }

    /// The place in [`Dialog::tracks`] that an interleaved channel belongs to, and whether it is
    /// the one for RTCP. The first fit when [`Dialog::channels_ambiguous`].
    pub fn track_of_channel(&self, channel: u8) -> Option<(usize, bool)> {
        self.series.tracks.iter().enumerate().find_map(|(at, track)| {
            let (rtp, rtcp) = track.transport.interleaved?;
            (rtp == channel || rtcp == Some(channel)).then_some((at, rtp != channel))
        })
    }

    /// Whether the camera gave one channel to two tracks, so that only the payload type tells them
    /// apart.
    pub fn channels_ambiguous(&self) -> bool {
        self.series.ambiguous
    }

    /// Whether PLAY was answered, or media came.
    pub fn is_playing(&self) -> bool {
        self.phase == Phase::Playing
    }

    /// The session's id as the camera gave it first.
    pub fn session_id(&self) -> Option<&str> {
        self.session.id()
    }

    /// How long the session lives without a sign of life: 10 s to an hour, 60 s unless the camera
    /// says otherwise.
    pub fn session_timeout(&self) -> Duration {
        self.session.timeout()
    }

    /// The methods the camera lists; empty if it does not.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// What the camera calls itself (`Server`), fit for a message.
    pub fn server(&self) -> Option<&str> {
        self.server.as_deref()
    }

    /// The scheme of the login the camera asked for.
    pub fn auth_scheme(&self) -> Option<&'static str> {
        self.auth.scheme_name()
    }

    /// The method of the next keepalive; `None` when the camera refused all.
    pub fn keepalive_method(&self) -> Option<Method> {
        self.keepalive.method(&self.methods)
    }

    /// The methods that the camera refused as keepalives in a session that lived on, those of
    /// [`DialogOptions`] included: for the options of the next dialog.
    pub fn refused_keepalives(&self) -> &[Method] {
        self.keepalive.refused_for_good()
    }

    /// How often a keepalive is sent.
    pub fn keepalive_interval(&self) -> Duration {
        self.session.keepalive_interval()
    }

    /// The stream's URL without its login: the configured one, or the last redirect's.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The version in use.
    pub fn version(&self) -> Version {
        self.version
    }

    /// What was seen of the camera's RTSP 2.0.
    pub fn rtsp2(&self) -> Rtsp2 {
        self.rtsp2
    }

    /// What the camera did against the standards so far.
    pub fn oddities(&self) -> &Oddities {
        &self.oddities
    }

    fn is_closing(&self) -> bool {
        self.phase == Phase::Closing
    }

    fn due(&mut self, now: Instant) -> Result<(), DialogError> {
        if let Some((_, error)) = self.failure.take() {
            return Err(error);
        }
        if let Some(exchange) = self.exchanges.expired(now) {
            return match exchange.step {
                Step::Release => play::released(self, now),
                Step::Teardown => {
                    self.finish();
                    Ok(())
                }
                step => Err(DialogError::Timeout { step: step.name() }),
            };
        }
        self.keep_alive(now)
    }

    /// The end that was wished for.
    fn finish(&mut self) {
        self.session.open = false;
        self.torn_down = true;
        self.outputs.push_back(Output::TornDown);
        self.over();
    }

    fn over(&mut self) {
        self.phase = Phase::Over;
        self.exchanges.give_up();
        self.keepalive.stop();
        self.failure = None;
    }

    fn concluded(&mut self, result: Result<(), DialogError>) -> Result<(), DialogError> {
        if result.is_err() {
            self.over();
        }
        result
    }

    fn fail_later(&mut self, result: Result<(), DialogError>, now: Instant) {
        if let Err(error) = result {
            self.over();
            self.failure = Some((now, error));
        }
    }
}
