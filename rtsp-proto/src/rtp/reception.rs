//! What a receiver knows about one stream: loss, order, jitter ([RFC 3550 appendix A]).
//!
//! Departures from the appendix's sample code, both for relaying:
//!
//! - A packet far off the expected number restarts the count at once; the sample code drops it
//!   and waits for a second one that confirms it. Over TCP nothing strays, and a camera that
//!   begins anew most often does so with the parameter sets that must not be dropped.
//! - Duplicates are told apart from late packets by remembering the last 128 numbers, because
//!   the one must be dropped (Geovision sends such) and the other relayed.
//!
//! [RFC 3550 appendix A]: https://www.rfc-editor.org/rfc/rfc3550#appendix-A.1

use std::time::Duration;

use super::sequence::{distance, ticks};
use crate::rtcp::{NtpTime, ReportBlock};

/// Lost packets in a row beyond which the numbering is taken for a new one.
pub const MAX_DROPOUT: u16 = 3_000;

/// How far behind the newest number a packet still counts as late; further, it is a restart.
pub const MAX_MISORDER: u16 = 100;

/// Seconds of difference in transit time beyond which it is a jump of a clock and no jitter.
const MAX_TRANSIT_JUMP_S: u64 = 5;

/// How a packet's number relates to those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The number that was expected, or the very first.
    InOrder,
    /// A later number: those between are lost, or late.
    Gap {
        /// How many are missing.
        lost: u16,
    },
    /// A number that had been missing.
    Late,
    /// A number that was there already; the packet should be dropped.
    Duplicate,
    /// A number far off: the sender has started again.
    Restart,
}

/// Reception statistics of one stream.
///
/// Times of arrival are durations since any fixed moment, the same for all calls.
#[derive(Clone, Debug)]
pub struct Reception {
    clock_rate: u32,
    run: Option<Run>,
    /// Bit i: the number i before the newest was received.
    seen: u128,
    received: u64,
    lost: u64,
    /// In ticks, times 16 (RFC 3550 A.8).
    jitter_q4: u64,
    last_transit: Option<u32>,
}

/// One run of consecutive numbering; a restart begins another.
#[derive(Clone, Debug)]
struct Run {
    base: u32,
    /// Newest number, extended by the count of wraps in the upper 16 bits.
    newest: u32,
    received: u32,
    expected_before: u32,
    received_before: u32,
}

impl Run {
    fn new(seq: u16) -> Self {
        let first = u32::from(seq);
        Self { base: first, newest: first, received: 0, expected_before: 0, received_before: 0 }
    }
}

