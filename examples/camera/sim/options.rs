//! How a camera is set up.

use super::clip::Clip;
use super::sound::Sound;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A camera: where it listens, what it shows, whom it lets in.
#[derive(Clone, Debug)]
pub struct Options {
    /// Port 0 takes any free one.
    pub listen: SocketAddr,
    /// Where RTSP over TLS listens too, if anywhere.
    pub tls: Option<SocketAddr>,
    /// What it serves; the default is `/main` and `/sub`.
    pub paths: Vec<Path>,
    /// What login it asks for.
    pub auth: Auth,
    /// The user that `auth` knows.
    pub user: String,
    /// That user's password.
    pub password: String,
    /// Shown in the login challenge.
    pub realm: String,
    /// OPTIONS asks for a login too.
    pub auth_options: bool,
    /// A session without a sign of life ends after this time.
    pub session_timeout: Duration,
    /// RTCP from the client is a sign of life, not only requests.
    pub rtcp_is_life: bool,
    /// Interleaved TCP is offered.
    pub allow_tcp: bool,
    /// UDP is offered.
    pub allow_udp: bool,
    /// Multicast is offered, for which `listen` must be one address: what it is on sends.
    pub multicast: Option<Multicast>,
    /// A SETUP for UDP is answered with interleaved TCP, as by cameras that know nothing else.
    pub always_tcp: bool,
    /// The answer to a SETUP for UDP names the camera's ports.
    pub server_port: bool,
    /// The methods named in `Public`.
    pub public: &'static str,
    /// RTSP 2.0 is spoken too, with the transports of 1.0; `Public` then lists PLAY_NOTIFY.
    pub rtsp2: bool,
    /// For SSRCs, first sequence numbers, session ids and garbage; `None` takes a new one.
    pub seed: Option<u64>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            tls: None,
            paths: vec![Path::new("main", Clip::builtin()), Path::new("sub", Clip::sub())],
            auth: Auth::None,
            user: "admin".into(),
            password: "lens-cap".into(),
            realm: "Simulated camera".into(),
            auth_options: false,
            session_timeout: Duration::from_secs(60),
            rtcp_is_life: true,
            allow_tcp: true,
            allow_udp: true,
            multicast: None,
            always_tcp: false,
            server_port: true,
            public: "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, TEARDOWN, GET_PARAMETER, SET_PARAMETER",
            rtsp2: false,
            seed: None,
        }
    }
}

/// How a camera sends to groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Multicast {
    /// The group of the first track of all; the others have the next ones, and the same ports.
    pub first: Ipv4Addr,
    /// Of the packets.
    pub ttl: u8,
    /// The group is told in the presentation alone, and not in the answer to SETUP.
    pub in_sdp: bool,
    /// A SETUP for unicast UDP is answered with the group, too.
    pub always: bool,
}

impl Multicast {
    /// Groups from this one on, told in the answer to those who ask for multicast.
    pub fn new(first: Ipv4Addr) -> Self {
        Self { first, ttl: 1, in_sdp: false, always: false }
    }
}

/// The login a camera asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auth {
    /// None.
    #[default]
    None,
    /// Basic (RFC 7617).
    Basic,
    /// Digest (RFC 7616), with or without `qop`; most cameras are without.
    Digest {
        /// SHA-256 instead of MD5.
        sha256: bool,
        /// Offer `qop="auth"`.
        qop: bool,
    },
    /// Basic first, then Digest MD5 without `qop`.
    Both,
}

/// One stream of a camera.
#[derive(Clone, Debug)]
pub struct Path {
    /// Of the URL, without the first slash.
    pub name: String,
    /// What is shown, for ever.
    pub clip: Clip,
    /// A second track with a tone.
    pub audio: bool,
    /// Tracks after these.
    pub more: Vec<Track>,
    /// Put a time stamp into each picture, see [`super::sei`].
    pub stamp: bool,
    /// With which picture a session begins.
    pub start: Start,
    /// When a session gets its sender reports.
    pub reports: Reports,
    /// SPS and PPS are in the presentation.
    pub sprop: bool,
    /// The answer to DESCRIBE has a Content-Base.
    pub content_base: bool,
    /// The answer to PLAY has an RTP-Info.
    pub rtp_info: bool,
    /// Which packets have the marker bit.
    pub marker: Marker,
    /// Whether small NAL units share a packet.
    pub packets: Packets,
    /// Sequence number of the first video packet ever sent; `None` for a random one.
    pub first_sequence: Option<u16>,
    /// RTP time of the first picture; `None` for a random one.
    pub first_timestamp: Option<u32>,
}

impl Path {
    /// A path that behaves well.
    pub fn new(name: impl Into<String>, clip: Clip) -> Self {
        Self {
            name: name.into(),
            clip,
            audio: false,
            more: Vec::new(),
            stamp: true,
            start: Start::default(),
            reports: Reports::default(),
            sprop: true,
            content_base: true,
            rtp_info: true,
            marker: Marker::default(),
            packets: Packets::default(),
            first_sequence: None,
            first_timestamp: None,
        }
    }

    /// The same with an audio track.
    #[must_use]
    pub fn with_audio(mut self) -> Self {
        self.audio = true;
        self
    }

    /// The same with one more track.
    #[must_use]
    pub fn with(mut self, track: Track) -> Self {
        self.more.push(track);
        self
    }

    /// How many tracks it has.
    pub fn track_count(&self) -> usize {
        1 + usize::from(self.audio) + self.more.len()
    }

    /// All tracks: the clip, then a tone, then the others.
    pub fn tracks(&self) -> Vec<Track> {
        let clip = Track::Video(self.clip.clone());
        let tone = self.audio.then(|| Track::Sound(Sound::tone()));
        [clip].into_iter().chain(tone).chain(self.more.iter().cloned()).collect()
    }
}

/// What a track brings.
#[derive(Clone, Debug)]
pub enum Track {
    /// Pictures.
    Video(Clip),
    /// Anything else.
    Sound(Sound),
}

/// With which picture a session begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The next one, whatever it is: the plainest cameras.
    #[default]
    NextPicture,
    /// The next key frame.
    NextKeyFrame,
    /// The encoder makes a key frame at once, for all sessions.
    ForcedKeyFrame,
}

/// When a session gets its sender reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reports {
    /// Before the first packet of a track, and every five seconds.
    #[default]
    First,
    /// The first one so long after the session began.
    After(Duration),
    /// Never.
    Never,
}

/// Which packets of a picture have the marker bit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marker {
    /// The last one, as RFC 6184 demands.
    #[default]
    Last,
    /// None.
    Never,
    /// All.
    Every,
}

/// How small NAL units are packed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packets {
    /// Neighbours that fit share a STAP-A.
    #[default]
    Aggregated,
    /// Each in a packet of its own.
    Single,
}
