//! Interleaved frames and the channels they come on.

/// `$`, channel, 16-bit length.
pub const FRAME_PREFIX: usize = 4;

/// Channels below this are believed in when nobody said which to expect: ten tracks.
const USUAL_CHANNELS: u8 = 20;

/// A frame of media between the messages ([RFC 2326 section 10.12]).
///
/// ```text
///  0                   1                   2                   3
///  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |    '$' 0x24   |    channel    |     length of the payload     |
/// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
/// |                    RTP or RTCP packet ...                     |
/// ```
///
/// It borrows the decoder's buffer, so that a relay patches the packet where it lies.
///
/// [RFC 2326 section 10.12]: https://www.rfc-editor.org/rfc/rfc2326#section-10.12
#[derive(Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The channel as it came; the wire form is not patched when this is changed.
    pub channel: u8,
    wire: &'a mut [u8],
}

impl<'a> Frame<'a> {
    /// `wire` is a whole frame, prefix included.
    pub(super) fn new(wire: &'a mut [u8]) -> Self {
        debug_assert!(wire.len() >= FRAME_PREFIX, "a frame holds its prefix");
        Self { channel: wire[1], wire }
    }

    /// The frame as it came: prefix and payload.
    pub fn wire(&self) -> &[u8] {
        self.wire
    }

    /// The frame as it came, to be patched.
    pub fn wire_mut(&mut self) -> &mut [u8] {
        self.wire
    }

    /// The RTP or RTCP packet.
    pub fn payload(&self) -> &[u8] {
        &self.wire[FRAME_PREFIX..]
    }

    /// The RTP or RTCP packet, to be patched.
    pub fn payload_mut(&mut self) -> &mut [u8] {
        &mut self.wire[FRAME_PREFIX..]
    }
}

/// The channels a camera was told to use.
#[derive(Debug, Default)]
pub(super) struct Channels {
    told: [u64; 4],
}

impl Channels {
    pub(super) fn expect(&mut self, channels: impl IntoIterator<Item = u8>) {
        self.told = [0; 4];
        for channel in channels {
            self.told[usize::from(channel / 64)] |= 1 << (channel % 64);
        }
    }

    fn is_told(&self, channel: u8) -> bool {
        self.told[usize::from(channel / 64)] & (1 << (channel % 64)) != 0
    }

    /// While in step: a `$` with this channel is a frame. Cameras send tracks nobody set up too.
    pub(super) fn plausible(&self, channel: u8) -> bool {
        channel < USUAL_CHANNELS || self.is_told(channel)
    }

    /// While out of step: a `$` with this channel may be where the frames go on.
    pub(super) fn expected(&self, channel: u8) -> bool {
        if self.told == [0; 4] { channel < USUAL_CHANNELS } else { self.is_told(channel) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patched_payload_is_patched_in_the_wire_form() {
        let mut wire = *b"$\x02\x00\x03abc";
        let mut frame = Frame::new(&mut wire);
        assert_eq!((frame.channel, frame.payload()), (2, &b"abc"[..]));
        frame.payload_mut()[0] = b'x';
        frame.wire_mut()[1] = 0;
        assert_eq!(frame.wire(), b"$\x00\x00\x03xbc");
    }

    #[test]
    fn only_agreed_channels_bring_a_lost_stream_back_into_step() {
        let mut channels = Channels::default();
        assert!(channels.expected(19) && !channels.expected(20) && !channels.plausible(200));
        channels.expect([0, 200]);
        assert!(channels.expected(200) && channels.expected(0) && !channels.expected(1));
        assert!(channels.plausible(1) && channels.plausible(200) && !channels.plausible(100));
    }
}
