//! All that was found.

use super::Target;
use super::advice::{self, Advice};
use super::attempt::{Attempt, main_track};
use super::meter::Rates;
use super::section;
use crate::source::Carrier;

/// What a probe found; [`super::text`] and [`super::json`] show it.
#[derive(Debug)]
pub struct Report {
    pub(super) url: String,
    pub(super) attempts: Vec<Attempt>,
    pub(super) section: section::Login,
    pub(super) name: String,
}

impl Report {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            url: target.url().to_string(),
            attempts: Vec::new(),
            section: section::Login::of(target),
            name: target.name().to_owned(),
        }
    }

    /// The attempt that worked, the first of them.
    pub(super) fn best(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.works())
    }

    /// The attempt to tell of: the one that worked, else the one that came farthest, which is
    /// the last.
    pub(super) fn told(&self) -> Option<&Attempt> {
        self.best().or(self.attempts.last())
    }

    /// What stood in the way of any picture, and what to try; `None` when there is one.
    pub fn failure(&self) -> Option<Advice> {
        let attempt = self.attempts.last().filter(|_| self.best().is_none())?;
        Some(advice::of(attempt, &self.url, self.attempts.len() == 1))
    }

    /// The `[stream]` section, when the camera works.
    pub(super) fn stream_section(&self) -> Option<String> {
        Some(section::section(&self.name, &self.url, &self.section, self.best()?))
    }

    pub(super) fn over(&self, carrier: Carrier) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.carrier == carrier)
    }

    /// The rates of the track that counts.
    pub(super) fn rates(&self) -> Option<Rates> {
        let attempt = self.best()?;
        let (main, _) = main_track(attempt.presentation.as_ref()?);
        attempt.rates.get(main).copied()
    }

    /// All tracks together, in kbit/s.
    pub(super) fn kbps(&self) -> Option<f64> {
        let rates = &self.best()?.rates;
        rates.iter().filter_map(|rates| rates.kbps).reduce(|a, b| a + b)
    }
}
