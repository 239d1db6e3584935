//! How fast pictures come, and how far apart those are that a viewer can begin with.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Pictures that are looked at, and for how long: a mean over some seconds.
const PICTURES: usize = 128;
const SPAN: Duration = Duration::from_secs(5);

/// The pictures of one track, on one connection.
#[derive(Debug)]
pub struct Pace {
    clock_rate: u32,
    came: VecDeque<Instant>,
    /// The timestamp of the last key frame.
    key: Option<u32>,
    key_interval: Option<Duration>,
}

impl Pace {
    /// Of a track whose timestamps count so many units a second.
    pub fn new(clock_rate: u32) -> Self {
        Self { clock_rate: clock_rate.max(1), came: VecDeque::new(), key: None, key_interval: None }
    }

    /// A picture begins.
    pub fn picture(&mut self, came: Instant, timestamp: u32, is_key: bool) {
        while self.came.len() >= PICTURES
            || self.came.len() > 2 && self.came.front().is_some_and(|&first| came - first > SPAN)
        {
            self.came.pop_front();
        }
        self.came.push_back(came);
        if is_key {
            let units = self.key.replace(timestamp).map(|before| timestamp.wrapping_sub(before));
            // What goes back is a clock that was set.
            let units = units.filter(|&units| units > 0 && units < u32::MAX / 2);
            self.key_interval =
                units.map(|units| Duration::from_secs(units.into()) / self.clock_rate);
        }
    }

    /// Pictures per second, over the last few; `None` before there are two.
    pub fn per_second(&self) -> Option<f64> {
        let (first, last) = (self.came.front()?, self.came.back()?);
        let seconds = last.duration_since(*first).as_secs_f64();
        (seconds > 0.0).then(|| (self.came.len() - 1) as f64 / seconds)
    }

    /// From one key frame to the next, the last time; `None` before there are two.
    pub fn key_interval(&self) -> Option<Duration> {
        self.key_interval
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many pictures, each so long after the one before, every `group`-th a key frame.
    fn run(pace: &mut Pace, from: Instant, count: u32, each: Duration, group: u32) {
        for number in 0..count {
            let units = (each * number).as_micros() * 90 / 1000;
            pace.picture(from + each * number, units as u32, number % group == 0);
        }
    }

    #[test]
    fn it_tells_rate_and_key_interval_of_the_last_seconds() {
        let begin = Instant::now();
        let mut pace = Pace::new(90_000);
        assert_eq!((pace.per_second(), pace.key_interval()), (None, None));
        run(&mut pace, begin, 1000, Duration::from_millis(40), 50);
        assert!((pace.per_second().unwrap() - 25.0).abs() < 0.01);
        assert_eq!(pace.key_interval(), Some(Duration::from_secs(2)));
        run(&mut pace, begin + Duration::from_secs(40), 100, Duration::from_millis(100), 10);
        assert!((pace.per_second().unwrap() - 10.0).abs() < 0.01, "{pace:?}");
        assert_eq!(pace.key_interval(), Some(Duration::from_secs(1)));
    }

    #[test]
    fn a_picture_every_ten_seconds_has_a_rate_too() {
        let mut pace = Pace::new(90_000);
        run(&mut pace, Instant::now(), 10, Duration::from_secs(10), 1);
        assert!((pace.per_second().unwrap() - 0.1).abs() < 0.001);
        assert_eq!(pace.key_interval(), Some(Duration::from_secs(10)));
    }

    #[test]
    fn a_timestamp_that_wraps_is_no_jump_and_one_that_goes_back_is_no_interval() {
        let (now, mut pace) = (Instant::now(), Pace::new(90_000));
        pace.picture(now, u32::MAX - 44_999, true);
        pace.picture(now, 45_000, true);
        assert_eq!(pace.key_interval(), Some(Duration::from_secs(1)));
        pace.picture(now, 44_000, true);
        assert_eq!(pace.key_interval(), None);
    }
}
