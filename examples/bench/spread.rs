//! Several measurements of one thing.

use std::fmt;

/// Values of repeated runs; shown as `median [least–most]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spread(Vec<f64>);

impl Spread {
    /// The values there are.
    pub(crate) fn of(values: impl IntoIterator<Item = Option<f64>>) -> Self {
        let mut values: Vec<f64> = values.into_iter().flatten().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    /// The middle one, or the mean of the two in the middle.
    pub(crate) fn median(&self) -> Option<f64> {
        let (low, high) = (self.0.len().checked_sub(1)? / 2, self.0.len() / 2);
        Some((self.0[low] + self.0[high]) / 2.0)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(2);
        let (Some(median), Some(least), Some(most)) =
            (self.median(), self.0.first(), self.0.last())
        else {
            return f.write_str("-");
        };
        write!(f, "{median:.digits$}")?;
        if self.0.len() > 1 {
            write!(f, " [{least:.digits$}–{most:.digits$}]")?;
        }
        Ok(())
    }
}
