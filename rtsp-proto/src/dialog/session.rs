//! The camera's session: its id, and how long it lives without a sign of life.
//!
//! RFC 2326 section 12.37 wants the id back unchanged. Cameras change it from one SETUP to the
//! next (H264DVR), pad it with blanks (Hikvision), or name the timeout only in the answer to PLAY
//! (GW Security): the first id is kept, and the newest timeout counts.

use std::time::Duration;

use crate::headers::{DEFAULT_TIMEOUT_S, Session as Header};
use crate::{Headers, Oddities, Oddity};

/// Shorter timeouts are reported as this; the keepalive still honours what was said.
const MIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Longer timeouts are taken as this.
const MAX_TIMEOUT: Duration = Duration::from_secs(3600);
/// Longer ids are not repeated to the camera, in bytes.
const MAX_ID: usize = 512;

#[derive(Debug, Default)]
pub(super) struct Session {
    /// Whether a SETUP was granted, so that the camera holds something to be torn down.
    pub(super) open: bool,
    id: Option<String>,
    timeout_s: Option<u32>,
}

impl Session {
    pub(super) fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Takes what the answer to a SETUP or PLAY says of the session.
    pub(super) fn learn(&mut self, headers: &Headers, oddities: &mut Oddities) {
        let Ok(Some(said)) = Header::from_camera(headers, oddities) else { return };
        self.timeout_s = said.timeout_s.or(self.timeout_s);
        match &self.id {
            None if said.id.len() <= MAX_ID => self.id = Some(said.id),
            Some(id) if *id == said.id => {}
            _ => drop(oddities.note(Oddity::OddSession)),
        }
    }

    /// How long the session lives without a sign of life, within sane bounds.
    pub(super) fn timeout(&self) -> Duration {
        self.said().clamp(MIN_TIMEOUT, MAX_TIMEOUT)
    }

    /// How often a sign of life is due: half the timeout, also of one that is insanely short.
    pub(super) fn keepalive_interval(&self) -> Duration {
        (self.said() / 2).clamp(Duration::from_secs(1), MAX_TIMEOUT / 2)
    }

    fn said(&self) -> Duration {
        Duration::from_secs(self.timeout_s.unwrap_or(DEFAULT_TIMEOUT_S).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learn(values: &[&str]) -> (Session, Oddities) {
        let mut session = Session::default();
        let mut oddities = Oddities::new();
        for value in values {
            let mut headers = Headers::new();
            headers.append("Session", *value);
            session.learn(&headers, &mut oddities);
        }
        (session, oddities)
    }

    #[test]
    fn the_first_id_and_the_newest_timeout_count() {
        for (values, id, timeout_s) in [
            (&["708345999;timeout=60"][..], Some("708345999"), 60),
            (&["        708345999; timeout=30"], Some("708345999"), 30),
            (&["1f2e-3d4c ; timeout = 90 "], Some("1f2e-3d4c"), 90),
            (&["12"], Some("12"), 60),
            (&["12", "13;timeout=120"], Some("12"), 120),
            (&["12;timeout=0"], Some("12"), 60),
            (&["12;timeout=3"], Some("12"), 10),
            (&["12;timeout=4000000000"], Some("12"), 3600),
            (&[""], None, 60),
        ] {
            let (session, _) = learn(values);
            assert_eq!(session.id(), id, "{values:?}");
            assert_eq!(session.timeout(), Duration::from_secs(timeout_s), "{values:?}");
        }
    }

    #[test]
    fn an_insanely_short_timeout_is_still_kept_alive_in_time() {
        for (value, interval_ms) in
            [("1", 30_000), ("1;timeout=5", 2_500), ("1;timeout=1", 1_000), ("1;timeout=0", 30_000)]
        {
            let interval = learn(&[value]).0.keepalive_interval();
            assert_eq!(interval, Duration::from_millis(interval_ms), "{value}");
        }
    }

    #[test]
    fn a_changed_id_is_noted() {
        assert_eq!(learn(&["1", "2"]).1.count(Oddity::OddSession), 1);
        assert!(learn(&["1", "1;timeout=30"]).1.is_empty());
    }
}
