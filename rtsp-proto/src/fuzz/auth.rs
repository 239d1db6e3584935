//! Login headers over arbitrary text: nothing panics, whatever a camera asks is answered in a form
//! that reads back, and nothing made up opens a stream.

use crate::auth::{
    Algorithm, Authorization, Challenge, ClientAuth, Credentials, Scheme, Stored, Verdict,
    Verifier, challenges, uri_matches,
};
use crate::{Headers, Method, Oddities, Secret};

const URI: &str = "rtsp://192.0.2.1/a";

/// Reads each line of `data` as a challenge, and all of it as an answer.
pub fn auth(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    as_challenges(&text);
    as_answer(&text);
    if let Some((answer, request)) = text.split_once('\n') {
        let _ = uri_matches(answer, request);
    }
}

fn as_challenges(text: &str) {
    let mut headers = Headers::new();
    for line in text.lines() {
        headers.append("WWW-Authenticate", line);
    }
    let found = challenges(&headers, &mut Oddities::new());
    let password = Secret::new("p");
    let mut client = ClientAuth::new(Some(Credentials { username: "u".into(), password }));
    // A quote or backslash at the end of an unquoted value is sent back as it came.
    let clean = found.iter().all(|challenge| match challenge {
        Challenge::Digest(digest) => {
            [Some(&digest.realm), Some(&digest.nonce), digest.opaque.as_ref()]
                .into_iter()
                .flatten()
                .all(|text| !text.contains(['"', '\\']))
        }
        _ => true,
    });
    for attempt in 0..4 {
        if client.unauthorized(&headers, &mut Oddities::new()).is_err() {
            return;
        }
        assert!(attempt < 3, "an endless login");
        let value = client.authorize(&Method::Play, URI, b"", attempt);
        let answer = value.as_deref().map(Authorization::parse);
        let right = match &answer {
            Some(Ok(Authorization::Digest(answer))) => answer.uri == URI && answer.username == "u",
            Some(Ok(Authorization::Basic { username, .. })) => username == "u",
            _ => false,
        };
        assert!(right || !clean, "{answer:?}");
    }
}

fn as_answer(text: &str) {
    if let Ok(read) = Authorization::parse(text) {
        let written = read.to_string();
        let again = Authorization::parse(&written).map(|again| again.to_string());
        let unclean = |text: &String| text.contains(['"', '\\']);
        let plain = matches!(&read, Authorization::Digest(answer)
            if [&answer.realm, &answer.nonce, &answer.response].into_iter()
                .chain(&answer.cnonce).chain(&answer.opaque).any(unclean));
        assert!(plain || again.as_ref() == Ok(&written), "{again:?}");
    }
    let mut headers = Headers::new();
    headers.append("Authorization", text);
    let schemes =
        vec![Scheme::Digest(Algorithm::Md5), Scheme::Digest(Algorithm::Sha256), Scheme::Basic];
    let verifier = Verifier::new("relay", schemes, [3; 32]);
    let lookup = |_: &str| Some(Stored::Password(Secret::new("a password nobody guesses")));
    let verdict = verifier.verify(&Method::Play, &headers, |_| true, "192.0.2.2", 1000, lookup);
    assert!(!matches!(verdict, Verdict::Granted { .. }), "{verdict:?}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text(text in "\\PC*|(Digest|Basic) ((username|realm|nonce|uri|response|qop|nc|cnonce|algorithm|stale)=(\"[a-z\\\\ ,=]*\"|auth|MD5|1|YTpi)[, \n]?){0,9}") {
            super::auth(text.as_bytes());
        }
    }
}
