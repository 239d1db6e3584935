//! How fast an address may guess logins.
//!
//! An address has [`BURST`] wrong logins free, and one more each [`INTERVAL`]. Beyond that an
//! answer is not looked at before its turn comes, within [`PATIENCE`]; and when that is too long,
//! not at all. So whoever guesses learns at most `BURST + t / INTERVAL` answers in a time `t`,
//! however many connections he has, and each costs the relay next to nothing. Right logins cost
//! nothing of it, and what has opened something before goes on doing so ([`Turn::Known`]).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Wrong logins that an address may give in quick succession.
pub const BURST: u32 = 10;
/// After those, one is looked at in such a time.
pub const INTERVAL: Duration = Duration::from_secs(1);
/// As long may an answer wait for its turn.
pub const PATIENCE: Duration = Duration::from_secs(2);
/// Addresses whose wrong logins are remembered. When there are more, the one with the least to
/// wait for is forgotten.
pub const MAX_ADDRESSES: usize = 4096;
/// As often is it told at most that an address has to wait.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// Wrong logins, by address; of IPv6 by network (/64), as one machine has all of that.
#[derive(Debug, Default)]
pub struct Logins {
    wrong: Mutex<HashMap<IpAddr, Account>>,
}

/// The generic cell rate algorithm (ITU-T I.371): a moment instead of a counter and a clock.
#[derive(Clone, Copy, Debug)]
struct Account {
    /// When all wrong logins will have been forgiven.
    clear_at: Instant,
    told: Option<Instant>,
}

/// In which way a login asks to be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// For the first time.
    New,
    /// At the time that [`Wait::Until`] said; it has been paid for.
    Come,
    /// It shows something that only an earlier right login can know.
    Known,
}

/// Why a login was not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Its turn is at this moment.
    Until(Instant),
    /// Too many of this address wait.
    Refused {
        /// When it is worth another try.
        retry_after: Duration,
        /// It was not told for a while.
        news: bool,
    },
}

impl Logins {
    /// Has `judge` look at a login from this address, if it may be now. `judge` says whether it
    /// was wrong, and what else it found.
    ///
    /// # Errors
    ///
    /// When the address has given too many wrong ones; `judge` was not called then.
    pub fn look<T>(
        &self,
        address: IpAddr,
        now: Instant,
        turn: Turn,
        judge: impl FnOnce() -> (bool, T),
    ) -> Result<T, Wait> {
        let address = network(address);
        // Held while it is judged, which takes microseconds: of many at once none gets through.
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        let debt = wrong.get(&address).map_or(Duration::ZERO, |account| account.debt(now));
        if turn == Turn::New && debt + INTERVAL > INTERVAL * BURST {
            let wait = debt + INTERVAL - INTERVAL * BURST;
            let account = wrong.entry(address).or_insert(Account { clear_at: now, told: None });
            if wait <= PATIENCE {
                account.clear_at += INTERVAL;
                return Err(Wait::Until(now + wait));
            }
            let news = account.told.is_none_or(|told| now >= told + TELL_INTERVAL);
            if news {
                account.told = Some(now);
            }
            return Err(Wait::Refused { retry_after: wait, news });
        }
        let (is_wrong, found) = judge();
        if turn == Turn::Come && !is_wrong {
            if let Some(account) = wrong.get_mut(&address) {
                account.clear_at -= INTERVAL.min(account.debt(now));
            }
        }
        if is_wrong && turn != Turn::Come {
            make_room(&mut wrong, &address, now);
            let account = wrong.entry(address).or_insert(Account { clear_at: now, told: None });
            account.clear_at = account.clear_at.max(now) + INTERVAL;
        }
        Ok(found)
    }

