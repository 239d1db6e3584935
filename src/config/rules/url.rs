//! Where a camera's stream is.

use rtsp_proto::Url;

use super::{Rule, Shown, comment_hint};
use crate::config::document::{Value, trim};

/// An `rtsp://` or `rtsps://` URL, perhaps with a login in it.
pub(in crate::config) struct CameraUrl;

/// What a request line bears, with room for a track's name behind it.
const MAX_URL_BYTES: usize = 2048;

impl Rule for CameraUrl {
    type Value = Option<Url>;

    /// What is wrong never quotes the URL, for the login that may be in it.
    fn read(&self, value: &Value) -> Result<Option<Url>, String> {
        let text = trim(value.text()?);
        if text.is_empty() {
            return Ok(None);
        }
        if text.len() > MAX_URL_BYTES {
            return Err(format!(
                "must not be longer than {MAX_URL_BYTES} bytes, not {}",
                text.len()
            ));
        }
        let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
        if !matches!(scheme.as_deref(), Some("rtsp" | "rtsps")) {
            return Err("must begin with rtsp:// or rtsps://".to_owned());
        }
        // A password may hold blanks; anywhere else they are the beginning of something that was
        // not meant to be part of the URL.
        let (login, rest) = text.rsplit_once('@').unwrap_or(("", text));
        if rest.contains(char::is_whitespace) {
            return Err(format!("must not contain blanks{}", comment_hint(rest)));
        }
        Url::parse(text).map(Some).map_err(|error| match login {
            "" => format!("is not valid: {error}"),
            _ => {
                format!("is not valid: {error}; a login has keys of its own, username and password")
            }
        })
    }

    fn show(&self, value: &Option<Url>) -> Shown {
        Shown::optional(value.as_ref().map(Url::without_login))
    }

    fn range(&self) -> String {
        "an rtsp:// or rtsps:// URL".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_url_is_refused_without_showing_its_login() {
        let read = |text: &str| CameraUrl.read(&Value::Text(text.into()));
        assert!(read("rtsp://admin:hunter2@192.168.1.2/stream1").is_ok());
        assert!(read("rtsp://admin:hunter 2@192.168.1.2/stream1").is_ok());
        for bad in [
            "http://a:hunter2@b/",
            "rtsp://a:hunter2@",
            "rtsp://a:hunter2@h:99999/",
            "rtsp://a:hunter2@h/ #x",
        ] {
            let error = read(bad).unwrap_err();
            assert!(!error.contains("hunter2"), "{error}");
        }
        let shown = CameraUrl.show(&read("rtsp://admin:hunter2@cam/s").unwrap());
        assert_eq!(shown, Shown::Value("rtsp://cam/s".into()));
    }
}
