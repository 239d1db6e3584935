//! A message whose body is still missing, and text as headers hold it.

use super::Event;
use crate::{Headers, Request, Response};

/// A head that was read.
#[derive(Debug)]
pub(super) enum Message {
    Request(Request),
    Response(Response),
}

impl Message {
    pub(super) fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    pub(super) fn with_headers(mut self, headers: Headers) -> Self {
        match &mut self {
            Self::Request(request) => request.headers = headers,
            Self::Response(response) => response.headers = headers,
        }
        self
    }

    pub(super) fn into_event(self, body: Vec<u8>) -> Event<'static> {
        match self {
            Self::Request(request) => Event::Request(Request { body, ..request }),
            Self::Response(response) => Event::Response(Response { body, ..response }),
        }
    }
}

/// UTF-8, else each byte as the Latin-1 character of its number.
pub(super) fn decoded(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|&b| char::from(b)).collect(),
    }
}

/// Text for a value: control characters are blanks, and blanks around it are gone.
pub(super) fn sanitized(bytes: &[u8]) -> String {
    let text = decoded(bytes).replace(|c: char| c.is_control() && c != '\t', " ");
    text.trim_matches([' ', '\t']).to_owned()
}
