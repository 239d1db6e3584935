//! The log: one line an event, a sentence first and then `key=value`.

use std::fmt::{self, Display, Write as _};
use std::io::Write as _;

use log::{Level, LevelFilter};

/// Sends the log to stderr. Lines begin with the time and the level; under systemd, which adds
/// the time itself, with the priority that journald understands (sd-daemon(3)).
pub fn init(level: LevelFilter) {
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let started = env_logger::Builder::new()
        // What is logged is for `set_level` to say.
        .filter_level(LevelFilter::Trace)
        .format(move |out, record| {
            if journal {
                let priority = match record.level() {
                    Level::Error => 3,
                    Level::Warn => 4,
                    Level::Info => 6,
                    Level::Debug | Level::Trace => 7,
                };
                writeln!(out, "<{priority}>{}", record.args())
            } else {
                let now = std::time::SystemTime::now();
                writeln!(out, "{} {:5} {}", Utc(now), record.level(), record.args())
            }
        })
        .try_init();
    let _already = started;
    set_level(level);
}

/// Logs so much from now on.
pub fn set_level(level: LevelFilter) {
    log::set_max_level(level);
}

/// A moment as `2026-01-31T12:00:00.123Z`.
pub struct Utc(pub std::time::SystemTime);

impl Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
        // Days to a date in the Gregorian calendar, in eras of 400 years that begin in March.
        let shifted = days + 719_468;
        let (era, day) = (shifted / 146_097, shifted % 146_097);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let march_month = (5 * day + 2) / 153;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year + u64::from(month <= 2);
        let day = day - (153 * march_month + 2) / 5 + 1;
        let (hour, minute) = (second / 3600, second / 60 % 60);
        let (second, milli) = (second % 60, since.subsec_millis());
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
    }
}

/// Text from the network as a value in a log line: in quotes, what is not printable escaped,
/// and no longer than [`Quoted::MAX`] characters.
pub struct Quoted<'a>(pub &'a str);

impl Quoted<'_> {
    /// Characters after which the rest is left out.
    pub const MAX: usize = 120;
}

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for (count, c) in self.0.chars().enumerate() {
            if count == Self::MAX {
                f.write_char('…')?;
                break;
            }
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                c if c.is_control() || ('\u{200b}'..='\u{202e}').contains(&c) => {
                    write!(f, "{}", c.escape_unicode())?;
                }
                c => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_peer_cannot_write_lines_of_its_own_into_the_log() {
        assert_eq!(
            Quoted("VLC\"\r\n2026 ERROR \u{1b}[2J").to_string(),
            r#""VLC\"\u{d}\u{a}2026 ERROR \u{1b}[2J""#
        );
        assert_eq!(Quoted(&"x".repeat(500)).to_string().chars().count(), Quoted::MAX + 3);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let at = |seconds| Utc(UNIX_EPOCH + Duration::from_secs(seconds)).to_string();
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(1_735_689_599), "2024-12-31T23:59:59.000Z");
    }
}