    /// Addresses that are remembered.
    pub fn remembered(&self) -> usize {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Account {
    fn debt(&self, now: Instant) -> Duration {
        self.clear_at.saturating_duration_since(now)
    }
}

fn make_room(wrong: &mut HashMap<IpAddr, Account>, address: &IpAddr, now: Instant) {
    if wrong.len() < MAX_ADDRESSES || wrong.contains_key(address) {
        return;
    }
    wrong.retain(|_, account| account.clear_at > now);
    if wrong.len() >= MAX_ADDRESSES {
        let least = wrong.iter().min_by_key(|(_, account)| account.clear_at);
        if let Some(least) = least.map(|(address, _)| *address) {
            wrong.remove(&least);
        }
    }
}

/// What stands for an address: of IPv6 the first 64 bits.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const SECOND: Duration = Duration::from_secs(1);

    fn guess(logins: &Logins, address: IpAddr, now: Instant) -> Result<(), Wait> {
        logins.look(address, now, Turn::New, || (true, ()))
    }

    #[test]
    fn of_a_thousand_guesses_a_second_no_more_than_the_stated_number_is_looked_at() {
        let (logins, start) = (Logins::default(), Instant::now());
        let (mut looked_at, mut waiting) = (0, Vec::new());
        for ms in 0..60_000 {
            let now = start + Duration::from_millis(ms);
            waiting.retain(|&at| {
                let due = now >= at;
                if due {
                    logins.look(HOME, now, Turn::Come, || (true, looked_at += 1)).unwrap();
                }
                !due
            });
            match logins.look(HOME, now, Turn::New, || (true, looked_at += 1)) {
                Err(Wait::Until(at)) => waiting.push(at),
                Err(Wait::Refused { retry_after, .. }) => assert!(retry_after > PATIENCE),
                Ok(()) => {}
            }
            assert!(waiting.len() <= 2);
        }
        assert!((BURST + 57..=BURST + 60).contains(&looked_at), "{looked_at}");
    }

    #[test]
    fn others_are_not_affected_and_the_address_itself_is_free_again_soon() {
        let (logins, start) = (Logins::default(), Instant::now());
        while guess(&logins, HOME, start).is_ok() {}
        let other = IpAddr::from([192, 0, 2, 2]);
        assert_eq!(logins.look(other, start, Turn::New, || (false, 7)), Ok(7));
        assert_eq!(logins.remembered(), 1, "a right login leaves nothing behind");
        let soon = start + PATIENCE + SECOND;
        assert_eq!(logins.look(HOME, soon, Turn::New, || (false, 7)), Ok(7));
    }

    #[test]
    fn who_waited_and_was_right_owes_nothing_for_it() {
        let (logins, start) = (Logins::default(), Instant::now());
        (0..BURST).for_each(|_| guess(&logins, HOME, start).unwrap());
        for _ in 0..5 {
            let Err(Wait::Until(at)) = guess(&logins, HOME, start) else { panic!() };
            assert_eq!(at, start + SECOND);
            assert_eq!(logins.look(HOME, start, Turn::Come, || (false, ())), Ok(()));
        }
    }

    #[test]
    fn what_is_known_opens_meanwhile_and_pays_when_it_is_wrong() {
        let (logins, start) = (Logins::default(), Instant::now());
        (0..BURST).for_each(|_| guess(&logins, HOME, start).unwrap());
        assert_eq!(logins.look(HOME, start, Turn::Known, || (false, 7)), Ok(7));
        logins.look(HOME, start, Turn::Known, || (true, ())).unwrap();
        assert_eq!(guess(&logins, HOME, start), Err(Wait::Until(start + 2 * SECOND)));
    }

    #[test]
    fn a_network_of_ipv6_is_one_and_an_ipv4_address_is_itself_in_either_form() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn the_table_has_an_end_and_the_busiest_stay_in_it() {
        let (logins, start) = (Logins::default(), Instant::now());
        (0..BURST).for_each(|_| guess(&logins, HOME, start).unwrap());
        for n in 0..2 * MAX_ADDRESSES as u32 {
            guess(&logins, IpAddr::V4(n.into()), start).unwrap();
            assert!(logins.remembered() <= MAX_ADDRESSES);
        }
        assert!(guess(&logins, HOME, start).is_err(), "it is not forgotten");
        guess(&logins, IpAddr::from([192, 0, 2, 9]), start + SECOND * 60).unwrap();
        assert_eq!(logins.remembered(), 1);
    }

    #[test]
    fn it_is_told_now_and_then_that_an_address_has_to_wait() {
        let (logins, start) = (Logins::default(), Instant::now());
        let told = |now| loop {
            if let Err(Wait::Refused { news, .. }) = guess(&logins, HOME, now) {
                return news;
            }
        };
        assert!(told(start));
        assert!(!told(start + SECOND));
        assert!(told(start + TELL_INTERVAL));
    }
}
