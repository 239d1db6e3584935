//! URLs: what is sent to a camera is one word, reads back as the same, and shows no login.

use crate::url::ControlBase;
use crate::{Headers, Oddities, Url};

/// A URL that can be parsed reads back from its request form as the same without login.
///
/// # Panics
///
/// When it does not.
pub fn url(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(2, '\n');
    let Ok(url) = Url::parse(lines.next().unwrap_or_default()) else { return };
    same(&url);
    if let Some(Ok(joined)) = lines.next().map(|location| url.join(location)) {
        same(&joined);
    }
}

fn same(url: &Url) {
    let uri = url.request_uri();
    assert_one_word(&uri);
    let again = Url::parse(&uri);
    assert_eq!(again.as_ref().map(Url::request_uri), Ok(uri));
    assert_eq!(again.as_ref().map(Url::port), Ok(url.port()));
    assert_eq!(again.as_ref().map(Url::path_and_query), Ok(url.path_and_query()));
    assert_eq!(again.as_ref().map(Url::username), Ok(None));
}

/// Lines of request URL, Content-Base, session control and control attribute: every URI that
/// results is at the request's own host and fit for a request line.
///
/// # Panics
///
/// When one is not.
pub fn control_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let Ok(url) = Url::parse(lines.next().unwrap_or_default()) else { return };
    let mut headers = Headers::new();
    if let Some(base) = lines.next() {
        headers.append("Content-Base", base);
    }
    let mut oddities = Oddities::new();
    let base = ControlBase::of(&url, &headers, lines.next(), &mut oddities);
    let request = url.request_uri();
    let origin = &request[..request.len() - url.path_and_query().len()];
    for uri in [base.aggregate(), &base.resolve(lines.next(), &mut oddities)] {
        assert_one_word(uri);
        let path = uri.strip_prefix(origin);
        assert!(path.is_some_and(|path| path.is_empty() || path.starts_with(['/', '?'])), "{uri}");
    }
}

fn assert_one_word(uri: &str) {
    assert!(!uri.contains(|c: char| c == ' ' || c.is_control()), "{uri:?}");
}
