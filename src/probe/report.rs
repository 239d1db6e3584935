//! All that was found.

use super::Target;
use super::advice::{self, Advice};
use super::attempt::{Attempt, main_track};
use super::meter::Rates;
use super::section;
use crate::source::Carrier;
use crate::tls::certificate::Fingerprint;

/// What a probe found; [`super::text`] and [`super::json`] show it.
#[derive(Debug)]
pub struct Report {
    pub(super) url: String,
    pub(super) attempts: Vec<Attempt>,
    pub(super) section: section::Login,
    pub(super) name: String,
    /// The certificate that nobody known here vouches for, and that the section pins.
    pub(super) pin: Option<Fingerprint>,
}

impl Report {
    pub(super) fn new(target: &Target) -> Self {
        Self {
            url: target.url().to_string(),
            attempts: Vec::new(),
            section: section::Login::of(target),
            name: target.name().to_owned(),
            pin: None,
        }
    }

    /// The attempt that worked, the first of them.
    pub(super) fn best(&self) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.works())
    }

    /// The attempt to tell of: the one that worked, else the one that came farthest.
    pub(super) fn told(&self) -> Option<&Attempt> {
        self.best().or(self.farthest())
    }

    /// Of those that failed the last one that the camera did not refuse at once, if there is one.
    fn farthest(&self) -> Option<&Attempt> {
        let granted = self.attempts.iter().rev().find(|attempt| !attempt.is_transport_refused());
        granted.or(self.attempts.last())
    }

    /// What stood in the way of any picture, and what to try; `None` when there is one.
    pub fn failure(&self) -> Option<Advice> {
        let attempt = self.farthest().filter(|_| self.best().is_none())?;
        Some(advice::of(attempt, &self.url, self.attempts.len() == 1))
    }

    /// The `[stream]` section, when the camera works, or only its certificate is in the way.
    pub(super) fn stream_section(&self) -> Option<String> {
        let attempt = self.best().or(self.attempts.last().filter(|_| self.pin.is_some()))?;
        Some(section::section(&self.name, &self.url, &self.section, self.pin, attempt))
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
