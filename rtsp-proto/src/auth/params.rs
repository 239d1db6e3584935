//! Schemes and their parameters, as they stand in challenges and answers.
//!
//! The grammar ([RFC 9110 section 11.4]) is ambiguous: a comma parts both parameters and
//! challenges. A word that no `=` follows begins a challenge, everything else is a parameter.
//! Departures of cameras are read in passing: no blank or no comma between parameters, values
//! without quotes even when they hold blanks, a last quote that is never closed.
//!
//! [RFC 9110 section 11.4]: https://www.rfc-editor.org/rfc/rfc9110#section-11.4

use crate::headers::lexer;

/// One piece of a login header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Item<'a> {
    /// The name of a scheme begins a challenge.
    Scheme(&'a str),
    /// `name=value`; the value as it stands between the quotes, or without them.
    Param(&'a str, &'a str),
}

/// The pieces of a header value, in order.
pub(super) struct Items<'a> {
    rest: &'a str,
}

impl<'a> Items<'a> {
    pub(super) fn of(value: &'a str) -> Self {
        Self { rest: value }
    }

    /// Takes `n` bytes, which end at a character boundary.
    fn take(&mut self, n: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(n);
        self.rest = rest;
        taken
    }

    fn value(&mut self) -> &'a str {
        if self.rest.starts_with('"') {
            self.take(1);
            let inner = self.take(lexer::closing_quote(self.rest).unwrap_or(self.rest.len()));
            self.take(usize::from(!self.rest.is_empty()));
            return inner;
        }
        let whole = &self.rest[..self.rest.find(',').unwrap_or(self.rest.len())];
        let mut end = whole.len();
        // `realm=IP Camera nonce=1`: the value ends before the word that an `=` follows.
        let mut at = word(whole);
        while at < whole.len() {
            let next = at + (whole[at..].len() - whole[at..].trim_start().len());
            let behind = next + word(&whole[next..]);
            if next > at && behind > next && whole[behind..].trim_start().starts_with('=') {
                end = at;
                break;
            }
            at = behind.max(next).max(at + whole[at..].chars().next().map_or(1, char::len_utf8));
        }
        self.take(end).trim()
    }
}

/// The length of the word that begins `text`.
fn word(text: &str) -> usize {
    text.find(|c: char| c.is_whitespace() || matches!(c, ',' | '=' | '"')).unwrap_or(text.len())
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            let first = self.rest.chars().next()?;
            let length = word(self.rest);
            if length == 0 {
                // A quote or `=` that belongs to nothing.
                if first == '"' {
                    self.value();
                } else {
                    self.take(first.len_utf8());
                }
                continue;
            }
            let name = self.take(length);
            let Some(behind) = self.rest.trim_start().strip_prefix('=') else {
                return Some(Item::Scheme(name));
            };
            self.rest = behind.trim_start();
            return Some(Item::Param(name, self.value()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Item::{Param, Scheme};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn challenges_of_every_shape_fall_into_the_same_pieces() {
        let expected = [Scheme("Digest"), Param("realm", "IP Camera(1)"), Param("nonce", "a=b")];
        for value in [
            "Digest realm=\"IP Camera(1)\", nonce=\"a=b\"",
            "Digest realm=\"IP Camera(1)\",nonce=\"a=b\"",
            "Digest realm = \"IP Camera(1)\" nonce=\"a=b\"",
            "Digest realm=IP Camera(1), nonce=a=b",
            "Digest realm=IP Camera(1) nonce=a=b",
            ", Digest\trealm=\"IP Camera(1)\",,nonce=\"a=b",
            "\"x, y\" = Digest realm=\"IP Camera(1)\", nonce=\"a=b\",",
        ] {
            assert_eq!(Items::of(value).collect::<Vec<_>>(), expected, "{value}");
        }
    }

    #[test]
    fn several_challenges_in_one_line_stay_apart() {
        let value = "Negotiate, NTLM abc==, Basic realm=\"\\\"a\\\", b\", Digest nonce=1";
        assert_eq!(
            Items::of(value).collect::<Vec<_>>(),
            [
                Scheme("Negotiate"),
                Scheme("NTLM"),
                Param("abc", "="),
                Scheme("Basic"),
                Param("realm", "\\\"a\\\", b"),
                Scheme("Digest"),
                Param("nonce", "1"),
            ]
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_odd_to_be_looked_at(value in "\\PC*|[a=\", \\\\é]*") {
            prop_assert!(Items::of(&value).count() <= value.len());
        }
    }
}
