//! The time stamp that travels inside the picture: an SEI message "user data unregistered" (ITU-T
//! H.264, D.1.7; H.265, D.2.7) with the moment of sending and a counter.
//!
//! It survives any relay that leaves the payload alone, so delay and loss can be measured behind
//! it without trusting its RTP. Both numbers are written as hexadecimal text: no byte of it is
//! zero, so no emulation prevention is ever needed and the stamp can be rewritten in place.
//!
//! This file uses nothing but std; a measuring program includes it alone.

use std::time::Duration;

/// Marks the project's own messages among other user data.
pub const UUID: [u8; 16] = *b"rtsp-relay:stamp";

/// Bytes of text behind the UUID: two 64-bit numbers in hexadecimal.
pub const TEXT: usize = 32;

/// When a picture was sent, and which one it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Unix time of sending in nanoseconds.
    pub sent_ns: u64,
    /// Counts the pictures of one path, one up for each.
    pub count: u64,
}

impl Stamp {
    /// A stamp for `count` at `unix` since 1970.
    pub fn new(unix: Duration, count: u64) -> Self {
        Self { sent_ns: u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX), count }
    }

    /// The SEI NAL unit, without start code, behind the `header` of such a NAL unit.
    pub fn nal_unit(self, header: &[u8]) -> Vec<u8> {
        let mut nal = [header, &[5, (UUID.len() + TEXT) as u8]].concat();
        nal.extend_from_slice(&UUID);
        let text = nal.len();
        nal.resize(text + TEXT, b'0');
        self.write(&mut nal[text..]);
        nal.push(0x80);
        nal
    }

    /// Writes the text over the first [`TEXT`] bytes of `at`.
    pub fn write(self, at: &mut [u8]) {
        let digits = b"0123456789abcdef";
        let both = (u128::from(self.sent_ns) << 64) | u128::from(self.count);
        for (index, byte) in at.iter_mut().take(TEXT).enumerate() {
            *byte = digits[(both >> (124 - 4 * index)) as usize & 15];
        }
    }

    /// Finds a stamp anywhere in `bytes`: a NAL unit, an RTP payload, a whole picture.
    pub fn find(bytes: &[u8]) -> Option<Self> {
        let text = bytes.get(Self::position(bytes)?..)?.get(..TEXT)?;
        let number = |part| u64::from_str_radix(std::str::from_utf8(part).ok()?, 16).ok();
        Some(Self { sent_ns: number(&text[..16])?, count: number(&text[16..])? })
    }

    /// Where the text behind the UUID begins.
    pub fn position(bytes: &[u8]) -> Option<usize> {
        bytes.windows(UUID.len()).position(|window| window == UUID).map(|at| at + UUID.len())
    }
}
