//! The bytes that arrived and are not consumed yet.

use std::ops::Range;

/// Memory is taken in multiples of this.
const STEP: usize = 4096;

/// A window over one vector: filled at its end, consumed at its start.
///
/// When all is consumed it is filled from its start again, which the processor's caches still hold.
/// What is left is moved there only when the room behind it is too small, and the vector grows only
/// when that is not enough. All of the vector is initialised, so room can be lent out
/// for `read(2)` without `unsafe`.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Where in the stream `start` is.
    offset: u64,
}

impl Buffer {
    /// The bytes that wait.
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(super) fn len(&self) -> usize {
        self.end - self.start
    }

    /// Where in the stream the first waiting byte is.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// At least `min` bytes behind the waiting ones.
    pub(super) fn spare(&mut self, min: usize) -> &mut [u8] {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
        if self.bytes.len() - self.end < min {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            let wanted = self.end + min;
            if self.bytes.len() < wanted {
                let size = wanted.max(2 * self.bytes.len()).next_multiple_of(STEP);
                self.bytes.resize(size, 0);
            }
        }
        &mut self.bytes[self.end..]
    }

    /// `n` bytes of the spare room were filled.
    pub(super) fn advance(&mut self, n: usize) {
        debug_assert!(n <= self.bytes.len() - self.end, "more was filled than there was room for");
        self.end = (self.end + n).min(self.bytes.len());
    }

    /// Takes the first `n` waiting bytes away; the range stays good for [`Buffer::at`] until more
    /// bytes come in.
    pub(super) fn consume(&mut self, n: usize) -> Range<usize> {
        let from = self.start;
        self.start = (self.start + n).min(self.end);
        self.offset += (self.start - from) as u64;
        from..self.start
    }

    pub(super) fn at(&mut self, range: Range<usize>) -> &mut [u8] {
        &mut self.bytes[range]
    }

    /// Gives the memory back if nothing waits.
    pub(super) fn shrink(&mut self) {
        if self.len() == 0 {
            self.bytes = Vec::new();
            self.start = 0;
            self.end = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.spare(bytes.len())[..bytes.len()].copy_from_slice(bytes);
        buffer.advance(bytes.len());
    }

    #[test]
    fn a_long_stream_in_small_messages_stays_in_the_first_step() {
        let mut buffer = Buffer::default();
        for round in 0..10_000u32 {
            push(&mut buffer, &round.to_be_bytes());
            push(&mut buffer, b"rest");
            assert_eq!(buffer.data()[..4], round.to_be_bytes());
            let range = buffer.consume(4);
            assert_eq!(*buffer.at(range), round.to_be_bytes());
            buffer.consume(4);
        }
        assert_eq!((buffer.offset(), buffer.bytes.len()), (80_000, STEP));
    }

    #[test]
    fn what_is_wholly_consumed_leaves_the_first_bytes_to_the_next() {
        let mut buffer = Buffer::default();
        for _ in 0..100 {
            push(&mut buffer, &[7; 100]);
            assert_eq!(buffer.consume(100), 0..100);
        }
        assert_eq!(buffer.offset(), 10_000);
    }

    #[test]
    fn an_idle_connection_holds_no_memory() {
        let mut buffer = Buffer::default();
        push(&mut buffer, &[7; 5000]);
        buffer.consume(4999);
        buffer.shrink();
        assert_eq!(buffer.data(), [7]);
        buffer.consume(1);
        buffer.shrink();
        assert_eq!(buffer.bytes.capacity(), 0);
        assert!(!buffer.spare(1).is_empty());
        assert_eq!(buffer.offset(), 5000);
    }
}
