//! RTSP through HTTP: no split changes what is understood.

use crate::tunnel::{Base64Decoder, Base64Error, FirstBytes, MAX_COOKIE, Opening};

/// A head is the same however much is behind it, and a body however it is split.
///
/// # Panics
///
/// When it is not.
pub fn tunnel(data: &[u8]) {
    match Opening::parse(data) {
        Ok(Some((opening, length))) => {
            assert!((1..=MAX_COOKIE).contains(&opening.cookie.len()));
            assert_eq!(FirstBytes::of(data), FirstBytes::Http);
            let exact = Opening::parse(&data[..length]);
            assert_eq!(exact, Ok(Some((opening, length))), "without what is behind");
            assert_eq!(Opening::parse(&data[..length - 1]), Ok(None), "cut short");
        }
        Ok(None) => assert!(data.len() < 64 * 1024, "it is waited for without end"),
        Err(_) => {}
    }

    let whole = decoded(data, data.len().max(1));
    assert_eq!(decoded(data, 1), whole, "byte by byte");
    assert_eq!(decoded(data, 7), whole, "in small pieces");
    assert!(whole.0.len() <= data.len().div_ceil(4) * 3);
}

fn decoded(data: &[u8], size: usize) -> (Vec<u8>, Result<(), Base64Error>) {
    let mut decoder = Base64Decoder::new();
    let mut out = Vec::new();
    let outcome = data.chunks(size).try_for_each(|piece| decoder.push(piece, &mut out));
    (out, outcome)
}
