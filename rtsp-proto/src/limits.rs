//! How much of anything is accepted from a peer.

/// Bounds on what a peer may send; a message beyond one of them is refused with the bound named.
///
/// All figures are bytes unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The head of a message: first line and all header lines together.
    pub head: usize,
    /// Header lines in one message.
    pub headers: usize,
    /// The request URI.
    pub uri: usize,
    /// The body, as announced by Content-Length.
    pub body: usize,
    /// Bytes skipped in a row while looking for the next message or frame of a camera that lost
    /// its framing. Never applied to clients, whose first wrong byte ends the connection.
    pub resync: usize,
}

impl Limits {
    /// What a client may send to the relay: requests are small.
    pub const CLIENT: Self =
        Self { head: 8 * 1024, headers: 64, uri: 2 * 1024, body: 8 * 1024, resync: 0 };

    /// What a camera may send: presentations are larger, and framing may have to be found again.
    pub const CAMERA: Self =
        Self { head: 16 * 1024, headers: 128, uri: 4 * 1024, body: 64 * 1024, resync: 256 * 1024 };
}