impl Reception {
    /// Nothing received yet; `clock_rate` in ticks a second, 0 is taken for 90,000.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: if clock_rate == 0 { 90_000 } else { clock_rate },
            run: None,
            seen: 0,
            received: 0,
            lost: 0,
            jitter_q4: 0,
            last_transit: None,
        }
    }

    /// Takes one packet into account.
    pub fn packet(&mut self, seq: u16, ts: u32, arrival: Duration) -> Arrival {
        let outcome = self.number(seq);
        match outcome {
            Arrival::Duplicate => return outcome,
            Arrival::Restart => self.last_transit = None,
            Arrival::InOrder | Arrival::Gap { .. } | Arrival::Late => {}
        }
        self.received += 1;
        self.transit(ts, arrival);
        outcome
    }

    fn number(&mut self, seq: u16) -> Arrival {
        let Some(run) = &mut self.run else {
            self.restart(seq);
            return Arrival::InOrder;
        };
        let ahead = distance(run.newest as u16, seq);
        let outcome = if ahead > 0 && ahead.unsigned_abs() <= MAX_DROPOUT {
            let lost = ahead.unsigned_abs() - 1;
            run.newest = run.newest.wrapping_add(u32::from(lost) + 1);
            self.seen = self.seen.checked_shl(u32::from(lost) + 1).unwrap_or(0) | 1;
            self.lost += u64::from(lost);
            if lost == 0 { Arrival::InOrder } else { Arrival::Gap { lost } }
        } else if ahead <= 0 && ahead.unsigned_abs() <= MAX_MISORDER {
            let bit = 1u128 << ahead.unsigned_abs();
            if self.seen & bit != 0 {
                Arrival::Duplicate
            } else {
                self.seen |= bit;
                // Packets from before the first one were never missed.
                if run.newest.wrapping_sub(run.base) >= u32::from(ahead.unsigned_abs()) {
                    self.lost = self.lost.saturating_sub(1);
                }
                Arrival::Late
            }
        } else {
            self.restart(seq);
            return Arrival::Restart;
        };
        run.received = run.received.wrapping_add(1);
        outcome
    }

    fn restart(&mut self, seq: u16) {
        let mut run = Run::new(seq);
        run.received = 1;
        self.run = Some(run);
        self.seen = 1;
    }

    /// RFC 3550 A.8, in integers.
    fn transit(&mut self, ts: u32, arrival: Duration) {
        let transit = ticks(arrival, self.clock_rate).wrapping_sub(ts);
        if let Some(last) = self.last_transit.replace(transit) {
            let difference = u64::from((transit.wrapping_sub(last) as i32).unsigned_abs());
            if difference <= MAX_TRANSIT_JUMP_S * u64::from(self.clock_rate) {
                // Never below zero: a value of at least 8 loses less than itself.
                self.jitter_q4 = self.jitter_q4 + difference - ((self.jitter_q4 + 8) >> 4);
            }
        }
    }

    /// Packets received, without duplicates, over all restarts.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Packets missing and not come late, over all restarts.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The smoothed deviation of the packets' spacing on arrival from that at sending.
    pub fn jitter(&self) -> Duration {
        let nanos = (self.jitter_q4 >> 4) * 1_000_000_000 / u64::from(self.clock_rate);
        Duration::from_nanos(nanos)
    }

    /// The newest number, extended by the count of wraps; 0 before the first packet.
    pub fn extended_highest(&self) -> u32 {
        self.run.as_ref().map_or(0, |run| run.newest)
    }

    /// The block about this stream for the next receiver report ([RFC 3550 appendix A.3]).
    ///
    /// The fraction lost counts since the last call. `last_sr` is the NTP time in the last
    /// sender report and when that came; `now` is on the same scale.
    ///
    /// [RFC 3550 appendix A.3]: https://www.rfc-editor.org/rfc/rfc3550#appendix-A.3
    pub fn report_block(
        &mut self,
        ssrc: u32,
        last_sr: Option<(NtpTime, Duration)>,
        now: Duration,
    ) -> ReportBlock {
        let mut block = ReportBlock {
            ssrc,
            jitter: u32::try_from(self.jitter_q4 >> 4).unwrap_or(u32::MAX),
            ..ReportBlock::default()
        };
        if let Some((ntp, came)) = last_sr {
            block.last_sr = ntp.middle32();
            let delay = now.saturating_sub(came).as_nanos() * 65_536 / 1_000_000_000;
            block.delay_since_last_sr = u32::try_from(delay).unwrap_or(u32::MAX);
        }
        if let Some(run) = &mut self.run {
            let expected = run.newest.wrapping_sub(run.base).wrapping_add(1);
            let lost = i64::from(expected) - i64::from(run.received);
            // The field has 24 bits and a sign.
            block.lost = lost.clamp(-0x80_0000, 0x7f_ffff) as i32;
            block.highest = run.newest;
            let expected_since = expected.wrapping_sub(run.expected_before);
            let received_since = run.received.wrapping_sub(run.received_before);
            run.expected_before = expected;
            run.received_before = run.received;
            let lost_since = u64::from(expected_since.saturating_sub(received_since));
            block.fraction_lost = (lost_since * 256)
                .checked_div(u64::from(expected_since))
                .map_or(0, |fraction| fraction.min(255) as u8);
        }
        block
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ZERO: Duration = Duration::ZERO;

    fn numbers(reception: &mut Reception, seqs: impl IntoIterator<Item = u16>) -> Vec<Arrival> {
        seqs.into_iter().map(|seq| reception.packet(seq, 0, ZERO)).collect()
    }

    #[test]
    fn loss_is_counted_over_the_wrap_and_forgiven_to_late_packets() {
        let mut reception = Reception::new(90_000);
        assert_eq!(
            numbers(&mut reception, [65_534, 65_535, 2, 0, 0, 3, 65_535, 1]),
            [
                Arrival::InOrder,
                Arrival::InOrder,
                Arrival::Gap { lost: 2 },
                Arrival::Late,
                Arrival::Duplicate,
                Arrival::InOrder,
                Arrival::Duplicate,
                Arrival::Late,
            ]
        );
        assert_eq!((reception.lost(), reception.received()), (0, 6));
        assert_eq!(reception.extended_highest(), 0x1_0003);
    }

    #[test]
    fn a_camera_that_starts_again_is_not_reported_as_loss() {
        let mut reception = Reception::new(90_000);
        numbers(&mut reception, [1_000, 1_002]);
        assert_eq!(numbers(&mut reception, [40_000, 40_001]), [Arrival::Restart, Arrival::InOrder]);
        assert_eq!(numbers(&mut reception, [40_001 - 101]), [Arrival::Restart]);
        assert_eq!(
            numbers(&mut reception, [39_900 + MAX_DROPOUT]),
            [Arrival::Gap { lost: MAX_DROPOUT - 1 }]
        );
        let next = 39_900 + MAX_DROPOUT + MAX_DROPOUT + 1;
        assert_eq!(numbers(&mut reception, [next]), [Arrival::Restart]);
        assert_eq!(reception.lost(), 1 + u64::from(MAX_DROPOUT) - 1);
    }

    #[test]
    fn a_report_gives_the_fraction_since_the_last_one() {
        let mut reception = Reception::new(90_000);
        numbers(&mut reception, [0, 1, 4, 5, 6, 7]);
        let sr = (NtpTime(0x1111_2222_3333_4444), Duration::from_millis(1_000));
        let block = reception.report_block(9, Some(sr), Duration::from_millis(1_500));
        assert_eq!(
            block,
            ReportBlock {
                ssrc: 9,
                fraction_lost: 64,
                lost: 2,
                highest: 7,
                jitter: 0,
                last_sr: 0x2222_3333,
                delay_since_last_sr: 32_768,
            }
        );
        let block = reception.report_block(9, None, ZERO);
        assert_eq!((block.fraction_lost, block.lost), (0, 2));
        let nothing = Reception::new(0).report_block(3, None, ZERO);
        assert_eq!(nothing, ReportBlock { ssrc: 3, ..ReportBlock::default() });
    }

    #[test]
    fn jitter_settles_at_the_deviation_and_ignores_a_clock_that_is_set() {
        let mut reception = Reception::new(90_000);
        // Every other packet comes 2 ms late: the spacing deviates by 180 ticks each time.
        let mut at = |i: u32, jump: u32| {
            let late = u64::from(i % 2) * 2;
            let arrival = Duration::from_millis(u64::from(i) * 40 + late);
            reception.packet(i as u16, (i * 3_600).wrapping_add(jump), arrival);
            reception.jitter()
        };
        for i in 0..500 {
            at(i, 0);
        }
        let settled = at(500, 0);
        assert!(settled > Duration::from_micros(1_800), "{settled:?}");
        assert!(settled <= Duration::from_micros(2_000), "{settled:?}");
        assert_eq!(at(501, 0x7000_0000), settled);
    }

    proptest! {
        #[test]
        fn shuffled_packets_are_neither_lost_nor_doubled(start: u16, swaps in proptest::collection::vec(0usize..199, 0..100)) {
            let mut order: Vec<u16> = (0..200u16).map(|i| start.wrapping_add(i)).collect();
            for i in swaps {
                if i > 0 { order.swap(i, i + 1); }
            }
            // The first packet is fixed, so that nothing comes from before the beginning.
            let mut reception = Reception::new(90_000);
            let far = order.windows(2).any(|w| distance(w[0], w[1]).unsigned_abs() > MAX_MISORDER);
            prop_assume!(!far);
            let arrivals = numbers(&mut reception, order);
            prop_assert!(!arrivals.contains(&Arrival::Duplicate));
            if !arrivals.contains(&Arrival::Restart) {
                prop_assert_eq!((reception.lost(), reception.received()), (0, 200));
                prop_assert_eq!(reception.report_block(1, None, ZERO).lost, 0);
            }
        }
    }
}
