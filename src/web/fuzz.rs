//! Requests of browsers from any bytes.

pub use super::live::fuzz::websocket;
use super::request::{HttpRequest, RequestError};
use super::route::Route;

/// A request is there in whole or not yet, never a shorter one first; what was read of it leads to
/// no other place than its path says, and nothing of it can break a line of the log.
///
/// # Panics
/// When one of these does not hold.
pub fn http(data: &[u8]) {
    match HttpRequest::parse(data) {
        Ok(None) => {}
        Ok(Some((request, length))) => {
            assert!(length <= data.len(), "the head ends within the bytes");
            let again = HttpRequest::parse(&data[..length]);
            assert!(matches!(again, Ok(Some((_, same))) if same == length), "{again:?}");
            for end in [0, length / 2, length - 1] {
                let part = HttpRequest::parse(&data[..end]);
                assert!(!matches!(part, Ok(Some(_))), "a request in its own beginning: {part:?}");
            }
            assert!(!request.path.contains(char::is_control), "{:?}", request.path);
            let _ = (Route::of(request.verb, &request.path), request.is_cross_site(false));
        }
        Err(error) => {
            assert!((400..=505).contains(&error.status()));
            assert!(!error.to_string().contains(char::is_control));
            assert_ne!(error, RequestError::Malformed(""));
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_corpus_and_every_finding_hold() {
        let corpus =
            std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/http");
        rtsp_proto::fuzz::over_corpus(&corpus, &[super::http]);
        let corpus = corpus.with_file_name("websocket");
        rtsp_proto::fuzz::over_corpus(&corpus, &[super::websocket]);
    }
}
