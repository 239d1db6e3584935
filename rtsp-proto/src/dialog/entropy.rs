//! Numbers that differ from dialog to dialog, from the one the caller gave.

/// A SplitMix64 sequence. The numbers are for client nonces and jitter: they have to differ, and
/// are as hard to guess as the caller's number was.
#[derive(Clone, Debug)]
pub(super) struct Entropy(u64);

impl Entropy {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}
