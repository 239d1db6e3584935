//! What a dialog asks of its caller, and what the two agree on about tracks.

use crate::Url;
use crate::headers::TransportSpec;
use crate::sdp::SessionDescription;

/// What the caller does next; taken with [`super::Dialog::output`] until it is `None`.
#[derive(Clone, Debug)]
pub enum Output {
    /// Write these bytes to the camera: one request, or one answer to a request of the camera.
    Send(Vec<u8>),
    /// The presentation; the caller now calls [`super::Dialog::setup`].
    Described(Box<SessionDescription>),
    /// PLAY was answered, or media came before the answer. Comes once.
    Playing,
    /// The camera closes the connection and the dialog goes on over another one: dial the same
    /// address again, then call [`super::Dialog::connected`].
    Reconnect,
    /// Dial this address, then call [`super::Dialog::connected`]. [`Output::Described`] comes
    /// (again), as the presentation is another one.
    Redirect(Url),
    /// The camera does not want the transport that was asked for: call [`super::Dialog::setup`]
    /// with another one, or give up.
    TransportRefused {
        /// The place of the refused track in the list given to [`super::Dialog::setup`].
        track: usize,
    },
    /// TEARDOWN was answered, was not needed, or was not answered in time. The last output.
    TornDown,
}

/// One track to set up.
#[derive(Clone, Debug)]
pub struct TrackRequest {
    /// The place of its media description in the presentation.
    pub media: usize,
    /// The transport to ask for: [`TransportSpec::interleaved`] or [`TransportSpec::udp`].
    pub transport: TransportSpec,
}

/// One track as the camera set it up.
#[derive(Clone, Debug)]
pub struct TrackSetup {
    /// The place of its media description in the presentation.
    pub media: usize,
    /// The URI it was set up with.
    pub uri: String,
    /// The camera's answer, with what it left out filled in from what was asked:
    /// `interleaved` is always present when `lower` is TCP, `client_port` is always our own
    /// when it is UDP, and a `server_port` of 0 is left out.
    pub transport: TransportSpec,
}
