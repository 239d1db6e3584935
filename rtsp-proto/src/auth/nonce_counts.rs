//! A guard against the same answer twice.

use super::NONCE_LIFETIME_S;
use std::collections::{HashMap, VecDeque};

/// The highest count seen with each nonce, for a bounded number of nonces
/// ([RFC 7616 section 3.4](https://www.rfc-editor.org/rfc/rfc7616#section-3.4), `nc`).
///
/// Only nonces of answers that were [granted](super::Verdict::Granted) belong here, so that
/// nobody without a login can push others out. When the table is full the nonce that came first
/// is forgotten: an answer to it could be replayed for the rest of its life, which costs less
/// than locking clients out.
///
/// Answers without `qop` carry no count and cannot be guarded; GStreamer sends those.
#[derive(Clone, Debug)]
pub struct NonceCounts {
    capacity: usize,
    highest: HashMap<String, u32>,
    /// Each nonce of `highest` and when it came, in seconds; oldest first.
    order: VecDeque<(u64, String)>,
}

impl NonceCounts {
    /// A guard for at most `capacity` nonces at a time, one at least.
    pub fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), highest: HashMap::new(), order: VecDeque::new() }
    }

    /// Whether `nc` is higher than every count before it with this nonce; notes it if so.
    pub fn admit(&mut self, nonce: &str, nc: u32, now_s: u64) -> bool {
        self.forget(now_s);
        if let Some(highest) = self.highest.get_mut(nonce) {
            let higher = nc > *highest;
            *highest = nc.max(*highest);
            return higher;
        }
        if self.order.len() == self.capacity {
            if let Some((_, oldest)) = self.order.pop_front() {
                self.highest.remove(&oldest);
            }
        }
        self.highest.insert(nonce.to_owned(), nc);
        self.order.push_back((now_s, nonce.to_owned()));
        true
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
                self.highest.remove(&nonce);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overheard_answer_opens_nothing() {
        let mut counts = NonceCounts::new(4);
        assert!(counts.admit("a", 1, 0));
        assert!(!counts.admit("a", 1, 1));
        assert!(counts.admit("a", 3, 1));
        assert!(!counts.admit("a", 2, 1));
        assert!(counts.admit("b", 1, 1));
        assert!(!counts.admit("a", 3, NONCE_LIFETIME_S));
    }

    #[test]
    fn many_logins_do_not_grow_the_table() {
        let mut counts = NonceCounts::new(3);
        for n in 0..100 {
            assert!(counts.admit(&n.to_string(), 1, 0));
            assert!(counts.len() <= 3 && counts.highest.len() == counts.len());
        }
        assert!(!counts.admit("99", 1, 0));
        assert!(counts.admit("new", 1, NONCE_LIFETIME_S + 1));
        assert_eq!(counts.len(), 1);
        assert!(NonceCounts::new(0).is_empty());
    }
}
