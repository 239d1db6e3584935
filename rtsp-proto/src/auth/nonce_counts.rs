//! A guard against the same answer twice.

use super::NONCE_LIFETIME_S;
use std::collections::{HashMap, VecDeque};

/// The counts seen with each nonce, for a bounded number of nonces
/// ([RFC 7616 section 3.4](https://www.rfc-editor.org/rfc/rfc7616#section-3.4), `nc`).
///
/// Each count is admitted once. Counts may overtake each other by up to 63, because a browser has
/// several connections. An answer without `qop` carries no count (GStreamer sends those); it is
/// admitted on the connection that used its nonce first, and nowhere else.
///
/// Only nonces of answers that were [granted](super::Verdict::Granted) belong here, so that
/// nobody without a login can push others out. When the table is full the nonce that came first
/// is forgotten: an answer to it could be replayed for the rest of its life, which costs less
/// than locking clients out.
#[derive(Clone, Debug)]
pub struct NonceCounts {
    capacity: usize,
    seen: HashMap<String, Seen>,
    /// Each nonce of `seen` and when it came, in seconds; oldest first.
    order: VecDeque<(u64, String)>,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    highest: u32,
    /// Bit `n`: the count `highest - n` was there.
    window: u64,
    /// Who used it first.
    connection: u64,
    trusted: bool,
}

impl NonceCounts {
    /// A guard for at most `capacity` nonces at a time, one at least.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), seen: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether an answer with this nonce is not one that was there before; notes it if so. `nc` is
    /// its count, if it has one; `connection` a number of the connection that it came by.
    pub fn admit(&mut self, nonce: &str, nc: Option<u32>, connection: u64, now_s: u64) -> bool {
        self.forget(now_s);
        if let Some(seen) = self.seen.get_mut(nonce) {
            return match nc {
                Some(nc) => seen.admit(nc),
                None => seen.connection == connection,
            };
        }
        if self.order.len() == self.capacity {
            if let Some((_, oldest)) = self.order.pop_front() {
                self.seen.remove(&oldest);
            }
        }
        let window = u64::from(nc.is_some());
        let first = Seen { highest: nc.unwrap_or_default(), window, connection, trusted: true };
        self.seen.insert(nonce.to_owned(), first);
        self.order.push_back((now_s, nonce.to_owned()));
        true
    }

    /// Whether this nonce opened something before, and was not [distrusted](Self::distrust).
    pub fn is_trusted(&self, nonce: &str) -> bool {
        self.seen.get(nonce).is_some_and(|seen| seen.trusted)
    }

    /// A wrong answer came with this nonce.
    pub fn distrust(&mut self, nonce: &str) {
        if let Some(seen) = self.seen.get_mut(nonce) {
            seen.trusted = false;
        }
    }

    /// How many nonces are remembered.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Drops the nonces that have outlived themselves since they were first seen.
    fn forget(&mut self, now_s: u64) {
        while let Some((seen_s, _)) = self.order.front() {
            if now_s.saturating_sub(*seen_s) <= NONCE_LIFETIME_S {
                break;
            }
            if let Some((_, nonce)) = self.order.pop_front() {
                self.seen.remove(&nonce);
            }
        }
    }
}

impl Seen {
    fn admit(&mut self, nc: u32) -> bool {
        if let Some(ahead) = nc.checked_sub(self.highest).filter(|&ahead| ahead > 0) {
            self.window = self.window.checked_shl(ahead).unwrap_or(0) | 1;
            self.highest = nc;
            return true;
        }
        let bit = 1u64.checked_shl(self.highest - nc).unwrap_or(0);
        let fresh = bit != 0 && self.window & bit == 0;
        self.window |= bit;
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn an_overheard_answer_opens_nothing() {
        let mut counts = NonceCounts::new(4);
        assert!(counts.admit("a", Some(1), 0, 0));
        assert!(!counts.admit("a", Some(1), 0, 1), "nor on the same connection");
        assert!(counts.admit("a", Some(3), 0, 1));
        assert!(!counts.admit("a", Some(3), 9, 1));
        assert!(counts.admit("b", Some(1), 0, 1));
        assert!(!counts.admit("a", Some(1), 0, NONCE_LIFETIME_S));
    }

    #[test]
    fn requests_of_a_browser_may_overtake_each_other() {
        let mut counts = NonceCounts::new(4);
        assert!([2, 1, 5, 3, 4].iter().all(|&nc| counts.admit("a", Some(nc), 0, 0)));
        assert!((1..=5).all(|nc| !counts.admit("a", Some(nc), 0, 0)));
        assert!(counts.admit("a", Some(100), 0, 0));
        assert!(counts.admit("a", Some(37), 0, 0) && !counts.admit("a", Some(36), 0, 0));
        assert!(counts.admit("a", Some(u32::MAX), 0, 0) && !counts.admit("a", Some(0), 0, 0));
    }

    #[test]
    fn an_answer_without_a_count_is_good_on_its_own_connection_only() {
        let mut counts = NonceCounts::new(4);
        assert!(counts.admit("a", None, 7, 0) && counts.admit("a", None, 7, 1));
        assert!(!counts.admit("a", None, 8, 1));
        assert!(counts.admit("b", Some(1), 7, 1));
        assert!(!counts.admit("b", None, 8, 1), "nor by leaving the count away");
    }

    #[test]
    fn a_nonce_is_trusted_from_its_first_right_answer_to_its_first_wrong_one() {
        let mut counts = NonceCounts::new(4);
        assert!(!counts.is_trusted("a"));
        counts.admit("a", Some(1), 0, 0);
        assert!(counts.is_trusted("a"));
        counts.distrust("a");
        assert!(!counts.is_trusted("a"));
        assert!(!counts.admit("a", Some(1), 0, 0), "and it is not forgotten");
    }

    #[test]
    fn many_logins_do_not_grow_the_table() {
        let mut counts = NonceCounts::new(3);
        for n in 0..100 {
            assert!(counts.admit(&n.to_string(), Some(1), 0, 0));
            assert!(counts.len() <= 3 && counts.seen.len() == counts.len());
        }
        assert!(!counts.admit("99", Some(1), 0, 0));
        assert!(counts.admit("new", Some(1), 0, NONCE_LIFETIME_S + 1));
        assert_eq!(counts.len(), 1);
        assert!(NonceCounts::new(0).is_empty());
    }

    proptest! {
        #[test]
        fn no_count_is_admitted_twice(ncs in proptest::collection::vec(0u32..200, 1..200)) {
            let mut counts = NonceCounts::new(1);
            let mut admitted = BTreeSet::new();
            for nc in ncs {
                let highest = admitted.last().copied().unwrap_or(0);
                let given = counts.admit("a", Some(nc), 0, 0);
                prop_assert!(!given || !admitted.contains(&nc), "{} twice", nc);
                prop_assert!(given || admitted.contains(&nc) || nc + 64 <= highest, "{} refused", nc);
                if given {
                    admitted.insert(nc);
                }
            }
        }
    }
}
