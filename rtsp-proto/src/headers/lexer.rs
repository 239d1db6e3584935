//! Tokens, quoted strings and lists ([RFC 7826 section 20.1]).
//!
//! [RFC 7826 section 20.1]: https://www.rfc-editor.org/rfc/rfc7826#section-20.1

use std::borrow::Cow;

/// The pieces of `text` between separators that stand outside quotes. A quote that is never
/// closed holds the rest of the text. There is always at least one piece.
pub(crate) fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let whole = rest?;
        let (mut quoted, mut escaped) = (false, false);
        for (at, c) in whole.char_indices() {
            if escaped {
                escaped = false;
            } else if quoted && c == '\\' {
                escaped = true;
            } else if c == '"' {
                quoted = !quoted;
            } else if !quoted && c == separator {
                rest = Some(&whole[at + c.len_utf8()..]);
                return Some(&whole[..at]);
            }
        }
        rest = None;
        Some(whole)
    })
}

/// Splits `name=value` at the first `=` and trims both; without `=` there is no value.
pub(crate) fn parameter(text: &str) -> (&str, Option<&str>) {
    match text.split_once('=') {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (text.trim(), None),
    }
}

/// Whether this is a token: one or more visible ASCII characters that separate nothing.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b))
}

/// The text of a quoted string, or the value itself when it begins with no quote. `None` when
/// the closing quote is missing or something follows it.
pub(crate) fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then_some(Cow::Borrowed(value));
    };
    let end = closing_quote(inner)?;
    (end + 1 == inner.len()).then(|| unescape(&inner[..end]))
}

/// Where the quoted string whose inside begins `text` ends.
pub(crate) fn closing_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// Whether every quote is closed and nothing is a control character, so that the value can stand
/// in a list as it is.
pub(crate) fn is_closed(value: &str) -> bool {
    let (mut quoted, mut escaped) = (false, false);
    for c in value.chars() {
        match c {
            c if c.is_control() => return false,
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
    }
    !quoted
}

/// Takes the backslash from `\"` and `\\`. Others stay, for those who write a value such as
/// `DOMAIN\user` without escaping it.
pub(crate) fn unescape(inner: &str) -> Cow<'_, str> {
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('\\', Some(&next @ ('"' | '\\'))) => {
                chars.next();
                out.push(next);
            }
            _ => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The quoted string of `text`.
pub(crate) fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// A number of decimal digits alone: no sign, no blank.
pub(crate) fn number<T: std::str::FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_comma_inside_quotes_does_not_cut_a_realm_in_two() {
        let pieces: Vec<_> = split(r#"a="x,\",y",b,"open, c"#, ',').collect();
        assert_eq!(pieces, [r#"a="x,\",y""#, "b", "\"open, c"]);
        assert_eq!(split("", ',').collect::<Vec<_>>(), [""]);
        assert_eq!(split("a,,", ',').collect::<Vec<_>>(), ["a", "", ""]);
    }

    #[test]
    fn quotes_are_all_or_nothing() {
        for (value, text) in [
            ("abc", Some("abc")),
            ("\"\"", Some("")),
            (r#""a\"b\\c\d""#, Some(r#"a"b\c\d"#)),
            ("\"abc", None),
            ("abc\"", None),
            ("\"a\"b", None),
            (r#""a\""#, None),
        ] {
            assert_eq!(unquote(value).as_deref(), text, "{value}");
        }
    }

    #[test]
    fn a_number_has_digits_only() {
        assert_eq!(number::<u8>("255"), Some(255));
        for text in ["", "+1", "-1", " 1", "1 ", "256", "0x1", "١"] {
            assert_eq!(number::<u8>(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_quoted_reads_back(text in "\\PC*") {
            let quoted = quote(&text);
            let inner = unquote(&quoted);
            prop_assert_eq!(inner.as_deref(), Some(text.as_str()));
        }

        #[test]
        fn nothing_is_lost_by_splitting(text in "[a\",\\\\é]*") {
            prop_assert_eq!(split(&text, ',').collect::<Vec<_>>().join(","), text);
        }
    }
}
