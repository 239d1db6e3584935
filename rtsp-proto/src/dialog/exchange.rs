//! The requests that wait for an answer.
//!
//! Answers are matched by CSeq; an answer without one, or with a number nobody used, is taken as
//! the answer to the oldest open request, as many cameras answer with a number of their own.
//! Requests that are no longer waited for are remembered for a while, so that their late answers
//! are not taken for somebody else's.

use std::collections::VecDeque;
use std::time::Instant;

use super::step::Step;
use crate::{Oddities, Oddity};

/// How many given-up requests are remembered.
const MAX_GIVEN_UP: usize = 16;

/// A request on its way.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) cseq: u32,
    pub(super) step: Step,
    pub(super) uri: String,
    /// When the answer is overdue; `None` when it is not waited for.
    pub(super) deadline: Option<Instant>,
    /// Whether it carried a login.
    pub(super) authorized: bool,
    /// How many challenges were answered for this request before.
    pub(super) logins: u8,
}

/// The open requests, oldest first; one of the handshake and one keepalive at most.
#[derive(Debug, Default)]
pub(super) struct Exchanges {
    open: VecDeque<Exchange>,
    given_up: VecDeque<u32>,
}

impl Exchanges {
    pub(super) fn opened(&mut self, exchange: Exchange) {
        self.open.push_back(exchange);
    }

    /// The request an answer with this CSeq belongs to; `None` for a late or a needless answer.
    pub(super) fn answered(
        &mut self,
        cseq: Option<u32>,
        oddities: &mut Oddities,
    ) -> Option<Exchange> {
        if let Some(cseq) = cseq {
            if let Some(at) = self.open.iter().position(|exchange| exchange.cseq == cseq) {
                return self.open.remove(at);
            }
            if let Some(at) = self.given_up.iter().position(|&late| late == cseq) {
                self.given_up.remove(at);
                return None;
            }
        }
        oddities.note(if cseq.is_some() { Oddity::WrongCseq } else { Oddity::MissingCseq });
        self.open.pop_front()
    }

    /// Stops waiting for all open requests; their answers will be dropped.
    pub(super) fn give_up(&mut self) {
        self.given_up.extend(self.open.drain(..).map(|exchange| exchange.cseq));
        while self.given_up.len() > MAX_GIVEN_UP {
            self.given_up.pop_front();
        }
    }

    /// Forgets everything: the connection is gone, and with it all answers.
    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.given_up.clear();
    }

    /// The answers to this step are no longer waited for, but welcome.
    pub(super) fn be_patient(&mut self, step: Step) {
        for exchange in self.open.iter_mut().filter(|exchange| exchange.step == step) {
            exchange.deadline = None;
        }
    }

    /// The oldest open request.
    pub(super) fn oldest(&self) -> Option<&Exchange> {
        self.open.front()
    }

    /// The next moment an answer is overdue.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.open.iter().filter_map(|exchange| exchange.deadline).min()
    }

    /// Takes out a request whose answer is overdue.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Exchange> {
        let overdue = |exchange: &Exchange| exchange.deadline.is_some_and(|at| at <= now);
        let exchange = self.open.remove(self.open.iter().position(overdue)?)?;
        self.given_up.push_back(exchange.cseq);
        Some(exchange)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(cseqs: &[u32]) -> Exchanges {
        let mut exchanges = Exchanges::default();
        for &cseq in cseqs {
            exchanges.opened(Exchange {
                cseq,
                step: Step::Keepalive,
                uri: String::new(),
                deadline: None,
                authorized: false,
                logins: 0,
            });
        }
        exchanges
    }

    #[test]
    fn answers_find_their_request_by_number_else_by_order() {
        for (cseq, found, odd) in [
            (Some(8), Some(8), None),
            (Some(7), Some(7), None),
            (None, Some(7), Some(Oddity::MissingCseq)),
            (Some(0), Some(7), Some(Oddity::WrongCseq)),
        ] {
            let mut oddities = Oddities::new();
            let mut exchanges = open(&[7, 8]);
            let exchange = exchanges.answered(cseq, &mut oddities);
            assert_eq!(exchange.map(|exchange| exchange.cseq), found);
            assert_eq!(oddities.iter().next().map(|(oddity, _)| oddity), odd);
        }
    }

    #[test]
    fn a_late_answer_is_not_taken_for_the_next_requests() {
        let mut oddities = Oddities::new();
        let mut exchanges = open(&[7]);
        exchanges.give_up();
        exchanges.opened(Exchange { cseq: 8, ..open(&[0]).open.remove(0).unwrap() });
        assert!(exchanges.answered(Some(7), &mut oddities).is_none());
        assert_eq!(exchanges.answered(Some(8), &mut oddities).unwrap().cseq, 8);
        assert!(oddities.is_empty());
    }

    #[test]
    fn memory_of_given_up_requests_is_bounded() {
        let mut exchanges = open(&(0..1000).collect::<Vec<_>>());
        exchanges.give_up();
        assert_eq!(exchanges.given_up.len(), MAX_GIVEN_UP);
    }
}
