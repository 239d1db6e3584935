//! The cached group as a joining viewer gets it, see [`burst`](crate::media::burst).
//!
//! When a squeezed picture is shown is decided there. Here it gets a time of decoding: closely in
//! front of the last cached picture's own, because the next one goes on from that.

use crate::media::burst::Item;
use crate::media::mp4::fragment::{HEAD, Times};

use super::message::{bounds, last_payload};

/// Counts the pictures of one viewer's first group.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// Pictures still to come.
    left: u32,
    /// When the last is decoded.
    last: u64,
    /// Between two of them.
    step: u32,
}

impl Start {
    /// Of what a viewer gets first.
    pub fn new(burst: &[Item]) -> Self {
        let pictures = || burst.iter().filter(|item| is_squeezed(item));
        let Some(last) = pictures().next_back().and_then(times) else { return Self::default() };
        let left = pictures().count() as u32;
        let mut shown = pictures().filter_map(|item| item.timestamp);
        let first = shown.next().unwrap_or_default();
        let span = shown.map(|at| at.wrapping_sub(first) as i32).max().unwrap_or(0).max(0) as u32;
        let step = (span / left.saturating_sub(1).max(1)).max(1);
        Self { left, last: last.decode, step }
    }

    /// The first bytes of the next picture with its times in front of the viewer's first live
    /// picture: the header of its message (how long it is comes second) and of its fragment.
    /// `None` for what goes out as it is.
    pub fn head(&mut self, item: &Item) -> Option<(Vec<u8>, usize)> {
        let shown = item.timestamp.filter(|_| is_squeezed(item))?;
        let own = times(item)?;
        let (header, _) = bounds(&item.batch.wire)?;
        let before = self.left.saturating_sub(1);
        let decode = self.last.saturating_sub(u64::from(before) * u64::from(self.step));
        self.left = before;
        let is_last = before == 0;
        // From the batch's own time of showing to the squeezed one.
        let moved = i64::from(shown.wrapping_sub(item.batch.timestamp) as i32);
        let shown = own.decode as i64 + i64::from(own.offset) + moved;
        let offset = (shown - decode as i64).clamp(i32::MIN.into(), i32::MAX.into()) as i32;
        let duration = if is_last { own.duration } else { self.step };
        let mut bytes = item.batch.wire.get(..header + HEAD)?.to_vec();
        let head = bytes.get_mut(header..)?.first_chunk_mut()?;
        Times { decode, offset, duration }.write(head);
        Some((bytes, header))
    }
}

fn is_squeezed(item: &Item) -> bool {
    item.batch.video && item.timestamp.is_some()
}

fn times(item: &Item) -> Option<Times> {
    let (header, _) = bounds(&item.batch.wire)?;
    Times::read(item.batch.wire.get(header..)?)
}

/// A file of one picture that begins at 0: what is in the last message of `init`, and the fragment
/// in that of `picture`.
pub fn still(init: &[u8], picture: &[u8]) -> Vec<u8> {
    let mut file = last_payload(init).to_vec();
    let at = file.len();
    file.extend_from_slice(last_payload(picture));
    let fragment = file.get_mut(at..).and_then(|fragment| {
        let times = Times::read(fragment)?;
        Some((fragment.first_chunk_mut()?, times))
    });
    if let Some((head, times)) = fragment {
        Times { decode: 0, offset: 0, ..times }.write(head);
    }
    file
}
