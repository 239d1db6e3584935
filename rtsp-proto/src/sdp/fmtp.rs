//! Format parameters, the part of `a=fmtp` after the payload type.

/// Names and values, in their order.
///
/// They are separated by `;`, `; ` or, from some cameras, by blanks alone; blanks around `=` and
/// empty parameters are passed over. Neither a name nor a value has blanks or `;` in it, and a
/// value keeps every `=` after the first.
pub fn parameters(fmtp: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    fmtp.split(';').flat_map(|part| {
        let mut rest = part;
        std::iter::from_fn(move || {
            loop {
                rest = rest.trim_ascii_start();
                if rest.is_empty() {
                    return None;
                }
                let (name, after) = split_before(rest, |c| c == '=' || c.is_ascii_whitespace());
                let Some(value) = after.trim_ascii_start().strip_prefix('=') else {
                    rest = after;
                    return Some((name, None));
                };
                let (value, after) =
                    split_before(value.trim_ascii_start(), |c| c.is_ascii_whitespace());
                rest = after;
                if !name.is_empty() {
                    return Some((name, Some(value)));
                }
            }
        })
    })
}

fn split_before(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(fmtp: &str) -> Vec<(&str, Option<&str>)> {
        parameters(fmtp).collect()
    }

    #[test]
    fn every_way_to_separate_parameters_is_understood() {
        let want = [("mode", Some("AAC-hbr")), ("config", Some("1188"))];
        for fmtp in [
            "mode=AAC-hbr;config=1188",
            "mode=AAC-hbr; config=1188;",
            " mode = AAC-hbr ; ; config=1188; ",
            "mode=AAC-hbr config=1188",
            "mode=AAC-hbr\tconfig=1188",
            "mode = AAC-hbr config= 1188",
        ] {
            assert_eq!(list(fmtp), want, "{fmtp}");
        }
    }

    #[test]
    fn padding_of_base64_stays_with_its_value() {
        let want = [("sprop-parameter-sets", Some("Z0IAKQ==,aM4xsg==")), ("a", None)];
        assert_eq!(list("sprop-parameter-sets=Z0IAKQ==,aM4xsg==;a"), want);
        assert_eq!(list("0-15"), [("0-15", None)]);
        assert!(list("").is_empty());
        assert!(list(";=;").is_empty());
    }
}
