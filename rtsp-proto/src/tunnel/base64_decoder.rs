//! Base64 ([RFC 4648 section 4]) that arrives in pieces.
//!
//! Clients encode each request by itself, with padding at its end, and some break lines; the bodies
//! are split wherever the network likes it.
//!
//! [RFC 4648 section 4]: https://www.rfc-editor.org/rfc/rfc4648#section-4

use std::fmt;

/// Decodes as far as there are whole bytes, and keeps the rest of at most three characters.
#[derive(Clone, Debug, Default)]
pub struct Base64Decoder {
    /// The bits of the characters since the last boundary, at most 18.
    bits: u32,
    /// How many characters these are.
    characters: u8,
    /// How many `=` must follow.
    padding: u8,
}

/// A character that cannot stand where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base64Error {
    /// The character.
    pub found: u8,
}

impl fmt::Display for Base64Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body of a tunnel is base64, where \"{}\" cannot stand",
            self.found.escape_ascii()
        )
    }
}

impl std::error::Error for Base64Error {}

impl Base64Decoder {
    /// At the begin of a body.
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes what `input` completes, behind what `out` holds. After an error nothing that
    /// follows means anything.
    ///
    /// # Errors
    ///
    /// What is no base64. Line breaks and blanks are passed over.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) -> Result<(), Base64Error> {
        for &byte in input {
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => {}
                b'=' => self.pad(out).ok_or(Base64Error { found: byte })?,
                _ => {
                    let value = value(byte).filter(|_| self.padding == 0);
                    self.take(value.ok_or(Base64Error { found: byte })?, out);
                }
            }
        }
        Ok(())
    }

    fn take(&mut self, value: u32, out: &mut Vec<u8>) {
        self.bits = self.bits << 6 | value;
        self.characters += 1;
        if self.characters == 4 {
            let [_, bytes @ ..] = self.bits.to_be_bytes();
            out.extend_from_slice(&bytes);
            self.bits = 0;
            self.characters = 0;
        }
    }

    fn pad(&mut self, out: &mut Vec<u8>) -> Option<()> {
        match (self.padding, self.characters) {
            (1, _) => self.padding = 0,
            (0, 2) => {
                out.push((self.bits >> 4) as u8);
                self.padding = 1;
            }
            (0, 3) => out.extend_from_slice(&((self.bits >> 2) as u16).to_be_bytes()),
            _ => return None,
        }
        self.bits = 0;
        self.characters = 0;
        Some(())
    }
}

fn value(byte: u8) -> Option<u32> {
    let value = match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(value.into())
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD, Engine};
    use proptest::prelude::*;

    use super::*;

    fn decoded(pieces: &[&[u8]]) -> Result<Vec<u8>, Base64Error> {
        let mut decoder = Base64Decoder::new();
        let mut out = Vec::new();
        pieces.iter().try_for_each(|piece| decoder.push(piece, &mut out))?;
        Ok(out)
    }

    #[test]
    fn requests_of_one_body_are_told_apart_by_their_padding() {
        for (body, text) in [
            ("", ""),
            ("T1BUSU9OUw==", "OPTIONS"),
            ("T1BUSU9O", "OPTION"),
            ("UExBWQ==UEFVU0U=T0s=", "PLAYPAUSEOK"),
            ("T1BU\r\nSU9OUw==\r\n", "OPTIONS"),
            ("T1BUSU9OUw=\n=", "OPTIONS"),
            ("T1BUSU9OU", "OPTION"), // the rest is still to come
        ] {
            assert_eq!(decoded(&[body.as_bytes()]), Ok(text.into()), "{body}");
        }
    }

    #[test]
    fn what_is_no_base64_is_named() {
        for (body, found) in
            [("RTSP-", b'-'), ("=", b'='), ("T=", b'='), ("T1BU=", b'='), ("T1=x", b'x'), ("\0", 0)]
        {
            assert_eq!(decoded(&[body.as_bytes()]), Err(Base64Error { found }), "{body:?}");
        }
        let error = Base64Error { found: 7 }.to_string();
        assert_eq!(error, "the body of a tunnel is base64, where \"\\x07\" cannot stand");
    }

    proptest! {
        /// However requests are encoded, broken into lines and split, the same bytes come out.
        #[test]
        fn every_split_gives_the_same_bytes(
            requests in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..6),
            line in prop::option::of(1usize..80),
            size in 1usize..50,
        ) {
            let mut body = Vec::new();
            for request in &requests {
                let text = BASE64_STANDARD.encode(request);
                match line {
                    None => body.extend_from_slice(text.as_bytes()),
                    Some(line) => for part in text.as_bytes().chunks(line) {
                        body.extend_from_slice(part);
                        body.extend_from_slice(b"\r\n");
                    },
                }
            }
            let pieces: Vec<&[u8]> = body.chunks(size).collect();
            prop_assert_eq!(decoded(&pieces), Ok(requests.concat()));
        }
    }
}
