//! One parser for both dialects: where the strict one refuses, the tolerant one counts.

use super::HeaderError;
use crate::{Oddities, Oddity};

/// How a parser takes a departure from the grammar of the value it reads.
pub(super) struct Leniency<'a> {
    header: &'static str,
    value: &'a str,
    camera: Option<(&'a mut Oddities, Oddity)>,
    counted: bool,
}

impl<'a> Leniency<'a> {
    /// Every departure is an error.
    pub(super) fn strict(header: &'static str, value: &'a str) -> Self {
        Self { header, value, camera: None, counted: false }
    }

    /// Departures are counted as `oddity`, once however many there are in the value.
    pub(super) fn camera(
        header: &'static str,
        value: &'a str,
        oddities: &'a mut Oddities,
        oddity: Oddity,
    ) -> Self {
        Self { header, value, camera: Some((oddities, oddity)), counted: false }
    }

    /// A departure that a camera is forgiven: `Ok` means, go on without the broken part.
    pub(super) fn depart(&mut self, rule: &'static str) -> Result<(), HeaderError> {
        let Some((oddities, oddity)) = &mut self.camera else { return Err(self.broken(rule)) };
        if !self.counted {
            self.counted = true;
            oddities.note(*oddity);
        }
        Ok(())
    }

    /// The error for a value of which nothing can be made.
    pub(super) fn broken(&self, rule: &'static str) -> HeaderError {
        HeaderError::new(self.header, rule, self.value)
    }
}
