//! Whole numbers within a range.

use std::marker::PhantomData;

use super::{Rule, Shown, comment_hint};
use crate::config::document::{Value, trim};
use crate::config::place::quoted;

/// A whole number; the bounds are held by `N` too.
pub(in crate::config) struct Number<N> {
    min: u64,
    max: u64,
    even: bool,
    zero: Option<&'static str>,
    kind: PhantomData<fn() -> N>,
}

/// A number from `min` to `max`.
pub(in crate::config) const fn number<N>(min: u64, max: u64) -> Number<N> {
    Number { min, max, even: false, zero: None, kind: PhantomData }
}

impl<N> Number<N> {
    /// Odd numbers are refused.
    pub(in crate::config) const fn even(self) -> Self {
        Self { even: true, ..self }
    }

    /// 0 is allowed as well, and means `meaning`.
    pub(in crate::config) const fn zero(self, meaning: &'static str) -> Self {
        Self { zero: Some(meaning), ..self }
    }
}

impl<N: TryFrom<u64> + Copy + ToString> Rule for Number<N> {
    type Value = N;

    fn read(&self, value: &Value) -> Result<N, String> {
        let text = trim(value.text()?);
        let number = text.parse::<u64>().ok().filter(|number| {
            let in_range =
                (self.min..=self.max).contains(number) && (!self.even || number % 2 == 0);
            in_range || (*number == 0 && self.zero.is_some())
        });
        number.and_then(|number| N::try_from(number).ok()).ok_or_else(|| {
            let kind = if self.even { "an even number" } else { "a whole number" };
            let zero = self.zero.map(|zero| format!(", or 0 for {zero}")).unwrap_or_default();
            let (min, max) = (self.min, self.max);
            let (shown, hint) = (quoted(text), comment_hint(text));
            format!("must be {kind} from {min} to {max}{zero}, not {shown}{hint}")
        })
    }

    fn show(&self, value: &N) -> Shown {
        Shown::Value(value.to_string())
    }

    fn range(&self) -> String {
        let even = if self.even { "even, " } else { "" };
        let zero = self.zero.map(|zero| format!("; 0 for {zero}")).unwrap_or_default();
        format!("{even}{}-{}{zero}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_out_of_range_is_refused_with_its_range() {
        let port = number::<u16>(1024, 65534).even().zero("any");
        let read = |text: &str| port.read(&Value::Text(text.into()));
        assert_eq!(read("5004"), Ok(5004));
        assert_eq!(read("0"), Ok(0));
        for text in ["5005", "22", "65536", "-2", "", "99999999999999999999"] {
            let expected =
                format!("must be an even number from 1024 to 65534, or 0 for any, not '{text}'");
            assert_eq!(read(text), Err(expected));
        }
        assert!(read("5004 # RTP").unwrap_err().ends_with("a comment needs a line of its own"));
        assert_eq!(port.range(), "even, 1024-65534; 0 for any");
        assert_eq!(port.read(&Value::Number("8000".into())), Ok(8000));
        assert!(port.read(&Value::Boolean(true)).is_err());
    }
}
