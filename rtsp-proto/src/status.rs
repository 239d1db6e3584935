//! Status codes and their reason phrases.

use std::fmt;

/// The code of a response ([RFC 2326 section 7.1.1], [RFC 7826 section 8.1]), 100 to 999.
///
/// [RFC 2326 section 7.1.1]: https://www.rfc-editor.org/rfc/rfc2326#section-7.1.1
/// [RFC 7826 section 8.1]: https://www.rfc-editor.org/rfc/rfc7826#section-8.1
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

macro_rules! codes {
    ($($name:ident $code:literal $reason:literal)*) => {
        #[allow(missing_docs, reason = "the names are the standard's own")]
        impl StatusCode {
            $(pub const $name: Self = Self($code);)*

            /// The standard's reason phrase, or `Unknown`.
            pub fn reason(self) -> &'static str {
                match self.0 { $($code => $reason,)* _ => "Unknown" }
            }
        }
    };
}

codes! {
    CONTINUE 100 "Continue"
    OK 200 "OK"
    MOVED_PERMANENTLY 301 "Moved Permanently"
    FOUND 302 "Found"
    SEE_OTHER 303 "See Other"
    NOT_MODIFIED 304 "Not Modified"
    USE_PROXY 305 "Use Proxy"
    TEMPORARY_REDIRECT 307 "Temporary Redirect"
    BAD_REQUEST 400 "Bad Request"
    UNAUTHORIZED 401 "Unauthorized"
    FORBIDDEN 403 "Forbidden"
    NOT_FOUND 404 "Not Found"
    METHOD_NOT_ALLOWED 405 "Method Not Allowed"
    NOT_ACCEPTABLE 406 "Not Acceptable"
    REQUEST_TIMEOUT 408 "Request Timeout"
    REQUEST_ENTITY_TOO_LARGE 413 "Request Message Body Too Large"
    REQUEST_URI_TOO_LONG 414 "Request-URI Too Long"
    UNSUPPORTED_MEDIA_TYPE 415 "Unsupported Media Type"
    PARAMETER_NOT_UNDERSTOOD 451 "Parameter Not Understood"
    NOT_ENOUGH_BANDWIDTH 453 "Not Enough Bandwidth"
    SESSION_NOT_FOUND 454 "Session Not Found"
    METHOD_NOT_VALID_IN_THIS_STATE 455 "Method Not Valid In This State"
    HEADER_FIELD_NOT_VALID 456 "Header Field Not Valid for Resource"
    INVALID_RANGE 457 "Invalid Range"
    AGGREGATE_OPERATION_NOT_ALLOWED 459 "Aggregate Operation Not Allowed"
    ONLY_AGGREGATE_OPERATION_ALLOWED 460 "Only Aggregate Operation Allowed"
    UNSUPPORTED_TRANSPORT 461 "Unsupported Transport"
    DESTINATION_PROHIBITED 463 "Destination Prohibited"
    NOTIFICATION_REASON_UNKNOWN 465 "Notification Reason Unknown"
    INTERNAL_SERVER_ERROR 500 "Internal Server Error"
    NOT_IMPLEMENTED 501 "Not Implemented"
    BAD_GATEWAY 502 "Bad Gateway"
    SERVICE_UNAVAILABLE 503 "Service Unavailable"
    GATEWAY_TIMEOUT 504 "Gateway Timeout"
    VERSION_NOT_SUPPORTED 505 "RTSP Version Not Supported"
    OPTION_NOT_SUPPORTED 551 "Option Not Supported"
}

impl StatusCode {
    /// A code from the wire; `None` outside 100 to 999.
    pub fn from_code(code: u16) -> Option<Self> {
        (100..=999).contains(&code).then_some(Self(code))
    }

    /// The number.
    pub fn code(self) -> u16 {
        self.0
    }

    /// 2xx
    pub fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// 3xx that ask to go elsewhere; 304 is none.
    pub fn is_redirect(self) -> bool {
        matches!(self.0, 301 | 302 | 303 | 305 | 307 | 308)
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, self.reason())
    }
}
